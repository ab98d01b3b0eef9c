//! How far chats have been read: by the person, here and elsewhere, and by others.

use std::collections::HashMap;

use khaya_wire::{ChatId, MessageId, Timestamp, UserId, model::ReadMarker};
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{
    Account, Answer, Markers, Position, Read, StoreError,
    chats::number_of,
    counts::{Counts, counts, set_counts},
    messages,
    profile::{from_json, to_json},
};

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
        let unread = messages::count_of_others_after(db, account, number, Some(position))?.min(before.unread);
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
        confirm(db, number, before)?;
    }
    Ok(())
}

/// The server says how far the person has read, by what is in the count that comes with it. As far as here, or further:
/// the count knows of what was read here, though the answer to having told it may have been lost. Less far, but perhaps
/// further than when it was read here: the count does not know of what is between.
pub(super) fn compare_told(
    db: &Connection,
    account: &Account,
    number: i64,
    told: &[ReadMarker],
) -> Result<(), StoreError> {
    let before = counts(db, number)?;
    let (Some(marker), Some(own)) = (
        before.marker.clone().filter(|_| !before.marker_is_confirmed),
        told.iter().find(|read| read.user_id == account.user),
    ) else {
        return Ok(());
    };
    let Some(at) = messages::time_of(db, number, &own.message_id)? else {
        return Ok(());
    };
    let told = (at, own.message_id.clone());
    if told >= marker {
        return confirm(db, number, before);
    }
    match messages::count_of_others_between(db, account, number, &told, &marker)? {
        Some(read_here) => set_counts(db, number, &Counts { read_here, ..before }),
        None => Ok(()),
    }
}

fn confirm(db: &Connection, number: i64, before: Counts) -> Result<(), StoreError> {
    set_counts(
        db,
        number,
        &Counts {
            marker_is_confirmed: true,
            server_unread: before.server_unread.saturating_sub(before.read_here),
            read_here: 0,
            ..before
        },
    )
}

pub(super) fn put(
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
        let Some(at) = at else {
            return Ok(Answer::Done);
        };
        mark_read(db, account, chat, &(at, message.clone()))?;
        confirm_read(db, account, chat, &(at, message))?;
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

/// Markers that stand on messages which were not stored may stand on one that is now.
pub(super) fn place(
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

/// Takes over how far everybody has read; `is_counted` where the count that came with it has been taken over, too.
pub(super) fn put_all(
    db: &Connection,
    account: &Account,
    number: i64,
    chat: &ChatId,
    told: Vec<ReadMarker>,
    is_counted: bool,
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
                    Some(at) if is_counted => put_own_marker(db, number, chat, (at, message_id))?,
                    Some(at) => {
                        let position = (at, message_id);
                        mark_read(db, account, chat, &position)?;
                        confirm_read(db, account, chat, &position)?;
                    }
                    // A marker never moves back: an event came in while the list was on its way.
                    None if at.is_some() && known.get(&user_id).is_some_and(|read| read.at > at) => {
                        reads.extend(known.get(&user_id).cloned());
                    }
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
    parse(&text)
}

pub(super) fn parse(text: &str) -> Result<Vec<Read>, StoreError> {
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
    let has_unplaced_reads = reads.iter().any(|read| read.at.is_none());
    let before = counts(db, number)?;
    set_counts(
        db,
        number,
        &Counts {
            has_unplaced_reads,
            ..before
        },
    )
}
