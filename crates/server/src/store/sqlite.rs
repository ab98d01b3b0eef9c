//! SQLite: one file in the folder of data, written by one connection and read by several.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{
    CachedStatement, Connection, ErrorCode, OpenFlags, TransactionBehavior,
    backup::{Backup, StepResult},
    types::ValueRef,
};

use super::sql::{Cell, Query, Row, Value};
use crate::Error;

/// How long a change waits for one of another process, such as `khaya-server user add` beside a server.
const BUSY: Duration = Duration::from_secs(5);
/// How many pages of 4 KB the log has before the writer moves them into the database, which others do before that.
const LOG_PAGES: i64 = 8000;
/// How many it has when it is to begin anew.
const LONG_LOG: i64 = 2000;
/// How long its file is made before it has grown to that by itself, in bytes: while a file grows, the disk has to note how
/// long it is with every commit.
const LOG_LENGTH: u64 = 16 << 20;
/// How long moving them waits for those who read or write, and holds up who writes meanwhile.
const BUSY_MOVING: Duration = Duration::from_millis(10);
/// How much of the database the writer keeps in memory, in KB: what it changes at the ends of its tables and indexes.
const WRITER_CACHE: i64 = 8 * 1024;
/// How many statements stay prepared.
const STATEMENTS: usize = 256;
/// How many pages of a copy are made between two looks at how far it is.
const PAGES: i32 = 4096;

/// A connection.
pub(crate) struct Sqlite {
    connection: Connection,
    /// What is known of every statement that was run.
    shapes: HashMap<String, Shape>,
    /// Whether a commit waits for the disk.
    flushes: bool,
    /// The log's file, until it was tried to make it long.
    log: Option<PathBuf>,
}

/// What a statement takes and gives.
#[derive(Clone)]
struct Shape {
    /// For each of SQLite's parameters the number of the value that it takes: SQLite takes `$2` for a name and numbers
    /// it by where it first stands.
    values: Arc<[usize]>,
    columns: Arc<[Box<str>]>,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}

impl Sqlite {
    /// Opens the database in `dir` for changing it, and makes it when there is none.
    pub(super) fn open(dir: &Path) -> Result<Self, Error> {
        let file = file_in(dir);
        make_private(dir, &file)?;
        let sqlite = Self::with(&file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        sqlite.connection.pragma_update(None, "journal_mode", "WAL")?;
        // What was answered 201 is on the disk.
        sqlite.connection.pragma_update(None, "synchronous", "FULL")?;
        sqlite
            .connection
            .pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        sqlite
            .connection
            .pragma_update(None, "cache_size", -WRITER_CACHE)?;
        Ok(sqlite)
    }

    /// Opens a database that there is, for [`Sqlite::move_log`].
    pub(super) fn open_for_moving(dir: &Path) -> Result<Self, Error> {
        let mut sqlite = Self::with(&file_in(dir), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        sqlite.log = Some(dir.join("khaya.db-wal"));
        sqlite.connection.pragma_update(None, "synchronous", "FULL")?;
        sqlite.connection.busy_timeout(BUSY_MOVING)?;
        Ok(sqlite)
    }

    /// Moves what of the log can be moved into the database while others read and write. A long log then begins anew, for
    /// which the writer has to wait until what came meanwhile is moved too: one that grows for ever takes longer to write,
    /// as the disk has to note each time how long it is.
    pub(super) fn move_log(&mut self) -> Result<(), Error> {
        let pages: i64 = self
            .connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1))?;
        if pages < LONG_LOG {
            return Ok(());
        }
        // Who reads an old state, or changes one thing after the other, is left alone: there is a next time.
        Ok(self
            .connection
            .query_row("PRAGMA wal_checkpoint(RESTART)", [], |_row| Ok(()))?)
    }

