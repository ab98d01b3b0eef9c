//! How often somebody may try to sign in and fail: by account, by address, and by both together, so that a
//! stranger who fails on purpose does not lock an account's owner out elsewhere.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{Error, limits::network};

/// How long it takes until one more failure is forgiven.
const FORGIVEN: Duration = Duration::from_secs(10);
/// How many failures are taken in a row from one address for one account.
const FOR_BOTH: u32 = 10;
/// How many for one account, from wherever.
const FOR_ACCOUNT: u32 = 100;
/// How many from one address, for whatever accounts.
const FOR_ADDRESS: u32 = 200;
/// How many accounts and addresses are remembered.
const MAX_KNOWN: usize = 50_000;

/// Counts attempts that failed. Forgets everything with the process.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<Key, Failures>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Both(IpAddr, String),
    Account(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    /// Since when they are being forgiven.
    since: Instant,
}

/// An attempt of which nothing is known yet: it counts as failed until it has succeeded, so that many at once
/// get no further than one after the other.
#[derive(Debug)]
#[must_use = "an attempt that is dropped has failed"]
pub(crate) struct Attempt<'t> {
    throttle: &'t Throttle,
    keys: [(Key, u32); 3],
}

impl Throttle {
    /// Begins an attempt, or refuses somebody who has failed too often.
    pub(crate) fn attempt(&self, account: &str, address: IpAddr, now: Instant) -> Result<Attempt<'_>, Error> {
        let keys = keys(account, address);
        let mut failures = self.lock();
        for (key, limit) in &keys {
            let Some(known) = failures.get(key) else {
                continue;
            };
            let left = known.left(now);
            if left >= *limit {
                let since = now.saturating_duration_since(known.since).as_secs() % FORGIVEN.as_secs();
                let over = u64::from(left - limit);
                return Err(Error::RateLimited {
                    seconds: (over + 1) * FORGIVEN.as_secs() - since,
                });
            }
        }
        count(&mut failures, &keys, now);
        drop(failures);
        Ok(Attempt { throttle: self, keys })
    }

    /// Notes a failure on another node.
    pub(crate) fn failed(&self, account: &str, address: IpAddr, now: Instant) {
        count(&mut self.lock(), &keys(account, address), now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// It was none of those that are counted.
    pub(crate) fn succeeded(self) {
        let mut failures = self.throttle.lock();
        for (key, _limit) in &self.keys {
            if let Some(known) = failures.get_mut(key) {
                known.count = known.count.saturating_sub(1);
                if known.count == 0 {
                    failures.remove(key);
                }
            }
        }
    }
}

impl Failures {
    fn left(self, now: Instant) -> u32 {
        let forgiven = now.saturating_duration_since(self.since).as_secs() / FORGIVEN.as_secs();
        self.count
            .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }
}

fn count(failures: &mut HashMap<Key, Failures>, keys: &[(Key, u32); 3], now: Instant) {
    if failures.len() >= MAX_KNOWN {
        failures.retain(|_, known| known.left(now) > 0);
    }
    // More than that many who fail without a pause: those who failed least are forgotten.
    for least in 1.. {
        if failures.len() < MAX_KNOWN {
            break;
        }
        failures.retain(|_, known| known.left(now) > least);
    }
    for (key, _limit) in keys {
        let known = failures
            .entry(key.clone())
            .or_insert(Failures { count: 0, since: now });
        let left = known.left(now);
        if left == 0 {
            known.since = now;
            known.count = 1;
        } else {
            known.count += 1;
        }
    }
}

fn keys(account: &str, address: IpAddr) -> [(Key, u32); 3] {
    let account: String = account.trim().to_lowercase().chars().take(64).collect();
    let address = network(address);
    [
        (Key::Both(address, account.clone()), FOR_BOTH),
        (Key::Account(account), FOR_ACCOUNT),
        (Key::Address(address), FOR_ADDRESS),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn is_refused(throttle: &Throttle, account: &str, address: IpAddr, now: Instant) -> bool {
        match throttle.attempt(account, address, now) {
            Ok(attempt) => {
                attempt.succeeded();
                false
            }
            Err(_) => true,
        }
    }

    #[test]
    fn stops_who_fails_too_often_and_forgives_in_time() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for _ in 0..10 {
            drop(throttle.attempt("alice", HERE, start).unwrap());
        }
        for account in ["alice", " ALICE "] {
            assert!(matches!(
                throttle.attempt(account, HERE, start),
                Err(Error::RateLimited { seconds: 10 })
            ));
        }
        assert!(!is_refused(&throttle, "alice", THERE, start));
        assert!(!is_refused(&throttle, "bob", HERE, start));
        assert!(!is_refused(
            &throttle,
            "alice",
            HERE,
            start + Duration::from_secs(10)
        ));
        for _ in 0..300 {
            throttle.failed("alice", THERE, start);
        }
        assert!(is_refused(
            &throttle,
            "alice",
            HERE,
            start + Duration::from_secs(20)
        ));
        assert!(!is_refused(
            &throttle,
            "alice",
            THERE,
            start + Duration::from_secs(3600)
        ));
    }

    #[test]
    fn attempts_at_once_get_no_further_than_one_after_the_other() {
        let throttle = Throttle::default();
        let start = Instant::now();
        let running: Vec<_> = (0..10)
            .map(|_| throttle.attempt("alice", HERE, start).unwrap())
            .collect();
        assert!(throttle.attempt("alice", HERE, start).is_err());
        for attempt in running {
            attempt.succeeded();
        }
        assert!(throttle.failures.lock().unwrap().is_empty());
    }

    #[test]
    fn remembers_a_bounded_number_and_those_who_failed_most() {
        let throttle = Throttle::default();
        let start = Instant::now();
        for _ in 0..20 {
            throttle.failed("alice", HERE, start);
        }
        for number in 0..MAX_KNOWN {
            throttle.failed(&format!("user-{number}"), THERE, start);
        }
        assert!(throttle.failures.lock().unwrap().len() < MAX_KNOWN + 3);
        assert!(is_refused(&throttle, "alice", HERE, start));
    }
}
