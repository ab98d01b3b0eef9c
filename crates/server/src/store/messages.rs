//! Reading messages. Every function takes the reader and gives only what that reader can see.

use khaya_wire::{ChatId, ClientId, Message, MessageId, Timestamp, UserId, model::Reaction};

use super::search::Wanted;
use super::{
    Conn, Row, Viewer, bad_column, files, json_list, optional_id, optional_time, query, read_flag, read_id,
    read_time,
};
use crate::Error;

/// The condition under which the message `m` exists for a member of its chat, for looking at one message. The
/// person is bound at `$1`, their role at `$2`.
macro_rules! visible {
    () => {
        "(m.restricted = 0 OR EXISTS (SELECT 1 FROM audience a WHERE a.message_id = m.id
    AND ((a.kind = 'user' AND a.value = $1) OR (a.kind = 'role' AND a.value = $2))))"
    };
}

pub(super) use visible;

/// The ids and times of the messages of chat `$3` that exist for person `$1` with role `$2`, on one side of the
/// place `($4, $5)`, at most `$6` of each kind: those for everyone, those for the person, those for the role.
/// Each is a bounded walk along an index that holds nothing that the person may not see.
macro_rules! seen {
    ($side:literal, $order:literal) => {
        concat!(
            "SELECT * FROM (SELECT id, created_at FROM messages
             WHERE chat_id = $3 AND restricted = 0 AND (created_at, id) ",
            $side,
            " ($4, $5) ORDER BY created_at ",
            $order,
            ", id ",
            $order,
            " LIMIT $6) AS for_all
             UNION
             SELECT * FROM (SELECT message_id, created_at FROM audience
             WHERE chat_id = $3 AND kind = 'user' AND value = $1 AND (created_at, message_id) ",
            $side,
            " ($4, $5) ORDER BY created_at ",
            $order,
            ", message_id ",
            $order,
            " LIMIT $6) AS for_person
             UNION
             SELECT * FROM (SELECT message_id, created_at FROM audience
             WHERE chat_id = $3 AND kind = 'role' AND value = $2 AND (created_at, message_id) ",
            $side,
            " ($4, $5) ORDER BY created_at ",
            $order,
            ", message_id ",
            $order,
            " LIMIT $6) AS for_role"
        )
    };
}

macro_rules! columns {
    () => {
        "m.id, m.chat_id, m.sender_id, m.content, m.created_at, m.client_id, m.edited_at, m.deleted_at,
         m.reply_to, m.restricted, m.visible_to, m.visible_to_roles, m.pinned, m.attached"
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
pub(crate) fn window(
    conn: &mut Conn,
    viewer: &Viewer,
    chat: &ChatId,
    window: &Window,
    limit: usize,
) -> Result<Part, Error> {
    let (sql, (at, id)) = match window {
        Window::Newest => (BEFORE, (Timestamp::from_millis(i64::MAX), String::new())),
        Window::Before(id) => (BEFORE, position(conn, viewer, chat, id, "before")?),
        Window::After(id) => (AFTER, position(conn, viewer, chat, id, "after")?),
    };
    let rows = query(sql)
        .bind(viewer.user.as_str())
        .bind(&viewer.role)
        .bind(chat.as_str())
        .bind(at.as_millis())
        .bind(id)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
        .fetch_all(&mut *conn)?;
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
    add_parts(conn, &mut messages)?;
    Ok(Part { messages, more })
}

const BEFORE: &str = concat!(
    "WITH seen AS (",
    seen!("<", "DESC"),
    ") SELECT ",
    columns!(),
    " FROM seen JOIN messages m ON m.id = seen.id ORDER BY m.created_at DESC, m.id DESC LIMIT $6"
);
const AFTER: &str = concat!(
    "WITH seen AS (",
    seen!(">", "ASC"),
    ") SELECT ",
    columns!(),
    " FROM seen JOIN messages m ON m.id = seen.id ORDER BY m.created_at, m.id LIMIT $6"
);

/// Where a message stands. One that the viewer cannot see stands nowhere, like one that does not exist.
fn position(
    conn: &mut Conn,
    viewer: &Viewer,
    chat: &ChatId,
    id: &MessageId,
    field: &str,
) -> Result<Position, Error> {
    find(conn, viewer, chat, id)?
        .map(|message| (message.created_at, message.id.to_string()))
        .ok_or_else(|| Error::invalid(field, "names no message of this chat"))
}

/// The newest message of a chat that the viewer can see.
pub(crate) fn last(conn: &mut Conn, viewer: &Viewer, chat: &ChatId) -> Result<Option<Message>, Error> {
    Ok(window(conn, viewer, chat, &Window::Newest, 1)?.messages.pop())
}

/// One message of a chat, if the viewer can see it.
pub(crate) fn find(
    conn: &mut Conn,
    viewer: &Viewer,
    chat: &ChatId,
    id: &MessageId,
) -> Result<Option<Message>, Error> {
    let row = query(concat!(
        "SELECT ",
        columns!(),
        " FROM messages m WHERE m.id = $4 AND m.chat_id = $3 AND ",
        visible!()
    ))
    .bind(viewer.user.as_str())
    .bind(&viewer.role)
    .bind(chat.as_str())
    .bind(id.as_str())
    .fetch_optional(&mut *conn)?;
    match row {
        Some(row) => whole(conn, read(&row, &viewer.user)?).map(Some),
        None => Ok(None),
    }
}

/// What a sender once sent under an id of their own choosing, as it is now, and the hash of what was first sent.
pub(crate) fn by_client_id(
    conn: &mut Conn,
    sender: &UserId,
    id: &ClientId,
) -> Result<Option<(Message, String)>, Error> {
    let row = query(concat!(
        "SELECT m.fingerprint, ",
        columns!(),
        " FROM messages m WHERE m.sender_id = $1 AND m.client_id = $2"
    ))
    .bind(sender.as_str())
    .bind(id.as_str())
    .fetch_optional(&mut *conn)?;
    match row {
        Some(row) => Ok(Some((
            whole(conn, read(&row, sender)?)?,
            row.try_get("fingerprint")?,
        ))),
        None => Ok(None),
    }
}

/// Stores a fresh message, without what is kept beside it.
pub(super) fn insert(conn: &mut Conn, message: &Message, fingerprint: Option<&str>) -> Result<(), Error> {
    query(
        "INSERT INTO messages (id, chat_id, sender_id, content, created_at, client_id, fingerprint, reply_to,
                               restricted, visible_to, visible_to_roles, attached)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(message.id.as_str())
    .bind(message.chat_id.as_str())
    .bind(message.sender_id.as_str())
    .bind(&*message.content)
    .bind(message.created_at.as_millis())
    .bind(message.client_id.as_ref().map(ClientId::as_str))
    .bind(fingerprint)
    .bind(message.reply_to.as_ref().map(MessageId::as_str))
    .bind(i64::from(message.is_restricted()))
    .bind(json(message.visible_to.as_deref())?)
    .bind(json(message.visible_to_roles.as_deref())?)
    .bind(i64::try_from(message.attachments.as_ref().map_or(0, Vec::len)).unwrap_or(i64::MAX))
    .execute(conn)?;
    Ok(())
}

/// A message as its sender sees it, for telling of it.
pub(super) fn as_sent(conn: &mut Conn, id: &MessageId) -> Result<Message, Error> {
    let row = query(concat!("SELECT ", columns!(), " FROM messages m WHERE m.id = $1"))
        .bind(id.as_str())
        .fetch_one(&mut *conn)?;
    let sender: UserId = read_id(&row, "sender_id")?;
    whole(conn, read(&row, &sender)?)
}

/// What the index finds by `terms`, of messages for everyone in chats of the viewer's, the newest first, with their
/// numbers; without what is kept beside them.
pub(super) fn matching(
    conn: &mut Conn,
    viewer: &Viewer,
    wanted: &Wanted,
    terms: &str,
    before: i64,
    limit: usize,
) -> Result<Vec<(Message, i64)>, Error> {
    macro_rules! matching {
        ($index:literal) => {
            concat!(
                "SELECT m.number, ",
                columns!(),
                " FROM ",
                $index,
                " JOIN messages m ON m.number = s.rowid
                 JOIN members mine ON mine.chat_id = m.chat_id AND mine.user_id = $1
                 WHERE s.rowid < $3 AND ($4 IS NULL OR m.sender_id = $4) ORDER BY s.rowid DESC LIMIT $5"
            )
        };
    }
    let sql = match conn {
        Conn::Sqlite(_) => matching!("search($2) s"),
        // Fenced off, so that it is the index of words by which messages are found.
        Conn::Postgres(_) => {
            matching!("(SELECT rowid FROM search WHERE words @@ CAST($2 AS tsquery) OFFSET 0) s")
        }
    };
    let rows = query(sql)
        .bind(viewer.user.as_str())
        .bind(terms)
        .bind(before)
        .bind(wanted.sender.as_ref().map(UserId::as_str))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(conn)?;
    numbered(viewer, &rows)
}

/// The restricted messages that the viewer can see, the newest first, with their numbers; without what is kept beside them.
pub(super) fn restricted(
    conn: &mut Conn,
    viewer: &Viewer,
    wanted: &Wanted,
    limit: i64,
) -> Result<Vec<(Message, i64)>, Error> {
    let rows = query(concat!(
        "SELECT m.number, ",
        columns!(),
        " FROM messages m WHERE m.id IN (
             SELECT a.message_id FROM members mine JOIN audience a ON a.chat_id = mine.chat_id
             WHERE mine.user_id = $1 AND a.kind = 'user' AND a.value = $1
             UNION
             SELECT a.message_id FROM members mine JOIN audience a ON a.chat_id = mine.chat_id
             WHERE mine.user_id = $1 AND a.kind = 'role' AND a.value = $2)
           AND m.number < $3 AND m.deleted_at IS NULL
           AND ($4 IS NULL OR m.chat_id = $4) AND ($5 IS NULL OR m.sender_id = $5)
         ORDER BY m.number DESC LIMIT $6"
    ))
    .bind(viewer.user.as_str())
    .bind(&viewer.role)
    .bind(wanted.before)
    .bind(wanted.chat.as_ref().map(ChatId::as_str))
    .bind(wanted.sender.as_ref().map(UserId::as_str))
    .bind(limit)
    .fetch_all(&mut *conn)?;
    numbered(viewer, &rows)
}

/// The messages for everyone that the viewer can see and that the index of words has not come to, with their numbers;
/// without what is kept beside them. Few, and none a moment after the last was sent.
pub(super) fn unfiled(
    conn: &mut Conn,
    viewer: &Viewer,
    wanted: &Wanted,
) -> Result<Vec<(Message, i64)>, Error> {
    // The order of the tables is said: the newest messages are few, those of one's chats are not.
    let rows = query(concat!(
        "SELECT m.number, ",
        columns!(),
        " FROM messages m CROSS JOIN members mine
         WHERE m.number > (SELECT filed_to FROM search_progress) AND m.number < $2
           AND mine.chat_id = m.chat_id AND mine.user_id = $1
           AND m.restricted = 0 AND m.deleted_at IS NULL
           AND ($3 IS NULL OR m.chat_id = $3) AND ($4 IS NULL OR m.sender_id = $4)"
    ))
    .bind(viewer.user.as_str())
    .bind(wanted.before)
    .bind(wanted.chat.as_ref().map(ChatId::as_str))
    .bind(wanted.sender.as_ref().map(UserId::as_str))
    .fetch_all(conn)?;
    numbered(viewer, &rows)
}

fn numbered(viewer: &Viewer, rows: &[Row]) -> Result<Vec<(Message, i64)>, Error> {
    rows.iter()
        .map(|row| Ok((read(row, &viewer.user)?, row.try_get("number")?)))
        .collect()
}

/// How many messages of others are later than a place and visible.
pub(crate) fn unread(conn: &mut Conn, viewer: &Viewer, chat: &ChatId, read: &Position) -> Result<u64, Error> {
    let row = query(
        "SELECT COUNT(*) AS unread FROM (
             SELECT id FROM messages
             WHERE chat_id = $3 AND restricted = 0 AND (created_at, id) > ($4, $5)
               AND sender_id <> $1 AND deleted_at IS NULL
             UNION
             SELECT m.id FROM audience a JOIN messages m ON m.id = a.message_id
             WHERE a.chat_id = $3 AND a.kind = 'user' AND a.value = $1 AND (a.created_at, a.message_id) > ($4, $5)
               AND m.sender_id <> $1 AND m.deleted_at IS NULL
             UNION
             SELECT m.id FROM audience a JOIN messages m ON m.id = a.message_id
             WHERE a.chat_id = $3 AND a.kind = 'role' AND a.value = $2 AND (a.created_at, a.message_id) > ($4, $5)
               AND m.sender_id <> $1 AND m.deleted_at IS NULL) AS counted",
    )
    .bind(viewer.user.as_str())
    .bind(&viewer.role)
    .bind(chat.as_str())
    .bind(read.0.as_millis())
    .bind(&read.1)
    .fetch_one(conn)?;
    super::read_count(&row, "unread")
}

/// The last message that the viewer can see at a place or before it.
pub(crate) fn at_or_before(
    conn: &mut Conn,
    viewer: &Viewer,
    chat: &ChatId,
    place: &Position,
) -> Result<Option<MessageId>, Error> {
    query(concat!(
        "WITH seen AS (",
        seen!("<=", "DESC"),
        ") SELECT id FROM seen ORDER BY created_at DESC, id DESC LIMIT $6"
    ))
    .bind(viewer.user.as_str())
    .bind(&viewer.role)
    .bind(chat.as_str())
    .bind(place.0.as_millis())
    .bind(&place.1)
    .bind(1_i64)
    .fetch_optional(conn)?
    .map(|row| read_id(&row, "id"))
    .transpose()
}

fn whole(conn: &mut Conn, mut message: Message) -> Result<Message, Error> {
    add_parts(conn, std::slice::from_mut(&mut message))?;
    Ok(message)
}

/// Adds what is kept beside messages that the reader can see.
pub(super) fn add_parts(conn: &mut Conn, messages: &mut [Message]) -> Result<(), Error> {
    add_reactions(conn, messages)?;
    files::add_to(conn, messages)
}

/// Adds the reactions to messages that the reader can see; who sees a message sees all of them.
fn add_reactions(conn: &mut Conn, messages: &mut [Message]) -> Result<(), Error> {
    if messages.is_empty() {
        return Ok(());
    }
    let ids = json_list(messages.iter().map(|message| message.id.as_str()))?;
    let rows = query(
        "SELECT message_id, emoji, user_id FROM reactions
         WHERE message_id IN (SELECT value FROM json_each($1)) ORDER BY at, emoji, user_id",
    )
    .bind(ids)
    .fetch_all(conn)?;
    for row in rows {
        let id: MessageId = read_id(&row, "message_id")?;
        let user: UserId = read_id(&row, "user_id")?;
        let emoji: String = row.try_get("emoji")?;
        let Some(message) = messages.iter_mut().find(|message| message.id == id) else {
            continue;
        };
        let reactions = message.reactions.get_or_insert_default();
        match reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
            Some(reaction) => reaction.user_ids.push(user),
            None => reactions.push(Reaction {
                emoji,
                user_ids: vec![user],
            }),
        }
    }
    Ok(())
}

/// A message as `reader` gets it: the sender's own id for it goes to the sender alone. One that has files has an empty
/// list of them, for [`add_parts`] to fill.
fn read(row: &Row, reader: &UserId) -> Result<Message, Error> {
    let sender_id: UserId = read_id(row, "sender_id")?;
    let restricted = read_flag(row, "restricted")?;
    Ok(Message {
        id: read_id(row, "id")?,
        chat_id: read_id(row, "chat_id")?,
        content: row.try_get::<String>("content")?.into(),
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
        attachments: (row.try_get::<i64>("attached")? > 0).then(Vec::new),
        reactions: None,
        pinned: read_flag(row, "pinned")?.then_some(true),
        system: None,
    })
}

fn read_list<T: serde::de::DeserializeOwned>(row: &Row, column: &str) -> Result<Option<Vec<T>>, Error> {
    row.try_get::<Option<&str>>(column)?
        .map(|text| serde_json::from_str(text).map_err(|_| bad_column(column)))
        .transpose()
}

fn json<T: serde::Serialize>(list: Option<&[T]>) -> Result<Option<String>, Error> {
    list.map(|list| serde_json::to_string(list).map_err(|error| Error::Internal(error.to_string())))
        .transpose()
}
