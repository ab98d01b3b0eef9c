//! The way of a plain WebSocket through the proxy of the environment.
//!
//! An HTTP client passes what is for an `http` address on to its proxy as a GET, and few proxies let a WebSocket begin
//! there. RFC 6455, section 4.1: the proxy is asked with CONNECT to open a connection to the server.
//!
//! Never does: anything about `https`, which HTTP clients tunnel anyway; find the proxies, which `hyper-util` does for
//! this and for the HTTP clients alike.

use std::sync::Arc;

use http::{HeaderValue, Uri, header};
use hyper::client::conn::http1::handshake;
use hyper_util::client::{
    legacy::connect::{HttpConnector, proxy::Tunnel},
    proxy::matcher::{Intercept, Matcher},
};
use reqwest::{Body, Request, Response};
use tower_service::Service as _;
use url::Url;

use super::http::with_causes;

/// The proxies that the environment, or the system, names.
#[derive(Debug)]
pub(super) struct Proxies(Matcher);

impl Proxies {
    pub(super) fn of_the_system() -> Self {
        Self(Matcher::from_system())
    }

    /// The one for this address, if it is to be asked for a tunnel: not one that is itself reached over TLS, or by a
    /// protocol of its own.
    pub(super) fn tunnel_to(&self, url: &Url) -> Option<Intercept> {
        let uri: Uri = url.as_str().parse().ok()?;
        self.0
            .intercept(&uri)
            .filter(|_| url.scheme() == "http")
            .filter(|proxy| proxy.uri().scheme_str() == Some("http"))
    }
}

/// Sends a request through a tunnel of its own.
pub(super) async fn send(proxy: &Intercept, request: Request) -> Result<Response, Arc<str>> {
    let (host, port) = (request.url().host_str(), request.url().port_or_known_default());
    let (Some(host), Some(port)) = (host, port) else {
        return Err("the address has no host".into());
    };
    let server = format!("http://{host}:{port}").parse::<Uri>();
    let name = request
        .url()
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let name = HeaderValue::try_from(name);
    let (Ok(server), Ok(name)) = (server, name) else {
        return Err("the address is none for a proxy".into());
    };

    let mut tunnel = Tunnel::new(proxy.uri().clone(), HttpConnector::new());
    if let Some(credentials) = proxy.basic_auth() {
        tunnel = tunnel.with_auth(credentials.clone());
    }
    let stream = tunnel.call(server).await.map_err(|error| with_causes(&error))?;
    let (mut sender, connection) = handshake(stream).await.map_err(|error| with_causes(&error))?;
    tokio::spawn(connection.with_upgrades());

    let mut request = http::Request::<Body>::try_from(request).map_err(|error| with_causes(&error))?;
    request.headers_mut().insert(header::HOST, name);
    if let Some(path) = request.uri().path_and_query() {
        *request.uri_mut() = path.clone().into();
    }
    let response = sender.send_request(request).await;
    Ok(response
        .map_err(|error| with_causes(&error))?
        .map(Body::wrap)
        .into())
}
