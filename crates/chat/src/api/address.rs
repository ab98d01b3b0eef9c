//! Addresses of servers, as people type them.

use std::fmt;

use khaya_wire::discovery;
use url::{Host, Url};

/// The address of a server: a scheme, a host, perhaps a port and a path, never a query.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server(Url);

/// Why a text is not the address of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This is not the address of a server. An address looks like chat.example.org.")]
pub struct InvalidAddress;

impl Server {
    /// Reads what a person typed. Without a scheme it is `https`, but `http` for this computer itself.
    ///
    /// # Errors
    /// [`InvalidAddress`] when there is no host in it, or a scheme that is neither `http` nor `https`.
    pub fn from_typed(text: &str) -> Result<Self, InvalidAddress> {
        let text = text.trim();
        let mut url = if text.contains("://") {
            Url::parse(text).map_err(|_| InvalidAddress)?
        } else {
            let guess = Url::parse(&format!("https://{text}")).map_err(|_| InvalidAddress)?;
            if is_this_computer(&guess) {
                Url::parse(&format!("http://{text}")).map_err(|_| InvalidAddress)?
            } else {
                guess
            }
        };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidAddress);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidAddress);
        }
        url.set_query(None);
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The address of a call: `path` begins with a slash and stands below the server's own path.
    #[must_use]
    pub fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }

    /// Where the server says what it can do.
    #[must_use]
    pub fn discovery(&self) -> Url {
        self.join(discovery::PATH)
    }

    /// Where the socket connects to. Socket.IO's path stands below the server's own.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

fn is_this_computer(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_type() {
        for (typed, address, call) in [
            (
                "chat.example.org",
                "https://chat.example.org",
                "https://chat.example.org/chat",
            ),
            (
                " chat.example.org/ ",
                "https://chat.example.org",
                "https://chat.example.org/chat",
            ),
            (
                "chat.example.org:8443",
                "https://chat.example.org:8443",
                "https://chat.example.org:8443/chat",
            ),
            (
                "example.org/team/",
                "https://example.org/team",
                "https://example.org/team/chat",
            ),
            (
                "http://10.0.0.5:4000",
                "http://10.0.0.5:4000",
                "http://10.0.0.5:4000/chat",
            ),
            (
                "localhost:4000",
                "http://localhost:4000",
                "http://localhost:4000/chat",
            ),
            (
                "127.0.0.1:4000",
                "http://127.0.0.1:4000",
                "http://127.0.0.1:4000/chat",
            ),
            ("[::1]:4000", "http://[::1]:4000", "http://[::1]:4000/chat"),
            ("https://localhost", "https://localhost", "https://localhost/chat"),
            (
                "HTTPS://Example.ORG/?q=1#x",
                "https://example.org",
                "https://example.org/chat",
            ),
        ] {
            let server = Server::from_typed(typed).unwrap();
            assert_eq!(server.to_string(), address, "{typed}");
            assert_eq!(server.join("/chat").as_str(), call, "{typed}");
            assert_eq!(Server::from_typed(&server.to_string()), Ok(server), "{typed}");
        }
    }

    #[test]
    fn refuses_what_is_no_server() {
        for typed in [
            "",
            "  ",
            "ftp://example.org",
            "https://",
            "a b",
            "file:///etc",
            "https://u:p@example.org",
        ] {
            assert_eq!(Server::from_typed(typed), Err(InvalidAddress), "{typed}");
        }
    }
}
