//! The options of a client.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::{driver, error::BuildError, event::Transport, handle::Client};

/// When and how often to reconnect.
///
/// The delay doubles with each attempt up to `delay_max`; jitter then shortens it by up to `randomization` of
/// itself, so that the cap holds and clients that lost the same server come back spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconnection {
    /// Whether to reconnect at all.
    pub enabled: bool,
    /// Before the first attempt.
    pub delay: Duration,
    /// No delay is longer.
    pub delay_max: Duration,
    /// From 0 (all delays are exact) to 1 (down to nothing).
    pub randomization: f64,
    /// How many attempts; none means for ever.
    pub attempts: Option<u32>,
}

impl Default for Reconnection {
    fn default() -> Self {
        Self {
            enabled: true,
            delay: Duration::from_secs(1),
            delay_max: Duration::from_secs(5),
            randomization: 0.5,
            attempts: None,
        }
    }
}

/// Makes a [`Client`].
#[derive(Debug, Clone)]
#[must_use = "a builder builds nothing by itself"]
pub struct ClientBuilder {
    pub(crate) url: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) transports: Vec<Transport>,
    pub(crate) try_all_transports: bool,
    pub(crate) upgrade: bool,
    pub(crate) remember_upgrade: bool,
    pub(crate) reconnection: Reconnection,
    pub(crate) timeout: Duration,
    pub(crate) cookies: bool,
    pub(crate) queue_capacity: usize,
    pub(crate) max_packet: usize,
    pub(crate) strict: bool,
    pub(crate) http_client: Option<reqwest::Client>,
    pub(crate) websocket_client: Option<reqwest::Client>,
}

impl ClientBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            path: "/socket.io".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            transports: vec![Transport::Polling, Transport::WebSocket],
            try_all_transports: false,
            upgrade: true,
            remember_upgrade: false,
            reconnection: Reconnection::default(),
            timeout: Duration::from_secs(20),
            cookies: false,
            queue_capacity: 4096,
            max_packet: 64 << 20,
            strict: false,
            http_client: None,
            websocket_client: None,
        }
    }

    /// The path of the server. `/socket.io` if not said; a slash is added at the end.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Parameters of every request. Never put a secret there: URLs are logged.
    pub fn query<K: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.query
            .extend(pairs.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Headers of every request.
    pub fn extra_headers<K: Into<String>, V: Into<String>>(
        mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.headers
            .extend(pairs.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// What may carry the connection, the first one first. Polling, then WebSocket by upgrade, if not said.
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.transports = transports.into_iter().collect();
        self
    }

    /// When the first transport fails, try the next one in the same attempt.
    pub fn try_all_transports(mut self, all: bool) -> Self {
        self.try_all_transports = all;
        self
    }

    /// Whether polling is upgraded to WebSocket, if both are allowed. It is if not said.
    pub fn upgrade(mut self, upgrade: bool) -> Self {
        self.upgrade = upgrade;
        self
    }

    /// After a WebSocket has worked once, begin with it.
    pub fn remember_upgrade(mut self, remember: bool) -> Self {
        self.remember_upgrade = remember;
        self
    }

    /// When and how often to reconnect.
    pub fn reconnection(mut self, reconnection: Reconnection) -> Self {
        self.reconnection = reconnection;
        self
    }

    /// How long one attempt to connect may take. 20 s if not said; zero fails at once.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Keep the server's cookies and send them back, as a browser would.
    pub fn cookies(mut self, keep: bool) -> Self {
        self.cookies = keep;
        self
    }

    /// How many emitted events may wait to be written before an emit is refused with
    /// [`QueueFull`](crate::EmitError::QueueFull). 4096 if not said.
    pub fn queue_capacity(mut self, events: usize) -> Self {
        self.queue_capacity = events.max(1);
        self
    }

    /// The largest packet that is accepted, in bytes. 64 MiB if not said.
    pub fn max_packet(mut self, bytes: usize) -> Self {
        self.max_packet = bytes;
        self
    }

    /// Checks the JSON of every event as a whole when it comes, and closes the connection over a broken one, as
    /// the official client does. Without it a broken argument is found where it is decoded, and costs nothing
    /// where it is not. It is off if not said.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Uses this HTTP client (its pool, proxies and certificates) for polling. It should follow no redirects to other
    /// servers, for a request's body may hold credentials; the client's own follows none.
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// Uses this HTTP client to open WebSockets. It must speak HTTP/1.1 only
    /// ([`reqwest::ClientBuilder::http1_only`]), for HTTP/2 has no such upgrade. It asks a proxy for a WebSocket over
    /// plain HTTP with a GET, as HTTP clients do; without one of the application's, the proxy is asked with CONNECT.
    pub fn websocket_client(mut self, client: reqwest::Client) -> Self {
        self.websocket_client = Some(client);
        self
    }

    /// Makes the client, and starts its task on the tokio runtime of the caller. Nothing is sent yet.
    ///
    /// # Errors
    /// An option is not usable, or there is no runtime.
    pub fn build(self) -> Result<Client, BuildError> {
        if self.transports.is_empty() {
            return Err(BuildError::NoTransport);
        }
        let mut url = Url::parse(&self.url)?;
        let scheme = match url.scheme() {
            "http" | "ws" => "http",
            "https" | "wss" => "https",
            other => return Err(BuildError::Scheme(other.to_owned())),
        };
        // The url crate changes a scheme only between special ones, which these four are.
        let _ = url.set_scheme(scheme);
        let mut path = self.path.clone();
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        if !path.ends_with('/') {
            path.push('/');
        }
        url.set_path(&path);
        url.set_fragment(None);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let (Ok(key), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
                return Err(BuildError::Header(name.clone()));
            };
            headers.append(key, value);
        }
        driver::start(self, url, headers)
    }
}
