//! Messages that are to be sent, and drafts.

use khaya_wire::{ChatId, ClientId, Timestamp};
use rusqlite::{Connection, params};

use super::{Account, OutboxEntry, StoreError, profile::id};
use crate::view::Failure;

/// All of an account, in the order of sending.
pub(super) fn load(db: &Connection, account: &Account) -> Result<Vec<OutboxEntry>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT client_id, chat, text, at, after, parked_code, parked_message
         FROM outbox WHERE account = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([account.number])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let parked: Option<String> = row.get(5)?;
        entries.push(OutboxEntry {
            client_id: id(row.get_ref(0)?.as_str().unwrap_or_default())?,
            chat: id(row.get_ref(1)?.as_str().unwrap_or_default())?,
            text: row.get::<_, String>(2)?.into(),
            at: Timestamp::from_millis(row.get(3)?),
            after: row.get::<_, Option<String>>(4)?.as_deref().map(id).transpose()?,
            parked: parked
                .map(|code| row.get::<_, String>(6).map(|message| Failure::new(code, message)))
                .transpose()?,
        });
    }
    Ok(entries)
}

pub(super) fn enqueue(db: &Connection, account: &Account, entry: &OutboxEntry) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO outbox (account, client_id, chat, text, at, after, parked_code, parked_message)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (account, client_id) DO NOTHING",
    )?
    .execute(params![
        account.number,
        entry.client_id.as_str(),
        entry.chat.as_str(),
        &*entry.text,
        entry.at.as_millis(),
        entry.after.as_ref().map(AsRef::as_ref),
        entry.parked.as_ref().map(|failure| &failure.code),
        entry.parked.as_ref().map(|failure| &failure.message),
    ])?;
    save_draft(db, account, &entry.chat, "")
}

pub(super) fn park(
    db: &Connection,
    account: &Account,
    client_id: &ClientId,
    failure: &Failure,
) -> Result<(), StoreError> {
    db.execute(
        "UPDATE outbox SET parked_code = ?3, parked_message = ?4 WHERE account = ?1 AND client_id = ?2",
        params![account.number, client_id.as_str(), failure.code, failure.message],
    )?;
    Ok(())
}

/// Puts an entry behind all others, as one that was written just now.
pub(super) fn unpark(db: &Connection, account: &Account, client_id: &ClientId) -> Result<(), StoreError> {
    db.execute(
        "UPDATE outbox
         SET parked_code = NULL, parked_message = NULL,
             number = (SELECT max(number) + 1 FROM outbox)
         WHERE account = ?1 AND client_id = ?2",
        params![account.number, client_id.as_str()],
    )?;
    Ok(())
}

pub(super) fn discard(db: &Connection, account: &Account, client_id: &ClientId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM outbox WHERE account = ?1 AND client_id = ?2")?
        .execute(params![account.number, client_id.as_str()])?;
    Ok(())
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
