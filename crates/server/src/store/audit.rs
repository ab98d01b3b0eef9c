//! The audit log: who did what to whom, kept with the change itself and never changed after it.
//!
//! Never holds what people write, a name that somebody typed, a password, a token or the code of an invite.

use std::net::IpAddr;

use khaya_wire::{ChatId, MessageId, SessionId, Timestamp, UserId};

use super::{Conn, Row, Tx, query, read_time};
use crate::Error;

/// What is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Action {
    SignedIn,
    SignInFailed,
    Registered,
    SignedOut,
    SessionEnded,
    /// A refresh token came that only somebody who copied it could have.
    RefreshReused,
    PasswordChanged,
    PasswordCheckFailed,
    UserAdded,
    RoleSet,
    InviteMade,
    InviteWithdrawn,
    MemberAdded,
    MemberRemoved,
    MemberRoleSet,
    ChatDeleted,
    /// By somebody who did not write it.
    MessageDeleted,
}

impl Action {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::Registered => "registered",
            Self::SignedOut => "signed_out",
            Self::SessionEnded => "session_ended",
            Self::RefreshReused => "refresh_reused",
            Self::PasswordChanged => "password_changed",
            Self::PasswordCheckFailed => "password_check_failed",
            Self::UserAdded => "user_added",
            Self::RoleSet => "role_set",
            Self::InviteMade => "invite_made",
            Self::InviteWithdrawn => "invite_withdrawn",
            Self::MemberAdded => "member_added",
            Self::MemberRemoved => "member_removed",
            Self::MemberRoleSet => "member_role_set",
            Self::ChatDeleted => "chat_deleted",
            Self::MessageDeleted => "message_deleted",
        }
    }
}

/// One thing to note.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    action: Action,
    actor: Option<UserId>,
    address: Option<IpAddr>,
    user: Option<UserId>,
    session: Option<SessionId>,
    chat: Option<ChatId>,
    message: Option<MessageId>,
    detail: Option<String>,
}

impl Act {
    /// Something that was done by somebody who is not known, or on the command line.
    pub(crate) fn new(action: Action) -> Self {
        Self {
            action,
            actor: None,
            address: None,
            user: None,
            session: None,
            chat: None,
            message: None,
            detail: None,
        }
    }

    pub(crate) fn by(mut self, actor: &UserId) -> Self {
        self.actor = Some(actor.clone());
        self
    }

    pub(crate) fn from(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    pub(crate) fn user(mut self, user: &UserId) -> Self {
        self.user = Some(user.clone());
        self
    }

    pub(crate) fn session(mut self, session: &SessionId) -> Self {
        self.session = Some(session.clone());
        self
    }

    pub(crate) fn chat(mut self, chat: &ChatId) -> Self {
        self.chat = Some(chat.clone());
        self
    }

    pub(crate) fn message(mut self, message: &MessageId) -> Self {
        self.message = Some(message.clone());
        self
    }

    pub(crate) fn detail(mut self, detail: impl ToString) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    /// Notes it, with the change that it tells of or not at all.
    pub(crate) fn note(self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let now = tx.now().as_millis();
        query(
            "INSERT INTO audit (at, action, actor_id, address, user_id, session_id, chat_id, message_id, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(now)
        .bind(self.action.text())
        .bind(self.actor.as_ref().map(UserId::as_str))
        .bind(self.address.map(|address| address.to_string()))
        .bind(self.user.as_ref().map(UserId::as_str))
        .bind(self.session.as_ref().map(SessionId::as_str))
        .bind(self.chat.as_ref().map(ChatId::as_str))
        .bind(self.message.as_ref().map(MessageId::as_str))
        .bind(self.detail)
        .execute(tx.write())?;
        Ok(())
    }
}

/// Which part of the log is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) since: Timestamp,
    pub(crate) action: Option<Action>,
    /// What somebody of this username did, or what was done to them.
    pub(crate) username: Option<String>,
    /// After this one.
    pub(crate) after: i64,
    pub(crate) limit: i64,
}

/// A line of the log, with usernames for ids.
#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    #[serde(skip)]
    pub(crate) number: i64,
    pub(crate) at: Timestamp,
    pub(crate) action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) actor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chat_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

/// A part of the log, oldest first.
pub(crate) fn read(conn: &mut Conn, wanted: &Wanted) -> Result<Vec<Line>, Error> {
    query(
        "SELECT a.number, a.at, a.action, a.address, a.session_id, a.chat_id, a.message_id, a.detail,
                COALESCE(actor.username, a.actor_id) AS actor, COALESCE(about.username, a.user_id) AS about
         FROM audit a LEFT JOIN users actor ON actor.id = a.actor_id LEFT JOIN users about ON about.id = a.user_id
         WHERE a.number > $1 AND a.at >= $2 AND ($3 = '' OR a.action = $3)
           AND ($4 = '' OR actor.username = $4 OR about.username = $4)
         ORDER BY a.number LIMIT $5",
    )
    .bind(wanted.after)
    .bind(wanted.since.as_millis())
    .bind(wanted.action.map_or("", Action::text))
    .bind(wanted.username.as_deref().unwrap_or_default())
    .bind(wanted.limit)
    .fetch_all(conn)?
    .iter()
    .map(line)
    .collect()
}

fn line(row: &Row) -> Result<Line, Error> {
    Ok(Line {
        number: row.try_get("number")?,
        at: read_time(row, "at")?,
        action: row.try_get("action")?,
        actor: row.try_get("actor")?,
        address: row.try_get("address")?,
        user: row.try_get("about")?,
        session_id: row.try_get("session_id")?,
        chat_id: row.try_get("chat_id")?,
        message_id: row.try_get("message_id")?,
        detail: row.try_get("detail")?,
    })
}
