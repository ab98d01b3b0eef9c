//! What was missed and is told afterwards: stored in one transaction with the place up to which it goes.
//!
//! What is told follows what is stored only for chats that were stored when it was asked for; of a chat that came
//! later, what is between its newest message and the place of asking is not known.

use std::{collections::HashMap, iter::Peekable, vec::IntoIter};

use khaya_wire::{ChatId, Message, Timestamp, event};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Account, Answer, ChatFacts, Place, Put, StoreError, StoredChat, chats,
    messages::{self, Telling},
};

/// So many messages of a chat are stored together at most: who asks for something else waits for them.
const TOGETHER: usize = 64;

/// An event that tells of something that is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    New(event::MessageEvent),
    Updated(event::MessageEvent),
    Deleted(event::MessageDeleted),
    Chat(event::ChatUpdated),
    Removed(event::ChatRemoved),
}

impl Told {
    /// The chat that it is about.
    #[must_use]
    pub fn chat(&self) -> &ChatId {
        match self {
            Self::New(event) | Self::Updated(event) => &event.chat_id,
            Self::Deleted(event) => &event.chat_id,
            Self::Chat(event) => &event.chat.id,
            Self::Removed(event) => &event.chat_id,
        }
    }

    /// The number of the event.
    #[must_use]
    pub fn number(&self) -> Option<event::Number> {
        match self {
            Self::New(event) | Self::Updated(event) => event.number,
            Self::Deleted(event) => event.number,
            Self::Chat(event) => event.number,
            Self::Removed(event) => event.number,
        }
    }

    fn is_new_in(&self, chat: &ChatId) -> bool {
        matches!(self, Self::New(event) if event.chat_id == *chat)
    }
}

/// What was missed, in the order in which it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Missed {
    pub events: Vec<Told>,
    /// The place up to which that is all.
    pub cursor: String,
    /// With the last part: the chats that were stored when it was asked for.
    pub linked: Vec<ChatId>,
    pub at: Timestamp,
}

/// What came of storing some of it.
#[derive(Default)]
struct Stored {
    puts: Vec<Put>,
    chats: Vec<StoredChat>,
    removed: Vec<ChatId>,
    has_unknown: bool,
}

/// Stores what was missed. The place goes with the last of it: what comes before a `pause` is told once more if nothing
/// comes after it, and is known by then.
pub(super) fn put(
    db: &Connection,
    account: &Account,
    missed: Missed,
    pause: &mut dyn FnMut(usize) -> bool,
) -> Result<Answer, StoreError> {
    let Missed {
        events,
        cursor,
        linked,
        at,
    } = missed;
    let count = events.len();
    let mut events = by_chat(events).into_iter().peekable();
    let mut so_far = Stored::default();
    while let Some(told) = events.next() {
        put_next(db, account, told, &mut events, at, &mut so_far)?;
        if pause(count - events.len()) {
            break;
        }
    }
    let rest = if events.len() > 0 {
        Some(Missed {
            events: events.collect(),
            cursor,
            linked,
            at,
        })
    } else {
        link(db, account, &linked)?;
        put_cursor(db, account, &cursor)?;
        None
    };
    let Stored {
        puts,
        chats,
        removed,
        has_unknown,
    } = so_far;
    Ok(Answer::Synced {
        puts,
        chats,
        removed,
        has_unknown,
        rest,
    })
}

/// Those of one chat together, in their order. One chat's have nothing to do with another's, and much is to be written
/// only once for all of a chat.
fn by_chat(mut events: Vec<Told>) -> Vec<Told> {
    let mut places = HashMap::new();
    events.sort_by_cached_key(|told| {
        let next = places.len();
        *places.entry(told.chat().clone()).or_insert(next)
    });
    events
}

