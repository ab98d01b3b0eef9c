//! Messages, and which of them are known to follow each other.

use std::{collections::HashSet, sync::Arc};

use khaya_wire::{ChatId, ClientId, Message, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Account, Answer, Place, Position, Put, StoreError, apply, chats, counts,
    profile::{from_json, id, to_json},
    reads, search,
};

pub(super) fn put(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    messages: Vec<Message>,
    place: &Place,
    seq: Option<u64>,
    overtaken: &HashSet<MessageId>,
) -> Result<Answer, StoreError> {
    let Some(number) = chats::number_of(db, account, chat)? else {
        return Ok(nothing(chat));
    };
    let messages = messages.into_iter().map(|message| {
        let told = Telling {
            seq,
            is_overtaken: overtaken.contains(&message.id),
        };
        (message, told)
    });
    put_in(db, account, (number, chat), messages.collect(), place).map(Answer::Put)
}

/// The same, for a chat whose number is known.
pub(super) fn put_in(
    db: &Connection,
    account: &Account,
    (number, chat): (i64, &ChatId),
    mut messages: Vec<(Message, Telling)>,
    place: &Place,
) -> Result<Put, StoreError> {
    messages.sort_by(|(a, _), (b, _)| a.position().cmp(&b.position()));
    messages.dedup_by(|(a, _), (b, _)| a.id == b.id);
    let is_first = *place == Place::Live && is_empty(db, number)?;
    let follows_stored = match place {
        Place::PageAfter { message } => row(db, number, message)?.is_some(),
        Place::Live | Place::Alone | Place::Follows | Place::NewestPage { .. } | Place::PageBefore { .. } => {
            true
        }
    };
    let gone = clear(db, number, &messages, place)?;
    let mut stored = Vec::with_capacity(messages.len());
    let mut new = Vec::new();
    let (mut from_others, mut mention) = (Vec::new(), None);
    let (mut is_after_gap, mut count_is_doubtful) = (false, false);
    for (index, (message, told)) in messages.into_iter().enumerate() {
        let gap = match place {
            Place::Live => is_first && index == 0,
            Place::Alone => true,
            Place::NewestPage { has_more } | Place::PageBefore { has_more, .. } => *has_more && index == 0,
            Place::PageAfter { .. } => index == 0 && !follows_stored,
            Place::Follows => false,
        };
        let is_own = message.sender_id == account.user;
        let Placed {
            message,
            is_new,
            has_gap,
            is_buried,
        } = put_one(db, account, number, message, gap, told)?;
        is_after_gap |= index == 0 && has_gap;
        count_is_doubtful |= is_buried && counts::take_unread(db, number, &message)?;
        if is_new {
            new.push(message.id.clone());
            if !is_own && message.deleted_at.is_none() {
                from_others.push((message.created_at, message.id.clone()));
                if counts::names(account, &message) {
                    mention = from_others.last().cloned();
                }
            }
        }
        stored.push(message);
    }
    if let Place::PageBefore { message, .. } = place {
        db.prepare_cached("UPDATE messages SET gap = 0 WHERE chat = ?1 AND id = ?2 AND gap = 1")?
            .execute(params![number, message.as_str()])?;
        is_after_gap &= stored.first().is_none_or(|first| first.id != *message);
    }
    let mut counts = counts::add(db, number, &from_others, mention)?;
    // It may have been changed while it was not stored.
    if let Some(message) = stored.iter().find(|message| counts.names_in(message))
        && !counts::names(account, message)
    {
        counts::mention_again(db, account, number, message)?;
        counts = counts::counts(db, number)?;
    }
    Ok(Put {
        chat: chat.clone(),
        quoted: quoted(db, number, &stored)?,
        reads: if counts.has_unplaced_reads && !new.is_empty() {
            reads::place(db, account, number, chat)?
        } else {
            None
        },
        newest: newest_of(db, number, &stored)?,
        messages: stored,
        new,
        gone,
        unread: counts.unread,
        count_is_doubtful,
        mentioned: counts.mentioned,
        is_after_gap,
    })
}

