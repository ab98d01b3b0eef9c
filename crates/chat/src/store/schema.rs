//! The file: where it is, how it is opened, what its tables are, and what happens to one that cannot be read.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::Connection;

use super::{Store, StoreError};

/// The name of the file in the profile's folder.
const FILE: &str = "chat.db";

/// Each brings a file from the version of its index to the next. Never changed once released; only added to.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
];

/// A store that was opened.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// Where the file went that was there and could not be read.
    pub set_aside: Option<PathBuf>,
}

/// Opens the store in `folder`, or begins one. A file that is damaged, or that a newer version wrote, is renamed,
/// never removed.
///
/// # Errors
/// [`StoreError`] when not even a new file can be begun.
pub fn open(folder: &Path) -> Result<Opened, StoreError> {
    fs::create_dir_all(folder).map_err(|error| unusable(&error))?;
    let path = folder.join(FILE);
    match open_file(&path) {
        Ok(store) => Ok(Opened {
            store,
            set_aside: None,
        }),
        Err(StoreError::Damaged) => {
            let aside = set_aside(&path).map_err(|error| unusable(&error))?;
            tracing::error!(file = %aside.display(), "the store was damaged and has been set aside");
            Ok(Opened {
                store: open_file(&path)?,
                set_aside: Some(aside),
            })
        }
        Err(error) => Err(error),
    }
}

/// A store that is gone when it is dropped.
///
/// # Errors
/// [`StoreError`] when there is no memory for it.
pub fn open_in_memory() -> Result<Store, StoreError> {
    prepare(Connection::open_in_memory()?)
}

fn open_file(path: &Path) -> Result<Store, StoreError> {
    keep_private(path).map_err(|error| unusable(&error))?;
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    prepare(connection)
}

/// Makes a file that only its owner can read. SQLite gives the files beside it the same permissions.
fn keep_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let file = options.mode(0o600).open(path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))
    }
    #[cfg(not(unix))]
    options.open(path).map(drop)
}

fn prepare(mut connection: Connection) -> Result<Store, StoreError> {
    connection.busy_timeout(Duration::from_secs(5))?;
    // What was typed is never lost: a commit is on the disk when it returns.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(Store {
        connection,
        account: None,
    })
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let version: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = MIGRATIONS.get(version..) else {
        // A newer version of the app wrote it; what its tables mean is not known here.
        return Err(StoreError::Damaged);
    };
    for (migration, to) in missing.iter().zip(version + 1..) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Renames the file, and its log with it, to the first free name.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let named = |number: u32, end: &str| path.with_file_name(format!("chat.damaged-{number}.db{end}"));
    let number = (1..)
        .find(|number| !named(*number, "").exists())
        .unwrap_or_default();
    for end in ["-wal", "-shm"] {
        let log = path.with_file_name(format!("{FILE}{end}"));
        if log.exists() {
            fs::rename(log, named(number, end))?;
        }
    }
    fs::rename(path, named(number, ""))?;
    Ok(named(number, ""))
}

fn unusable(error: &io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::StorageFull {
        StoreError::DiskFull
    } else {
        StoreError::Unusable(error.to_string())
    }
}
