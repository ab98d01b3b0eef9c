//! What is being done at the moment, for who waits.

use std::{sync::LazyLock, time::Instant};

static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long it has taken so far, in seconds.
pub(crate) fn seconds() -> u64 {
    BEGIN.elapsed().as_secs()
}

/// On standard error, so that what goes to standard output is the report.
pub(crate) fn tell(what: &str) {
    eprintln!("{:>4} s  {what}", seconds());
}
