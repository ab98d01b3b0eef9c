//! Chats, their counts and their read markers.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use khaya_wire::{Chat, ChatId, Message, MessageId, Timestamp, UserId, model::ReadMarker};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::{
    Account, Answer, Change, ChatFacts, Markers, Place, Position, Read, StoreError, StoredChat, apply,
    counts::{Counts, counts, position, recount, set_counts},
    messages,
    profile::{from_json, id, to_json},
};
use crate::mention;

/// What the list shows of a chat: its facts, its counts and its newest message.
macro_rules! list {
    ($which:literal) => {
        concat!(
            "SELECT facts, reads,
                 (SELECT body FROM messages WHERE chat = chats.number ORDER BY at DESC, id DESC LIMIT 1),
                 unread, marker_is_confirmed, marker_at, marker_id, mentioned_at, mentioned_id
             FROM chats WHERE ",
            $which
        )
    };
}

/// All chats of an account, with all counts.
pub(super) const LIST: &str = list!("account = ?1");

/// One of them, by its number.
const ONE: &str = list!("number = ?1");

/// All chats of an account, in no order.
pub(super) fn load(db: &Connection, account: &Account) -> Result<Vec<StoredChat>, StoreError> {
    let mut drafts = drafts(db, account)?;
    let mut statement = db.prepare_cached(LIST)?;
    let mut rows = statement.query([account.number])?;
    let mut chats = Vec::new();
    while let Some(row) = rows.next()? {
        let mut stored = stored(row)?;
        stored.draft = drafts.remove(&stored.chat.id).unwrap_or_default();
        chats.push(stored);
    }
    Ok(chats)
}

pub(super) fn put(
    db: &Connection,
    account: &Account,
    chats: Vec<ChatFacts>,
    all: Option<&HashSet<ChatId>>,
) -> Result<Answer, StoreError> {
    let drafts = drafts(db, account)?;
    let mut stored = Vec::with_capacity(chats.len());
    for facts in chats {
        let mut chat = put_one(db, account, facts)?;
        chat.draft = drafts.get(&chat.chat.id).cloned().unwrap_or_default();
        stored.push(chat);
    }
    let mut absent = Vec::new();
    if let Some(all) = all {
        absent = ids(db, account)?;
        absent.retain(|chat| !all.contains(chat));
        db.execute(
            "INSERT INTO synced (account, has_chats) VALUES (?1, 1)
             ON CONFLICT (account) DO UPDATE SET has_chats = 1 WHERE NOT has_chats",
            [account.number],
        )?;
    }
    Ok(Answer::Chats {
        chats: stored,
        absent,
    })
}

pub(super) fn remove(db: &Connection, account: &Account, chat: &ChatId) -> Result<(), StoreError> {
    db.execute(
        "DELETE FROM chats WHERE account = ?1 AND id = ?2",
        params![account.number, chat.as_str()],
    )?;
    Ok(())
}

pub(super) fn mark_read(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    position: &Position,
) -> Result<Answer, StoreError> {
    let Some(number) = number_of(db, account, chat)? else {
        return Ok(unread_of_none(chat));
    };
    let before = counts(db, number)?;
    if before.marker.as_ref().is_none_or(|marker| marker < position) {
        // Of the messages behind the new marker only those that are stored can be counted; what was not counted
        // before cannot have become unread by reading.
        let unread = messages::count_of_others_after(db, account, number, position)?.min(before.unread);
        set_counts(
            db,
            number,
            &Counts {
                unread,
                read_here: before.server_unread.saturating_sub(unread),
                marker: Some(position.clone()),
                marker_is_confirmed: false,
                ..before
            },
        )?;
    }
    unread(db, number, chat)
}

pub(super) fn confirm_read(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    position: &Position,
) -> Result<(), StoreError> {
    let Some(number) = number_of(db, account, chat)? else {
        return Ok(());
    };
    let before = counts(db, number)?;
    if before.marker.as_ref() == Some(position) {
        set_counts(
            db,
            number,
            &Counts {
                marker_is_confirmed: true,
                server_unread: before.server_unread.saturating_sub(before.read_here),
                read_here: 0,
                ..before
            },
        )?;
    }
    Ok(())
}

