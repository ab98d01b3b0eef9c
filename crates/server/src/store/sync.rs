//! What somebody has missed: the events of their streams after a place, in the order in which they were stored,
//! told as things are now.

use khaya_wire::{
    ChatId, MessageId, UserId,
    event::{ChatRemoved, ChatUpdated, MessageDeleted, MessageEvent, Number, Scope, name},
};
use serde_json::Value;

use super::{
    Conn, Row, Viewer, chats, events::Kind, history::History, members, messages, optional_id, query,
    read_count, read_id,
};
use crate::Error;

/// How long events are kept for those who come back, in milliseconds.
pub(crate) const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Where a part ends in any case, in bytes of what it tells: two thousand times all members of a large chat would be
/// hundreds of megabytes.
const ENOUGH_BYTES: usize = 2 * 1024 * 1024;

/// One thing that was missed.
#[derive(Debug)]
pub(crate) struct Missed {
    pub(crate) event: &'static str,
    pub(crate) data: Value,
}

impl Missed {
    /// The chat that somebody was taken out of, if that is what it tells.
    pub(crate) fn removed_from(&self) -> Option<ChatId> {
        (self.event == name::CHAT_REMOVED)
            .then(|| self.data["chatId"].as_str()?.parse().ok())
            .flatten()
    }
}

/// A part of what was missed, the marked place after it, and whether there is more.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) missed: Vec<Missed>,
    pub(crate) next: i64,
    pub(crate) more: bool,
}

/// The place where everything that was stored has been told.
pub(crate) fn now(conn: &mut Conn) -> Result<i64, Error> {
    let row = query("SELECT COALESCE(MAX(pos), 0) AS pos FROM events").fetch_one(conn)?;
    row.try_get("pos")
}

/// The same, marked for whoever comes back with it.
pub(crate) fn here(conn: &mut Conn) -> Result<i64, Error> {
    let place = now(conn)?;
    Ok(History::read(conn)?.mark(place))
}

/// What came after the marked place `since`. `None` when that place is not known any more, or not yet.
pub(crate) fn after(
    conn: &mut Conn,
    viewer: &Viewer,
    since: i64,
    limit: usize,
) -> Result<Option<Part>, Error> {
    let end = now(conn)?;
    let history = History::read(conn)?;
    let Some(since) = history.place(since) else {
        return Ok(None);
    };
    let row =
        query("SELECT value FROM settings WHERE name = 'events_kept_after'").fetch_optional(&mut *conn)?;
    let kept_after: i64 = match row {
        Some(row) => row.try_get::<String>("value")?.parse().unwrap_or(0),
        None => 0,
    };
    if since > end || since < kept_after {
        return Ok(None);
    }
    let rows = query(
        "SELECT e.pos, e.chat_id, e.user_id, e.seq, e.kind, e.message_id
         FROM members mine JOIN events e ON e.chat_id = mine.chat_id
         WHERE mine.user_id = $1 AND e.user_id IS NULL AND e.pos > $2
         UNION ALL
         SELECT pos, chat_id, user_id, seq, kind, message_id FROM events WHERE user_id = $1 AND pos > $2
         ORDER BY pos LIMIT $3",
    )
    .bind(viewer.user.as_str())
    .bind(since)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
    .fetch_all(&mut *conn)?;
    let mut missed = Vec::with_capacity(rows.len().min(limit));
    let mut bytes = 0;
    for row in rows.iter().take(limit) {
        let told = tell(conn, viewer, row)?;
        bytes += size(&told.data);
        missed.push(told);
        if bytes >= ENOUGH_BYTES {
            break;
        }
    }
    let more = missed.len() < rows.len();
    let last = if more { missed.len().checked_sub(1) } else { None };
    let next = match last.and_then(|last| rows.get(last)) {
        Some(row) => row.try_get("pos")?,
        None => end,
    };
    let next = history.mark(next);
    Ok(Some(Part { missed, next, more }))
}

/// About how long it is as JSON, in bytes.
fn size(value: &Value) -> usize {
    const WORD: usize = 8;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => WORD,
        Value::String(text) => text.len() + WORD,
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.iter().map(|(key, field)| key.len() + size(field)).sum(),
    }
}

/// The places of events after one, in order.
pub(crate) fn places_after(conn: &mut Conn, place: i64, limit: usize) -> Result<Vec<i64>, Error> {
    query("SELECT pos FROM events WHERE pos > $1 ORDER BY pos LIMIT $2")
        .bind(place)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(conn)?
        .iter()
        .map(|row| row.try_get("pos"))
        .collect()
}

