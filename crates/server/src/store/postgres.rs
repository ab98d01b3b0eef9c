//! Postgres: one connection, opened when it is needed and again when it was lost.
//!
//! Changes of all nodes run one at a time, as on SQLite: each transaction that changes something holds one
//! advisory lock. So a check holds until the write that depends on it, nothing deadlocks or has to be tried
//! again, and the numbers that the database gives out become visible in their order, on which `/sync` depends. Many
//! changes share a transaction, so the lock costs little. Snapshots are `REPEATABLE READ` and never wait.

use std::{collections::HashMap, error::Error as _, sync::Arc};

use bytes::BytesMut;
use postgres::{
    Client, Config, NoTls, Statement,
    types::{IsNull, ToSql, Type, to_sql_checked},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    random_id,
    sql::{Cell, Query, Row, Value},
};
use crate::{Error, clock};

/// The advisory lock of changes ("khaya").
const CHANGES: i64 = 0x6b_68_61_79_61;
/// How long nodes that stopped are remembered, in milliseconds.
const FORGET_NODES_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What every connection begins with. A node that hangs within a change loses it, so that the others go on. Plans
/// follow the indexes also where a table is small: how long an answer takes then depends on what it holds alone.
const SESSION: &str = "SET lock_timeout = '10s'; SET statement_timeout = '60s';
    SET idle_in_transaction_session_timeout = '20s'; SET enable_seqscan = off;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Where a database is and how it is reached.
#[derive(Clone)]
pub(super) struct Target {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Target {
    pub(super) fn new(config: Config, tls: Option<MakeRustlsConnect>) -> Self {
        Self { config, tls }
    }

    fn connect(&self) -> Result<Client, Error> {
        let mut client = match &self.tls {
            Some(tls) => self.config.connect(tls.clone()),
            None => self.config.connect(NoTls),
        }?;
        client.batch_execute(SESSION)?;
        Ok(client)
    }
}

/// A connection, or the will to open one.
pub(crate) struct Postgres {
    target: Arc<Target>,
    client: Option<Client>,
    statements: HashMap<String, Prepared>,
    /// By what this connection is known in `batches`.
    node: String,
    /// The change that is open or was committed last, until it is known what became of it.
    batch: Option<String>,
}

#[derive(Clone)]
struct Prepared {
    statement: Statement,
    columns: Arc<[Box<str>]>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Postgres {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self {
            target,
            client: None,
            statements: HashMap::new(),
            node: random_id(),
            batch: None,
        }
    }

    pub(super) fn execute(&mut self, query: &Query<'_>) -> Result<u64, Error> {
        let prepared = self.prepare(query)?;
        Ok(self.client()?.execute(&prepared.statement, &parameters(query))?)
    }

    pub(super) fn fetch(&mut self, query: &Query<'_>) -> Result<Vec<Row>, Error> {
        let prepared = self.prepare(query)?;
        let rows = self.client()?.query(&prepared.statement, &parameters(query))?;
        rows.iter()
            .map(|row| {
                Ok(Row {
                    columns: Arc::clone(&prepared.columns),
                    cells: (0..row.len()).map(|at| read(row, at)).collect::<Result<_, _>>()?,
                })
            })
            .collect()
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        Ok(self.client()?.batch_execute(sql)?)
    }

    pub(super) fn begin_snapshot(&mut self) -> Result<(), Error> {
        self.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    /// `READ COMMITTED`, so that what is read after the lock is what the change before it left.
    pub(super) fn begin_change(&mut self) -> Result<(), Error> {
        self.batch(&format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({CHANGES})"
        ))?;
        self.batch = Some(random_id());
        Ok(())
    }

    pub(super) fn commit(&mut self) -> Result<(), Error> {
        let batch = self.batch.as_deref().unwrap_or_default();
        let (node, now) = (&self.node, clock::now().as_millis());
        // Ids are of letters, digits, '-' and '_'.
        let sql = format!(
            "INSERT INTO batches (node, batch, at) VALUES ('{node}', '{batch}', {now})
             ON CONFLICT (node) DO UPDATE SET batch = excluded.batch, at = excluded.at; COMMIT"
        );
        let committed = self.batch(&sql);
        match &committed {
            Ok(()) => self.batch = None,
            // The database itself says that it refused.
            Err(Error::Postgres(error)) if error.as_db_error().is_some() && !self.has_lost(error) => {
                self.batch = None;
                let _none_is_open = self.batch("ROLLBACK");
            }
            Err(_) => {}
        }
        committed
    }

    /// Whether a commit failed in a way that leaves open whether it came through.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.batch.is_some()
    }

