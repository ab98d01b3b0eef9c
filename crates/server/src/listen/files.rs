//! How many connections the system lets a process have: each is a file to it.

use tokio::sync::Semaphore;

/// What is kept for everything that is no connection: the database, files that are read and written.
#[cfg(unix)]
const RESERVED: u64 = 256;

/// How many connections there may be: `wanted` (0: no limit), or what the system gives when that is less.
/// Asks the system for as much as it gives.
pub(super) fn connections(wanted: usize) -> usize {
    let wanted = match wanted {
        0 => Semaphore::MAX_PERMITS,
        wanted => wanted.min(Semaphore::MAX_PERMITS),
    };
    let given = given();
    if given < wanted {
        tracing::info!(
            connections = given,
            "the system's limit of open files sets that of connections"
        );
    }
    given.min(wanted)
}

#[cfg(unix)]
fn given() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    let raised = setrlimit(Resource::Nofile, raised).map(|()| limits.maximum);
    let files = raised.unwrap_or(limits.current);
    files.map_or(usize::MAX, |files| {
        usize::try_from(files.saturating_sub(RESERVED).max(files / 2)).unwrap_or(usize::MAX)
    })
}

#[cfg(not(unix))]
fn given() -> usize {
    usize::MAX
}
