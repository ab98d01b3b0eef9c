//! Chats, their counts and their read markers.

use std::collections::{HashMap, HashSet};

use khaya_wire::{Chat, ChatId, MessageId, Timestamp, UserId, model::ReadMarker};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{
    Account, Answer, ChatFacts, Place, Position, Read, StoreError, StoredChat, messages,
    profile::{from_json, id, to_json},
};

/// All chats of an account, in no order.
pub(super) fn load(db: &Connection, account: &Account) -> Result<Vec<StoredChat>, StoreError> {
    let mut drafts = drafts(db, account)?;
    let numbers: Vec<i64> = db
        .prepare_cached("SELECT number FROM chats WHERE account = ?1")?
        .query_map([account.number], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut chats = Vec::with_capacity(numbers.len());
    for number in numbers {
        let mut stored = read(db, number)?;
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
            "UPDATE accounts SET has_synced = 1 WHERE number = ?1",
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

/// Counts messages of others that were not stored before.
pub(super) fn add_unread(db: &Connection, number: i64, messages: &[Position]) -> Result<u64, StoreError> {
    let before = counts(db, number)?;
    let more = messages
        .iter()
        .filter(|position| before.is_unread(position))
        .count() as u64;
    if more == 0 {
        return Ok(before.unread);
    }
    let unread = before.unread + more;
    set_counts(
        db,
        number,
        &Counts {
            unread,
            server_unread: before.server_unread + more,
            ..before
        },
    )?;
    Ok(unread)
}

/// A message of somebody else is gone: it is no longer counted, if it was.
pub(super) fn take_unread(db: &Connection, number: i64, message: &Position) -> Result<(), StoreError> {
    let before = counts(db, number)?;
    if before.marker.as_ref().is_none_or(|marker| marker < message) {
        set_counts(
            db,
            number,
            &Counts {
                unread: before.unread.saturating_sub(1),
                server_unread: before.server_unread.saturating_sub(1),
                ..before
            },
        )?;
    }
    Ok(())
}

/// What a chat's row has of counts.
struct Counts {
    unread: u64,
    /// The last message that the server's count covered.
    covered: Option<Position>,
    server_unread: u64,
    read_here: u64,
    marker: Option<Position>,
    marker_is_confirmed: bool,
}

impl Counts {
    /// Whether a message that was not stored before is unread and not counted yet.
    fn is_unread(&self, message: &Position) -> bool {
        let is_behind = |place: &Option<Position>| place.as_ref().is_none_or(|place| place < message);
        is_behind(&self.covered) && is_behind(&self.marker)
    }
}

fn put_one(db: &Connection, account: &Account, facts: ChatFacts) -> Result<StoredChat, StoreError> {
    let ChatFacts {
        mut chat,
        counts: counted,
    } = facts;
    let last = chat.last_message.take();
    let told_reads = chat.reads.take();
    let json = to_json(&chat)?;
    let is_new = number_of(db, account, &chat.id)?.is_none();
    db.prepare_cached(
        "INSERT INTO chats (account, id, facts) VALUES (?1, ?2, ?3)
             ON CONFLICT (account, id) DO UPDATE SET facts = excluded.facts WHERE facts <> excluded.facts",
    )?
    .execute(params![account.number, chat.id.as_str(), json])?;
    let Some(number) = number_of(db, account, &chat.id)? else {
        return Err(StoreError::Unusable("a chat is not where it was put".to_owned()));
    };
    let last_position = last.as_ref().map(|last| (last.created_at, last.id.clone()));
    let (mut newest_is_new, mut told) = (false, None);
    if let Some(last) = last
        && last.chat_id == chat.id
    {
        let put = messages::put(db, account, &chat.id, vec![last], &Place::Alone)?;
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

/// Joins the server's count with what has been read here, and what came in here, and the server may not know.
fn recount(
    db: &Connection,
    account: &Account,
    number: i64,
    told: u64,
    last: Option<Position>,
) -> Result<(), StoreError> {
    let before = counts(db, number)?;
    let later = match &last {
        Some(last) => messages::count_of_others_after(db, account, number, last)?,
        None => 0,
    };
    let has_read_all = match (&before.marker, &last) {
        (Some(marker), Some(last)) => marker >= last,
        (_, None) => true,
        (None, Some(_)) => false,
    };
    let left = if has_read_all {
        0
    } else if before.marker_is_confirmed || told < before.read_here {
        told
    } else {
        told - before.read_here
    };
    // Where the marker is behind the last message that was told, it says what is unread of those after it.
    let unread_later = match &before.marker {
        Some(marker) if has_read_all => messages::count_of_others_after(db, account, number, marker)?,
        Some(_) | None => later,
    };
    let (server_unread, unread) = (told + later, left + unread_later);
    set_counts(
        db,
        number,
        &Counts {
            unread,
            server_unread,
            read_here: server_unread.saturating_sub(unread),
            covered: last,
            ..before
        },
    )
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
                if user_id == account.user {
                    if let Some(at) = at {
                        put_own_marker(db, number, chat, (at, message_id))?;
                    }
                } else {
                    reads.push(Read {
                        user: user_id,
                        message: message_id,
                        at,
                    });
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

fn read(db: &Connection, number: i64) -> Result<StoredChat, StoreError> {
    let facts: String = db
        .prepare_cached("SELECT facts FROM chats WHERE number = ?1")?
        .query_row([number], |row| row.get(0))?;
    let counts = counts(db, number)?;
    Ok(StoredChat {
        chat: from_json::<Chat>(&facts)?,
        newest: messages::newest_of(db, number)?,
        told: None,
        newest_is_new: false,
        unread: counts.unread,
        marker: counts.marker,
        marker_is_confirmed: counts.marker_is_confirmed,
        reads: reads(db, number)?,
        draft: String::new(),
    })
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

fn counts(db: &Connection, number: i64) -> Result<Counts, StoreError> {
    let (mut counts, marker, covered) = db
        .prepare_cached(
            "SELECT unread, server_unread, read_here, marker_is_confirmed, marker_at, marker_id, covered_at, covered_id
             FROM chats WHERE number = ?1",
        )?
        .query_row([number], |row| {
            let counts = Counts {
                unread: row.get(0)?,
                covered: None,
                server_unread: row.get(1)?,
                read_here: row.get(2)?,
                marker: None,
                marker_is_confirmed: row.get(3)?,
            };
            Ok((counts, (row.get(4)?, row.get(5)?), (row.get(6)?, row.get(7)?)))
        })?;
    counts.marker = position(marker)?;
    counts.covered = position(covered)?;
    Ok(counts)
}

fn position((at, message): (Option<i64>, Option<String>)) -> Result<Option<Position>, StoreError> {
    match (at, message) {
        (Some(at), Some(message)) => Ok(Some((Timestamp::from_millis(at), id(&message)?))),
        (_, _) => Ok(None),
    }
}

fn set_counts(db: &Connection, number: i64, counts: &Counts) -> Result<(), StoreError> {
    let at = |place: &Option<Position>| place.as_ref().map(|(at, _)| at.as_millis());
    let message = |place: &Option<Position>| place.as_ref().map(|(_, id)| id.to_string());
    // What is as it was is not written: that would cost a wait for the disk.
    db.prepare_cached(
        "UPDATE chats SET unread = ?2, server_unread = ?3, read_here = ?4, marker_is_confirmed = ?5, marker_at = ?6,
             marker_id = ?7, covered_at = ?8, covered_id = ?9
         WHERE number = ?1
           AND (unread, server_unread, read_here, marker_is_confirmed, marker_at, marker_id, covered_at, covered_id)
               IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        number,
        counts.unread,
        counts.server_unread,
        counts.read_here,
        counts.marker_is_confirmed,
        at(&counts.marker),
        message(&counts.marker),
        at(&counts.covered),
        message(&counts.covered),
    ])?;
    Ok(())
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
    Ok(from_json::<Vec<StoredRead>>(&text)?
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
