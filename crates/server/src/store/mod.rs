//! The database: opening it, reading it, and changing it through one writer.
//!
//! The border of all SQL in this crate: nothing outside of this folder names a table. The statements keep to
//! what SQLite and Postgres both understand; what differs is in the files named after them.
//!
//! Never decides who may do what beyond what it is told, except for one thing that must hold everywhere:
//! every read of messages takes the reader and gives only what that reader can see.

pub(crate) mod audit;
mod catalog;
pub(crate) mod changes;
pub(crate) mod chats;
mod check;
mod checkpoints;
mod conn;
mod desk;
pub(crate) mod events;
pub(crate) mod files;
mod history;
mod inbox;
pub(crate) mod invites;
mod known;
mod later;
pub(crate) mod members;
pub(crate) mod membership;
pub(crate) mod messages;
mod postgres;
mod queue;
mod readers;
pub(crate) mod reads;
mod schema;
pub(crate) mod search;
pub(crate) mod sending;
pub(crate) mod sessions;
pub(crate) mod settings;
mod sql;
mod sqlite;
pub(crate) mod sync;
mod telling;
mod transfer;
mod tx;
pub(crate) mod users;
pub(crate) mod whole;
mod writer;

use std::{str::FromStr, sync::Arc};

use khaya_wire::{Timestamp, UserId};
use rand::RngCore as _;

use self::{
    checkpoints::Checkpoints,
    conn::View,
    desk::Settles,
    postgres::{Postgres, Target},
    readers::Readers,
    sqlite::Sqlite,
    writer::Writer,
};
pub(crate) use self::{
    conn::Conn,
    sql::{Row, query},
    tx::Tx,
};
use crate::{Database, Error, realtime::Hub};

/// How many connections read at once. More gain nothing on a machine of a team's size.
const READERS: usize = 4;

/// Who reads: what they can see depends on both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Viewer {
    pub(crate) user: UserId,
    /// The role on the server, as it is now.
    pub(crate) role: String,
}

/// The one way to the database. What is done with it runs on its own threads: short, and without waiting for
/// anything else.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    readers: Readers,
    writer: Writer,
}

impl Store {
    /// Opens the database, makes it when there is none, and brings its schema up to date. What is committed is
    /// told through `hub`.
    pub(crate) async fn open(database: &Database, hub: Hub) -> Result<Self, Error> {
        let database = database.clone();
        let Connections {
            write,
            checkpoints,
            readers,
        } = on_a_thread(move || connect(&database)).await?;
        Ok(Self {
            readers: Readers::start(readers)?,
            writer: Writer::start(write, checkpoints, hub)?,
        })
    }

    /// Answers what one query finds.
    pub(crate) async fn read<T, F>(&self, look: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        self.look(View::Single, look).await
    }

    /// The same, of what no message changes: who somebody is.
    pub(crate) async fn read_beside_messages<T, F>(&self, look: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        self.readers.ask(View::Single, look).await
    }

    /// Answers what several queries find that must fit together: nothing changes between them.
    pub(crate) async fn snapshot<T, F>(&self, look: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        self.look(View::Snapshot, look).await
    }

    async fn look<T, F>(&self, view: View, look: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        match self.writer.settled().await {
            Ok(()) => self.readers.ask(view, look).await,
            // Also on a full disk what is there can be read.
            Err(_not_settled) => self.writer.look(look).await,
        }
    }

    /// Makes a change, all of it or nothing, and answers once it is on the disk.
    pub(crate) async fn write<T, F>(&self, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.writer.write(None, Settles::First, change).await
    }

    /// As [`Store::write`], for a change that sees what waits to be put in its places, and may leave more of it.
    pub(crate) async fn write_message<T, F>(&self, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.writer.write(None, Settles::Later, change).await
    }

    /// As [`Store::write`], as if it were another time: for bringing in what happened elsewhere.
    pub(crate) async fn write_at<T, F>(&self, at: Timestamp, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    {
        self.writer.write(Some(at), Settles::First, change).await
    }

    /// Whether the database answers.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        self.read(|conn| query("SELECT 1").execute(conn).map(|_rows| ()))
            .await
    }