/// What became of a message, if it is stored.
pub(super) fn edit(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    message: Message,
    seq: Option<u64>,
) -> Result<Answer, StoreError> {
    let Some(number) = chats::number_of(db, account, chat)? else {
        return Ok(nothing(chat));
    };
    if row(db, number, &message.id)?.is_none() {
        let is_buried = message.deleted_at.is_some() && message.sender_id != account.user;
        return unknown(db, number, chat, is_buried);
    }
    let told = Telling {
        seq,
        is_overtaken: false,
    };
    let Placed {
        message, is_buried, ..
    } = put_one(db, account, number, message, true, told)?;
    let count_is_doubtful = is_buried && counts::take_unread(db, number, &message)?;
    counts::mention_again(db, account, number, &message)?;
    told_of(db, number, chat, vec![message], count_is_doubtful)
}

/// Leaves a tombstone where a message was.
pub(super) fn bury(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    message: &MessageId,
    seq: Option<u64>,
    at: Timestamp,
) -> Result<Answer, StoreError> {
    let Some(number) = chats::number_of(db, account, chat)? else {
        return Ok(nothing(chat));
    };
    match find(db, number, message)? {
        Some(message) => edit(db, account, chat, apply::tombstone(message, at), seq),
        None => unknown(db, number, chat, true),
    }
}

/// What is to be said of a message that is not stored. Whether one that is deleted was among those that are unread, the
/// server alone knows.
fn unknown(db: &Connection, number: i64, chat: &ChatId, is_buried: bool) -> Result<Answer, StoreError> {
    let may_be_counted = is_buried && counts::counts(db, number)?.unread > 0;
    told_of(db, number, chat, Vec::new(), may_be_counted)
}

/// What is to be said where nothing was stored.
pub(super) fn unchanged(db: &Connection, number: i64, chat: &ChatId) -> Result<Answer, StoreError> {
    told_of(db, number, chat, Vec::new(), false)
}

pub(super) fn find(db: &Connection, number: i64, message: &MessageId) -> Result<Option<Message>, StoreError> {
    Ok(row(db, number, message)?.map(|row| row.message))
}

fn told_of(
    db: &Connection,
    number: i64,
    chat: &ChatId,
    messages: Vec<Arc<Message>>,
    count_is_doubtful: bool,
) -> Result<Answer, StoreError> {
    let counts = counts::counts(db, number)?;
    Ok(Answer::Put(Put {
        chat: chat.clone(),
        quoted: quoted(db, number, &messages)?,
        newest: newest_of(db, number, &messages)?,
        messages,
        new: Vec::new(),
        gone: Vec::new(),
        unread: counts.unread,
        count_is_doubtful,
        mentioned: counts.mentioned,
        reads: None,
        is_after_gap: false,
    }))
}

/// The stored messages that some messages reply to, where they are not among them.
pub(super) fn quoted(
    db: &Connection,
    number: i64,
    messages: &[Arc<Message>],
) -> Result<Vec<Arc<Message>>, StoreError> {
    let mut quoted: Vec<Arc<Message>> = Vec::new();
    for original in messages.iter().filter_map(|message| message.reply_to.as_ref()) {
        let is_there = |known: &[Arc<Message>]| known.iter().any(|message| message.id == *original);
        if !is_there(messages) && !is_there(&quoted) {
            quoted.extend(find(db, number, original)?.map(Arc::new));
        }
    }
    Ok(quoted)
}

/// When a message was sent, if it is stored.
pub(super) fn time_of(
    db: &Connection,
    number: i64,
    message: &MessageId,
) -> Result<Option<Timestamp>, StoreError> {
    Ok(row(db, number, message)?.map(|row| row.message.created_at))
}

/// The newest message of a chat; it may be one of these.
fn newest_of(
    db: &Connection,
    number: i64,
    known: &[Arc<Message>],
) -> Result<Option<Arc<Message>>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT id, body FROM messages WHERE chat = ?1 ORDER BY at DESC, id DESC LIMIT 1")?;
    let mut rows = statement.query([number])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let id = row.get_ref(0)?.as_str().unwrap_or_default();
    if let Some(newest) = known.last().filter(|last| last.id.as_str() == id) {
        return Ok(Some(Arc::clone(newest)));
    }
    from_json(row.get_ref(1)?.as_str().unwrap_or_default()).map(|newest| Some(Arc::new(newest)))
}

