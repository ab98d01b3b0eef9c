//! What each database says of itself: its tables and columns, the numbers it gives out, who else is at it.

use super::{conn::Conn, query};
use crate::Error;

impl Conn {
    /// The names of all tables.
    pub(super) fn tables(&mut self) -> Result<Vec<String>, Error> {
        let sql = match self {
            Self::Sqlite(_) => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
            }
            Self::Postgres(_) => {
                "SELECT CAST(table_name AS TEXT) COLLATE \"C\" AS name FROM information_schema.tables
                 WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1"
            }
        };
        query(sql)
            .fetch_all(self)?
            .iter()
            .map(|row| row.try_get("name"))
            .collect()
    }

    /// The names of the columns of a table, in the order of the alphabet.
    pub(super) fn columns_of(&mut self, table: &str) -> Result<Vec<String>, Error> {
        let sql = match self {
            Self::Sqlite(_) => "SELECT name FROM pragma_table_info($1) ORDER BY name",
            Self::Postgres(_) => {
                "SELECT CAST(column_name AS TEXT) COLLATE \"C\" AS name FROM information_schema.columns
                 WHERE table_schema = current_schema() AND table_name = $1 ORDER BY 1"
            }
        };
        query(sql)
            .bind(table)
            .fetch_all(self)?
            .iter()
            .map(|row| row.try_get("name"))
            .collect()
    }

    /// The last number that the database gave to a row of a table, 0 before the first.
    pub(super) fn last_number(&mut self, table: &str, column: &str) -> Result<i64, Error> {
        let sql = match self {
            Self::Sqlite(_) => format!("SELECT seq AS last FROM sqlite_sequence WHERE name = '{table}'"),
            Self::Postgres(_) => {
                format!(
                    "SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last FROM {table}_{column}_seq"
                )
            }
        };
        match query(&sql).fetch_optional(self)? {
            Some(row) => row.try_get("last"),
            None => Ok(0),
        }
    }

    /// Has the database go on after a number.
    pub(super) fn set_last_number(&mut self, table: &str, column: &str, last: i64) -> Result<(), Error> {
        if last == 0 {
            return Ok(());
        }
        match self {
            Self::Sqlite(_) => {
                query("DELETE FROM sqlite_sequence WHERE name = $1")
                    .bind(table)
                    .execute(self)?;
                query("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)")
                    .bind(table)
                    .bind(last)
                    .execute(self)?;
            }
            Self::Postgres(_) => {
                let sql = format!("SELECT setval('{table}_{column}_seq', $1)");
                query(&sql).bind(last).execute(self)?;
            }
        }
        Ok(())
    }

    /// Whether a server, or another command, is at this database as well.
    pub(super) fn is_shared(&mut self) -> Result<bool, Error> {
        match self {
            Self::Sqlite(sqlite) => sqlite.is_shared(),
            Self::Postgres(_) => {
                let others = query(
                    "SELECT COUNT(*) AS others FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'khaya-server' AND pid <> pg_backend_pid()",
                )
                .fetch_one(self)?;
                Ok(others.try_get::<i64>("others")? > 0)
            }
        }
    }
}