    /// Lets what was begun finish, and closes the database.
    pub(crate) async fn close(&self) {
        // The writer last: what closes a SQLite database last moves its log into it, and must be able to write.
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// What a store works with.
struct Connections {
    /// For changes, on a schema that is up to date.
    write: Conn,
    /// Of a database that has to be told to move its log.
    checkpoints: Option<Checkpoints>,
    readers: Vec<Conn>,
}

fn connect(database: &Database) -> Result<Connections, Error> {
    match database {
        Database::Sqlite(dir) => {
            let mut write = Conn::Sqlite(Sqlite::open(dir)?);
            schema::migrate(&mut write)?;
            inbox::empty(&mut write)?;
            let readers = (0..READERS)
                .map(|_| Sqlite::open_for_reading(dir).map(Conn::Sqlite))
                .collect::<Result<_, _>>()?;
            Ok(Connections {
                write,
                checkpoints: Some(Checkpoints::start(Sqlite::open_for_moving(dir)?)?),
                readers,
            })
        }
        Database::Postgres(address) => {
            let (config, tls) = address.parts()?;
            let target = Arc::new(Target::new(config.into(), tls));
            let connection = || Conn::Postgres(Box::new(Postgres::new(Arc::clone(&target))));
            let mut write = connection();
            schema::migrate(&mut write)?;
            write.forget_nodes()?;
            Ok(Connections {
                write,
                checkpoints: None,
                readers: (0..READERS).map(|_| connection()).collect(),
            })
        }
    }
}

/// Whether there is a database already.
pub(crate) async fn exists(database: &Database) -> Result<bool, Error> {
    let database = database.clone();
    on_a_thread(move || match &database {
        Database::Sqlite(dir) => Ok(sqlite::file_in(dir).exists()),
        Database::Postgres(address) => {
            let (config, tls) = address.parts()?;
            Postgres::new(Arc::new(Target::new(config.into(), tls))).has_tables()
        }
    })
    .await
}

/// Does what blocks where it may.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}

/// 128 random bits as an id: it tells neither how many there are nor when it was made.
fn random_id() -> String {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    in_letters(bytes)
}

/// A fresh random id of any kind.
fn fresh<T: FromStr>() -> Result<T, Error> {
    of_letters(&random_id())
}

/// A fresh id of what is shown with its time anyway: the time, and 80 random bits. Those of one time lie together in an
/// index, so that many that are stored at once change few of its pages.
fn fresh_at<T: FromStr>(at: Timestamp) -> Result<T, Error> {
    let mut bytes = [0_u8; 16];
    let (time, random) = bytes.split_at_mut(TIME_BYTES);
    let [_, _, millis @ ..] = at.as_millis().to_be_bytes();
    time.copy_from_slice(&millis);
    rand::rng().fill_bytes(random);
    of_letters(&in_letters(bytes))
}

/// Enough for the milliseconds of nine thousand years.
const TIME_BYTES: usize = 6;

/// The letters that ids may have, in the order in which databases have them.
fn in_letters(bytes: [u8; 16]) -> String {
    use base64::{
        Engine as _,
        alphabet::Alphabet,
        engine::{GeneralPurpose, general_purpose::NO_PAD},
    };
    const LETTERS: Alphabet =
        match Alphabet::new("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz") {
            Ok(letters) => letters,
            Err(_) => unreachable!(),
        };
    const IN_LETTERS: GeneralPurpose = GeneralPurpose::new(&LETTERS, NO_PAD);
    IN_LETTERS.encode(bytes)
}

fn of_letters<T: FromStr>(text: &str) -> Result<T, Error> {
    text.parse()
        .map_err(|_| Error::Internal("a made id is not one".to_owned()))
}

fn read_id<T: FromStr>(row: &Row, column: &str) -> Result<T, Error> {
    row.try_get::<&str>(column)?
        .parse()
        .map_err(|_| bad_column(column))
}

fn optional_id<T: FromStr>(row: &Row, column: &str) -> Result<Option<T>, Error> {
    row.try_get::<Option<&str>>(column)?
        .map(|text| text.parse().map_err(|_| bad_column(column)))
        .transpose()
}

fn read_time(row: &Row, column: &str) -> Result<Timestamp, Error> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

fn optional_time(row: &Row, column: &str) -> Result<Option<Timestamp>, Error> {
    Ok(row.try_get::<Option<i64>>(column)?.map(Timestamp::from_millis))
}

fn read_flag(row: &Row, column: &str) -> Result<bool, Error> {
    Ok(row.try_get::<i64>(column)? != 0)
}

fn read_count(row: &Row, column: &str) -> Result<u64, Error> {
    u64::try_from(row.try_get::<i64>(column)?).map_err(|_| bad_column(column))
}

/// Texts as one parameter, for `IN (SELECT value FROM json_each($1))`.
fn json_list<'t>(texts: impl Iterator<Item = &'t str>) -> Result<String, Error> {
    serde_json::to_string(&texts.collect::<Vec<_>>()).map_err(|error| Error::Internal(error.to_string()))
}

fn bad_column(column: &str) -> Error {
    Error::Internal(format!("the column {column} holds what it may not"))
}

#[cfg(test)]
mod tests {
    use khaya_wire::MessageId;

    use super::*;

    #[test]
    fn ids_of_later_times_are_greater_and_none_is_made_twice() {
        let id = |millis| fresh_at::<MessageId>(Timestamp::from_millis(millis)).unwrap();
        let times = [0, 1, 63, 64, 4095, 4096, 1_800_000_000_000, 1_800_000_000_001];
        for pair in times.windows(2) {
            assert!(id(pair[0]) < id(pair[1]), "{pair:?}");
        }
        let (one, other) = (id(7), id(7));
        assert_ne!(one, other);
        assert_eq!(one.as_str()[..8], other.as_str()[..8]);
    }
}
