//! One connection to the database, whichever it is. Blocks: it lives on a thread of its own.

use super::{
    sql::{Query, Row},
    sqlite::Sqlite,
};
use crate::Error;

/// An open connection.
#[derive(Debug)]
pub(crate) enum Conn {
    Sqlite(Sqlite),
}

impl Conn {
    pub(super) fn execute(&mut self, query: &Query<'_>) -> Result<u64, Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute(query),
        }
    }

    pub(super) fn fetch(&mut self, query: &Query<'_>) -> Result<Vec<Row>, Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.fetch(query),
        }
    }

    /// Runs several statements that take nothing and give nothing.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.batch(sql),
        }
    }

    /// Begins a transaction that changes things: there is one at a time.
    pub(super) fn begin_change(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.batch("BEGIN IMMEDIATE"),
        }
    }

    /// Begins a transaction that sees everything as it is now, whatever is changed meanwhile.
    pub(super) fn begin_snapshot(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.batch("BEGIN"),
        }
    }

    /// Ends a transaction; what was changed in it is on the disk.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        self.batch("COMMIT")
    }

    /// Ends a transaction as if it had not been.
    pub(super) fn roll_back(&mut self) -> Result<(), Error> {
        self.batch("ROLLBACK")
    }
}