    /// Whether the change whose commit failed was stored. The lock is taken first: whoever still carries it out
    /// holds that.
    pub(super) fn was_committed(&mut self) -> Result<bool, Error> {
        let Some(batch) = self.batch.clone() else {
            return Ok(false);
        };
        self.client = None;
        self.begin_change()?;
        self.batch = Some(batch.clone());
        let node = self.node.clone();
        let row = self.fetch(&super::query("SELECT batch FROM batches WHERE node = $1").bind(&node))?;
        let stored = match row.first() {
            Some(row) => row.try_get::<&str>("batch")? == batch,
            None => false,
        };
        self.batch = None;
        self.batch("ROLLBACK")?;
        Ok(stored)
    }

    /// Whether anything was ever stored here.
    pub(super) fn has_tables(&mut self) -> Result<bool, Error> {
        let found = self.fetch(&super::query(
            "SELECT 1 AS found FROM information_schema.tables
             WHERE table_schema = current_schema() AND table_name = 'migrations'",
        ))?;
        Ok(!found.is_empty())
    }

    /// Forgets nodes that have not been there for long.
    pub(super) fn forget_nodes(&mut self) -> Result<(), Error> {
        let before = clock::now().as_millis() - FORGET_NODES_MS;
        self.execute(&super::query("DELETE FROM batches WHERE at < $1").bind(before))?;
        Ok(())
    }

    /// Whether an error means that the connection is of no use any more. The next use opens another.
    pub(super) fn has_lost(&mut self, error: &postgres::Error) -> bool {
        let refused = error.code().map_or("", |code| code.code());
        // Connection exceptions; operator intervention, such as a shutdown; a transaction that ran out of time;
        // statements that a change of the schema made useless.
        let useless = ["08", "57P", "25P03", "25P04", "26000", "0A000"];
        let is_lost = self.client.as_ref().is_none_or(Client::is_closed)
            || error.is_closed()
            || error.source().is_some_and(|source| source.is::<std::io::Error>())
            || useless.iter().any(|class| refused.starts_with(class));
        if is_lost {
            self.client = None;
        }
        is_lost
    }

    fn client(&mut self) -> Result<&mut Client, Error> {
        if self.client.as_ref().is_some_and(Client::is_closed) {
            self.client = None;
        }
        match &mut self.client {
            Some(client) => Ok(client),
            none => {
                self.statements.clear();
                Ok(none.insert(self.target.connect()?))
            }
        }
    }

    fn prepare(&mut self, query: &Query<'_>) -> Result<Prepared, Error> {
        // Opens the connection first: with another, statements are prepared anew.
        self.client()?;
        if let Some(prepared) = self.statements.get(query.sql) {
            return Ok(prepared.clone());
        }
        let types: Vec<Type> = query.values.iter().map(Value::postgres_type).collect();
        let statement = self.client()?.prepare_typed(query.sql, &types)?;
        let prepared = Prepared {
            columns: statement
                .columns()
                .iter()
                .map(|column| Box::from(column.name()))
                .collect(),
            statement,
        };
        self.statements.insert(query.sql.to_owned(), prepared.clone());
        Ok(prepared)
    }
}

fn parameters<'v>(query: &'v Query<'_>) -> Vec<&'v (dyn ToSql + Sync)> {
    query
        .values
        .iter()
        .map(|value| {
            let value: &(dyn ToSql + Sync) = value;
            value
        })
        .collect()
}

fn read(row: &postgres::Row, at: usize) -> Result<Cell, Error> {
    let cell = match row.columns().get(at).map(postgres::Column::type_) {
        Some(&Type::INT8) => row.try_get::<_, Option<i64>>(at)?.map(Cell::Int),
        Some(&Type::INT4) => row
            .try_get::<_, Option<i32>>(at)?
            .map(|value| Cell::Int(value.into())),
        Some(&Type::TEXT) => row.try_get::<_, Option<String>>(at)?.map(Cell::Text),
        Some(_) | None => {
            return Err(Error::Internal(
                "a column holds neither a text nor an integer".to_owned(),
            ));
        }
    };
    Ok(cell.unwrap_or(Cell::Null))
}

impl Value<'_> {
    fn postgres_type(&self) -> Type {
        match self {
            // The database finds out which it is.
            Self::Null => Type::UNKNOWN,
            Self::Int(_) => Type::INT8,
            Self::Text(_) => Type::TEXT,
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(value) => value.to_sql(ty, out),
            Self::Text(value) => value.as_deref().to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::TEXT)
    }

    to_sql_checked!();
}