/// Stores what is told next; new messages with those of the chat that come after them.
fn put_next(
    db: &Connection,
    account: &Account,
    told: Told,
    behind: &mut Peekable<IntoIter<Told>>,
    at: Timestamp,
    so_far: &mut Stored,
) -> Result<(), StoreError> {
    let seq = told.number().map(|number| number.seq);
    let answer = match told {
        Told::New(event) => {
            let chat = event.chat_id.clone();
            let mut messages = vec![new(event)];
            while messages.len() < TOGETHER
                && let Some(Told::New(event)) = behind.next_if(|told| told.is_new_in(&chat))
            {
                messages.push(new(event));
            }
            let Some((number, follows)) = find(db, account, &chat)? else {
                so_far.has_unknown = true;
                return Ok(());
            };
            let place = if follows { Place::Follows } else { Place::Alone };
            Answer::Put(messages::put_in(db, account, (number, &chat), messages, &place)?)
        }
        Told::Updated(event) => messages::edit(db, account, &event.chat_id, event.message, seq)?,
        Told::Deleted(event) => messages::bury(db, account, &event.chat_id, &event.message_id, seq, at)?,
        Told::Chat(event) => {
            let facts = ChatFacts {
                chat: event.chat,
                counts: false,
                is_overtaken: false,
            };
            let chat = chats::put_one(db, account, facts)?;
            // Somebody who was taken out may have been let in again.
            so_far.removed.retain(|gone| *gone != chat.chat.id);
            so_far.chats.push(chat);
            return Ok(());
        }
        Told::Removed(event) => {
            let gone = event.chat_id;
            chats::remove(db, account, &gone)?;
            so_far.chats.retain(|chat| chat.chat.id != gone);
            so_far.puts.retain(|put| put.chat != gone);
            so_far.removed.push(gone);
            return Ok(());
        }
    };
    if let Answer::Put(put) = answer
        && (put.count_is_doubtful || !put.messages.is_empty())
    {
        so_far.puts.push(put);
    }
    Ok(())
}

fn new(event: event::MessageEvent) -> (Message, Telling) {
    let told = Telling {
        seq: event.number.map(|number| number.seq),
        is_overtaken: false,
    };
    (event.message, told)
}

/// What is told of these chats from the new place on follows what is stored.
fn link(db: &Connection, account: &Account, chats: &[ChatId]) -> Result<(), StoreError> {
    for chat in chats {
        db.prepare_cached(
            "UPDATE counts SET is_linked = 1
             WHERE chat = (SELECT number FROM chats WHERE account = ?1 AND id = ?2) AND is_linked = 0",
        )?
        .execute(params![account.number, chat.as_str()])?;
    }
    Ok(())
}

/// Forgets all messages but the newest of each chat, which tells what has been seen, and that anything follows
/// what is stored. What was counted up to there stays counted, though its messages will come again.
pub(super) fn start_afresh(db: &Connection, account: &Account, cursor: &str) -> Result<(), StoreError> {
    db.execute(
        "DELETE FROM messages
         WHERE chat IN (SELECT number FROM chats WHERE account = ?1)
           AND EXISTS (SELECT 1 FROM messages later
                       WHERE later.chat = messages.chat AND (later.at, later.id) > (messages.at, messages.id))",
        [account.number],
    )?;
    db.execute(
        "UPDATE messages SET gap = 1, seq = NULL
         WHERE chat IN (SELECT number FROM chats WHERE account = ?1)",
        [account.number],
    )?;
    db.execute(
        "UPDATE counts SET is_linked = 0,
             (covered_at, covered_id) = (SELECT at, id FROM messages WHERE messages.chat = counts.chat)
         WHERE chat IN (SELECT number FROM chats WHERE account = ?1)",
        [account.number],
    )?;
    put_cursor(db, account, cursor)
}

fn put_cursor(db: &Connection, account: &Account, cursor: &str) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO synced (account, cursor) VALUES (?1, ?2)
         ON CONFLICT (account) DO UPDATE SET cursor = excluded.cursor WHERE cursor IS NOT excluded.cursor",
    )?
    .execute(params![account.number, cursor])?;
    Ok(())
}

/// The number of a chat, and whether what is told of it follows what is stored; `None` where it is not stored.
fn find(db: &Connection, account: &Account, chat: &ChatId) -> Result<Option<(i64, bool)>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT number, is_linked FROM chats CROSS JOIN counts ON counts.chat = chats.number
             WHERE account = ?1 AND id = ?2",
        )?
        .query_row(params![account.number, chat.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?)
}
