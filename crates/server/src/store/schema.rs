//! The schema and its history: each step is applied once, in order, and never changed after it was published.

use sha2::{Digest as _, Sha256};

use super::{conn::Conn, query, search};
use crate::{Error, clock};

/// One step, in the words of each database.
struct Migration {
    version: i64,
    sqlite: &'static str,
    postgres: &'static str,
    /// What takes more than SQL.
    then: fn(&mut Conn) -> Result<(), Error>,
}

macro_rules! migration {
    ($version:literal, $file:literal) => {
        migration!($version, $file, |_conn| Ok(()))
    };
    ($version:literal, $file:literal, $then:expr) => {
        Migration {
            version: $version,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../migrations/postgres/", $file)),
            then: $then,
        }
    };
}

const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_start.sql"),
    migration!(2, "0002_search_by_chat.sql", search::fill),
    migration!(3, "0003_files.sql"),
    migration!(4, "0004_audit.sql"),
    migration!(5, "0005_search_beginnings.sql", |conn| match conn {
        Conn::Sqlite(_) => search::fill(conn),
        Conn::Postgres(_) => Ok(()),
    }),
    migration!(6, "0006_search_progress.sql"),
    migration!(7, "0007_sessions_by_end.sql"),
    migration!(8, "0008_inbox.sql"),
    migration!(9, "0009_search_merging.sql"),
];

const JOURNAL: &str = "CREATE TABLE IF NOT EXISTS migrations (
    version    BIGINT PRIMARY KEY NOT NULL,
    hash       TEXT NOT NULL,
    applied_at BIGINT NOT NULL
)";

/// Applies what a database lacks. Several that do so at once wait for each other.
pub(super) fn migrate(conn: &mut Conn) -> Result<(), Error> {
    conn.begin_change()?;
    match apply(conn) {
        Ok(()) => conn.commit(),
        Err(error) => {
            conn.roll_back()?;
            Err(error)
        }
    }
}

fn apply(conn: &mut Conn) -> Result<(), Error> {
    conn.batch(JOURNAL)?;
    let mut known = Vec::new();
    for row in query("SELECT version, hash FROM migrations ORDER BY version").fetch_all(conn)? {
        known.push((row.try_get::<i64>("version")?, row.try_get::<String>("hash")?));
    }
    if known.len() > MIGRATIONS.len() {
        return Err(Error::Schema(
            "it was made by a newer version of khaya-server; use that version".to_owned(),
        ));
    }
    for (at, migration) in MIGRATIONS.iter().enumerate() {
        let version = migration.version;
        let sql = migration.sql(conn);
        let hash = hash(sql);
        match known.get(at) {
            Some(applied) if *applied == (version, hash.clone()) => {}
            Some(_) => {
                return Err(Error::Schema(format!(
                    "step {version} was another when it was applied; use the version of khaya-server that made it"
                )));
            }
            None => {
                conn.batch(sql)
                    .and_then(|()| (migration.then)(conn))
                    .map_err(|error| Error::Schema(format!("step {version}: {error}")))?;
                query("INSERT INTO migrations (version, hash, applied_at) VALUES ($1, $2, $3)")
                    .bind(version)
                    .bind(hash)
                    .bind(clock::now().as_millis())
                    .execute(conn)?;
            }
        }
    }
    Ok(())
}

impl Migration {
    fn sql(&self, conn: &Conn) -> &'static str {
        match conn {
            Conn::Sqlite(_) => self.sqlite,
            Conn::Postgres(_) => self.postgres,
        }
    }
}

/// The same on systems that check text out with other line ends.
fn hash(sql: &str) -> String {
    let digest = Sha256::digest(sql.replace("\r\n", "\n"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
