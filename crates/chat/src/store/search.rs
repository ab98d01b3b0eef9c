//! Finding stored messages by their words.
//!
//! Owns: which words a message is found by, the index of them, and the excerpts that show why something was found.
//!
//! The rows of the index have numbers that grow with the messages' time. So the newest that match come first without
//! that all of them are looked at, and a page goes on where the one before ended. What a search can be narrowed down to
//! (chat, sender, files, links) is in the index as words that no text has.

mod excerpt;
mod words;

use std::{fmt::Write, sync::Arc};

use khaya_wire::{ChatId, Message, Timestamp, UserId};
use rusqlite::{Connection, params};

pub use self::excerpt::{Piece, excerpt};
use self::words::{Term, terms, words};
use super::{Account, StoreError, chats, profile::from_json};

/// What is looked for. All of it must be so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// All of these words; the last one may be unfinished.
    pub text: String,
    /// In one of these chats; in any where there are none.
    pub chats: Vec<ChatId>,
    /// From one of these people; from anybody where there are none.
    pub senders: Vec<UserId>,
    /// Sent at this time or later.
    pub after: Option<Timestamp>,
    /// Sent before this time.
    pub before: Option<Timestamp>,
    pub has: Vec<Has>,
}

/// What a message may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Has {
    File,
    Image,
    Link,
}

/// A page of what was found, newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    pub messages: Vec<Arc<Message>>,
    /// Where the next page begins; `None` where there is none.
    pub next: Option<i64>,
}

/// The first of those that no text has as a part of a word: Unicode's private use.
const OWN: char = '\u{e000}';

/// The bits of a number that tell apart messages of one millisecond.
const SAME_TIME_BITS: u32 = 20;

impl Query {
    /// Whether there are words to be looked for.
    #[must_use]
    pub fn has_words(&self) -> bool {
        !terms(&self.text).is_empty()
    }

    /// Whether a message is what is looked for.
    #[must_use]
    pub fn is_met_by(&self, message: &Message) -> bool {
        let words = words(&message.content);
        let is_there = |term: &Term| words.iter().any(|word| term.is_met_by(word));
        self.admits(message)
            && terms(&self.text).iter().all(is_there)
            && words::has_runs(&message.content, &words::long_runs(&self.text))
    }

    /// Whether a message is among those that are looked through for the words.
    #[must_use]
    pub fn admits(&self, message: &Message) -> bool {
        is_to_be_found(message)
            && (self.chats.is_empty() || self.chats.contains(&message.chat_id))
            && (self.senders.is_empty() || self.senders.contains(&message.sender_id))
            && self.after.is_none_or(|after| message.created_at >= after)
            && self.before.is_none_or(|before| message.created_at < before)
            && self.has.iter().all(|has| has.is_so(message))
    }
}

/// Looks for messages of an account.
pub(super) fn find(
    db: &Connection,
    account: &Account,
    query: &Query,
    from: Option<i64>,
    limit: usize,
) -> Result<Found, StoreError> {
    let terms = terms(&query.text);
    let Some(expression) = expression(db, account, query, &terms)? else {
        return Ok(Found::default());
    };
    let end = query.before.map_or(i64::MAX, |time| first_at(time.as_millis()));
    let start = query.after.map_or(i64::MIN, |time| first_at(time.as_millis()));
    let mut statement = db.prepare_cached(
        "SELECT s.rowid, m.body FROM search s CROSS JOIN messages m ON m.number = s.rowid
             CROSS JOIN chats c ON c.number = m.chat
         WHERE s.search MATCH ?1 AND s.rowid < ?2 AND s.rowid >= ?3 AND c.account = ?4 ORDER BY s.rowid DESC",
    )?;
    let mut rows = statement.query(params![
        expression,
        from.map_or(end, |from| from.min(end)),
        start,
        account.number
    ])?;
    let runs = words::long_runs(&query.text);
    let mut found = Found::default();
    let mut last = None;
    while let Some(row) = rows.next()? {
        if found.messages.len() == limit {
            found.next = last;
            break;
        }
        let message: Message = from_json(row.get_ref(1)?.as_str().unwrap_or_default())?;
        // Pairs that are all there need not stand together, and a picture is filed as any other file.
        if !words::has_runs(&message.content, &runs) || !query.has.iter().all(|has| has.is_so(&message)) {
            continue;
        }
        last = Some(row.get(0)?);
        found.messages.push(Arc::new(message));
    }
    Ok(found)
}