/// Whom the event at a place may be told: the members of its chat, or the one person in whose stream it is.
pub(crate) fn concerned(conn: &mut Conn, place: i64) -> Result<Vec<UserId>, Error> {
    query(
        "SELECT user_id FROM events WHERE pos = $1 AND user_id IS NOT NULL
         UNION ALL
         SELECT m.user_id FROM events e JOIN members m ON m.chat_id = e.chat_id WHERE e.pos = $1 AND e.user_id IS NULL",
    )
    .bind(place)
    .fetch_all(conn)?
    .iter()
    .map(|row| read_id(row, "user_id"))
    .collect()
}

/// The event at a place, told as things are now to one of those [`concerned`].
pub(crate) fn at(conn: &mut Conn, viewer: &Viewer, place: i64) -> Result<Option<Missed>, Error> {
    let row = query("SELECT pos, chat_id, user_id, seq, kind, message_id FROM events WHERE pos = $1")
        .bind(place)
        .fetch_optional(conn)?;
    row.map(|row| tell(conn, viewer, &row)).transpose()
}

/// Forgets what is older than is kept.
pub(crate) fn forget(tx: &mut super::Tx<'_>) -> Result<(), Error> {
    let before = tx.now().as_millis() - KEPT_MS;
    let kept = query("SELECT pos FROM events WHERE at >= $1 ORDER BY pos LIMIT 1")
        .bind(before)
        .fetch_optional(tx.read())?;
    let row = match kept {
        Some(first) => query("SELECT MAX(pos) AS pos FROM events WHERE pos < $1")
            .bind(first.try_get::<i64>("pos")?)
            .fetch_one(tx.read())?,
        None => query("SELECT MAX(pos) AS pos FROM events").fetch_one(tx.read())?,
    };
    let Some(pos) = row.try_get::<Option<i64>>("pos")? else {
        return Ok(());
    };
    query(
        "INSERT INTO settings (name, value) VALUES ('events_kept_after', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(pos.to_string())
    .execute(tx.write())?;
    query("DELETE FROM events WHERE pos <= $1")
        .bind(pos)
        .execute(tx.write())?;
    Ok(())
}

fn tell(conn: &mut Conn, viewer: &Viewer, row: &Row) -> Result<Missed, Error> {
    let chat_id: ChatId = read_id(row, "chat_id")?;
    let number = Some(Number {
        scope: match row.try_get::<Option<&str>>("user_id")? {
            None => Scope::Chat,
            Some(_) => Scope::Private,
        },
        seq: read_count(row, "seq")?,
    });
    let kind = Kind::read(row.try_get("kind")?).ok_or_else(|| super::bad_column("kind"))?;
    let message_id: Option<MessageId> = optional_id(row, "message_id")?;
    let inside = match members::role_of(conn, &chat_id, viewer) {
        Ok(_role) => true,
        Err(Error::NotFound(_)) => false,
        Err(error) => return Err(error),
    };
    // Of a chat that one is not in any more nothing else is told, whatever it was then.
    if !inside || kind == Kind::ChatRemoved {
        return missed(name::CHAT_REMOVED, &ChatRemoved { chat_id, number });
    }
    let Some(message_id) = message_id else {
        let chat = chats::view(conn, viewer, &chat_id)?;
        return missed(name::CHAT_UPDATED, &ChatUpdated { chat, number });
    };
    let message = match kind {
        Kind::NewMessage | Kind::MessageUpdated => messages::find(conn, viewer, &chat_id, &message_id)?,
        Kind::MessageDeleted | Kind::ChatUpdated | Kind::ChatRemoved => None,
    };
    match message {
        Some(message) => {
            let event = if kind == Kind::NewMessage {
                name::NEW_MESSAGE
            } else {
                name::MESSAGE_UPDATED
            };
            missed(
                event,
                &MessageEvent {
                    chat_id,
                    message,
                    number,
                },
            )
        }
        // Deleted, or not for this person any more: for them it is the same.
        None => missed(
            name::MESSAGE_DELETED,
            &MessageDeleted {
                chat_id,
                message_id,
                number,
            },
        ),
    }
}

fn missed(event: &'static str, data: &impl serde::Serialize) -> Result<Missed, Error> {
    let data = serde_json::to_value(data).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Missed { event, data })
}
