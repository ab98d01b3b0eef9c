//! What is to be sent, and drafts.

use std::collections::HashSet;

use khaya_wire::{ChatId, ClientId, FileId, Message, MessageId, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    Account, Answer, OutboxEntry, StoreError, Target, Work, apply, chats, messages,
    profile::{from_json, id, to_json},
};
use crate::view::Failure;

/// All of an account, in the order of sending.
pub(super) fn load(db: &Connection, account: &Account) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT client_id, chat, work, at, after, parked_code, parked_message
         FROM outbox WHERE account = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([account.number])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let parked: Option<String> = row.get(5)?;
        let mut entry = OutboxEntry {
            client_id: id(row.get_ref(0)?.as_str().unwrap_or_default())?,
            chat: id(row.get_ref(1)?.as_str().unwrap_or_default())?,
            work: from_json(&row.get::<_, String>(2)?)?,
            at: Timestamp::from_millis(row.get(3)?),
            after: row.get::<_, Option<String>>(4)?.as_deref().map(id).transpose()?,
            parked: parked
                .map(|code| row.get::<_, String>(6).map(|message| Failure::new(code, message)))
                .transpose()?,
        };
        if let Some(sent_as) = entry.waits_for().cloned()
            && let Some(number) = chats::number_of(db, account, &entry.chat)?
            && let Some(message) = sent(db, number, &sent_as)?
        {
            entry.work.resolve(&sent_as, &message);
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The copies of files that messages name which wait to be sent, whoever of this profile wrote them.
pub(super) fn staged_files(db: &Connection) -> Result<HashSet<FileId>, StoreError> {
    let mut statement = db.prepare("SELECT work FROM outbox")?;
    let mut rows = statement.query([])?;
    let mut files = HashSet::new();
    while let Some(row) = rows.next()? {
        match from_json(row.get_ref(0)?.as_str().unwrap_or_default())? {
            Work::Message(message) => files.extend(message.files.into_iter().map(|file| file.staged.id)),
            Work::Change(_) => {}
        }
    }
    Ok(files)
}

/// Puts something behind all others. A message takes the chat's draft away.
pub(super) fn enqueue(db: &Connection, account: &Account, entry: &OutboxEntry) -> Result<(), StoreError> {
    put(db, account, entry)?;
    match entry.work {
        Work::Message(_) => save_draft(db, account, &entry.chat, ""),
        Work::Change(_) => Ok(()),
    }
}

/// Puts in what is not here, and was not sent since.
pub(super) fn restore(
    db: &Connection,
    account: &Account,
    mut drafts: Vec<(ChatId, String)>,
    mut entries: Vec<OutboxEntry>,
) -> Result<Answer, StoreError> {
    let mut failed = None;
    let mut is_put = |result: Result<bool, StoreError>| {
        result.unwrap_or_else(|error| {
            failed.get_or_insert(error);
            false
        })
    };
    entries.retain(|entry| {
        is_put((|| {
            let is_sent = match chats::number_of(db, account, &entry.chat)? {
                Some(number) => sent(db, number, &entry.client_id)?.is_some(),
                None => false,
            };
            Ok(!is_sent && put(db, account, entry)?)
        })())
    });
    drafts.retain(|(chat, text)| {
        is_put((|| {
            let put = db
                .prepare_cached("INSERT OR IGNORE INTO drafts (account, chat, text) VALUES (?1, ?2, ?3)")?
                .execute(params![account.number, chat.as_str(), text])?;
            Ok(put > 0)
        })())
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(Answer::Restored { drafts, entries }),
    }
}

/// Whether it was not there.
fn put(db: &Connection, account: &Account, entry: &OutboxEntry) -> Result<bool, StoreError> {
    let put = db.prepare_cached(
        "INSERT INTO outbox (account, client_id, chat, work, at, after, parked_code, parked_message, waits_for)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (account, client_id) DO NOTHING",
    )?
    .execute(params![
        account.number,
        entry.client_id.as_str(),
        entry.chat.as_str(),
        to_json(&entry.work)?,
        entry.at.as_millis(),
        entry.after.as_ref().map(AsRef::as_ref),
        entry.parked.as_ref().map(|failure| &failure.code),
        entry.parked.as_ref().map(|failure| &failure.message),
        entry.waits_for().map(AsRef::as_ref),
    ])?;
    Ok(put > 0)
}

pub(super) fn park(
    db: &Connection,
    account: &Account,
    client_id: &ClientId,
    failure: &Failure,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE outbox SET parked_code = ?3, parked_message = ?4 WHERE account = ?1 AND client_id = ?2",
    )?
    .execute(params![
        account.number,
        client_id.as_str(),
        failure.code,
        failure.message
    ])?;
    Ok(())
}

/// Puts an entry behind all others, as one that was written just now, with what is to be done.
pub(super) fn unpark(
    db: &Connection,
    account: &Account,
    client_id: &ClientId,
    work: &Work,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE outbox
         SET parked_code = NULL, parked_message = NULL, work = ?3,
             number = (SELECT max(number) + 1 FROM outbox)
         WHERE account = ?1 AND client_id = ?2",
    )?
    .execute(params![account.number, client_id.as_str(), to_json(work)?])?;
    Ok(())
}

