//! How often somebody may ask: so many times a second, and ten times as many at once after a rest (the generic
//! cell rate algorithm, ITU-T I.371).

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How far ahead of the rate somebody may be: ten seconds' worth at once.
const AHEAD: Duration = Duration::from_secs(10);
/// How many are remembered before those who have rested are forgotten.
const MAX_KNOWN: usize = 50_000;

/// One allowance.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// What one takes of the time; nothing when there is no limit.
    cost: Duration,
    /// Until when the time is taken.
    taken_until: Option<Instant>,
}

impl Bucket {
    /// So many a second; 0 is no limit.
    pub(crate) fn new(per_second: usize) -> Self {
        let per_second = u32::try_from(per_second).unwrap_or(0);
        Self {
            cost: Duration::from_secs(1).checked_div(per_second).unwrap_or_default(),
            taken_until: None,
        }
    }

    /// Takes one, or says how long it takes until there is one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let until = self.taken_until.map_or(now, |until| until.max(now)) + self.cost;
        let over = until.saturating_duration_since(now).saturating_sub(AHEAD);
        if over.is_zero() {
            self.taken_until = Some(until);
            Ok(())
        } else {
            Err(over)
        }
    }

    fn has_rested(&self, now: Instant) -> bool {
        self.taken_until.is_none_or(|until| until <= now)
    }
}

/// An allowance for each `K`.
#[derive(Debug)]
pub(crate) struct Rates<K> {
    buckets: Mutex<HashMap<K, Bucket>>,
    fresh: Bucket,
}

impl<K: Eq + Hash> Rates<K> {
    /// So many a second for each; 0 is no limit.
    pub(crate) fn new(per_second: usize) -> Self {
        Self {
            buckets: Mutex::default(),
            fresh: Bucket::new(per_second),
        }
    }

    /// Takes one of `key`'s, or says how long it takes until there is one.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        if self.fresh.cost.is_zero() {
            return Ok(());
        }
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_KNOWN && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| !bucket.has_rested(now));
            // More than that many who ask without a rest: rather forget what they took than grow.
            if buckets.len() >= MAX_KNOWN {
                buckets.clear();
            }
        }
        buckets.entry(key).or_insert_with(|| self.fresh.clone()).take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_ten_seconds_worth_at_once_and_then_the_rate() {
        let mut bucket = Bucket::new(10);
        let start = Instant::now();
        for _ in 0..100 {
            bucket.take(start).unwrap();
        }
        let wait = bucket.take(start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(100));
        bucket.take(start + wait).unwrap();
        assert!(bucket.take(start + wait).is_err());
        let mut lifted = Bucket::new(0);
        for _ in 0..10_000 {
            lifted.take(start).unwrap();
        }
    }

    #[test]
    fn remembers_a_bounded_number() {
        let rates = Rates::new(1);
        let now = Instant::now();
        for key in 0..MAX_KNOWN * 2 {
            rates.take(key, now).unwrap();
        }
        assert!(rates.buckets.lock().unwrap().len() <= MAX_KNOWN);
        for _ in 0..9 {
            rates.take(MAX_KNOWN * 2 - 1, now).unwrap();
        }
        assert!(rates.take(MAX_KNOWN * 2 - 1, now).is_err());
    }
}
