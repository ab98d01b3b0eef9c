//! Who was signed in, and what is loaded when somebody is.

use khaya_wire::{ChatId, User, discovery::Discovery};
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{Account, LastSession, Profile, SignedIn, StoreError, chats, outbox};

/// Reads the last session, and selects its account if it was not signed out.
pub(super) fn load(db: &Connection, account: &mut Option<Account>) -> Result<Profile, StoreError> {
    let last = db
        .query_row(
            "SELECT a.number, a.server, a.user, a.discovery, s.is_signed_in
             FROM last_session s JOIN accounts a ON a.number = s.account",
            [],
            |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, Option<String>>(3)?,
                    row.get::<_, bool>(4)?,
                ))
            },
        )
        .optional()?;
    let Some((number, server, user, discovery, is_signed_in)) = last else {
        return Ok(Profile::default());
    };
    let user: User = from_json(&user)?;
    let last = LastSession {
        server,
        discovery: discovery.as_deref().map(from_json).transpose()?,
        user: user.clone(),
        is_signed_in,
    };
    if !is_signed_in {
        return Ok(Profile {
            last: Some(last),
            ..Profile::default()
        });
    }
    let selected = Account {
        number,
        user: user.id,
        username: user.username,
    };
    let profile = contents(db, &selected, last)?;
    *account = Some(selected);
    Ok(profile)
}

pub(super) fn sign_in(
    db: &Connection,
    account: &mut Option<Account>,
    session: &SignedIn,
) -> Result<Profile, StoreError> {
    let number = db.query_row(
        "INSERT INTO accounts (number, server, user_id, user, discovery) VALUES (?5, ?1, ?2, ?3, ?4)
         ON CONFLICT (server, user_id) DO UPDATE SET user = excluded.user, discovery = excluded.discovery
         RETURNING number",
        params![
            session.server,
            session.user.id.as_str(),
            to_json(&session.user)?,
            session.discovery.as_ref().map(to_json).transpose()?,
            number_of(session),
        ],
        |row| row.get(0),
    )?;
    db.execute(
        "INSERT INTO last_session (only, account, is_signed_in) VALUES (1, ?1, 1)
         ON CONFLICT (only) DO UPDATE SET account = excluded.account, is_signed_in = 1",
        [number],
    )?;
    let selected = Account {
        number,
        user: session.user.id.clone(),
        username: session.user.username.clone(),
    };
    let last = LastSession {
        server: session.server.clone(),
        discovery: session.discovery.clone(),
        user: session.user.clone(),
        is_signed_in: true,
    };
    let profile = contents(db, &selected, last)?;
    *account = Some(selected);
    Ok(profile)
}

pub(super) fn put_server(
    db: &Connection,
    account: &Account,
    discovery: Option<&Discovery>,
) -> Result<(), StoreError> {
    db.execute(
        "UPDATE accounts SET discovery = ?2 WHERE number = ?1",
        params![account.number, discovery.map(to_json).transpose()?],
    )?;
    Ok(())
}

pub(super) fn put_me(db: &Connection, account: &Account, me: &User) -> Result<(), StoreError> {
    db.execute(
        "UPDATE accounts SET user = ?2 WHERE number = ?1",
        params![account.number, to_json(me)?],
    )?;
    Ok(())
}

pub(super) fn sign_out(db: &Connection) -> Result<(), StoreError> {
    db.execute("UPDATE last_session SET is_signed_in = 0", [])?;
    Ok(())
}

/// Which chat is open, for the next start.
pub(super) fn put_open_chat(
    db: &Connection,
    account: &Account,
    chat: Option<&ChatId>,
) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE accounts SET open_chat = ?2 WHERE number = ?1 AND open_chat IS NOT ?2")?
        .execute(params![account.number, chat.map(ChatId::as_str)])?;
    Ok(())
}

/// The same number for the same person at the same server, whatever became of the files.
fn number_of(session: &SignedIn) -> i64 {
    let hash = Sha256::new()
        .chain_update(session.server.as_bytes())
        .chain_update([0])
        .chain_update(session.user.id.as_str().as_bytes())
        .finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(first) & i64::MAX
}

fn contents(db: &Connection, account: &Account, last: LastSession) -> Result<Profile, StoreError> {
    // Of a commit to both files, a crash may have left the half in which the message came in.
    db.execute(
        "DELETE FROM outbox WHERE account = ?1 AND EXISTS (
             SELECT 1 FROM chats c JOIN messages m ON m.chat = c.number
             WHERE c.account = outbox.account AND c.id = outbox.chat AND m.client_id = outbox.client_id)",
        [account.number],
    )?;
    let (has_synced, cursor) = db
        .query_row(
            "SELECT has_chats, cursor FROM synced WHERE account = ?1",
            [account.number],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?
        .unwrap_or_default();
    let open_chat: Option<String> = db.query_row(
        "SELECT open_chat FROM accounts WHERE number = ?1",
        [account.number],
        |row| row.get(0),
    )?;
    Ok(Profile {
        last: Some(last),
        chats: chats::load(db, account)?,
        outbox: outbox::load(db, account)?,
        has_synced,
        cursor,
        open_chat: open_chat.as_deref().map(id).transpose()?,
    })
}

/// Reads JSON that an earlier run wrote.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    // Not the error itself: it quotes what it read.
    serde_json::from_str(text)
        .map_err(|error| StoreError::Internal(format!("a stored value: {:?}", error.classify())))
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Internal(error.to_string()))
}

/// Reads an id that an earlier run wrote.
pub(super) fn id<T: std::str::FromStr<Err = khaya_wire::id::InvalidId>>(text: &str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|error: khaya_wire::id::InvalidId| StoreError::Internal(error.to_string()))
}
