//! How the store's files are opened with their key, and what happens to those that cannot be.
//!
//! There are two, both encrypted by SQLCipher with the same key: what can be fetched again (`chat.db`), and what
//! cannot: who was signed in and what they typed (`unsent.db`). One that is damaged goes aside and leaves the
//! other as it is.
//!
//! Never does: remove a file that was written with a key that may still be somewhere.

use std::{fs, path::Path, path::PathBuf, time::Duration};

use rusqlite::Connection;

use super::{
    Store, StoreError,
    files::{self, Aside},
    key::{KeyFile, StoreKey},
    salvage,
    schema::{self, File},
};
use crate::view::Failure;

/// How much of the files may be in memory, in KiB: pages of a few chats, never the history.
const CACHE_KIB: i64 = 16 * 1024;

/// How long the log may become, in pages of 4 KiB, before it is taken in: a page that was written many times meanwhile is
/// taken in once.
const LOG_PAGES: i64 = 4000;

/// A store that was opened.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// What was there and could not be read.
    pub set_aside: Vec<SetAside>,
}

/// A file of the store that was put away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    pub why: Aside,
    file: File,
}

impl SetAside {
    /// What the person is told.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let path = self.path.display();
        let (code, sentence) = match (self.file, self.why) {
            (File::Chats, Aside::Damaged) => (
                "store_damaged",
                format!(
                    "Stored chats on this computer were damaged. They have been set aside as {path} and are fetched anew."
                ),
            ),
            (File::Chats, Aside::Newer) => (
                "store_too_new",
                format!(
                    "The stored chats on this computer were written by a later version of Khaya. They have been set aside as \
                     {path}, and are fetched anew."
                ),
            ),
            (File::Unsent, Aside::Damaged) => (
                "unsent_damaged",
                format!(
                    "What was typed on this computer and not sent was damaged. What could be read of it is here; all of it \
                     has been set aside as {path}."
                ),
            ),
            (File::Unsent, Aside::Newer) => (
                "unsent_too_new",
                format!(
                    "What was typed on this computer and not sent was written by a later version of Khaya. It has been set \
                     aside as {path}; that version can read it."
                ),
            ),
            (File::Chats | File::Unsent, Aside::Locked) => (
                "store_set_aside",
                format!(
                    "The key of what is stored on this computer was not to be had. It has been set aside as {path}, and needs \
                     that key."
                ),
            ),
        };
        Failure::new(code, sentence)
    }
}

/// What there is in a profile's folder before it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    Nothing,
    /// A store of before there was encryption.
    Plain,
    Encrypted,
}

/// Looks what there is in `folder`, which need not be there.
///
/// # Errors
/// When it cannot be read.
pub fn look(folder: &Path) -> Result<There, StoreError> {
    let chats = folder.join(files::CHATS);
    if files::is_plain(&chats)? {
        Ok(There::Plain)
    } else if files::is_there(&chats) || files::is_there(&folder.join(files::UNSENT)) {
        Ok(There::Encrypted)
    } else {
        Ok(There::Nothing)
    }
}

/// Opens the store in `folder`, or begins one. One of before there was encryption is encrypted. A file that is
/// damaged, or that a newer version wrote, is renamed, never removed.
///
/// # Errors
/// [`StoreError::WrongKey`] where the store has another key: then nothing was touched. Others when not even new
/// files can be begun.
pub fn open(folder: &Path, key: &StoreKey) -> Result<Opened, StoreError> {
    fs::create_dir_all(folder).map_err(|error| StoreError::from(&error))?;
    let chats = folder.join(files::CHATS);
    if look(folder)? == There::Encrypted && !fits(folder, key)? {
        return Err(StoreError::WrongKey);
    }
    let mut set_aside = Vec::new();
    let mut aside = |file: File, why| -> Result<PathBuf, StoreError> {
        let path = files::set_aside(&folder.join(name(file)), why)?;
        tracing::error!(file = %path.display(), ?why, "a file of the store has been set aside");
        set_aside.push(SetAside {
            path: path.clone(),
            why,
            file,
        });
        Ok(path)
    };
    if files::is_plain(&chats)? {
        match encrypt(&chats, key) {
            Err(StoreError::Damaged) => drop(aside(File::Chats, Aside::Damaged)?),
            result => result?,
        }
    }
    if mark(folder).exists() {
        if chats.exists() {
            match connect(&chats, key).and_then(|chats| check(&chats, "main")) {
                Err(StoreError::Damaged) => drop(aside(File::Chats, Aside::Damaged)?),
                result => result?,
            }
        }
        fs::remove_file(mark(folder)).map_err(|error| StoreError::from(&error))?;
    }
    let connection = match open_files(folder, key) {
        Ok(connection) => connection,
        Err((error, at)) => {
            // Each of the two may be what is damaged.
            let Some(why) = reason(&error) else {
                return Err(error);
            };
            let path = folder.join(name(at));
            let from = aside(at, why)?;
            let other = match at {
                File::Chats => open_files(folder, key),
                File::Unsent => {
                    salvage::restore(&from, &path, key)?;
                    open_files(folder, key)
                }
            };
            match other {
                Ok(connection) => connection,
                Err((error, at)) => {
                    let Some(why) = reason(&error) else {
                        return Err(error);
                    };
                    aside(at, why)?;
                    open_files(folder, key).map_err(|(error, _)| error)?
                }
            }
        }
    };
    Ok(Opened {
        store: Store {
            connection,
            account: None,
        },
        set_aside,
    })
}