pub(super) fn put_work(
    db: &Connection,
    account: &Account,
    client_id: &ClientId,
    work: &Work,
) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE outbox SET work = ?3 WHERE account = ?1 AND client_id = ?2")?
        .execute(params![account.number, client_id.as_str(), to_json(work)?])?;
    Ok(())
}

/// Takes an entry away, with the changes that wait for it. A reply to it goes on as a message of its own.
pub(super) fn discard(db: &Connection, account: &Account, client_id: &ClientId) -> Result<(), StoreError> {
    take(db, account, client_id)?;
    db.prepare_cached(
        "UPDATE outbox SET waits_for = NULL, work = json_remove(work, '$.message.replyTo')
         WHERE account = ?1 AND waits_for = ?2 AND work ->> '$.message' IS NOT NULL",
    )?
    .execute(params![account.number, client_id.as_str()])?;
    db.prepare_cached("DELETE FROM outbox WHERE account = ?1 AND waits_for = ?2")?
        .execute(params![account.number, client_id.as_str()])?;
    Ok(())
}

/// Takes away a message that the server has: what waits for it can go on.
pub(super) fn take(db: &Connection, account: &Account, client_id: &ClientId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM outbox WHERE account = ?1 AND client_id = ?2")?
        .execute(params![account.number, client_id.as_str()])?;
    Ok(())
}

/// The server has taken a change. Without anything newer of it, the message is as the change made it.
pub(super) fn changed(
    db: &Connection,
    account: &Account,
    entry: &OutboxEntry,
    told: Option<Message>,
    is_newest: bool,
    now: Timestamp,
) -> Result<Answer, StoreError> {
    take(db, account, &entry.client_id)?;
    let chat = &entry.chat;
    let Some(number) = chats::number_of(db, account, chat)? else {
        return Ok(messages::nothing(chat));
    };
    let message = match (told, entry.change()) {
        _ if !is_newest => None,
        (Some(told), _) => Some(told),
        (None, Some(change)) => match change.target() {
            Some(Target::Sent(id)) => messages::find(db, number, id)?
                .map(|message| apply::to_message(change, message, &account.user, now)),
            Some(Target::Unsent(_)) | None => None,
        },
        (None, None) => None,
    };
    if message.is_none()
        && is_newest
        && let Some(change) = entry.change()
    {
        chats::apply(db, number, change)?;
    }
    match message {
        Some(message) => messages::edit(db, account, chat, message, None),
        None => messages::unchanged(db, number, chat),
    }
}

pub(super) fn save_draft(
    db: &Connection,
    account: &Account,
    chat: &ChatId,
    text: &str,
) -> Result<(), StoreError> {
    if text.is_empty() {
        db.prepare_cached("DELETE FROM drafts WHERE account = ?1 AND chat = ?2")?
            .execute(params![account.number, chat.as_str()])?;
    } else {
        db.prepare_cached(
            "INSERT INTO drafts (account, chat, text) VALUES (?1, ?2, ?3)
             ON CONFLICT (account, chat) DO UPDATE SET text = excluded.text",
        )?
        .execute(params![account.number, chat.as_str(), text])?;
    }
    Ok(())
}

fn sent(db: &Connection, chat: i64, sent_as: &ClientId) -> Result<Option<MessageId>, StoreError> {
    db.prepare_cached("SELECT id FROM messages WHERE chat = ?1 AND client_id = ?2")?
        .query_row(params![chat, sent_as.as_str()], |row| row.get::<_, String>(0))
        .optional()?
        .as_deref()
        .map(id)
        .transpose()
}
