//! Reading messages. Every function takes the reader and gives only what that reader can see.

use khaya_wire::{ChatId, ClientId, Message, MessageId, Timestamp, UserId};
use sqlx::Row as _;

use super::{Conn, Row, Viewer, bad_column, optional_id, optional_time, read_flag, read_id, read_time};
use crate::Error;

/// The condition under which the message `m` exists for a member of its chat: bind the person's id and role
/// at the places named.
macro_rules! visible {
    ($user:literal, $role:literal) => {
        concat!(
            "(m.restricted = 0 OR m.sender_id = ",
            $user,
            " OR EXISTS (SELECT 1 FROM audience a WHERE a.message_id = m.id AND ((a.kind = 'user' AND a.value = ",
            $user,
            ") OR (a.kind = 'role' AND a.value = ",
            $role,
            "))))"
        )
    };
}
pub(crate) use visible;

macro_rules! columns {
    () => {
        "m.id, m.chat_id, m.sender_id, m.content, m.created_at, m.client_id, m.edited_at, m.deleted_at,
         m.reply_to, m.restricted, m.visible_to, m.visible_to_roles"
    };
}

/// A place in the order of a chat.
pub(crate) type Position = (Timestamp, String);

/// Which part of a chat's history is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Window {
    Newest,
    Before(MessageId),
    After(MessageId),
}

/// A part of the history, oldest first, and whether there is more in the direction asked.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) messages: Vec<Message>,
    pub(crate) more: bool,
}

/// Messages of a chat that the viewer, who is a member, can see.
pub(crate) async fn window(
    conn: &mut Conn,
    viewer: &Viewer,
    chat: &ChatId,
    window: &Window,
    limit: usize,
) -> Result<Part, Error> {
    let (sql, (at, id)) = match window {
        Window::Newest => (BEFORE, (Timestamp::from_millis(i64::MAX), String::new())),
        Window::Before(id) => (BEFORE, position(conn, viewer, chat, id, "before").await?),
        Window::After(id) => (AFTER, position(conn, viewer, chat, id, "after").await?),
    };
    let rows = sqlx::query(sql)
        .bind(viewer.user.as_str())
        .bind(&viewer.role)
        .bind(chat.as_str())
        .bind(at.as_millis())
        .bind(id)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
        .fetch_all(conn)
        .await?;
    let more = rows.len() > limit;
    let mut messages = rows
        .iter()
        .take(limit)
        .map(|row| read(row, &viewer.user))
        .collect::<Result<Vec<_>, _>>()?;
    match window {
        Window::Newest | Window::Before(_) => messages.reverse(),
        Window::After(_) => {}
    }
    Ok(Part { messages, more })
}

const BEFORE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages m WHERE m.chat_id = $3 AND (m.created_at, m.id) < ($4, $5) AND ",
    visible!("$1", "$2"),
    " ORDER BY m.created_at DESC, m.id DESC LIMIT $6"
);
const AFTER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM messages m WHERE m.chat_id = $3 AND (m.created_at, m.id) > ($4, $5) AND ",
    visible!("$1", "$2"),
    " ORDER BY m.created_at, m.id LIMIT $6"
);

/// Where a message stands. One that the viewer cannot see stands nowhere, like one that does not exist.
async fn position(
    conn: &mut Conn,
    viewer: &Viewer,
    chat: &ChatId,
    id: &MessageId,
    field: &str,
) -> Result<Position, Error> {
    find(conn, viewer, chat, id)
        .await?
        .map(|message| (message.created_at, message.id.to_string()))
        .ok_or_else(|| Error::invalid(field, "names no message of this chat"))
}

/// The newest message of a chat that the viewer can see.
pub(crate) async fn last(conn: &mut Conn, viewer: &Viewer, chat: &ChatId) -> Result<Option<Message>, Error> {
    Ok(window(conn, viewer, chat, &Window::Newest, 1)
        .await?
        .messages
        .pop())
}