    /// Makes the log's file long, once, if there is room on the disk and nobody writes. What of it SQLite has not written is
    /// no part of the log.
    pub(super) fn lengthen_log(&mut self) -> Result<(), Error> {
        let Some(path) = self.log.take() else {
            return Ok(());
        };
        // Nobody else adds to it meanwhile.
        let alone = match self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
        {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                self.log = Some(path);
                return Ok(());
            }
            begun => begun?,
        };
        let lengthened = fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut log| {
                let length = log.metadata()?.len();
                let zeros = LOG_LENGTH.saturating_sub(length);
                if let Err(error) = io::copy(&mut io::repeat(0).take(zeros), &mut log) {
                    log.set_len(length)?;
                    return Err(error);
                }
                Ok(log)
            });
        alone.rollback()?;
        lengthened
            .and_then(|log| log.sync_all())
            .map_err(|source| Error::io(format!("cannot lengthen {}", path.display()), source))
    }

    /// Whether what is committed from now on is on the disk when that is said. Otherwise it comes there later, in its
    /// order: for what can be made again from what is there.
    pub(super) fn flush(&mut self, at_once: bool) -> Result<(), Error> {
        if self.flushes != at_once {
            let level = if at_once { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.flushes = at_once;
        }
        Ok(())
    }

    /// Opens a database that there is, for reading.
    pub(super) fn open_for_reading(dir: &Path) -> Result<Self, Error> {
        Self::with(&file_in(dir), OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn with(file: &Path, access: OpenFlags) -> Result<Self, Error> {
        // No two threads ever use the connection at once.
        let connection = Connection::open_with_flags(file, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Self {
            connection,
            shapes: HashMap::new(),
            flushes: true,
            log: None,
        })
    }

    pub(super) fn batch(&mut self, sql: &str) -> Result<(), Error> {
        Ok(self.connection.execute_batch(sql)?)
    }

    pub(super) fn execute(&mut self, query: &Query<'_>) -> Result<u64, Error> {
        let mut statement = self.connection.prepare_cached(query.sql)?;
        let shape = shape(&mut self.shapes, &statement, query.sql)?;
        bind(&mut statement, &shape, query)?;
        if shape.columns.is_empty() {
            return Ok(u64::try_from(statement.raw_execute()?).unwrap_or(u64::MAX));
        }
        let mut rows = statement.raw_query();
        let mut changed = 0;
        while rows.next()?.is_some() {
            changed += 1;
        }
        Ok(changed)
    }

    pub(super) fn fetch(&mut self, query: &Query<'_>) -> Result<Vec<Row>, Error> {
        let mut statement = self.connection.prepare_cached(query.sql)?;
        let shape = shape(&mut self.shapes, &statement, query.sql)?;
        bind(&mut statement, &shape, query)?;
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let cells = (0..shape.columns.len())
                .map(|at| read(row.get_ref(at)?))
                .collect::<Result<_, Error>>()?;
            found.push(Row {
                columns: Arc::clone(&shape.columns),
                cells,
            });
        }
        Ok(found)
    }

    /// Whether another process has the file open: only who is alone may leave the journal that several share.
    pub(super) fn is_shared(&mut self) -> Result<bool, Error> {
        match self.connection.pragma_update(None, "journal_mode", "DELETE") {
            Ok(()) => {
                self.connection.pragma_update(None, "journal_mode", "WAL")?;
                Ok(false)
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// What SQLite itself finds wrong.
    pub(super) fn check(&mut self) -> Result<Vec<String>, Error> {
        let mut broken = Vec::new();
        let mut pages = self.connection.prepare("PRAGMA integrity_check")?;
        for line in pages.query_map([], |row| row.get::<_, String>(0))? {
            broken.push(line?);
        }
        broken.retain(|line| line != "ok");
        let mut references = self.connection.prepare("PRAGMA foreign_key_check")?;
        for table in references.query_map([], |row| row.get::<_, String>(0))? {
            broken.push(format!("a row of {} refers to one that there is not", table?));
        }
        Ok(broken)
    }

    /// Copies the database as it is now into a folder that has none, while others read and write it.
    pub(super) fn copy_to(&mut self, dir: &Path, progress: &mut dyn FnMut(i32, i32)) -> Result<(), Error> {
        let file = file_in(dir);
        make_private(dir, &file)?;
        let mut copy = Connection::open(&file)?;
        // The snapshot of this transaction is what is copied, however long that takes.
        let snapshot = self.connection.transaction()?;
        snapshot.query_row("SELECT COUNT(*) FROM settings", [], |row| row.get::<_, i64>(0))?;
        let backup = Backup::new(&snapshot, &mut copy)?;
        while backup.step(PAGES)? != StepResult::Done {
            let done = backup.progress();
            progress(done.pagecount - done.remaining, done.pagecount);
        }
        drop(backup);
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        copy.close().map_err(|(_, error)| error)?;
        fs::File::open(&file)
            .and_then(|file| file.sync_all())
            .map_err(|source| Error::io(format!("cannot write {}", file.display()), source))
    }
}

/// Where the database is.
pub(super) fn file_in(dir: &Path) -> PathBuf {
    dir.join("khaya.db")
}

fn shape(
    shapes: &mut HashMap<String, Shape>,
    statement: &CachedStatement<'_>,
    sql: &str,
) -> Result<Shape, Error> {
    if let Some(shape) = shapes.get(sql) {
        return Ok(shape.clone());
    }
    let number = |at| {
        statement
            .parameter_name(at)?
            .strip_prefix('$')?
            .parse::<usize>()
            .ok()
    };
    let unnamed = || Error::Internal(format!("a parameter has no number in: {sql}"));
    let shape = Shape {
        values: (1..=statement.parameter_count())
            .map(|at| number(at).ok_or_else(unnamed))
            .collect::<Result<_, _>>()?,
        columns: statement.column_names().into_iter().map(Box::from).collect(),
    };
    shapes.insert(sql.to_owned(), shape.clone());
    Ok(shape)
}

fn bind(statement: &mut CachedStatement<'_>, shape: &Shape, query: &Query<'_>) -> Result<(), Error> {
    for (at, number) in (1..).zip(shape.values.iter()) {
        let value = number.checked_sub(1).and_then(|number| query.values.get(number));
        match value.ok_or_else(|| Error::Internal(format!("a parameter is not bound in: {}", query.sql)))? {
            Value::Null => statement.raw_bind_parameter(at, rusqlite::types::Null)?,
            Value::Int(value) => statement.raw_bind_parameter(at, value)?,
            Value::Text(value) => statement.raw_bind_parameter(at, value.as_deref())?,
        }
    }
    Ok(())
}

fn read(value: ValueRef<'_>) -> Result<Cell, Error> {
    match value {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(value) => Ok(Cell::Int(value)),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map(|text| Cell::Text(text.to_owned()))
            .map_err(|_| Error::Internal("a stored text is not UTF-8".to_owned())),
        ValueRef::Real(_) | ValueRef::Blob(_) => Err(Error::Internal(
            "a column holds neither a text nor an integer".to_owned(),
        )),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::query;

    fn numbers(sqlite: &mut Sqlite) -> Vec<i64> {
        let rows = sqlite.fetch(&query("SELECT n FROM t ORDER BY n")).unwrap();
        rows.iter().map(|row| row.try_get("n").unwrap()).collect()
    }

    #[test]
    fn a_log_that_was_made_long_holds_what_was_stored_before_and_after() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("khaya.db-wal");
        let length = || fs::metadata(&log).unwrap().len();
        let mut sqlite = Sqlite::open(dir.path()).unwrap();
        let mut moving = Sqlite::open_for_moving(dir.path()).unwrap();
        sqlite
            .batch("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1); BEGIN IMMEDIATE; INSERT INTO t VALUES (2)")
            .unwrap();
        // Not while somebody writes.
        moving.lengthen_log().unwrap();
        assert!(length() < LOG_LENGTH);
        sqlite.batch("COMMIT").unwrap();
        moving.lengthen_log().unwrap();
        assert_eq!(length(), LOG_LENGTH);
        moving.move_log().unwrap();
        sqlite.batch("INSERT INTO t VALUES (3)").unwrap();
        assert_eq!(length(), LOG_LENGTH);
        assert_eq!(numbers(&mut sqlite), [1, 2, 3]);
        // What a crash leaves.
        let left = tempfile::tempdir().unwrap();
        for file in ["khaya.db", "khaya.db-wal"] {
            fs::copy(dir.path().join(file), left.path().join(file)).unwrap();
        }
        let mut after = Sqlite::open(left.path()).unwrap();
        assert_eq!(numbers(&mut after), [1, 2, 3]);
        assert!(after.check().unwrap().is_empty());
    }
}
