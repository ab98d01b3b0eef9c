//! Statements, what is bound to them and the rows that they give, in one shape for every database.
//!
//! Columns and parameters are texts and 64-bit integers, so that there is nothing in them that databases would
//! read differently. Parameters are `$1`, `$2`, … in any order.

use std::{borrow::Cow, sync::Arc};

use super::conn::Conn;
use crate::Error;

/// A statement and what is bound to it.
#[derive(Debug)]
pub(crate) struct Query<'q> {
    pub(super) sql: &'q str,
    pub(super) values: Vec<Value<'q>>,
}

/// Begins a statement.
pub(crate) fn query(sql: &str) -> Query<'_> {
    Query {
        sql,
        values: Vec::new(),
    }
}

impl<'q> Query<'q> {
    /// Binds the next parameter.
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Postgres has no texts with U+0000 in them, so there are none on any database.
    pub(super) fn check(&self) -> Result<(), Error> {
        let is_bad = |value: &Value<'_>| match value {
            Value::Text(Some(text)) => text.as_bytes().contains(&0),
            Value::Text(None) | Value::Int(_) | Value::Null => false,
        };
        if self.values.iter().any(is_bad) {
            return Err(Error::invalid(
                "request",
                "has a character that no text has (U+0000)",
            ));
        }
        Ok(())
    }

    /// Runs a statement that gives no rows, or none that matter, and says how many it changed.
    pub(crate) fn execute(self, conn: &mut Conn) -> Result<u64, Error> {
        conn.execute(&self)
    }

    /// The rows.
    pub(crate) fn fetch_all(self, conn: &mut Conn) -> Result<Vec<Row>, Error> {
        conn.fetch(&self)
    }

    /// The first row, if there is one.
    pub(crate) fn fetch_optional(self, conn: &mut Conn) -> Result<Option<Row>, Error> {
        Ok(conn.fetch(&self)?.into_iter().next())
    }

    /// The first row of a statement that always gives one.
    pub(crate) fn fetch_one(self, conn: &mut Conn) -> Result<Row, Error> {
        let none = || Error::Internal(format!("no row from: {}", self.sql));
        conn.fetch(&self)?.into_iter().next().ok_or_else(none)
    }
}

/// What is bound to a parameter.
#[derive(Debug, Clone)]
pub(crate) enum Value<'q> {
    /// Nothing, for a column of any type.
    Null,
    Int(Option<i64>),
    Text(Option<Cow<'q, str>>),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value<'_> {
    fn from(value: u32) -> Self {
        Self::Int(Some(i64::from(value)))
    }
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(value: &'q str) -> Self {
        Self::Text(Some(Cow::Borrowed(value)))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(value: Option<&'q str>) -> Self {
        Self::Text(value.map(Cow::Borrowed))
    }
}

impl<'q> From<&'q String> for Value<'q> {
    fn from(value: &'q String) -> Self {
        Self::Text(Some(Cow::Borrowed(value)))
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::Text(Some(Cow::Owned(value)))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(value: Option<String>) -> Self {
        Self::Text(value.map(Cow::Owned))
    }
}

/// One row of an answer.
#[derive(Debug)]
pub(crate) struct Row {
    pub(super) columns: Arc<[Box<str>]>,
    pub(super) cells: Vec<Cell>,
}

/// What stands in one column of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
}

impl Row {
    /// What a column holds, as what the caller takes it for.
    pub(crate) fn try_get<'r, T: Column<'r>>(&'r self, column: &str) -> Result<T, Error> {
        self.columns
            .iter()
            .position(|name| **name == *column)
            .and_then(|at| self.cells.get(at))
            .and_then(T::of)
            .ok_or_else(|| super::bad_column(column))
    }
}

/// What a cell can be read as.
pub(crate) trait Column<'r>: Sized {
    fn of(cell: &'r Cell) -> Option<Self>;
}

impl Column<'_> for i64 {
    fn of(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Int(value) => Some(*value),
            Cell::Null | Cell::Text(_) => None,
        }
    }
}

impl<'r> Column<'r> for &'r str {
    fn of(cell: &'r Cell) -> Option<Self> {
        match cell {
            Cell::Text(value) => Some(value),
            Cell::Null | Cell::Int(_) => None,
        }
    }
}

impl Column<'_> for String {
    fn of(cell: &Cell) -> Option<Self> {
        <&str>::of(cell).map(str::to_owned)
    }
}

impl<'r, T: Column<'r>> Column<'r> for Option<T> {
    fn of(cell: &'r Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            Cell::Int(_) | Cell::Text(_) => T::of(cell).map(Some),
        }
    }
}