/// Whether a key is the one that the files in `folder` were written with. Where nothing says which one that was, it is
/// if it opens one of them: one that is damaged is told apart by the other.
///
/// # Errors
/// When they cannot be read.
pub fn fits(folder: &Path, key: &StoreKey) -> Result<bool, StoreError> {
    if let Some(file) = KeyFile::read(folder)? {
        return Ok(file.is_of(key));
    }
    for name in [files::CHATS, files::UNSENT] {
        let path = folder.join(name);
        if files::is_there(&path) {
            match connect(&path, key) {
                Ok(_) => return Ok(true),
                Err(StoreError::Damaged) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(false)
}

/// Puts away a store whose key is not there, with its sealed key if it has one. Answers where it went.
///
/// # Errors
/// When the files cannot be renamed.
pub fn set_aside_locked(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    [files::CHATS, files::UNSENT]
        .into_iter()
        .map(|name| folder.join(name))
        .filter(|path| files::is_there(path))
        .map(|path| files::set_aside(&path, Aside::Locked))
        .collect()
}

/// Removes a store whose key was in the memory of a process that has ended, and nowhere else.
///
/// # Errors
/// When the files cannot be removed.
pub fn remove_unkept(folder: &Path) -> Result<(), StoreError> {
    for name in [files::CHATS, files::UNSENT] {
        files::remove_database(&folder.join(name))?;
    }
    Ok(())
}

/// A store that is gone when it is dropped, and is not encrypted.
///
/// # Errors
/// [`StoreError`] when there is no memory for it.
pub fn open_in_memory() -> Result<Store, StoreError> {
    let mut connection = Connection::open_in_memory()?;
    connection.execute_batch("ATTACH DATABASE ':memory:' AS unsent")?;
    prepare(&connection)?;
    schema::migrate_unsent(&mut connection)?;
    schema::migrate(&mut connection)?;
    Ok(Store {
        connection,
        account: None,
    })
}

/// Another connection to a store that is open, to read from.
pub(super) fn beside(folder: &Path, key: &StoreKey) -> Result<Connection, StoreError> {
    let connection = connect(&folder.join(files::CHATS), key)?;
    attach(&connection, &folder.join(files::UNSENT), key)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Begins the small file by itself, beside an empty one in memory.
pub(super) fn begin_unsent(path: &Path, key: &StoreKey) -> Result<Connection, StoreError> {
    let connection = Connection::open_in_memory()?;
    attach(&connection, path, key)?;
    prepare(&connection)?;
    Ok(connection)
}

/// Notes that a page could not be read, so that the next start reads all of them, and sets the file aside if one is
/// damaged.
pub(super) fn mark_as_damaged(connection: &Connection) {
    let Some(folder) = connection.path().map(Path::new).and_then(Path::parent) else {
        return;
    };
    if let Err(error) = files::keep_private(&mark(folder)) {
        tracing::error!(%error, "a damaged store cannot be marked as such");
    }
}

/// Whether a file of what was typed was set aside beside this store, at whatever time.
pub(super) fn has_unsent_aside(connection: &Connection) -> Result<bool, StoreError> {
    let Some(folder) = connection.path().map(Path::new).and_then(Path::parent) else {
        return Ok(false);
    };
    files::is_any_aside(&folder.join(files::UNSENT))
}

fn mark(folder: &Path) -> PathBuf {
    folder.join("chat.to-check")
}

fn name(file: File) -> &'static str {
    match file {
        File::Chats => files::CHATS,
        File::Unsent => files::UNSENT,
    }
}

/// Whether a file that fails so goes aside.
fn reason(error: &StoreError) -> Option<Aside> {
    match error {
        StoreError::Damaged => Some(Aside::Damaged),
        StoreError::TooNew => Some(Aside::Newer),
        StoreError::DiskFull
        | StoreError::WrongKey
        | StoreError::NoPermission(_)
        | StoreError::Unusable(_)
        | StoreError::Internal(_)
        | StoreError::NoAccount
        | StoreError::Closed => None,
    }
}

/// Opens both files and brings them up to date; or tells which of them was in the way.
fn open_files(folder: &Path, key: &StoreKey) -> Result<Connection, (StoreError, File)> {
    let (chats, unsent) = (folder.join(files::CHATS), folder.join(files::UNSENT));
    let of_chats = |error| (error, File::Chats);
    let of_unsent = |error| (error, File::Unsent);
    let mut connection = connect(&chats, key).map_err(of_chats)?;
    attach(&connection, &unsent, key).map_err(of_unsent)?;
    prepare(&connection).map_err(of_chats)?;
    for (file, path) in [(File::Unsent, &unsent), (File::Chats, &chats)] {
        if let Some(version) = schema::outdated(&connection, file).map_err(|error| (error, file))? {
            back_up(&connection, file, path, version).map_err(|error| (error, file))?;
        }
    }
    schema::migrate_unsent(&mut connection).map_err(of_unsent)?;
    schema::migrate(&mut connection).map_err(of_chats)?;
    Ok(connection)
}

/// Opens an encrypted file, or begins one.
pub(super) fn connect(path: &Path, key: &StoreKey) -> Result<Connection, StoreError> {
    files::keep_private(path)?;
    let connection = Connection::open(path)?;
    quiet(&connection)?;
    without_text(connection.execute_batch(&format!("PRAGMA key = {}", *key.literal())))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    read_schema(&connection, "main")?;
    Ok(connection)
}

/// The same for the small file. That one is read as a whole, as what it has is nowhere else.
fn attach(connection: &Connection, path: &Path, key: &StoreKey) -> Result<(), StoreError> {
    files::keep_private(path)?;
    let statement = format!("ATTACH DATABASE ?1 AS unsent KEY {}", *key.literal());
    let path = path.to_string_lossy();
    without_text(connection.execute(&statement, [path]).map(drop))?;
    connection.pragma_update(Some("unsent"), "journal_mode", "wal")?;
    read_schema(connection, "unsent")?;
    check(connection, "unsent")
}

/// Reads a file as a whole.
fn check(connection: &Connection, schema: &str) -> Result<(), StoreError> {
    let verdict: String = connection.pragma_query_value(Some(schema), "quick_check", |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(StoreError::Damaged)
    }
}

/// SQLCipher writes to standard error what comes back as an error anyway.
fn quiet(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.pragma_update_and_check(None, "cipher_log_level", "none", |_| Ok(()))?)
}

/// Reads what shows whether the key is right and the file whole enough.
fn read_schema(connection: &Connection, schema: &str) -> Result<(), StoreError> {
    let statement = format!("SELECT count(*) FROM {schema}.sqlite_schema");
    connection.query_row(&statement, [], |row| row.get::<_, u64>(0))?;
    Ok(())
}

fn prepare(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::from_secs(5))?;
    // What a power cut takes of the last seconds of the chats is fetched again: the place to go on from is in the same
    // file.
    connection.pragma_update(None, "synchronous", "normal")?;
    // What was typed is never lost: a commit is on the disk when it returns.
    connection.pragma_update(Some("unsent"), "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

fn back_up(connection: &Connection, file: File, path: &Path, version: usize) -> Result<(), StoreError> {
    connection.pragma_query(Some(file.schema()), "wal_checkpoint", |_| Ok(()))?;
    files::back_up(path, version)
}

/// Encrypts a file in place: what there was is replaced by what it became, and no copy of it stays.
fn encrypt(path: &Path, key: &StoreKey) -> Result<(), StoreError> {
    let new = path.with_extension("encrypting");
    files::remove_database(&new)?;
    files::keep_private(&new)?;
    let plain = Connection::open(path)?;
    quiet(&plain)?;
    plain.busy_timeout(Duration::from_secs(5))?;
    let version: i64 = plain.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let statement = format!("ATTACH DATABASE ?1 AS encrypted KEY {}", *key.literal());
    without_text(plain.execute(&statement, [new.to_string_lossy()]).map(drop))?;
    plain.query_row("SELECT sqlcipher_export('encrypted')", [], |_| Ok(()))?;
    plain.pragma_update(Some("encrypted"), "user_version", version)?;
    plain.execute_batch("DETACH DATABASE encrypted")?;
    // The log is taken in when the last connection is closed.
    plain.close().map_err(|(_, error)| error)?;
    files::remove_beside(path)?;
    fs::rename(&new, path).map_err(|error| StoreError::from(&error))?;
    tracing::info!("the store has been encrypted");
    Ok(())
}

/// An error of a statement that holds the key: some quote the statement.
fn without_text(result: rusqlite::Result<()>) -> Result<(), StoreError> {
    result.map_err(|error| {
        let code = error.sqlite_error_code();
        let error = StoreError::from(error);
        if matches!(error, StoreError::Unusable(_)) {
            StoreError::Unusable(format!("the key was not taken: {code:?}"))
        } else {
            error
        }
    })
}
