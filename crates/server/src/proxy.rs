//! Where a request comes from, when there are proxies in between. What they say of a client's address is taken
//! from those that are trusted, in the one header that they set, and from nobody else: everyone can write headers.

use std::net::IpAddr;

use clap::ValueEnum;
use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use serde::Deserialize;

use crate::Error;

/// The header in which proxies say whom they speak for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`: addresses with commas between them.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The proxies that are trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    networks: Vec<IpNet>,
    header: ProxyHeader,
}

impl Proxies {
    /// Those of some addresses and networks (`10.0.0.0/8`).
    ///
    /// # Errors
    /// When one is neither.
    pub fn new<'t>(texts: impl Iterator<Item = &'t str>, header: ProxyHeader) -> Result<Self, Error> {
        let network = |text: &str| {
            let network = text
                .parse()
                .or_else(|_| text.parse().map(|address: IpAddr| address.into()));
            network.map_err(|_| Error::Config(format!("trusted-proxy: {text} is no address and no network")))
        };
        Ok(Self {
            networks: texts.map(network).collect::<Result<_, _>>()?,
            header,
        })
    }

    /// Whether an address is one of theirs.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Who asks: `peer`, or the one that trusted proxies speak for. Each adds whom it heard from at the end, so
    /// the last who is no proxy is the client; what stands before them may be made up.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        let name = match self.header {
            ProxyHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            ProxyHeader::Forwarded => header::FORWARDED,
        };
        let lines: Vec<&str> = headers
            .get_all(name)
            .iter()
            .map(|line| line.to_str().unwrap_or_default())
            .collect();
        let mut nearest = peer;
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let address = match self.header {
                ProxyHeader::XForwardedFor => address(hop),
                ProxyHeader::Forwarded => forwarded_for(hop),
            };
            let Some(address) = address else {
                return nearest;
            };
            nearest = address;
            if !self.contains(address) {
                return address;
            }
        }
        nearest
    }
}

/// The `for` of one hop.
fn forwarded_for(hop: &str) -> Option<IpAddr> {
    hop.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("for")
            .then(|| address(value.trim().trim_matches('"')))?
    })
}

/// An address, with or without a port, of IPv6 with or without brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => match text.split_once(':') {
            Some((host, port)) if !port.contains(':') => host,
            Some(_) | None => text,
        },
    };
    bare.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: ProxyHeader, peer: &str, lines: &[&str]) -> String {
        let proxies = Proxies::new(["127.0.0.1", "10.0.0.0/8", "fd00::/8"].into_iter(), header).unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn believes_trusted_proxies_alone() {
        use ProxyHeader::{Forwarded, XForwardedFor};
        for (header, peer, lines, expected) in [
            (
                XForwardedFor,
                "192.0.2.1",
                &["x-forwarded-for: 198.51.100.7"][..],
                "192.0.2.1",
            ),
            (XForwardedFor, "127.0.0.1", &[], "127.0.0.1"),
            (
                XForwardedFor,
                "127.0.0.1",
                &["x-forwarded-for: 198.51.100.7"],
                "198.51.100.7",
            ),
            (
                XForwardedFor,
                "::ffff:127.0.0.1",
                &["x-forwarded-for: 198.51.100.7"],
                "198.51.100.7",
            ),
            // What the client wrote stands first, what the proxies saw last.
            (
                XForwardedFor,
                "127.0.0.1",
                &["x-forwarded-for: 1.1.1.1, 198.51.100.7, 10.1.1.1"],
                "198.51.100.7",
            ),
            (
                XForwardedFor,
                "127.0.0.1",
                &["x-forwarded-for: 1.1.1.1", "x-forwarded-for: 198.51.100.7"],
                "198.51.100.7",
            ),
            (
                XForwardedFor,
                "127.0.0.1",
                &["x-forwarded-for: 1.1.1.1, nonsense, 10.1.1.1"],
                "10.1.1.1",
            ),
            (
                XForwardedFor,
                "127.0.0.1",
                &["forwarded: for=1.1.1.1"],
                "127.0.0.1",
            ),
            (
                XForwardedFor,
                "127.0.0.1",
                &["x-forwarded-for: 198.51.100.7:8080"],
                "198.51.100.7",
            ),
            (
                Forwarded,
                "10.9.9.9",
                &["forwarded: for=192.0.2.43, For=\"[2001:db8::17]:4711\";proto=https"],
                "2001:db8::17",
            ),
            (Forwarded, "10.9.9.9", &["forwarded: for=unknown"], "10.9.9.9"),
            (Forwarded, "10.9.9.9", &["x-forwarded-for: 1.1.1.1"], "10.9.9.9"),
        ] {
            assert_eq!(
                client(header, peer, lines),
                expected,
                "{header:?} {peer} {lines:?}"
            );
        }
    }
}