/// The number for a message that is to be stored.
pub(super) fn number_for(db: &Connection, message: &Message) -> Result<i64, StoreError> {
    let first = first_at(message.created_at.as_millis());
    let count = 1 << SAME_TIME_BITS;
    // FNV-1a: the same message gets the same number, and those of one time different ones.
    let hash = message
        .id
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
    let start = i64::try_from(hash >> (64 - SAME_TIME_BITS)).unwrap_or_default();
    let mut taken = db.prepare_cached("SELECT 1 FROM messages WHERE number = ?1")?;
    for step in 0..count {
        let number = first + (start + step) % count;
        if !taken.exists([number])? {
            return Ok(number);
        }
    }
    Err(StoreError::Internal("too many messages of one time".to_owned()))
}

/// Puts a message that was just stored into the index. It leaves it by itself when it is removed.
pub(super) fn put(db: &Connection, chat: i64, number: i64, message: &Message) -> Result<(), StoreError> {
    if !is_to_be_found(message) {
        return Ok(());
    }
    let mut text = String::with_capacity(2 * message.content.len());
    for word in words(&message.content) {
        text.push_str(&word.folded);
        text.push(' ');
    }
    text.push_str(&in_chat(chat));
    text.push(' ');
    text.push_str(&sent_by(&message.sender_id));
    for has in [Has::File, Has::Link] {
        if has.is_so(message) {
            text.push(' ');
            text.push_str(&has.word());
        }
    }
    db.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?
        .execute(params![number, text])?;
    Ok(())
}

/// Puts all messages of a store of before there was an index into it.
pub(super) fn put_all(db: &Connection) -> Result<(), StoreError> {
    let mut statement = db.prepare("SELECT chat, number, body FROM messages")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let message: Message = from_json(row.get_ref(2)?.as_str().unwrap_or_default())?;
        put(db, row.get(0)?, row.get(1)?, &message)?;
    }
    Ok(())
}

fn is_to_be_found(message: &Message) -> bool {
    message.deleted_at.is_none() && message.system.is_none()
}

impl Has {
    fn is_so(self, message: &Message) -> bool {
        let mut files = message.attachments.iter().flatten();
        match self {
            Self::File => files.next().is_some(),
            Self::Image => files.any(|file| file.mime_type.starts_with("image/")),
            Self::Link => ["http://", "https://"]
                .iter()
                .any(|scheme| message.content.contains(scheme)),
        }
    }

    fn word(self) -> String {
        match self {
            Self::File | Self::Image => format!("{OWN}file"),
            Self::Link => format!("{OWN}link"),
        }
    }
}

/// The query in FTS5's language (sqlite.org/fts5.html, section 3); `None` where nothing can be found by it.
fn expression(
    db: &Connection,
    account: &Account,
    query: &Query,
    terms: &[Term],
) -> Result<Option<String>, StoreError> {
    let mut all: Vec<String> = terms
        .iter()
        .map(|term| format!("\"{}\"{}", term.folded, if term.is_beginning { " *" } else { "" }))
        .collect();
    // A text of signs only is not a wish for everything.
    if all.is_empty() && !query.text.trim().is_empty() {
        return Ok(None);
    }
    if !query.chats.is_empty() {
        let mut any = Vec::new();
        for chat in &query.chats {
            any.extend(chats::number_of(db, account, chat)?.map(in_chat));
        }
        all.push(any_of(&any));
    }
    if !query.senders.is_empty() {
        all.push(any_of(&query.senders.iter().map(sent_by).collect::<Vec<_>>()));
    }
    all.extend(query.has.iter().map(|has| format!("\"{}\"", has.word())));
    let can_be = !all.is_empty() && all.iter().all(|part| !part.is_empty());
    Ok(can_be.then(|| all.join(" AND ")))
}

fn any_of(words: &[String]) -> String {
    if words.is_empty() {
        return String::new();
    }
    let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("({})", quoted.join(" OR "))
}

fn in_chat(number: i64) -> String {
    format!("{OWN}c{number}")
}

/// An id's characters in ones that make a single word.
fn sent_by(sender: &UserId) -> String {
    let mut word = format!("{OWN}s");
    for byte in sender.as_str().bytes() {
        // Writing to a string cannot fail.
        let _ = write!(word, "{byte:02x}");
    }
    word
}

fn first_at(millis: i64) -> i64 {
    const MOST: i64 = (1 << (62 - SAME_TIME_BITS)) - 1;
    millis.clamp(-MOST - 1, MOST) << SAME_TIME_BITS
}
