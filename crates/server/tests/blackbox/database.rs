//! The database of a test: SQLite in its folder or, in the crates that are named for it, Postgres.

use std::path::Path;

/// Where the suite runs, and by what its sockets come: the crate is named for it.
const PLACE: Place = Place::of(env!("CARGO_CRATE_NAME"));
/// Whether this is the suite on two nodes, which have Postgres and Redis.
pub(crate) const ON_NODES: bool = PLACE.on_nodes;
/// Whether this is the suite on Postgres.
pub(crate) const ON_POSTGRES: bool = PLACE.on_postgres;
/// What the official client may take, where the sockets are its own; by hand elsewhere.
pub(crate) const TRANSPORTS: Option<&[&str]> = PLACE.transports;

struct Place {
    on_nodes: bool,
    on_postgres: bool,
    transports: Option<&'static [&'static str]>,
}

impl Place {
    const fn of(name: &str) -> Self {
        let (on_nodes, on_postgres, transports): (bool, bool, Option<&[&str]>) = match name.as_bytes() {
            b"blackbox" => (false, false, None),
            b"blackbox_postgres" => (false, true, None),
            b"one_node_over_polling" => (false, false, Some(&["polling"])),
            b"one_node_over_websocket" => (false, false, Some(&["websocket"])),
            b"nodes_over_polling" => (true, true, Some(&["polling"])),
            b"nodes_over_websocket" => (true, true, Some(&["websocket"])),
            b"nodes_by_upgrade" => (true, true, Some(&["polling", "websocket"])),
            _unknown => panic!("this crate is named for no place that the suite runs in"),
        };
        Self {
            on_nodes,
            on_postgres,
            transports,
        }
    }
}

/// The address of the database that goes with a folder; `None` is SQLite in it.
#[cfg(target_os = "linux")]
pub(crate) fn of(folder: &Path) -> Option<String> {
    ON_POSTGRES.then(|| crate::postgres::database_of(folder))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of(_folder: &Path) -> Option<String> {
    const { assert!(!ON_POSTGRES, "the tests run Postgres on Linux alone") };
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
