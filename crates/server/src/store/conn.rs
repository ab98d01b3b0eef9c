//! One connection to the database, whichever it is. Blocks: it lives on a thread of its own.

use super::{
    postgres::Postgres,
    sql::{Query, Row, query},
    sqlite::Sqlite,
};
use crate::Error;

/// An open connection.
#[derive(Debug)]
pub(crate) enum Conn {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// How a look at the database sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// Each query by itself.
    Single,
    /// All queries see the same, whatever is changed meanwhile.
    Snapshot,
}

impl Conn {
    pub(super) fn execute(&mut self, query: &Query<'_>) -> Result<u64, Error> {
        query.check()?;
        match self {
            Self::Sqlite(sqlite) => sqlite.execute(query),
            Self::Postgres(postgres) => postgres.execute(query),
        }
    }

    pub(super) fn fetch(&mut self, query: &Query<'_>) -> Result<Vec<Row>, Error> {
        query.check()?;
        match self {
            Self::Sqlite(sqlite) => sqlite.fetch(query),
            Self::Postgres(postgres) => postgres.fetch(query),
        }
    }

    /// Runs several statements that take nothing and give nothing.
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.batch(sql),
            Self::Postgres(postgres) => postgres.batch(sql),
        }
    }

    /// Answers what `look` finds. It is called once more when the connection to the database turns out to be lost.
    pub(super) fn look<T>(
        &mut self,
        view: View,
        look: impl Fn(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self.look_once(view, &look) {
            Err(Error::Postgres(error)) if self.has_lost(&error) => self.look_once(view, &look),
            found => found,
        }
    }

    fn look_once<T>(
        &mut self,
        view: View,
        look: &impl Fn(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match view {
            View::Single => look(self),
            View::Snapshot => {
                self.begin_snapshot()?;
                let found = look(self);
                let ended = self.batch("COMMIT");
                found.and_then(|found| ended.map(|()| found))
            }
        }
    }

    /// Begins a transaction that sees everything as it is now, whatever is changed meanwhile.
    pub(super) fn begin_snapshot(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.batch("BEGIN"),
            Self::Postgres(postgres) => postgres.begin_snapshot(),
        }
    }

    /// Begins a transaction that changes things: there is one at a time, whoever else is at the database.
    pub(super) fn begin_change(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(sqlite) => {
                sqlite.flush(true)?;
                sqlite.execute(&query("BEGIN IMMEDIATE")).map(|_rows| ())
            }
            Self::Postgres(postgres) => match postgres.begin_change() {
                Err(Error::Postgres(error)) if postgres.has_lost(&error) => postgres.begin_change(),
                begun => begun,
            },
        }
    }

    /// As [`Conn::begin_change`], for what can be made again from what there is: a database that can does not wait for
    /// the disk with it.
    pub(super) fn begin_derived(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(sqlite) => {
                sqlite.flush(false)?;
                sqlite.execute(&query("BEGIN IMMEDIATE")).map(|_rows| ())
            }
            Self::Postgres(_) => self.begin_change(),
        }
    }

    /// Ends a transaction; what was changed in it is on the disk, unless it is derived.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute(&query("COMMIT")).map(|_rows| ()),
            Self::Postgres(postgres) => postgres.commit(),
        }
    }

    /// Ends a transaction as if it had not been.
    pub(super) fn roll_back(&mut self) -> Result<(), Error> {
        self.batch("ROLLBACK")
    }

    /// After a [`Conn::commit`] that failed: whether it is known that nothing was stored. When not, what became
    /// of it is asked for by [`Conn::was_committed`].
    pub(super) fn is_undone(&mut self) -> bool {
        match self {
            // A commit that fails, on a full disk for instance, leaves the transaction open.
            Self::Sqlite(sqlite) => {
                let _none_was_open = sqlite.batch("ROLLBACK");
                true
            }
            Self::Postgres(postgres) => !postgres.is_in_doubt(),
        }
    }

    /// Whether the last transaction whose commit failed was stored all the same.
    pub(super) fn was_committed(&mut self) -> Result<bool, Error> {
        match self {
            Self::Sqlite(_) => Ok(false),
            Self::Postgres(postgres) => postgres.was_committed(),
        }
    }

    /// Forgets what was remembered of nodes that are gone.
    pub(super) fn forget_nodes(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres.forget_nodes(),
        }
    }

    fn has_lost(&mut self, error: &postgres::Error) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(postgres) => postgres.has_lost(error),
        }
    }
}