pub(super) fn put_read(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    user: UserId,
    message: MessageId,
) -> Result<Answer, StoreError> {
    let Some(number) = number_of(db, account, chat)? else {
        return Ok(unread_of_none(chat));
    };
    let at = messages::time_of(db, number, &message)?;
    if user == account.user {
        if let Some(at) = at {
            mark_read(db, account, chat, &(at, message.clone()))?;
            confirm_read(db, account, chat, &(at, message))?;
        }
        return unread(db, number, chat);
    }
    let mut reads = reads(db, number)?;
    match reads.iter_mut().find(|read| read.user == user) {
        // A marker never moves back.
        Some(read) if at.is_some() && at < read.at => {}
        Some(read) => *read = Read { user, message, at },
        None => reads.push(Read { user, message, at }),
    }
    set_reads(db, number, &reads)?;
    Ok(Answer::Reads {
        chat: chat.clone(),
        reads,
    })
}

/// The number of a chat's row.
pub(super) fn number_of(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
) -> Result<Option<i64>, StoreError> {
    Ok(db
        .prepare_cached("SELECT number FROM chats WHERE account = ?1 AND id = ?2")?
        .query_row(params![account.number, chat.as_str()], |row| row.get(0))
        .optional()?)
}

/// Stores one chat.
pub(super) fn put_one(
    db: &Connection,
    account: &Account,
    facts: ChatFacts,
) -> Result<StoredChat, StoreError> {
    let ChatFacts {
        mut chat,
        counts: counted,
        is_overtaken,
    } = facts;
    let last = chat.last_message.take();
    let told_reads = chat.reads.take();
    for member in &mut chat.members {
        // That is of the moment.
        member.presence = None;
    }
    let known = number_of(db, account, &chat.id)?;
    let is_new = known.is_none();
    let is_older = match known {
        Some(number) => is_overtaken || chat.seq.is_some() && chat.seq < facts_of(db, number)?.seq,
        None => false,
    };
    if !is_older {
        db.prepare_cached(
            "INSERT INTO chats (account, id, facts) VALUES (?1, ?2, ?3)
             ON CONFLICT (account, id) DO UPDATE SET facts = excluded.facts WHERE facts <> excluded.facts",
        )?
        .execute(params![account.number, chat.id.as_str(), to_json(&chat)?])?;
    }
    let Some(number) = number_of(db, account, &chat.id)? else {
        return Err(StoreError::Unusable("a chat is not where it was put".to_owned()));
    };
    let last_position = last.as_ref().map(|last| (last.created_at, last.id.clone()));
    let (mut newest_is_new, mut told) = (false, None);
    if let Some(last) = last
        && last.chat_id == chat.id
    {
        let none = HashSet::new();
        let put = messages::put(db, account, &chat.id, vec![last], &Place::Alone, None, &none)?;
        if let Answer::Put(put) = put {
            newest_is_new = put.newest.is_some_and(|newest| put.new.contains(&newest.id));
            told = put.messages.into_iter().next();
        }
    }
    if counted || is_new {
        recount(db, account, number, chat.unread_count, last_position)?;
    }
    if let Some(told) = told_reads {
        put_reads(db, account, number, &chat.id, told)?;
    }
    let mut stored = read(db, number)?;
    stored.newest_is_new = newest_is_new;
    stored.told = told;
    Ok(stored)
}

/// Markers that stand on messages which were not stored may stand on one that is now.
pub(super) fn place_reads(
    db: &Connection,
    account: &Account,
    number: i64,
    chat: &ChatId,
) -> Result<Option<Markers>, StoreError> {
    let mut reads = reads(db, number)?;
    let mut is_better = false;
    for read in reads.iter_mut().filter(|read| read.at.is_none()) {
        read.at = messages::time_of(db, number, &read.message)?;
        is_better |= read.at.is_some();
    }
    if !is_better {
        return Ok(None);
    }
    let own = reads
        .extract_if(.., |read| read.user == account.user && read.at.is_some())
        .next();
    if let Some(Read {
        message,
        at: Some(at),
        ..
    }) = own
    {
        put_own_marker(db, number, chat, (at, message))?;
    }
    set_reads(db, number, &reads)?;
    Ok(Some(Markers {
        others: reads,
        own: counts(db, number)?.marker,
    }))
}

