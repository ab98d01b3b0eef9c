//! What tables the files have, and how files of earlier versions come to have them.

use rusqlite::{Connection, TransactionBehavior};

use super::{StoreError, search};

/// Each brings the file of the chats from the version of its index to the next. Never changed once released; only
/// added to.
const CHATS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
];

/// The same for the file of what was typed.
const UNSENT: &[&str] = &[include_str!("schema/unsent-1.sql")];

/// The last version in which what was typed was in the file of the chats.
const LAST_WITH_TYPED: usize = 3;

/// The first version with an index of words.
const FIRST_WITH_SEARCH: usize = 5;

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Chats,
    Unsent,
}

impl File {
    /// What it is called in statements.
    pub(super) fn schema(self) -> &'static str {
        match self {
            Self::Chats => "main",
            Self::Unsent => "unsent",
        }
    }

    fn migrations(self) -> &'static [&'static str] {
        match self {
            Self::Chats => CHATS,
            Self::Unsent => UNSENT,
        }
    }
}

/// The version of a file that there is something in and that a migration will change.
///
/// # Errors
/// [`StoreError::TooNew`] for a file of a later version of the app.
pub(super) fn outdated(connection: &Connection, file: File) -> Result<Option<usize>, StoreError> {
    let version = version(connection, file)?;
    match file.migrations().len() {
        newest if version > newest => Err(StoreError::TooNew),
        newest => Ok((1..newest).contains(&version).then_some(version)),
    }
}

/// Gives the file of the chats the tables of this version. The other one has its own by then.
///
/// # Errors
/// See [`StoreError`]; each step is done whole or not at all, and the next start goes on where this one ended.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    // Tables are taken apart and put together; what refers to them stays as it is.
    connection.pragma_update(None, "foreign_keys", false)?;
    migrate_file(connection, File::Chats, LAST_WITH_TYPED)?;
    if version(connection, File::Chats)? == LAST_WITH_TYPED {
        // In a transaction of its own: of one over two files, a crash may leave one half.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(include_str!("schema/unsent-from-3.sql"))?;
        transaction.commit()?;
    }
    migrate_file(connection, File::Chats, CHATS.len())?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Gives the file of what was typed its tables.
///
/// # Errors
/// See [`StoreError`].
pub(super) fn migrate_unsent(connection: &mut Connection) -> Result<(), StoreError> {
    migrate_file(connection, File::Unsent, UNSENT.len())
}

fn migrate_file(connection: &mut Connection, file: File, to: usize) -> Result<(), StoreError> {
    let version = version(connection, file)?;
    let missing = file.migrations()[..to].get(version..).unwrap_or_default();
    for (migration, to) in missing.iter().zip(version + 1..) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        if file == File::Chats && to == FIRST_WITH_SEARCH {
            search::put_all(&transaction)?;
        }
        transaction.pragma_update(Some(file.schema()), "user_version", to)?;
        transaction.commit()?;
    }
    Ok(())
}

fn version(connection: &Connection, file: File) -> Result<usize, StoreError> {
    Ok(connection.pragma_query_value(Some(file.schema()), "user_version", |row| row.get(0))?)
}
