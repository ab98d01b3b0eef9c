//! A team to try things on: people, chats and a few days of conversation, made through the same functions that
//! serve requests.
//!
//! Never touches a database in which there is anybody.

mod script;

use std::collections::BTreeSet;

use khaya_wire::{ChatId, ChatKind, MessageId, Timestamp, User, UserId};

use self::script::{Line, PEOPLE, SCRIPTS, Script};
use crate::{
    App, Error, clock,
    store::{
        Viewer,
        chats::{self, Made, NewChat},
        reads,
        sending::{self, Draft, Sent},
        users,
    },
};

/// Everyone's password.
const PASSWORD: &str = "khaya-demo";
/// Over how long a time the conversations are spread.
const SPAN_MS: i64 = 4 * 24 * 60 * 60 * 1000;

/// Fills an empty database and says who can sign in.
pub(crate) async fn fill(app: &App) -> Result<String, Error> {
    if !app.store.read(users::is_empty).await? {
        return Err(Error::Config(
            "this database has people in it already; the demo team goes into an empty one only (another --data)".to_owned(),
        ));
    }
    let now = clock::now().as_millis();
    let people = add_people(app, Timestamp::from_millis(now - SPAN_MS - 60_000)).await?;
    let mut count = 0;
    for script in SCRIPTS {
        count += play(app, &people, script, now).await?;
    }
    let names: Vec<String> = people
        .iter()
        .map(|user| format!("  {:<10} {} ({})", user.username, user.name, user.role))
        .collect();
    Ok(format!(
        "made a team of {} with {} chats and {count} messages\npassword of everyone: {PASSWORD}\n{}",
        people.len(),
        SCRIPTS.len(),
        names.join("\n")
    ))
}

async fn add_people(app: &App, at: Timestamp) -> Result<Vec<User>, Error> {
    let password_hash = app.passwords.hash(PASSWORD.to_owned()).await?;
    let mut people = Vec::with_capacity(PEOPLE.len());
    for person in PEOPLE {
        let new = users::NewUser {
            username: person.username.to_owned(),
            name: person.name.to_owned(),
            role: person.role.to_owned(),
            password_hash: password_hash.clone(),
        };
        let added = app.store.write_at(at, move |tx| users::add(tx, new)).await?;
        people.push(added);
    }
    Ok(people)
}

/// Makes the chat of a script and plays its lines, so that the last of them was said a few minutes ago.
async fn play(app: &App, people: &[User], script: &Script, now: i64) -> Result<usize, Error> {
    let lines = script.lines()?;
    let members = script
        .members
        .iter()
        .map(|username| find(people, username))
        .collect::<Result<Vec<_>, _>>()?;
    let start = now - SPAN_MS;
    let chat = make_chat(app, script, &members, Timestamp::from_millis(start - 30_000)).await?;
    let total: i64 = lines.iter().map(|line| line.gap_ms).sum();
    let available = SPAN_MS - script.ends_before_now_ms;
    let mut said_at = start;
    let mut last: Option<MessageId> = None;
    for line in &lines {
        // The gaps keep their proportions and fill the time that there is.
        said_at += line.gap_ms * available / total.max(1);
        last = Some(say(app, people, &chat, line, Timestamp::from_millis(said_at), last).await?);
    }
    mark_read(app, script, &members, &chat, last.as_ref()).await?;
    Ok(lines.len())
}

async fn make_chat(app: &App, script: &Script, members: &[&User], at: Timestamp) -> Result<ChatId, Error> {
    let (maker, others) = members
        .split_first()
        .ok_or_else(|| Error::Internal("a chat of the demo is empty".to_owned()))?;
    let viewer = viewer(maker);
    let new = NewChat {
        kind: if script.name.is_empty() {
            ChatKind::Direct
        } else {
            ChatKind::Group
        },
        name: script.name.to_owned(),
        others: others.iter().map(|user| user.id.clone()).collect(),
    };
    let made = app
        .store
        .write_at(at, move |tx| chats::make(tx, &viewer, new))
        .await?;
    Ok(match made {
        Made::Fresh(chat) | Made::Known(chat) => chat.id,
    })
}

async fn say(
    app: &App,
    people: &[User],
    chat: &ChatId,
    line: &Line,
    at: Timestamp,
    before: Option<MessageId>,
) -> Result<MessageId, Error> {
    let sender = viewer(find(people, &line.username)?);
    let visible_to: BTreeSet<UserId> = line
        .visible_to
        .iter()
        .map(|username| find(people, username).map(|user| user.id.clone()))
        .collect::<Result<_, _>>()?;
    let draft = Draft {
        chat: chat.clone(),
        content: line.text.clone(),
        client_id: None,
        reply_to: if line.is_reply { before } else { None },
        visible_to,
        visible_to_roles: BTreeSet::new(),
        attachments: Vec::new(),
    };
    let sent = app
        .store
        .write_at(at, move |tx| sending::send(tx, &sender, draft))
        .await?;
    Ok(match sent {
        Sent::Fresh(message) | Sent::Known(message) => message.id,
    })
}

/// Whoever is not behind has read everything.
async fn mark_read(
    app: &App,
    script: &Script,
    members: &[&User],
    chat: &ChatId,
    last: Option<&MessageId>,
) -> Result<(), Error> {
    let Some(last) = last else {
        return Ok(());
    };
    for member in members
        .iter()
        .filter(|member| !script.behind.contains(&member.username.as_str()))
    {
        let (viewer, chat, last) = (viewer(member), chat.clone(), last.clone());
        app.store
            .write(move |tx| reads::mark(tx, &viewer, &chat, &last))
            .await?;
    }
    Ok(())
}

fn viewer(user: &User) -> Viewer {
    Viewer {
        user: user.id.clone(),
        role: user.role.clone(),
    }
}

fn find<'a>(people: &'a [User], username: &str) -> Result<&'a User, Error> {
    people
        .iter()
        .find(|user| user.username == username)
        .ok_or_else(|| Error::Internal(format!("the demo has nobody called {username}")))
}