/// One message of a chat, if the viewer can see it.
pub(crate) async fn find(
    conn: &mut Conn,
    viewer: &Viewer,
    chat: &ChatId,
    id: &MessageId,
) -> Result<Option<Message>, Error> {
    sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages m WHERE m.id = $4 AND m.chat_id = $3 AND ",
        visible!("$1", "$2")
    ))
    .bind(viewer.user.as_str())
    .bind(&viewer.role)
    .bind(chat.as_str())
    .bind(id.as_str())
    .fetch_optional(conn)
    .await?
    .map(|row| read(&row, &viewer.user))
    .transpose()
}

/// What a sender once sent under an id of their own choosing, as it is now, and the hash of what was first sent.
pub(crate) async fn by_client_id(
    conn: &mut Conn,
    sender: &UserId,
    id: &ClientId,
) -> Result<Option<(Message, String)>, Error> {
    sqlx::query(concat!(
        "SELECT m.fingerprint, ",
        columns!(),
        " FROM messages m WHERE m.sender_id = $1 AND m.client_id = $2"
    ))
    .bind(sender.as_str())
    .bind(id.as_str())
    .fetch_optional(conn)
    .await?
    .map(|row| Ok((read(&row, sender)?, row.try_get("fingerprint")?)))
    .transpose()
}

/// How many messages of others are later than a place and visible.
pub(crate) async fn unread(
    conn: &mut Conn,
    viewer: &Viewer,
    chat: &ChatId,
    read: &Position,
) -> Result<u64, Error> {
    let row = sqlx::query(concat!(
        "SELECT COUNT(*) AS unread FROM messages m
         WHERE m.chat_id = $3 AND (m.created_at, m.id) > ($4, $5)
           AND m.sender_id <> $1 AND m.deleted_at IS NULL AND ",
        visible!("$1", "$2")
    ))
    .bind(viewer.user.as_str())
    .bind(&viewer.role)
    .bind(chat.as_str())
    .bind(read.0.as_millis())
    .bind(&read.1)
    .fetch_one(conn)
    .await?;
    super::read_count(&row, "unread")
}

/// The last message that the viewer can see at a place or before it.
pub(crate) async fn at_or_before(
    conn: &mut Conn,
    viewer: &Viewer,
    chat: &ChatId,
    place: &Position,
) -> Result<Option<MessageId>, Error> {
    sqlx::query(concat!(
        "SELECT m.id FROM messages m WHERE m.chat_id = $3 AND (m.created_at, m.id) <= ($4, $5) AND ",
        visible!("$1", "$2"),
        " ORDER BY m.created_at DESC, m.id DESC LIMIT 1"
    ))
    .bind(viewer.user.as_str())
    .bind(&viewer.role)
    .bind(chat.as_str())
    .bind(place.0.as_millis())
    .bind(&place.1)
    .fetch_optional(conn)
    .await?
    .map(|row| read_id(&row, "id"))
    .transpose()
}

/// A message as `reader` gets it: the sender's own id for it goes to the sender alone.
fn read(row: &Row, reader: &UserId) -> Result<Message, Error> {
    let sender_id: UserId = read_id(row, "sender_id")?;
    let restricted = read_flag(row, "restricted")?;
    Ok(Message {
        id: read_id(row, "id")?,
        chat_id: read_id(row, "chat_id")?,
        content: row.try_get::<String, _>("content")?.into(),
        created_at: read_time(row, "created_at")?,
        client_id: if sender_id == *reader {
            optional_id(row, "client_id")?
        } else {
            None
        },
        sender_id,
        edited_at: optional_time(row, "edited_at")?,
        deleted_at: optional_time(row, "deleted_at")?,
        reply_to: optional_id(row, "reply_to")?,
        visible_to: if restricted {
            read_list(row, "visible_to")?
        } else {
            None
        },
        visible_to_roles: if restricted {
            read_list(row, "visible_to_roles")?
        } else {
            None
        },
        attachments: None,
        reactions: None,
        pinned: None,
        system: None,
    })
}

fn read_list<T: serde::de::DeserializeOwned>(row: &Row, column: &str) -> Result<Option<Vec<T>>, Error> {
    row.try_get::<Option<&str>, _>(column)?
        .map(|text| serde_json::from_str(text).map_err(|_| bad_column(column)))
        .transpose()
}
