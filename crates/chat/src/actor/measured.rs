//! What the actor measures of its own work, for who looks for a fault.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::diagnosis::Work;

#[derive(Debug, Default)]
pub(super) struct Measured {
    round_trip: Option<Duration>,
    slowest_store: Option<Duration>,
    /// When the operations were handed over that the store has not answered: no more than its queue holds.
    with_store: HashMap<u64, Instant>,
    views: u64,
    /// The second that goes on, and the views in it.
    second: Option<(Instant, u64)>,
    most_views_a_second: u64,
}

impl Measured {
    pub(super) fn called(&mut self, took: Option<Duration>) {
        self.round_trip = took.or(self.round_trip);
    }

    pub(super) fn asked_store(&mut self, token: u64) {
        self.with_store.insert(token, Instant::now());
    }

    pub(super) fn stored(&mut self, token: u64) {
        let took = self.with_store.remove(&token).map(|asked| asked.elapsed());
        self.slowest_store = self.slowest_store.max(took);
    }

    pub(super) fn shown(&mut self) {
        self.views += 1;
        let second = match self.second {
            Some((began, views)) if began.elapsed() < Duration::from_secs(1) => (began, views + 1),
            Some(_) | None => (Instant::now(), 1),
        };
        self.second = Some(second);
        self.most_views_a_second = self.most_views_a_second.max(second.1);
    }

    pub(super) fn work(&self, running: Duration) -> Work {
        Work {
            running,
            round_trip: self.round_trip,
            slowest_store: self.slowest_store,
            store_waiting: self.with_store.len(),
            views: self.views,
            most_views_a_second: self.most_views_a_second,
        }
    }
}
