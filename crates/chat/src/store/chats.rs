//! Chats, as the server told them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use khaya_wire::{Chat, ChatId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    Account, Answer, Change, ChatFacts, Place, StoreError, StoredChat, apply,
    counts::{position, recount},
    messages,
    profile::{from_json, id, to_json},
    reads,
};

/// What the list shows of a chat: its facts, its counts and its newest message.
macro_rules! list {
    ($which:literal) => {
        concat!(
            "SELECT facts, reads,
                 (SELECT body FROM messages WHERE chat = chats.number ORDER BY at DESC, id DESC LIMIT 1),
                 unread, marker_is_confirmed, marker_at, marker_id, mentioned_at, mentioned_id
             FROM chats CROSS JOIN counts ON counts.chat = chats.number WHERE ",
            $which
        )
    };
}

/// All chats of an account, with all counts. By their numbers: so they lie in the file, and a disk reads ahead.
pub(super) const LIST: &str = list!("chats.number IN (SELECT number FROM chats WHERE account = ?1)");

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
        if facts.is_overtaken && number_of(db, account, &facts.chat.id)?.is_none() {
            // It was removed after the list was read.
            continue;
        }
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
        return Err(StoreError::Internal("a chat is not where it was put".to_owned()));
    };
    if is_new {
        db.prepare_cached("INSERT INTO counts (chat) VALUES (?1)")?
            .execute([number])?;
    }
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
        if let Some(told) = &told_reads {
            reads::compare_told(db, account, number, told)?;
        }
        recount(db, account, number, chat.unread_count, last_position)?;
    }
    if let Some(told) = told_reads {
        reads::put_all(db, account, number, &chat.id, told, counted || is_new)?;
    }
    let mut stored = read(db, number)?;
    stored.newest_is_new = newest_is_new;
    stored.told = told;
    Ok(stored)
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

/// A chat as it is stored, without its draft.
pub(super) fn read(db: &Connection, number: i64) -> Result<StoredChat, StoreError> {
    let mut statement = db.prepare_cached(ONE)?;
    let mut rows = statement.query([number])?;
    match rows.next()? {
        Some(row) => stored(row),
        None => Err(StoreError::Internal("a chat is not where it was put".to_owned())),
    }
}

/// A row of [`LIST`].
fn stored(row: &Row<'_>) -> Result<StoredChat, StoreError> {
    let newest: Option<String> = row.get(2)?;
    Ok(StoredChat {
        chat: from_json(row.get_ref(0)?.as_str().unwrap_or_default())?,
        reads: reads::parse(row.get_ref(1)?.as_str().unwrap_or_default())?,
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
