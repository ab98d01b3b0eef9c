//! The requests of a session: addresses, headers, clients.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::SystemTime,
};

use http::{HeaderMap, HeaderValue, header};
use reqwest::{Response, redirect::Policy};
use url::Url;

use super::{
    cookies::Cookies,
    proxy::{self, Proxies},
};
use crate::event::Transport;

/// How much of an answer that is no success is read for its message.
const ERROR_BODY: usize = 4096;

/// Makes requests to one server.
#[derive(Debug)]
pub(crate) struct Http {
    url: Url,
    headers: HeaderMap,
    cookies: Option<Mutex<Cookies>>,
    polling: Mutex<Polling>,
    websocket: OnceLock<Arc<reqwest::Client>>,
    /// For a WebSocket, unless the application has an HTTP client of its own for it.
    proxies: Option<OnceLock<Proxies>>,
}

/// What polls.
#[derive(Debug)]
enum Polling {
    /// The application's.
    Given(reqwest::Client),
    /// Our own, made when it is first needed.
    Own(Option<reqwest::Client>),
}

/// What asks for WebSockets, for as long as anyone uses it: the certificates that it holds are most of what an
/// idle connection would cost. It keeps no connections, which would belong to the runtime that made them.
static WEBSOCKETS: Mutex<Weak<reqwest::Client>> = Mutex::new(Weak::new());

impl Http {
    pub(crate) fn new(
        url: Url,
        headers: HeaderMap,
        cookies: bool,
        polling: Option<reqwest::Client>,
        websocket: Option<reqwest::Client>,
    ) -> Self {
        Self {
            proxies: websocket.is_none().then(OnceLock::new),
            url,
            headers,
            cookies: cookies.then(Mutex::default),
            polling: Mutex::new(polling.map_or(Polling::Own(None), Polling::Given)),
            websocket: websocket.map_or_else(OnceLock::new, |client| OnceLock::from(Arc::new(client))),
        }
    }

    /// Polls with this client from now on.
    pub(crate) fn use_client(&self, client: reqwest::Client) {
        *self.lock_polling() = Polling::Given(client);
    }

    /// Connections that are kept for polling may lead nowhere any more: the next request makes a new one. Those of the
    /// application's client are its own affair.
    pub(crate) fn forget_connections(&self) {
        if let Polling::Own(client) = &mut *self.lock_polling() {
            *client = None;
        }
    }

    /// What polls. Making it reads the system's certificates, which takes its time.
    fn polling(&self) -> Result<reqwest::Client, Arc<str>> {
        match &mut *self.lock_polling() {
            Polling::Given(client) | Polling::Own(Some(client)) => Ok(client.clone()),
            Polling::Own(own @ None) => {
                let client = builder().build().map_err(|error| details(&error))?;
                Ok(own.insert(client).clone())
            }
        }
    }

    /// What asks for WebSockets, made when it is first needed, too.
    fn websocket(&self) -> Result<&reqwest::Client, Arc<str>> {
        if let Some(client) = self.websocket.get() {
            return Ok(client);
        }
        let client = websocket_client().map_err(|error| details(&error))?;
        Ok(self.websocket.get_or_init(|| client))
    }

