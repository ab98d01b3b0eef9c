//! What the writer leaves for later, and does when nobody waits for it or much has gathered: putting fresh messages in
//! their places ([`Inbox`]), and filing the words of messages ([`search`]).

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{conn::Conn, inbox::Inbox, readers::Look, search};

/// How long nobody changes anything before the words of fresh messages are filed, how long when many wait for it, and
/// how many wait at most. It stops when somebody comes.
const REST: Duration = Duration::from_millis(100);
const SHORT_REST: Duration = Duration::from_micros(500);
const MANY_UNFILED: usize = 512;
pub(super) const MOST_UNFILED: usize = search::TOGETHER;
/// How long nobody changes anything before fresh messages are put in their places: many as soon as it may be, few when it
/// does not look as if there were soon more.
const FEW_REST: Duration = Duration::from_millis(2);
const MANY: usize = 64;
/// How long filing is left when it could not be stored.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// What the writer leaves for later.
#[derive(Debug)]
pub(super) struct Later {
    pub(super) inbox: Inbox,
    pub(super) filing: Filing,
    /// Whether there may be something in the inbox, for those who look things up.
    unsettled: Arc<AtomicBool>,
    /// When what waits could not be put in its places.
    failed: Option<Instant>,
}

impl Later {
    pub(super) fn new(unsettled: Arc<AtomicBool>) -> Self {
        Self {
            inbox: Inbox::default(),
            filing: Filing::default(),
            unsettled,
            failed: None,
        }
    }

    /// How long to wait for changes before something else is done. None when there is nothing.
    pub(super) fn rest(&self) -> Option<Duration> {
        if self.is_settled() {
            return self.filing.rest();
        }
        let rest = if self.inbox.len() < MANY {
            FEW_REST
        } else {
            SHORT_REST
        };
        Some(self.failed.map_or(rest, |_| AFTER_FAILURE))
    }

    /// Whether nothing waits to be put in its places.
    pub(super) fn is_settled(&self) -> bool {
        !self.unsettled.load(Ordering::Acquire)
    }

    /// Before anybody is told of it: from here on who looks something up has it settled first.
    pub(super) fn committed(&self) {
        self.unsettled.store(!self.inbox.is_empty(), Ordering::Release);
    }

    /// A transaction was undone. What is in the table is known when the next one begins.
    pub(super) fn undone(&mut self, conn: &Conn) {
        self.inbox.undone();
        self.unsettled.store(Inbox::is_used(conn), Ordering::Release);
    }

    /// Puts what waits in its places, in a transaction of its own. Whether nothing waits any more.
    ///
    /// Nobody waits for the disk: what is lost with the power is in the inbox still.
    pub(super) fn settle(&mut self, conn: &mut Conn) -> bool {
        if self.is_settled() {
            return true;
        }
        let settled = conn.begin_derived().and_then(|()| {
            self.inbox.begin(conn)?;
            let count = self.inbox.settle(conn)?;
            conn.commit().map(|()| count)
        });
        match settled {
            Ok(count) => {
                self.filing.unfiled += count;
                self.failed = None;
                self.committed();
                true
            }
            Err(error) => {
                tracing::warn!(%error, "fresh messages were not put in their places; they will be");
                let _none_is_open = conn.roll_back();
                self.failed = Some(Instant::now());
                self.undone(conn);
                false
            }
        }
    }

    /// Has something looked up as if what waits were in its places. It needs no room on the disk, as it is undone.
    pub(super) fn look(&mut self, conn: &mut Conn, looks: Vec<Look>) {
        let begun = conn.begin_derived().and_then(|()| {
            self.inbox.begin(conn)?;
            self.inbox.settle(conn)
        });
        match begun {
            Ok(_count) => {
                for look in looks {
                    // Who asked finds their channel closed.
                    let _panicked = catch_unwind(AssertUnwindSafe(|| look(conn)));
                }
            }
            Err(error) => tracing::warn!(%error, "nothing can be looked up"),
        }
        let _none_is_open = conn.roll_back();
        self.undone(conn);
    }
}

/// The words of fresh messages, which are filed many at once, and when nobody waits.
#[derive(Debug)]
pub(super) struct Filing {
    /// About how many messages wait for it.
    pub(super) unfiled: usize,
    /// When it was last tried and failed.
    failed: Option<Instant>,
}

impl Default for Filing {
    fn default() -> Self {
        Self {
            // Whoever wrote last may have left some.
            unfiled: 1,
            failed: None,
        }
    }
}

impl Filing {
    /// How long to wait for changes before it is time for this. None when there is nothing to do.
    fn rest(&self) -> Option<Duration> {
        let rest = if self.unfiled >= MANY_UNFILED {
            SHORT_REST
        } else {
            REST
        };
        let left = self.failed.map_or(rest, |failed| {
            AFTER_FAILURE.saturating_sub(failed.elapsed()).max(REST)
        });
        (self.unfiled > 0).then_some(left)
    }

    /// Leaves nothing, unless it fails.
    pub(super) fn finish(&mut self, conn: &mut Conn) {
        while self.unfiled > 0 && self.failed.is_none() {
            self.go_on(conn, || true);
        }
    }

    /// Files the next messages in a transaction of their own, for as long as `may_go_on`.
    pub(super) fn go_on(&mut self, conn: &mut Conn, may_go_on: impl Fn() -> bool) {
        if self.failed.is_some_and(|failed| failed.elapsed() < AFTER_FAILURE) {
            return;
        }
        let filed = conn.begin_derived().and_then(|()| {
            let filed = search::catch_up(conn, may_go_on)?;
            conn.commit().map(|()| filed)
        });
        match filed {
            Ok((_filed, false)) => (self.unfiled, self.failed) = (0, None),
            Ok((filed, true)) => {
                (self.unfiled, self.failed) = (self.unfiled.saturating_sub(filed).max(1), None);
            }
            Err(error) => {
                tracing::warn!(%error, "the words of fresh messages were not filed; they will be");
                self.failed = Some(Instant::now());
                // Whether or not it was stored, it is asked again how far it came.
                let _none_is_open = conn.roll_back();
            }
        }
    }
}
