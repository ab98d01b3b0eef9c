//! Counting what is limited: who has how many of something at once, and who asks how often.
//!
//! Each table of counts is bounded itself. Forgets everything with the process, and knows of this node alone.

mod counted;
mod rate;

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use khaya_wire::UserId;

pub(crate) use self::{
    counted::{Counted, Held},
    rate::{Bucket, Rates},
};
use crate::{Error, config::Limits};

/// What everybody may have of this node.
#[derive(Debug)]
pub(crate) struct Quotas {
    requests_from: Rates<IpAddr>,
    requests_of: Rates<UserId>,
    unconnected: Counted<()>,
    unconnected_from: Counted<IpAddr>,
    sockets_of: Counted<UserId>,
}

/// The place of a socket among those that have not said yet who they are. Kept with its request.
#[derive(Debug, Clone)]
pub(crate) struct Unconnected(Arc<Mutex<Option<Places>>>);

/// Among all, and among those of the address.
type Places = (Held<()>, Held<IpAddr>);

impl Quotas {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            requests_from: Rates::new(limits.max_requests_per_address),
            requests_of: Rates::new(limits.max_requests_per_user),
            unconnected: Counted::new(limits.max_unconnected),
            unconnected_from: Counted::new(limits.max_unconnected_per_address),
            sockets_of: Counted::new(limits.max_sockets_per_user),
        }
    }

    /// One more request from an address.
    pub(crate) fn request_from(&self, address: IpAddr) -> Result<(), Error> {
        self.requests_from
            .take(network(address), Instant::now())
            .map_err(later)
    }

    /// One more request of somebody.
    pub(crate) fn request_of(&self, user: &UserId) -> Result<(), Error> {
        self.requests_of.take(user.clone(), Instant::now()).map_err(later)
    }

    /// One more socket that has not said yet who it is.
    pub(crate) fn unconnected(&self, address: IpAddr) -> Result<Unconnected, Error> {
        let held = self
            .unconnected
            .take(())
            .zip(self.unconnected_from.take(network(address)));
        match held {
            Some(held) => Ok(Unconnected(Arc::new(Mutex::new(Some(held))))),
            None => Err(Error::RateLimited { seconds: 1 }),
        }
    }

    /// One more socket of somebody.
    pub(crate) fn socket_of(&self, user: &UserId) -> Result<Held<UserId>, Error> {
        self.sockets_of
            .take(user.clone())
            .ok_or(Error::RateLimited { seconds: 30 })
    }
}

impl Unconnected {
    /// The socket has said who it is, or has gone.
    pub(crate) fn leave(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn later(wait: Duration) -> Error {
    Error::RateLimited {
        seconds: wait.as_secs() + 1,
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, as one household or machine has all of it; and an
/// IPv4 address is the same however it is written.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_one_address() {
        let same = |left: &str, right: &str| {
            assert_eq!(network(left.parse().unwrap()), network(right.parse().unwrap()));
        };
        same("10.1.2.3", "::ffff:10.1.2.3");
        same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9");
        let apart = |left: &str, right: &str| {
            assert_ne!(network(left.parse().unwrap()), network(right.parse().unwrap()));
        };
        apart("10.1.2.3", "10.1.2.4");
        apart("2001:db8:1:2::1", "2001:db8:1:3::1");
    }
}