fn put_reads(
    db: &Connection,
    account: &Account,
    number: i64,
    chat: &ChatId,
    told: Vec<ReadMarker>,
) -> Result<(), StoreError> {
    let known: HashMap<_, _> = reads(db, number)?
        .into_iter()
        .map(|read| (read.user.clone(), read))
        .collect();
    let mut reads = Vec::with_capacity(told.len());
    for ReadMarker { user_id, message_id } in told {
        match known.get(&user_id) {
            Some(read) if read.message == message_id && read.at.is_some() => reads.push(read.clone()),
            _ => {
                let at = messages::time_of(db, number, &message_id)?;
                match at.filter(|_| user_id == account.user) {
                    Some(at) => put_own_marker(db, number, chat, (at, message_id))?,
                    // One's own too, until that message is here.
                    None => reads.push(Read {
                        user: user_id,
                        message: message_id,
                        at,
                    }),
                }
            }
        }
    }
    set_reads(db, number, &reads)
}

/// Takes over a marker that was set elsewhere; the count that came with it is right already.
fn put_own_marker(db: &Connection, number: i64, chat: &ChatId, position: Position) -> Result<(), StoreError> {
    let before = counts(db, number)?;
    if before.marker.as_ref().is_none_or(|marker| *marker < position) {
        tracing::trace!(%chat, message = %position.1, "read elsewhere");
        set_counts(
            db,
            number,
            &Counts {
                marker: Some(position),
                marker_is_confirmed: true,
                ..before
            },
        )?;
    }
    Ok(())
}

/// Does to a chat what the server has done to it.
pub(super) fn apply(db: &Connection, number: i64, change: &Change) -> Result<(), StoreError> {
    // A chat that is gone is removed for good by the one who knows.
    if let Some(chat) = apply::to_chat(change, facts_of(db, number)?) {
        db.prepare_cached("UPDATE chats SET facts = ?2 WHERE number = ?1 AND facts <> ?2")?
            .execute(params![number, to_json(&chat)?])?;
    }
    Ok(())
}

/// The newest message that names the person.
pub(super) fn mentioned(db: &Connection, number: i64) -> Result<Option<Position>, StoreError> {
    let place = db
        .prepare_cached("SELECT mentioned_at, mentioned_id FROM chats WHERE number = ?1")?
        .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
    position(place)
}

pub(super) fn put_mention(db: &Connection, number: i64, message: &Message) -> Result<(), StoreError> {
    let place = (message.created_at, message.id.clone());
    if mentioned(db, number)?.is_none_or(|known| known < place) {
        db.prepare_cached("UPDATE chats SET mentioned_at = ?2, mentioned_id = ?3 WHERE number = ?1")?
            .execute(params![number, place.0.as_millis(), place.1.as_str()])?;
    }
    Ok(())
}

/// A message was changed: it may name the person now, or no more.
pub(super) fn mention_again(
    db: &Connection,
    account: &Account,
    number: i64,
    changed: &Message,
) -> Result<(), StoreError> {
    let names = |message: &Message| {
        message.deleted_at.is_none()
            && message.sender_id != account.user
            && mention::names(&message.content, &account.username)
    };
    if names(changed) {
        return put_mention(db, number, changed);
    }
    if mentioned(db, number)? != Some((changed.created_at, changed.id.clone())) {
        return Ok(());
    }
    db.prepare_cached("UPDATE chats SET mentioned_at = NULL, mentioned_id = NULL WHERE number = ?1")?
        .execute([number])?;
    // The one before it, if that is unread.
    let marker = counts(db, number)?.marker;
    let after = marker.map_or(i64::MIN, |(at, _)| at.as_millis());
    let mut statement = db.prepare_cached(
        "SELECT body FROM messages WHERE chat = ?1 AND at >= ?2 ORDER BY at DESC, id DESC LIMIT 200",
    )?;
    let mut rows = statement.query(params![number, after])?;
    while let Some(row) = rows.next()? {
        let message: Message = from_json(row.get_ref(0)?.as_str().unwrap_or_default())?;
        if names(&message) {
            return put_mention(db, number, &message);
        }
    }
    Ok(())
}

