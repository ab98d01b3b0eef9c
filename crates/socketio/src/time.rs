//! Time as an argument. The pure halves of this crate read no clock.

use std::time::{Duration, Instant, SystemTime};

/// One moment, told by both clocks of the computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Never goes back, and on Linux and macOS stands still while the computer sleeps.
    pub monotonic: Instant,
    /// Goes on while the computer sleeps, and may be set by anyone.
    pub wall: SystemTime,
}

/// A moment in the future that has come when either clock says so: a connection that slept past its deadline is
/// as dead as one that waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline {
    pub(crate) monotonic: Instant,
    wall: Option<SystemTime>,
}

impl Deadline {
    pub(crate) fn after(now: Now, delay: Duration) -> Self {
        // Clocks cannot count to the longest duration there is.
        let delay = delay.min(Duration::from_secs(365 * 24 * 60 * 60));
        Self {
            monotonic: now.monotonic + delay,
            wall: now.wall.checked_add(delay),
        }
    }

    pub(crate) fn has_passed(&self, now: Now) -> bool {
        now.monotonic >= self.monotonic || self.slept_past(now)
    }

    /// Only the wall clock says that it has come: the computer slept, or its clock was set.
    pub(crate) fn slept_past(&self, now: Now) -> bool {
        // The two clocks never agree to the microsecond.
        let leeway = Duration::from_secs(1);
        now.monotonic < self.monotonic
            && self
                .wall
                .is_some_and(|wall| now.wall.duration_since(wall).is_ok_and(|late| late > leeway))
    }
}