    fn lock_polling(&self) -> MutexGuard<'_, Polling> {
        self.polling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, transport: Transport, sid: Option<&str>) -> Url {
        let mut url = self.url.clone();
        let name = match transport {
            Transport::Polling => "polling",
            Transport::WebSocket => "websocket",
        };
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("EIO", "4").append_pair("transport", name);
            if let Some(sid) = sid {
                query.append_pair("sid", sid);
            }
        }
        url
    }

    /// A GET of a session, or of a new one.
    pub(crate) async fn get(self: Arc<Self>, sid: Option<Arc<str>>) -> Result<Response, Arc<str>> {
        let client = self.polling()?;
        let request = client
            .get(self.url(Transport::Polling, sid.as_deref()))
            .headers(self.headers())
            .header(header::ACCEPT_ENCODING, "identity");
        self.success(request.send().await).await
    }

    /// A POST of a payload.
    pub(crate) async fn post(self: Arc<Self>, sid: Arc<str>, body: String) -> Result<(), Arc<str>> {
        let client = self.polling()?;
        let request = client
            .post(self.url(Transport::Polling, Some(&sid)))
            .headers(self.headers())
            .header(header::CONTENT_TYPE, "text/plain;charset=UTF-8")
            .body(body);
        let response = self.success(request.send().await).await?;
        // Read to its end, so that the connection can be used again.
        response.bytes().await.map_err(|error| details(&error))?;
        Ok(())
    }

    /// The headers of a request: those of the options, and the cookies.
    fn headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(cookies) = &self.cookies {
            let cookies = cookies.lock().unwrap_or_else(PoisonError::into_inner);
            let secure = self.url.scheme() == "https";
            if let Some(cookie) = cookies.header(self.url.path(), secure, now()) {
                headers.append(header::COOKIE, cookie);
            }
        }
        headers
    }

    fn store(&self, response: &Response) {
        if let Some(cookies) = &self.cookies {
            cookies
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .store(response.headers(), now());
        }
    }

    async fn success(&self, response: reqwest::Result<Response>) -> Result<Response, Arc<str>> {
        let response = response.map_err(|error| details(&error))?;
        self.store(&response);
        if response.status() == http::StatusCode::OK {
            return Ok(response);
        }
        Err(refusal(response).await)
    }

    /// Asks for a WebSocket, of a session or of a new one.
    pub(crate) async fn upgrade(
        self: Arc<Self>,
        sid: Option<Arc<str>>,
        key: &str,
    ) -> Result<Response, Arc<str>> {
        let client = self.websocket()?;
        let key = HeaderValue::try_from(key).map_err(|_| Arc::from("no header value"))?;
        let request = client
            .get(self.url(Transport::WebSocket, sid.as_deref()))
            .headers(self.headers())
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, key);
        let proxies = self.proxies.as_ref();
        let tunnel = proxies.and_then(|proxies| {
            let proxies = proxies.get_or_init(Proxies::of_the_system);
            proxies.tunnel_to(&self.url)
        });
        let response = match tunnel {
            Some(proxy) => {
                let request = request.build().map_err(|error| details(&error))?;
                proxy::send(&proxy, request).await?
            }
            None => request.send().await.map_err(|error| details(&error))?,
        };
        self.store(&response);
        if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        Err(refusal(response).await)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver is where the clocks are read"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Follows a redirect only where it leads to the same server: what is sent holds credentials.
fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().redirect(Policy::custom(|attempt| {
        let same = match (attempt.previous().first(), attempt.url()) {
            (Some(first), next) => first.origin() == next.origin(),
            (None, _) => false,
        };
        if same && attempt.previous().len() <= 5 {
            attempt.follow()
        } else {
            attempt.stop()
        }
    }))
}

fn websocket_client() -> reqwest::Result<Arc<reqwest::Client>> {
    let mut shared = WEBSOCKETS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(client) = shared.upgrade() {
        return Ok(client);
    }
    let client = Arc::new(builder().http1_only().pool_max_idle_per_host(0).build()?);
    *shared = Arc::downgrade(&client);
    Ok(client)
}

/// What a server says when it does not do what was asked: `{"code":1,"message":"Session ID unknown"}`.
async fn refusal(mut response: Response) -> Arc<str> {
    #[derive(serde::Deserialize)]
    struct Body {
        message: String,
    }
    let status = response.status();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ERROR_BODY {
            break;
        }
    }
    match serde_json::from_slice::<Body>(&body) {
        Ok(Body { message }) => format!("status {}: {message}", status.as_u16()).into(),
        Err(_) => format!("status {}", status.as_u16()).into(),
    }
}

/// An error and what caused it, without the URL, which may be logged where it should not.
fn details(error: &reqwest::Error) -> Arc<str> {
    std::error::Error::source(error).map_or_else(|| "request failed".into(), with_causes)
}

/// An error and what caused it.
pub(super) fn with_causes(error: &(dyn std::error::Error + 'static)) -> Arc<str> {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ").into()
}
