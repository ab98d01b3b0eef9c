//! What was missed and is told afterwards: stored in one transaction with the place up to which it goes.
//!
//! What is told follows what is stored only for chats that were stored when it was asked for; of a chat that came
//! later, what is between its newest message and the place of asking is not known.

use std::collections::HashSet;

use khaya_wire::{ChatId, Timestamp, event};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Account, Answer, ChatFacts, Place, Put, StoreError, StoredChat, chats, messages};

/// An event that tells of something that is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    New(event::MessageEvent),
    Updated(event::MessageEvent),
    Deleted(event::MessageDeleted),
    Chat(event::ChatUpdated),
    Removed(event::ChatRemoved),
}

pub(super) fn put(
    db: &Connection,
    account: &Account,
    events: Vec<Told>,
    cursor: &str,
    linked: &[ChatId],
    at: Timestamp,
) -> Result<Answer, StoreError> {
    let (mut puts, mut stored, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    let mut has_unknown = false;
    let seq = |number: &Option<event::Number>| number.map(|number| number.seq);
    for told in events {
        let answer = match told {
            Told::New(event) => {
                let Some((number, follows)) = find(db, account, &event.chat_id)? else {
                    has_unknown = true;
                    continue;
                };
                let place = if follows { Place::Follows } else { Place::Alone };
                messages::put_in(
                    db,
                    account,
                    (number, &event.chat_id),
                    vec![event.message],
                    &place,
                    seq(&event.number),
                    &HashSet::new(),
                )?
            }
            Told::Updated(event) => {
                let number = seq(&event.number);
                messages::edit(db, account, &event.chat_id, event.message, number)?
            }
            Told::Deleted(event) => {
                let number = seq(&event.number);
                messages::bury(db, account, &event.chat_id, &event.message_id, number, at)?
            }
            Told::Chat(event) => {
                let facts = ChatFacts {
                    chat: event.chat,
                    counts: false,
                    is_overtaken: false,
                };
                let chat = chats::put_one(db, account, facts)?;
                // Somebody who was taken out may have been let in again.
                removed.retain(|gone| *gone != chat.chat.id);
                stored.push(chat);
                continue;
            }
            Told::Removed(event) => {
                chats::remove(db, account, &event.chat_id)?;
                stored.retain(|chat: &StoredChat| chat.chat.id != event.chat_id);
                puts.retain(|put: &Put| put.chat != event.chat_id);
                removed.push(event.chat_id);
                continue;
            }
        };
        if let Answer::Put(put) = answer
            && !put.messages.is_empty()
        {
            puts.push(put);
        }
    }
    for chat in linked {
        db.prepare_cached(
            "UPDATE counts SET is_linked = 1
             WHERE chat = (SELECT number FROM chats WHERE account = ?1 AND id = ?2) AND is_linked = 0",
        )?
        .execute(params![account.number, chat.as_str()])?;
    }
    put_cursor(db, account, cursor)?;
    Ok(Answer::Synced {
        puts,
        chats: stored,
        removed,
        has_unknown,
    })
}

/// Forgets all messages but the newest of each chat, which tells what has been seen, and that anything follows
/// what is stored.
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
        "UPDATE counts SET is_linked = 0 WHERE chat IN (SELECT number FROM chats WHERE account = ?1)",
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
