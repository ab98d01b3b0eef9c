//! What is stored of one person, as a file that they can read and keep: `docs/export.md` describes it.
//!
//! Read by a connection of its own, in one transaction: what is written is one state, and nobody waits for it.

use std::{io::Write, path::Path};

use khaya_wire::{Chat, ClientId, Timestamp, User};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    StoreError, StoreKey, Work, open,
    profile::{from_json, id},
};
use crate::view::Failure;

/// Of the form of the file. A reader that knows a lower one only cannot read it.
pub(crate) const VERSION: u32 = 1;

/// After so many messages it is told how far it has come.
const STEP: u64 = 500;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Line<'a> {
    /// The first one.
    Export {
        version: u32,
        at: Timestamp,
        server: String,
        user: User,
    },
    Chat {
        chat: Box<Chat>,
    },
    /// A message as the server tells it; `restricted` where not everybody in the chat can see it.
    #[serde(skip_deserializing)]
    Message {
        restricted: bool,
        message: &'a RawValue,
    },
    Draft {
        chat_id: String,
        text: String,
    },
    /// Something that the server does not have.
    Unsent {
        chat_id: String,
        client_id: ClientId,
        at: Timestamp,
        work: Work,
        /// Why it waits for the person.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<String>,
    },
    /// The last one: without it, the file is not whole.
    End(Exported),
}

/// What there is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    pub chats: u64,
    pub messages: u64,
    pub drafts: u64,
    pub unsent: u64,
}

/// How far it has come, in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    pub done: u64,
    pub of: u64,
}

/// Why there is no file.
#[derive(Debug)]
pub(crate) enum ExportError {
    Store(StoreError),
    /// The file cannot be written.
    File(std::io::Error),
}

/// Writes everything of who is signed in.
pub(crate) fn export(
    folder: &Path,
    key: &StoreKey,
    at: Timestamp,
    to: &mut impl Write,
    progress: impl Fn(Progress),
) -> Result<Exported, ExportError> {
    let mut connection = open::beside(folder, key)?;
    let db = connection.transaction()?;
    let (account, server, user) = db
        .query_row(
            "SELECT a.number, a.server, a.user FROM last_session s JOIN accounts a ON a.number = s.account
             WHERE s.is_signed_in",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, String>(2)?)),
        )
        .optional()?
        .ok_or(StoreError::NoAccount)?;
    write(
        to,
        &Line::Export {
            version: VERSION,
            at,
            server,
            user: from_json(&user)?,
        },
    )?;
    let mut exported = Exported::default();
    chats(&db, account, to, &mut exported)?;
    messages(&db, account, to, &mut exported, progress)?;
    unsent(&db, account, to, &mut exported)?;
    write(to, &Line::End(exported))?;
    Ok(exported)
}

fn chats(
    db: &Connection,
    account: i64,
    to: &mut impl Write,
    exported: &mut Exported,
) -> Result<(), ExportError> {
    let mut statement = db.prepare("SELECT facts FROM chats WHERE account = ?1 ORDER BY id")?;
    let mut rows = statement.query([account])?;
    while let Some(row) = rows.next()? {
        let chat = from_json(row.get_ref(0)?.as_str().unwrap_or_default())?;
        write(to, &Line::Chat { chat })?;
        exported.chats += 1;
    }
    Ok(())
}

fn messages(
    db: &Connection,
    account: i64,
    to: &mut impl Write,
    exported: &mut Exported,
    progress: impl Fn(Progress),
) -> Result<(), ExportError> {
    let of = db.query_row(
        "SELECT count(*) FROM messages WHERE chat IN (SELECT number FROM chats WHERE account = ?1)",
        [account],
        |row| row.get(0),
    )?;
    progress(Progress { done: 0, of });
    let mut statement = db.prepare(
        "SELECT m.body, coalesce(json_array_length(m.body, '$.visibleTo'), 0)
             + coalesce(json_array_length(m.body, '$.visibleToRoles'), 0) > 0
         FROM chats c CROSS JOIN messages m ON m.chat = c.number
         WHERE c.account = ?1 ORDER BY c.id, m.at, m.id",
    )?;
    let mut rows = statement.query([account])?;
    while let Some(row) = rows.next()? {
        let message: &RawValue = serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default())
            .map_err(|error| StoreError::Internal(format!("a stored value: {:?}", error.classify())))?;
        let restricted = row.get(1)?;
        write(to, &Line::Message { restricted, message })?;
        exported.messages += 1;
        if exported.messages.is_multiple_of(STEP) || exported.messages == of {
            progress(Progress {
                done: exported.messages,
                of,
            });
        }
    }
    Ok(())
}

fn unsent(
    db: &Connection,
    account: i64,
    to: &mut impl Write,
    exported: &mut Exported,
) -> Result<(), ExportError> {
    let mut statement = db.prepare("SELECT chat, text FROM drafts WHERE account = ?1")?;
    let mut rows = statement.query([account])?;
    while let Some(row) = rows.next()? {
        let (chat_id, text) = (row.get(0)?, row.get(1)?);
        write(to, &Line::Draft { chat_id, text })?;
        exported.drafts += 1;
    }
    let mut statement = db.prepare(
        "SELECT chat, client_id, at, work, parked_message FROM outbox WHERE account = ?1 ORDER BY number",
    )?;
    let mut rows = statement.query([account])?;
    while let Some(row) = rows.next()? {
        let line = Line::Unsent {
            chat_id: row.get(0)?,
            client_id: id(row.get_ref(1)?.as_str().unwrap_or_default())?,
            at: Timestamp::from_millis(row.get(2)?),
            work: from_json(row.get_ref(3)?.as_str().unwrap_or_default())?,
            failure: row.get(4)?,
        };
        write(to, &line)?;
        exported.unsent += 1;
    }
    Ok(())
}

fn write(to: &mut impl Write, line: &Line<'_>) -> Result<(), ExportError> {
    serde_json::to_writer(&mut *to, line).map_err(|error| ExportError::File(error.into()))?;
    to.write_all(b"\n").map_err(ExportError::File)
}

impl ExportError {
    /// What the person is told.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Store(error) => error.failure(),
            Self::File(error) => crate::files::failure(error),
        }
    }
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for ExportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
