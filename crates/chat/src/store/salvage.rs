//! Gets out of a damaged file of what was typed whatever can still be read of it.

use std::path::Path;

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{StoreError, key::StoreKey, open, schema};

/// The tables, each after what its rows refer to, with the order that they are stored in.
const TABLES: [(&str, &str); 4] = [
    ("accounts", "rowid"),
    ("last_session", "rowid"),
    ("outbox", "rowid"),
    ("drafts", "account, chat"),
];

/// Begins a file at `to` with what can be read of the one at `from`.
///
/// # Errors
/// When the new file cannot be written. What cannot be read of the old one is no error.
pub(super) fn restore(from: &Path, to: &Path, key: &StoreKey) -> Result<(), StoreError> {
    let mut new = open::begin_unsent(to, key)?;
    schema::migrate_unsent(&mut new)?;
    for (table, order) in TABLES {
        let mut rows = 0;
        // What is behind a damaged page is reached from the other end.
        for direction in ["ASC", "DESC"] {
            // A connection that met a damaged page reads no other any more.
            let Ok(damaged) = open::connect(from, key) else {
                tracing::warn!("nothing of the damaged file can be read");
                return Ok(());
            };
            rows += copy(&damaged, &new, table, &format!("{order} {direction}"))?;
        }
        tracing::info!(table, rows, "saved from the damaged file");
    }
    Ok(())
}

/// Copies rows up to the first that cannot be read. Answers how many were not there yet.
fn copy(damaged: &Connection, new: &Connection, table: &str, order: &str) -> Result<usize, StoreError> {
    let Ok(mut statement) = damaged.prepare(&format!("SELECT * FROM {table} ORDER BY {order}")) else {
        return Ok(0);
    };
    let columns = statement.column_count();
    let places = vec!["?"; columns].join(", ");
    let insert = format!("INSERT OR IGNORE INTO unsent.{table} VALUES ({places})");
    let Ok(mut rows) = statement.query([]) else {
        return Ok(0);
    };
    let mut copied = 0;
    while let Ok(Some(row)) = rows.next() {
        let values: rusqlite::Result<Vec<Value>> = (0..columns).map(|column| row.get(column)).collect();
        let Ok(values) = values else { break };
        match new.execute(&insert, params_from_iter(values)) {
            Ok(count) => copied += count,
            // A row that refers to one that was not read is kept where it is, in the file that went aside.
            Err(error) => match StoreError::from(error) {
                StoreError::DiskFull => return Err(StoreError::DiskFull),
                StoreError::Damaged
                | StoreError::WrongKey
                | StoreError::TooNew
                | StoreError::NoPermission(_)
                | StoreError::Unusable(_)
                | StoreError::Internal(_)
                | StoreError::NoAccount
                | StoreError::Closed => {}
            },
        }
    }
    Ok(copied)
}
