//! The database of a test: SQLite in its folder or, in the crates that are named for it, Postgres.

use std::path::Path;

/// Whether this is the suite on two nodes, which have Postgres and Redis.
pub(crate) const ON_NODES: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"blackbox_nodes");
/// Whether this is the suite on Postgres.
pub(crate) const ON_POSTGRES: bool =
    ON_NODES || matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"blackbox_postgres");

/// The address of the database that goes with a folder; `None` is SQLite in it.
#[cfg(target_os = "linux")]
pub(crate) fn of(folder: &Path) -> Option<String> {
    ON_POSTGRES.then(|| crate::postgres::database_of(folder))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of(_folder: &Path) -> Option<String> {
    None
}

/// Changes the database of a folder behind the server's back, unless the database refuses.
pub(crate) fn tamper(folder: &Path, sql: &str) -> Result<(), String> {
    match of(folder) {
        #[cfg(target_os = "linux")]
        Some(address) => crate::postgres::ask(&address, sql).map(drop),
        #[cfg(not(target_os = "linux"))]
        Some(address) => Err(address),
        None => rusqlite::Connection::open(folder.join("khaya.db"))
            .and_then(|database| database.execute_batch(sql))
            .map_err(|error| error.to_string()),
    }
}