fn is_empty(db: &Connection, number: i64) -> Result<bool, StoreError> {
    let has_any = db
        .prepare_cached("SELECT 1 FROM messages WHERE chat = ?1 LIMIT 1")?
        .exists([number])?;
    Ok(!has_any)
}

/// How many stored messages of others there are behind `place`; all of them, where there is none.
pub(super) fn count_of_others_after(
    db: &Connection,
    account: &Account,
    number: i64,
    place: Option<&Position>,
) -> Result<u64, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT count(*) FROM messages
             WHERE chat = ?1 AND (at, id) > (?2, ?3) AND sender <> ?4 AND body ->> '$.deletedAt' IS NULL",
        )?
        .query_row(
            params![
                number,
                place.map_or(i64::MIN, |(at, _)| at.as_millis()),
                place.map_or("", |(_, id)| id.as_str()),
                account.user.as_str()
            ],
            |row| row.get(0),
        )?)
}

/// How many messages of others there are behind one place and up to another; `None` where some may not be stored.
pub(super) fn count_of_others_between(
    db: &Connection,
    account: &Account,
    number: i64,
    after: &Position,
    up_to: &Position,
) -> Result<Option<u64>, StoreError> {
    let (count, has_gap): (u64, bool) = db
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE sender <> ?6 AND body ->> '$.deletedAt' IS NULL), coalesce(max(gap), 0)
             FROM messages WHERE chat = ?1 AND (at, id) > (?2, ?3) AND (at, id) <= (?4, ?5)",
        )?
        .query_row(
            params![
                number,
                after.0.as_millis(),
                after.1.as_str(),
                up_to.0.as_millis(),
                up_to.1.as_str(),
                account.user.as_str()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    Ok((!has_gap).then_some(count))
}

/// Removes what a page shows to be gone: messages that are stored for a time within it and are not in it.
fn clear(
    db: &Connection,
    number: i64,
    page: &[(Message, Telling)],
    place: &Place,
) -> Result<Vec<MessageId>, StoreError> {
    let (Some((first, _)), Some((last, _))) = (page.first(), page.last()) else {
        return Ok(Vec::new());
    };
    let from = match place {
        Place::Live | Place::Alone | Place::Follows => return Ok(Vec::new()),
        Place::NewestPage { has_more: false } | Place::PageBefore { has_more: false, .. } => i64::MIN,
        Place::NewestPage { .. } | Place::PageBefore { .. } | Place::PageAfter { .. } => {
            first.created_at.as_millis()
        }
    };
    let stored: Vec<String> = db
        .prepare_cached("SELECT id FROM messages WHERE chat = ?1 AND at > ?2 AND at < ?3")?
        .query_map(params![number, from, last.created_at.as_millis()], |row| {
            row.get(0)
        })?
        .collect::<Result<_, _>>()?;
    let mut gone = Vec::new();
    for text in stored {
        if !page.iter().any(|(message, _)| message.id.as_str() == text) {
            db.prepare_cached("DELETE FROM messages WHERE chat = ?1 AND id = ?2")?
                .execute(params![number, text])?;
            gone.push(id(&text)?);
        }
    }
    Ok(gone)
}

/// A stored message and its mark.
struct Row {
    message: Message,
    gap: bool,
    /// The number of the last event that told of it.
    seq: Option<u64>,
}

/// How a message was told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling {
    /// The number of the event.
    pub(super) seq: Option<u64>,
    /// Whether something newer has been told since it was asked for.
    pub(super) is_overtaken: bool,
}

/// A message that has been stored.
struct Placed {
    message: Arc<Message>,
    is_new: bool,
    /// Whether there may be messages before it that are not stored.
    has_gap: bool,
    /// Whether it is somebody else's, and was not deleted before.
    is_buried: bool,
}

