//! Who is in which chat.

use khaya_wire::{ChatId, UserId, model::ChatRole};

use super::{Conn, Row, Viewer, bad_column, query, read_id};
use crate::Error;

/// Somebody in a chat, with what decides over what they see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) user: UserId,
    /// The role on the server.
    pub(crate) server_role: String,
}

/// Everybody in a chat, by id.
pub(crate) fn of_chat(conn: &mut Conn, chat: &ChatId) -> Result<Vec<Member>, Error> {
    query(
        "SELECT m.user_id, u.role FROM members m JOIN users u ON u.id = m.user_id
         WHERE m.chat_id = $1 ORDER BY m.user_id",
    )
    .bind(chat.as_str())
    .fetch_all(conn)?
    .iter()
    .map(|row| {
        Ok(Member {
            user: read_id(row, "user_id")?,
            server_role: row.try_get("role")?,
        })
    })
    .collect()
}

/// Everybody in a chat, by id, where nothing depends on their roles.
pub(crate) fn people_of(conn: &mut Conn, chat: &ChatId) -> Result<Vec<UserId>, Error> {
    // As one text: this is asked with every message, and rows cost more than what is in them.
    let row = query("SELECT string_agg(user_id, ' ') AS people FROM members WHERE chat_id = $1")
        .bind(chat.as_str())
        .fetch_one(conn)?;
    row.try_get::<Option<&str>>("people")?
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(|id| id.parse().map_err(|_| bad_column("people")))
        .collect()
}

/// Everybody else who is in a chat with somebody.
pub(crate) fn who_share_a_chat(conn: &mut Conn, user: &UserId) -> Result<Vec<UserId>, Error> {
    query(
        "SELECT DISTINCT theirs.user_id FROM members mine JOIN members theirs ON theirs.chat_id = mine.chat_id
         WHERE mine.user_id = $1 AND theirs.user_id <> $1",
    )
    .bind(user.as_str())
    .fetch_all(conn)?
    .iter()
    .map(|row| read_id(row, "user_id"))
    .collect()
}

/// The chats that somebody is in.
pub(super) fn chats_of(conn: &mut Conn, user: &UserId) -> Result<Vec<ChatId>, Error> {
    query("SELECT chat_id FROM members WHERE user_id = $1 ORDER BY chat_id")
        .bind(user.as_str())
        .fetch_all(conn)?
        .iter()
        .map(|row| read_id(row, "chat_id"))
        .collect()
}

/// The viewer's role in a chat. For somebody outside it the chat does not exist.
pub(crate) fn role_of(conn: &mut Conn, chat: &ChatId, viewer: &Viewer) -> Result<ChatRole, Error> {
    let row = query("SELECT role FROM members WHERE chat_id = $1 AND user_id = $2")
        .bind(chat.as_str())
        .bind(viewer.user.as_str())
        .fetch_optional(conn)?
        .ok_or(Error::NotFound("thing"))?;
    read_role(&row, "role")
}

pub(super) fn read_role(row: &Row, column: &str) -> Result<ChatRole, Error> {
    match row.try_get::<&str>(column)? {
        "owner" => Ok(ChatRole::Owner),
        "moderator" => Ok(ChatRole::Moderator),
        "member" => Ok(ChatRole::Member),
        _other => Err(bad_column(column)),
    }
}

pub(super) fn role_text(role: ChatRole) -> &'static str {
    match role {
        ChatRole::Owner => "owner",
        ChatRole::Moderator => "moderator",
        ChatRole::Member => "member",
    }
}
