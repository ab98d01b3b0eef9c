//! The database: opening it, reading it, and changing it through one writer.
//!
//! The border of all SQL in this crate: nothing outside of this folder names a table. The statements keep to
//! what SQLite and Postgres both understand, and the type of the database is named in this file alone.
//!
//! Never decides who may do what beyond what it is told, except for one thing that must hold everywhere:
//! every read of messages takes the reader and gives only what that reader can see.

pub(crate) mod changes;
pub(crate) mod chats;
pub(crate) mod events;
pub(crate) mod invites;
pub(crate) mod members;
pub(crate) mod membership;
pub(crate) mod messages;
pub(crate) mod reads;
pub(crate) mod search;
pub(crate) mod sending;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod sync;
mod telling;
pub(crate) mod users;
mod writer;

use std::{fs, path::Path, str::FromStr, time::Duration};

use khaya_wire::{Timestamp, UserId};
use rand::RngCore as _;
use sqlx::{
    Pool, Row as _, Transaction,
    migrate::Migrator,
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub(crate) use self::writer::{Tx, Writer};
use crate::{Error, realtime::Hub};

pub(crate) type Db = sqlx::Sqlite;
pub(crate) type Conn = sqlx::SqliteConnection;
pub(crate) type Row = sqlx::sqlite::SqliteRow;

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// How many connections read at once. More gain nothing on a machine of a team's size.
const READERS: u32 = 4;

/// Who reads: what they can see depends on both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Viewer {
    pub(crate) user: UserId,
    /// The role on the server, as it is now.
    pub(crate) role: String,
}

/// The one way to the database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    readers: Pool<Db>,
    writer: Writer,
}

impl Store {
    /// Opens the database in `dir`, makes it when there is none, and brings its schema up to date. What is
    /// committed is told through `hub`.
    pub(crate) async fn open(dir: &Path, hub: Hub) -> Result<Self, Error> {
        let file = file_in(dir);
        make_private(dir, &file)?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .journal_mode(SqliteJournalMode::Wal)
            // What was answered 201 is on the disk.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(256);
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone())
            .await?;
        MIGRATIONS.run(&write).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self {
            readers,
            writer: Writer::start(write, hub),
        })
    }

    /// A connection for one query.
    pub(crate) async fn reader(&self) -> Result<PoolConnection<Db>, Error> {
        Ok(self.readers.acquire().await?)
    }

    /// A snapshot, for several queries that must fit together.
    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, Db>, Error> {
        Ok(self.readers.begin().await?)
    }

    /// Whether the database answers.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        sqlx::query("SELECT 1")
            .execute(&mut *self.reader().await?)
            .await?;
        Ok(())
    }

    /// Where changes are made.
    pub(crate) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Lets what was begun finish, and closes the database.
    pub(crate) async fn close(&self) {
        // The writer last: what closes a SQLite database last moves its log into it, and must be able to write.
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Whether there is a database in `dir`.
pub(crate) fn exists_in(dir: &Path) -> bool {
    file_in(dir).exists()
}

fn file_in(dir: &Path) -> std::path::PathBuf {
    dir.join("khaya.db")
}

/// Makes the folder and the file so that only their owner can look into them. SQLite gives the files that it
/// makes beside the database the same mode.
fn make_private(dir: &Path, file: &Path) -> Result<(), Error> {
    let failed = |source| Error::io(format!("cannot use {}", dir.display()), source);
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    let mut open = fs::OpenOptions::new();
    open.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
        folder.mode(0o700);
        open.mode(0o600);
        // A folder that was there before is somebody's decision; the files in it are ours.
        folder.create(dir).map_err(failed)?;
        open.open(file).map_err(failed)?;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    }
    #[cfg(not(unix))]
    {
        folder.create(dir).map_err(failed)?;
        open.open(file).map_err(failed)?;
    }
    Ok(())
}

/// 128 random bits as an id: it tells neither how many there are nor when it was made.
fn random_id() -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A fresh random id of any kind.
fn fresh<T: FromStr>() -> Result<T, Error> {
    random_id()
        .parse()
        .map_err(|_| Error::Internal("a made id is not one".to_owned()))
}

fn read_id<T: FromStr>(row: &Row, column: &str) -> Result<T, Error> {
    row.try_get::<String, _>(column)?
        .parse()
        .map_err(|_| bad_column(column))
}

fn optional_id<T: FromStr>(row: &Row, column: &str) -> Result<Option<T>, Error> {
    row.try_get::<Option<String>, _>(column)?
        .map(|text| text.parse().map_err(|_| bad_column(column)))
        .transpose()
}

fn read_time(row: &Row, column: &str) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

fn optional_time(row: &Row, column: &str) -> Result<Option<Timestamp>, Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.map(Timestamp::from_millis))
}

fn read_flag(row: &Row, column: &str) -> Result<bool, Error> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

fn read_count(row: &Row, column: &str) -> Result<u64, Error> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| bad_column(column))
}

fn bad_column(column: &str) -> Error {
    Error::Internal(format!("the column {column} holds what it may not"))
}
