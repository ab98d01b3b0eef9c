//! What the app says about itself to whoever looks for a fault: how it stands with server, disk and keyring, what
//! waits, and what went wrong lately.
//!
//! Never holds: a token, a key, a text of a message, a draft, or the name of a person or a chat. So it can be shown,
//! copied and sent as it is.

use std::{fmt, path::Path, time::Duration};

use khaya_wire::Timestamp;
use serde::Serialize;
use tokio::fs;

use crate::view::{ConnectionState, Transport};

/// How the app is.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnosis {
    /// Of the app, with the system that it runs on.
    pub version: String,
    pub at: Timestamp,
    pub machine: Condition,
    pub work: Work,
    /// In the profile's folder.
    pub storage: Storage,
}

/// What the chat machine knows of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Condition {
    /// `locked`, `starting`, `signedOut`, `signingIn`, `signedIn`.
    pub session: &'static str,
    /// Where the session is kept: `inKeyring`, `undecided`, `thisRunOnly`; absent where there is none.
    pub keyring: Option<&'static str>,
    pub server: Option<String>,
    /// What the server says it can do; none at level Base.
    pub features: Vec<String>,
    pub connection: ConnectionState,
    pub transport: Option<Transport>,
    /// How often there was a connection since the sign-in or the start.
    pub connections: u64,
    /// The place in the server's events up to which everything is stored.
    pub cursor: Option<String>,
    pub catching_up: Option<u64>,
    pub chats: usize,
    /// Messages in memory.
    pub window: usize,
    /// What waits to be sent, and what the server would not take.
    pub outbox: Outbox,
    /// Calls that have no answer yet.
    pub calls: usize,
    /// The latest, newest last.
    pub faults: Vec<Fault>,
}

/// What is in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outbox {
    pub waiting: usize,
    pub parked: usize,
    /// When the first that waits was written.
    pub since: Option<Timestamp>,
}

/// Something that did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: Timestamp,
    /// What was being done.
    pub what: &'static str,
    /// A [`crate::view::Failure`]'s.
    pub code: String,
}

/// What the task around the machine has measured in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Of the app.
    pub running: Duration,
    /// From question to answer of the last call to the server.
    pub round_trip: Option<Duration>,
    /// Of the store's operations, from question to answer.
    pub slowest_store: Option<Duration>,
    /// Operations that the store has not answered.
    pub store_waiting: usize,
    /// Views that were made, and in the busiest second of all.
    pub views: u64,
    pub most_views_a_second: u64,
}

/// What takes room on the disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Chats and messages, and what was typed.
    pub store: u64,
    /// Copies of files that are to be sent.
    pub outgoing: u64,
    /// Files that were fetched to be shown, and are kept.
    pub received: u64,
    /// Stores that were set aside, and copies from before a new version.
    pub set_aside: u64,
}

impl Storage {
    /// Looks at a profile's folder. What cannot be looked at takes no room.
    pub async fn of_profile(folder: &Path) -> Self {
        let all = async |name| {
            sizes(&folder.join(name))
                .await
                .into_iter()
                .map(|(_, size)| size)
                .sum()
        };
        let mut storage = Self {
            outgoing: all("outgoing").await,
            received: all("received").await,
            ..Self::default()
        };
        for (name, size) in sizes(folder).await {
            let of_store = ["chat.", "unsent."]
                .iter()
                .find_map(|stem| name.strip_prefix(stem));
            match of_store {
                Some("db" | "db-wal" | "db-shm") => storage.store += size,
                Some(_) => storage.set_aside += size,
                None => {}
            }
        }
        storage
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            version,
            at,
            machine,
            work,
            storage,
        } = self;
        writeln!(f, "{version}, at {at}, running for {}", time(work.running))?;
        writeln!(
            f,
            "session: {}; kept: {}",
            machine.session,
            or_none(machine.keyring)
        )?;
        writeln!(f, "server: {}", or_none(machine.server.as_ref()))?;
        let features = machine.features.join(" ");
        writeln!(
            f,
            "features: {}",
            or_none(Some(features).filter(|list| !list.is_empty()))
        )?;
        writeln!(
            f,
            "connection: {:?}; transport: {}; connections: {}; round trip: {}",
            machine.connection,
            or_none(machine.transport.map(|transport| format!("{transport:?}"))),
            machine.connections,
            or_none(work.round_trip.map(time)),
        )?;
        writeln!(
            f,
            "calls: {}; cursor: {}; catching up: {}",
            machine.calls,
            or_none(machine.cursor.as_ref()),
            or_none(machine.catching_up),
        )?;
        let Outbox {
            waiting,
            parked,
            since,
        } = machine.outbox;
        writeln!(
            f,
            "outbox: {waiting} waiting since {}, {parked} parked",
            or_none(since)
        )?;
        writeln!(
            f,
            "chats: {}; messages in memory: {}",
            machine.chats, machine.window
        )?;
        writeln!(
            f,
            "store: {} bytes; outgoing: {}; received: {}; set aside: {}; operations waiting: {}; slowest: {}",
            storage.store,
            storage.outgoing,
            storage.received,
            storage.set_aside,
            work.store_waiting,
            or_none(work.slowest_store.map(time)),
        )?;
        writeln!(
            f,
            "views: {}; in the busiest second: {}",
            work.views, work.most_views_a_second
        )?;
        writeln!(f, "faults: {}", machine.faults.len())?;
        for fault in &machine.faults {
            writeln!(f, "  {} {}: {}", fault.at, fault.what, fault.code)?;
        }
        Ok(())
    }
}

fn or_none(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn time(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// The files of a folder with their sizes.
async fn sizes(folder: &Path) -> Vec<(String, u64)> {
    let mut sizes = Vec::new();
    let Ok(mut entries) = fs::read_dir(folder).await else {
        return sizes;
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        if let Ok(about) = entry.metadata().await
            && about.is_file()
        {
            sizes.push((entry.file_name().to_string_lossy().into_owned(), about.len()));
        }
    }
    sizes
}
