//! How often somebody may try to sign in and fail: by account, by address, and by both together, so that a
//! stranger who fails on purpose does not lock an account's owner out elsewhere.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::Error;

/// How long it takes until one more failure is forgiven.
const FORGIVEN: Duration = Duration::from_secs(10);
/// How many failures are taken in a row from one address for one account, for one account, from one address.
const LIMITS: [(&str, u32); 3] = [("both", 10), ("account", 100), ("address", 200)];
/// How many accounts and addresses are remembered before those that are forgiven are dropped.
const MAX_KNOWN: usize = 10_000;

/// Counts failures. Forgets everything with the process.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<String, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    /// Since when they are being forgiven.
    since: Instant,
}

impl Throttle {
    /// Refuses somebody who has failed too often.
    pub(crate) fn check(&self, account: &str, address: IpAddr, now: Instant) -> Result<(), Error> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, limit) in keys(account, address) {
            let Some(known) = failures.get(&key) else {
                continue;
            };
            let left = known.left(now);
            if left >= limit {
                let since = now.saturating_duration_since(known.since).as_secs() % FORGIVEN.as_secs();
                let over = u64::from(left - limit);
                return Err(Error::RateLimited {
                    seconds: (over + 1) * FORGIVEN.as_secs() - since,
                });
            }
        }
        Ok(())
    }

    /// Notes a failure.
    pub(crate) fn failed(&self, account: &str, address: IpAddr, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MAX_KNOWN {
            failures.retain(|_, known| known.left(now) > 0);
        }
        for (key, _limit) in keys(account, address) {
            let known = failures.entry(key).or_insert(Failures { count: 0, since: now });
            let left = known.left(now);
            if left == 0 {
                known.since = now;
                known.count = 1;
            } else {
                known.count += 1;
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

fn keys(account: &str, address: IpAddr) -> [(String, u32); 3] {
    let account: String = account.trim().to_lowercase().chars().take(64).collect();
    LIMITS.map(|(kind, limit)| {
        let key = match kind {
            "account" => format!("account {account}"),
            "address" => format!("address {address}"),
            _both => format!("both {address} {account}"),
        };
        (key, limit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_who_fails_too_often_and_forgives_in_time() {
        let throttle = Throttle::default();
        let (here, there): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let start = Instant::now();
        for _ in 0..10 {
            throttle.check("alice", here, start).unwrap();
            throttle.failed("alice", here, start);
        }
        for account in ["alice", " ALICE "] {
            assert!(matches!(
                throttle.check(account, here, start),
                Err(Error::RateLimited { seconds: 10 })
            ));
        }
        throttle.check("alice", there, start).unwrap();
        throttle.check("bob", here, start).unwrap();
        throttle
            .check("alice", here, start + Duration::from_secs(10))
            .unwrap();
        for _ in 0..300 {
            throttle.failed("alice", there, start);
        }
        assert!(
            throttle
                .check("alice", here, start + Duration::from_secs(20))
                .is_err()
        );
        throttle
            .check("alice", there, start + Duration::from_secs(3600))
            .unwrap();
    }
}
