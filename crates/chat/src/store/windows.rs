//! Runs of messages that follow each other, for a window of the timeline.

use std::sync::Arc;

use khaya_wire::{ChatId, Message, MessageId};
use rusqlite::{Connection, params};

use super::{
    Account, Position, StoreError, chats,
    messages::{find, quoted},
    profile::from_json,
};

/// Messages that follow each other, oldest first.
#[derive(Debug, Clone)]
pub struct Window {
    pub chat: ChatId,
    pub messages: Vec<Arc<Message>>,
    /// What is before the first of them; or after the last, where messages after a place were asked for.
    pub edge: Edge,
    /// Messages that these reply to, as far as they are stored.
    pub quoted: Vec<Arc<Message>>,
}

/// Where a window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// There are more on disk.
    Stored,
    /// There may be more at the server.
    Gap,
    /// There are no more.
    End,
}

/// A page of a chat's messages before a place, and after one.
pub(super) const BEFORE: &str = "SELECT body, gap FROM messages WHERE chat = ?1 AND (at, id) < (?2, ?3)
     ORDER BY at DESC, id DESC LIMIT ?4";
pub(super) const AFTER: &str = "SELECT body, gap FROM messages WHERE chat = ?1 AND (at, id) > (?2, ?3)
     ORDER BY at, id LIMIT ?4";

pub(super) fn newest(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    limit: usize,
) -> Result<Window, StoreError> {
    // Greater than any position that there can be.
    let end = (i64::MAX, String::new());
    backward(db, account, chat, end, limit)
}

pub(super) fn before(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    place: &Position,
    limit: usize,
) -> Result<Window, StoreError> {
    backward(
        db,
        account,
        chat,
        (place.0.as_millis(), place.1.to_string()),
        limit,
    )
}

pub(super) fn after(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    place: &Position,
    limit: usize,
) -> Result<Window, StoreError> {
    let mut window = empty(chat);
    if let Some(number) = chats::number_of(db, account, chat)? {
        let mut statement = db.prepare_cached(AFTER)?;
        // One more than asked for tells whether there is more.
        let limit_and_one = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
        let mut rows = statement.query(params![
            number,
            place.0.as_millis(),
            place.1.as_str(),
            limit_and_one
        ])?;
        while let Some(row) = rows.next()? {
            if row.get(1)? {
                window.edge = Edge::Gap;
                break;
            }
            if window.messages.len() == limit {
                window.edge = Edge::Stored;
                break;
            }
            window.messages.push(parse(row)?);
        }
        window.quoted = quoted(db, number, &window.messages)?;
    }
    Ok(window)
}

/// What ends with a message, and what follows it.
pub(super) fn around(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    message: &MessageId,
    limit: usize,
) -> Result<Option<(Window, Window)>, StoreError> {
    let Some(number) = chats::number_of(db, account, chat)? else {
        return Ok(None);
    };
    let Some(message) = find(db, number, message)? else {
        return Ok(None);
    };
    let place = (message.created_at, message.id);
    // Just behind the message: no id ends with this character.
    let behind = (place.0.as_millis(), format!("{}\u{7f}", place.1));
    let before = backward(db, account, chat, behind, limit)?;
    Ok(Some((before, after(db, account, chat, &place, limit)?)))
}

/// The newest pinned messages of a chat, oldest first.
pub(super) fn pins(db: &Connection, account: &Account, chat: &ChatId) -> Result<Window, StoreError> {
    const MOST: i64 = 50;
    let mut window = empty(chat);
    if let Some(number) = chats::number_of(db, account, chat)? {
        let mut statement = db.prepare_cached(
            "SELECT body FROM messages WHERE chat = ?1 AND body ->> '$.pinned' = 1
             ORDER BY at DESC, id DESC LIMIT ?2",
        )?;
        let mut rows = statement.query(params![number, MOST])?;
        while let Some(row) = rows.next()? {
            window.messages.push(parse(row)?);
        }
        window.messages.reverse();
    }
    Ok(window)
}

fn backward(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    (at, id): (i64, String),
    limit: usize,
) -> Result<Window, StoreError> {
    let mut window = empty(chat);
    if let Some(number) = chats::number_of(db, account, chat)? {
        let mut statement = db.prepare_cached(BEFORE)?;
        let limit_and_one = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
        let mut rows = statement.query(params![number, at, id, limit_and_one])?;
        while let Some(row) = rows.next()? {
            if window.messages.len() == limit {
                window.edge = Edge::Stored;
                break;
            }
            window.messages.push(parse(row)?);
            if row.get(1)? {
                window.edge = Edge::Gap;
                break;
            }
        }
        window.messages.reverse();
        window.quoted = quoted(db, number, &window.messages)?;
    }
    Ok(window)
}

fn parse(row: &rusqlite::Row<'_>) -> Result<Arc<Message>, StoreError> {
    let body: String = row.get(0)?;
    Ok(Arc::new(from_json(&body)?))
}

fn empty(chat: &ChatId) -> Window {
    Window {
        chat: chat.clone(),
        messages: Vec::new(),
        edge: Edge::End,
        quoted: Vec::new(),
    }
}
