//! What an operator does on the command line beside a server: people, roles, invites, reading the audit log.

use std::fmt::Write as _;

use clap::Args;
use khaya_wire::{Timestamp, User, model::role};

use crate::{
    App, Error, clock,
    store::{
        audit::{self, Act, Action, Line, Wanted},
        invites::{self, Invite},
        users::{self, NewUser},
    },
};

/// How many lines of the log are read at once.
const LINES: i64 = 1000;

/// Adds somebody who can sign in.
pub(crate) async fn add_user(app: &App, new: NewUser) -> Result<User, Error> {
    app.store
        .write(move |tx| {
            let user = users::add(tx, new)?;
            let act = Act::new(Action::UserAdded).user(&user.id);
            act.detail(&user.role).note(tx)?;
            Ok(user)
        })
        .await
}

/// Gives somebody another role.
pub(crate) async fn set_role(app: &App, username: &str, role: &str) -> Result<User, Error> {
    let (username, role) = (username.to_owned(), role.to_owned());
    app.store
        .write(move |tx| {
            let user = users::set_role_of(tx, &username, &role)?;
            let act = Act::new(Action::RoleSet).user(&user.id);
            act.detail(&role).note(tx)?;
            Ok(user)
        })
        .await
}

/// Makes an invite that ends after so many days, or never.
pub(crate) async fn invite(app: &App, uses: i64, days: Option<i64>) -> Result<Invite, Error> {
    let expires_at = days.map(|days| Timestamp::from_millis(clock::now().as_millis() + days * 86_400_000));
    app.store
        .write(move |tx| {
            let made = invites::make(tx, uses, expires_at, role::MEMBER)?;
            let act = Act::new(Action::InviteMade);
            act.detail(format_args!("{} × {}", made.uses, made.role))
                .note(tx)?;
            Ok(made)
        })
        .await
}

/// Which lines of the audit log are wanted.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// From this time on: a date, or a time as in 2026-11-22T15:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only what this person did, or what was done to them
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
    /// Only this kind of act
    #[arg(long)]
    action: Option<Action>,
    /// A JSON object a line
    #[arg(long)]
    json: bool,
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .or_else(|_| format!("{text}T00:00:00Z").parse())
        .map_err(|_| "is no date and no time".to_owned())
}

/// Gives the lines of the audit log one by one, oldest first.
pub(crate) async fn audit(
    app: &App,
    args: AuditArgs,
    mut print: impl FnMut(&str) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut wanted = Wanted {
        since: args.since.unwrap_or(Timestamp::from_millis(0)),
        action: args.action,
        username: args.user.map(|username| username.trim().to_lowercase()),
        after: 0,
        limit: LINES,
    };
    loop {
        let part = wanted.clone();
        let lines = app.store.read(move |conn| audit::read(conn, &part)).await?;
        let Some(last) = lines.last() else {
            return Ok(());
        };
        wanted.after = last.number;
        for line in &lines {
            let text = if args.json {
                serde_json::to_string(line).map_err(|error| Error::Internal(error.to_string()))?
            } else {
                in_words(line)
            };
            print(&text)?;
        }
    }
}

fn in_words(line: &Line) -> String {
    let mut text = format!("{} {}", line.at, line.action);
    for (word, said) in [
        ("by", &line.actor),
        ("from", &line.address),
        ("user", &line.user),
        ("chat", &line.chat_id),
        ("message", &line.message_id),
        ("session", &line.session_id),
        ("as", &line.detail),
    ] {
        if let Some(said) = said {
            // A String takes everything.
            let _written = write!(text, " {word} {said}");
        }
    }
    text
}