/// A chat as it is stored, without its draft.
pub(super) fn read(db: &Connection, number: i64) -> Result<StoredChat, StoreError> {
    let mut statement = db.prepare_cached(ONE)?;
    let mut rows = statement.query([number])?;
    match rows.next()? {
        Some(row) => stored(row),
        None => Err(StoreError::Unusable("a chat is not where it was put".to_owned())),
    }
}

/// A row of [`LIST`].
fn stored(row: &Row<'_>) -> Result<StoredChat, StoreError> {
    let newest: Option<String> = row.get(2)?;
    Ok(StoredChat {
        chat: from_json(row.get_ref(0)?.as_str().unwrap_or_default())?,
        reads: parse_reads(row.get_ref(1)?.as_str().unwrap_or_default())?,
        newest: newest.map(|body| from_json(&body).map(Arc::new)).transpose()?,
        told: None,
        newest_is_new: false,
        unread: row.get(3)?,
        marker_is_confirmed: row.get(4)?,
        marker: position((row.get(5)?, row.get(6)?))?,
        mentioned: position((row.get(7)?, row.get(8)?))?,
        draft: String::new(),
    })
}

fn facts_of(db: &Connection, number: i64) -> Result<Chat, StoreError> {
    let facts: String = db
        .prepare_cached("SELECT facts FROM chats WHERE number = ?1")?
        .query_row([number], |row| row.get(0))?;
    from_json(&facts)
}

fn ids(db: &Connection, account: &Account) -> Result<Vec<ChatId>, StoreError> {
    let texts: Vec<String> = db
        .prepare_cached("SELECT id FROM chats WHERE account = ?1")?
        .query_map([account.number], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    texts.iter().map(|text| id(text)).collect()
}

fn drafts(db: &Connection, account: &Account) -> Result<HashMap<ChatId, String>, StoreError> {
    let rows: Vec<(String, String)> = db
        .prepare_cached("SELECT chat, text FROM drafts WHERE account = ?1")?
        .query_map([account.number], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(chat, text)| Ok((id(&chat)?, text)))
        .collect()
}

fn unread(db: &Connection, number: i64, chat: &ChatId) -> Result<Answer, StoreError> {
    let counts = counts(db, number)?;
    Ok(Answer::Unread {
        chat: chat.clone(),
        unread: counts.unread,
        marker: counts.marker,
    })
}

fn unread_of_none(chat: &ChatId) -> Answer {
    Answer::Unread {
        chat: chat.clone(),
        unread: 0,
        marker: None,
    }
}

/// [`Read`] on disk.
#[derive(Serialize, Deserialize)]
struct StoredRead {
    user: UserId,
    message: MessageId,
    at: Option<i64>,
}

fn reads(db: &Connection, number: i64) -> Result<Vec<Read>, StoreError> {
    let text: String = db
        .prepare_cached("SELECT reads FROM chats WHERE number = ?1")?
        .query_row([number], |row| row.get(0))?;
    parse_reads(&text)
}

fn parse_reads(text: &str) -> Result<Vec<Read>, StoreError> {
    Ok(from_json::<Vec<StoredRead>>(text)?
        .into_iter()
        .map(|read| Read {
            user: read.user,
            message: read.message,
            at: read.at.map(Timestamp::from_millis),
        })
        .collect())
}

fn set_reads(db: &Connection, number: i64, reads: &[Read]) -> Result<(), StoreError> {
    let stored: Vec<_> = reads
        .iter()
        .map(|read| StoredRead {
            user: read.user.clone(),
            message: read.message.clone(),
            at: read.at.map(Timestamp::as_millis),
        })
        .collect();
    db.prepare_cached("UPDATE chats SET reads = ?2 WHERE number = ?1 AND reads <> ?2")?
        .execute(params![number, to_json(&stored)?])?;
    Ok(())
}
