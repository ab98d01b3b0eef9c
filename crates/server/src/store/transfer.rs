//! Everything that one database holds, into another that is empty: rows in the order of their keys, counted and
//! hashed on both sides. The numbers that places in `/sync` and in pages stand for stay what they are.
//!
//! All or nothing: what was written is committed after it was read again and found the same.

use sha2::{Digest as _, Sha256};

use super::{
    conn::Conn,
    history, query, search,
    sql::{Cell, Query, Row, Value},
};
use crate::Error;

/// The tables, those that others refer to first, and what their rows are ordered by. The index of words is made
/// anew; what a migration notes of itself stays with its database.
const TABLES: &[(&str, &[&str])] = &[
    ("settings", &["name"]),
    ("users", &["id"]),
    ("sessions", &["id"]),
    ("chats", &["id"]),
    ("members", &["chat_id", "user_id"]),
    ("messages", &["number"]),
    (
        "audience",
        &["chat_id", "kind", "value", "created_at", "message_id"],
    ),
    ("reactions", &["message_id", "emoji", "user_id"]),
    ("invites", &["code"]),
    ("events", &["pos"]),
    ("files", &["id"]),
    ("attachments", &["message_id", "place"]),
    ("audit", &["number"]),
];
/// Tables that a database has for itself. What waits in the inbox was put in its places when the database was opened.
const OWN: &[&str] = &["migrations", "search", "batches", "inbox"];
/// The tables whose rows the database numbers.
const NUMBERED: &[(&str, &str)] = &[("messages", "number"), ("events", "pos"), ("audit", "number")];

/// How many rows are read at once.
const PART: usize = 1000;
/// How many rows are written by one statement.
const ROWS: usize = 100;

/// What was moved of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) table: &'static str,
    pub(crate) rows: u64,
    /// SHA-256 over all rows in order.
    pub(crate) hash: String,
}

/// Whether nobody has been at a database.
fn is_empty(conn: &mut Conn) -> Result<bool, Error> {
    for table in ["users", "chats", "messages"] {
        let sql = format!("SELECT 1 AS found FROM {table} LIMIT 1");
        if query(&sql).fetch_optional(conn)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What everything is moved for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It goes on where it was, elsewhere.
    Move,
    /// It goes on from an earlier state.
    Restore,
}

/// Moves everything, telling `progress` of each part.
pub(super) fn transfer(
    from: &mut Conn,
    to: &mut Conn,
    purpose: Purpose,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<Vec<Moved>, Error> {
    check_tables(from)?;
    from.begin_snapshot()?;
    to.begin_change()?;
    let moved = fill(from, to, progress).and_then(|moved| {
        match purpose {
            Purpose::Move => {}
            Purpose::Restore => history::branch(to)?,
        }
        Ok(moved)
    });
    from.roll_back()?;
    match moved {
        Ok(moved) => {
            to.commit()?;
            Ok(moved)
        }
        Err(error) => {
            to.roll_back()?;
            Err(error)
        }
    }
}

fn fill(
    from: &mut Conn,
    to: &mut Conn,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<Vec<Moved>, Error> {
    if !is_empty(to)? {
        return Err(Error::Config(
            "there are people in the database that this would go into; name an empty one".to_owned(),
        ));
    }
    // Made when the database was opened, and worth nothing yet.
    query("DELETE FROM settings").execute(to)?;
    let mut moved = Vec::with_capacity(TABLES.len());
    for (table, keys) in TABLES {
        let columns = from.columns_of(table)?;
        let (mut hash, mut rows) = (Sha256::new(), 0);
        each_part(from, table, keys, &columns, |part| {
            for row in part {
                add(&mut hash, row);
            }
            for few in part.chunks(ROWS) {
                insert(to, table, &columns, few)?;
            }
            rows += part.len() as u64;
            progress(table, rows);
            Ok(())
        })?;
        moved.push(Moved {
            table,
            rows,
            hash: hex(hash),
        });
    }
    for (table, column) in NUMBERED {
        let last = from.last_number(table, column)?;
        to.set_last_number(table, column, last)?;
    }
    search::fill(to)?;
    search::is_filled(to)?;
    for (moved, (table, keys)) in moved.iter().zip(TABLES) {
        let columns = from.columns_of(table)?;
        let (mut hash, mut rows) = (Sha256::new(), 0);
        each_part(to, table, keys, &columns, |part| {
            for row in part {
                add(&mut hash, row);
            }
            rows += part.len() as u64;
            Ok(())
        })?;
        if (rows, hex(hash)) != (moved.rows, moved.hash.clone()) {
            return Err(Error::Internal(format!(
                "the rows of {table} are not the same after they were written; nothing was kept"
            )));
        }
    }
    Ok(moved)
}

/// A table that is not moved would be lost without a word.
fn check_tables(conn: &mut Conn) -> Result<(), Error> {
    let known = |name: &str| {
        OWN.iter().any(|own| name == *own || name.starts_with("search_"))
            || TABLES.iter().any(|(table, _)| name == *table)
    };
    match conn.tables()?.into_iter().find(|table| !known(table)) {
        Some(table) => Err(Error::Internal(format!(
            "nobody knows how to move the table {table}"
        ))),
        None => Ok(()),
    }
}

fn each_part(
    conn: &mut Conn,
    table: &str,
    keys: &[&str],
    columns: &[String],
    mut take: impl FnMut(&[Row]) -> Result<(), Error>,
) -> Result<(), Error> {
    let (list, order) = (columns.join(", "), keys.join(", "));
    let first = format!("SELECT {list} FROM {table} ORDER BY {order} LIMIT {PART}");
    let places: Vec<String> = (1..=keys.len()).map(|place| format!("${place}")).collect();
    let next = format!(
        "SELECT {list} FROM {table} WHERE ({order}) > ({}) ORDER BY {order} LIMIT {PART}",
        places.join(", ")
    );
    let mut part = query(&first).fetch_all(conn)?;
    while let Some(last) = part.last() {
        take(&part)?;
        let values = keys
            .iter()
            .map(|key| {
                let at = columns.iter().position(|column| column == key);
                at.and_then(|at| last.cells.get(at))
                    .map(value)
                    .ok_or_else(|| super::bad_column(key))
            })
            .collect::<Result<Vec<_>, _>>()?;
        part = Query { sql: &next, values }.fetch_all(conn)?;
    }
    Ok(())
}

fn insert(conn: &mut Conn, table: &str, columns: &[String], rows: &[Row]) -> Result<(), Error> {
    let width = columns.len();
    let places: Vec<String> = (0..rows.len())
        .map(|row| {
            let places: Vec<String> = (1..=width)
                .map(|column| format!("${}", row * width + column))
                .collect();
            format!("({})", places.join(", "))
        })
        .collect();
    let sql = format!(
        "INSERT INTO {table} ({}) VALUES {}",
        columns.join(", "),
        places.join(", ")
    );
    let values = rows.iter().flat_map(|row| &row.cells).map(value).collect();
    Query { sql: &sql, values }.execute(conn)?;
    Ok(())
}

fn value(cell: &Cell) -> Value<'_> {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(value) => (*value).into(),
        Cell::Text(value) => value.into(),
    }
}

/// Adds a row so that no two different rows add the same.
fn add(hash: &mut Sha256, row: &Row) {
    for cell in &row.cells {
        match cell {
            Cell::Null => hash.update(b"n"),
            Cell::Int(value) => {
                hash.update(b"i");
                hash.update(value.to_be_bytes());
            }
            Cell::Text(text) => {
                hash.update(b"t");
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text);
            }
        }
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
