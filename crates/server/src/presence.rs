//! Who is there: told to those who share a chat, and shown wherever people are listed.
//!
//! Never says anything to strangers, and takes a moment to call somebody gone who only changes networks.

use std::time::{Duration, Instant};

use khaya_wire::{
    Chat, User, UserId,
    event::{PresenceChanged, name},
    model::{Presence, PresenceStatus},
};

use crate::{
    App, Error,
    bus::Item,
    clock,
    realtime::{Frame, Outgoing},
    store::{Conn, members, users},
};

/// How long somebody may be without a socket before they are said to be gone.
const GRACE: Duration = Duration::from_secs(3);

/// Somebody has come to this node who was not there a moment ago.
pub(crate) async fn came(app: &App, user: &UserId) {
    app.activity.came(user, Instant::now());
    let is_new = app.hub.bus().is_none_or(|bus| !bus.is_online(user));
    app.hub.say(|| Item::Online(user.clone()));
    if is_new {
        online(app, user).await;
    }
}

/// Somebody has come to another node.
pub(crate) fn tell_online(app: App, user: UserId) {
    tokio::spawn(async move { online(&app, &user).await });
}

async fn online(app: &App, user: &UserId) {
    let changed = PresenceChanged {
        user_id: user.clone(),
        status: PresenceStatus::Online,
        last_seen: None,
    };
    if let Err(error) = tell(app, changed).await {
        tracing::warn!(%error, "presence was not told");
    }
}

/// The last socket of somebody has gone from this node.
pub(crate) fn went(app: App, user: UserId) {
    tokio::spawn(async move {
        tokio::time::sleep(GRACE).await;
        if app.hub.gone(&user) {
            app.hub.say(|| Item::Offline(user.clone()));
            gone(&app, user).await;
        }
    });
}

/// The node that somebody was on has gone; they may come back on another.
pub(crate) fn lost(app: App, user: UserId) {
    tokio::spawn(async move {
        tokio::time::sleep(GRACE).await;
        gone(&app, user).await;
    });
}

async fn gone(app: &App, user: UserId) {
    if app.hub.is_online(&user) {
        return;
    }
    app.activity.went(&user);
    let noted = user.clone();
    if let Err(error) = app.store.write(move |tx| users::set_last_seen(tx, &noted)).await {
        tracing::debug!(%error, "when somebody was last there was not noted");
    }
    offline(app, user).await;
}

/// Somebody has gone from another node, a while ago.
pub(crate) fn tell_offline(app: App, user: UserId) {
    app.activity.went(&user);
    tokio::spawn(async move { offline(&app, user).await });
}

/// Somebody does something, on this node.
pub(crate) fn active(app: &App, user: &UserId) {
    let news = app.activity.touch(user, Instant::now());
    if news.to_nodes {
        app.hub.say(|| Item::Active(user.clone()));
    }
    if news.is_back {
        tell_online(app.clone(), user.clone());
    }
}

/// Somebody does something, on another node.
pub(crate) fn active_elsewhere(app: &App, user: UserId) {
    if app.activity.touch(&user, Instant::now()).is_back {
        tell_online(app.clone(), user);
    }
}

/// Tells of those who do nothing that they are away, for ever.
pub(crate) async fn watch(app: App) {
    let Some(every) = app.activity.look_every() else {
        return;
    };
    let mut looks = tokio::time::interval(every);
    loop {
        looks.tick().await;
        for user_id in app.activity.newly_away(Instant::now()) {
            let changed = PresenceChanged {
                user_id,
                status: PresenceStatus::Away,
                last_seen: None,
            };
            if let Err(error) = tell(&app, changed).await {
                tracing::debug!(%error, "presence was not told");
            }
        }
    }
}

async fn offline(app: &App, user: UserId) {
    let changed = PresenceChanged {
        user_id: user,
        status: PresenceStatus::Offline,
        last_seen: Some(clock::now()),
    };
    if let Err(error) = tell(app, changed).await {
        tracing::debug!(%error, "presence was not told");
    }
}

/// Adds to the people of chats whether they are there.
pub(crate) fn add_to_chats(app: &App, conn: &mut Conn, chats: &mut [Chat]) -> Result<(), Error> {
    for chat in chats {
        add(app, conn, &mut chat.members)?;
    }
    Ok(())
}

/// Adds to people whether they are there.
pub(crate) fn add(app: &App, conn: &mut Conn, people: &mut [User]) -> Result<(), Error> {
    let seen = users::last_seen(conn, people)?;
    for user in people {
        user.presence = Some(if app.hub.is_online(&user.id) {
            let status = if app.activity.is_away(&user.id) {
                PresenceStatus::Away
            } else {
                PresenceStatus::Online
            };
            Presence {
                status,
                last_seen: None,
            }
        } else {
            Presence {
                status: PresenceStatus::Offline,
                last_seen: seen.get(&user.id).copied(),
            }
        });
    }
    Ok(())
}

async fn tell(app: &App, changed: PresenceChanged) -> Result<(), Error> {
    let user = changed.user_id.clone();
    let to = app
        .store
        .read(move |conn| members::who_share_a_chat(conn, &user))
        .await?;
    let frame = Frame::event(name::PRESENCE, &changed)?;
    app.hub.deliver(&[Outgoing::Volatile { to, frame }]);
    Ok(())
}