/// Stores a message.
fn put_one(
    db: &Connection,
    account: &Account,
    number: i64,
    message: Message,
    gap: bool,
    told: Telling,
) -> Result<Placed, StoreError> {
    let known = row(db, number, &message.id)?;
    let is_new = known.is_none();
    let mut is_buried = false;
    let (message, gap, seq) = match known {
        Some(known) => {
            let seq = known.seq.max(told.seq);
            let merged = merge(&known, message, told);
            if merged == known.message && (gap || !known.gap) && seq == known.seq {
                // Most of what is fetched is known: that costs no wait for the disk.
                return Ok(Placed {
                    message: Arc::new(merged),
                    is_new,
                    has_gap: known.gap,
                    is_buried: false,
                });
            }
            is_buried = known.message.deleted_at.is_none()
                && merged.deleted_at.is_some()
                && merged.sender_id != account.user;
            db.prepare_cached("DELETE FROM messages WHERE chat = ?1 AND id = ?2")?
                .execute(params![number, merged.id.as_str()])?;
            (merged, known.gap && gap, seq)
        }
        None => (message, gap, told.seq),
    };
    if let Some(client_id) = message
        .client_id
        .as_ref()
        .filter(|_| message.sender_id == account.user)
    {
        super::outbox::take(db, account, client_id)?;
        release(db, number, client_id)?;
    }
    let place = search::number_for(db, &message)?;
    db.prepare_cached(
        "INSERT INTO messages (chat, at, id, gap, sender, client_id, body, seq, number)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        number,
        message.created_at.as_millis(),
        message.id.as_str(),
        gap,
        message.sender_id.as_str(),
        message.client_id.as_ref().map(AsRef::as_ref),
        to_json(&message)?,
        seq,
        place,
    ])?;
    search::put(db, number, place, &message)?;
    Ok(Placed {
        message: Arc::new(message),
        is_new,
        has_gap: gap,
        is_buried,
    })
}

/// Takes a client id off the message that was wrongly taken for the one it belongs to.
fn release(db: &Connection, number: i64, client_id: &ClientId) -> Result<(), StoreError> {
    let wrong: Option<String> = db
        .prepare_cached("SELECT body FROM messages WHERE chat = ?1 AND client_id = ?2")?
        .query_row(params![number, client_id.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(body) = wrong {
        let mut message: Message = from_json(&body)?;
        message.client_id = None;
        db.prepare_cached("UPDATE messages SET client_id = NULL, body = ?3 WHERE chat = ?1 AND id = ?2")?
            .execute(params![number, message.id.as_str(), to_json(&message)?])?;
    }
    Ok(())
}

/// Joins two tellings of one message, of which either may be the older one: answers and events overtake each
/// other.
fn merge(known: &Row, message: Message, told: Telling) -> Message {
    let stored = &known.message;
    let is_older = told.is_overtaken
        || stored.deleted_at.is_some() && message.deleted_at.is_none()
        || match (known.seq, told.seq) {
            (Some(known), Some(told)) => told < known,
            (_, _) => stored.edited_at > message.edited_at,
        };
    let client_id = message.client_id.clone().or_else(|| stored.client_id.clone());
    let current = if is_older { stored.clone() } else { message };
    Message { client_id, ..current }
}

fn row(db: &Connection, number: i64, message: &MessageId) -> Result<Option<Row>, StoreError> {
    db.prepare_cached("SELECT body, gap, seq FROM messages WHERE chat = ?1 AND id = ?2")?
        .query_row(params![number, message.as_str()], |row| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?
        .map(|(body, gap, seq)| {
            Ok(Row {
                message: from_json(&body)?,
                gap,
                seq,
            })
        })
        .transpose()
}

pub(super) fn nothing(chat: &ChatId) -> Answer {
    Answer::Put(Put {
        chat: chat.clone(),
        messages: Vec::new(),
        new: Vec::new(),
        gone: Vec::new(),
        newest: None,
        unread: 0,
        count_is_doubtful: false,
        mentioned: None,
        reads: None,
        is_after_gap: false,
        quoted: Vec::new(),
    })
}
