//! The proxies that the environment names, with a real one in between: forwarding, CONNECT, credentials, exceptions.
//!
//! An environment is a process's own, so each visit to the server is made by a process of its own: this very binary,
//! with the one test that visits what it is told to.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod proxy;
mod socks;
mod visit;

use proxy::Proxy;
use socks::Socks;
use visit::{Visit, serve, serve_tls};

const OPEN: &str = "HTTP_PROXY";
const SECURE: &str = "HTTPS_PROXY";
const CREDENTIALS: &str = "me:p%40ss";
/// The same as a header says them.
const HEADER: &str = "Basic bWU6cEBzcw==";

#[tokio::test]
async fn a_websocket_goes_through_connect() {
    let (server, proxy) = (serve().await, Proxy::start().await);
    for name in [OPEN, "http_proxy", "ALL_PROXY"] {
        let visit = Visit::over("websocket", &server).with(name, &proxy.url());
        assert_eq!(visit.make().await, "connected over WebSocket");
        assert_eq!(proxy.asked(), [format!("CONNECT {}", server.host())], "{name}");
    }
}

#[tokio::test]
async fn polling_is_forwarded() {
    let (server, proxy) = (serve().await, Proxy::start().await);
    let visit = Visit::over("polling", &server).with(OPEN, &proxy.url());
    assert_eq!(visit.make().await, "connected over Polling");
    let asked = proxy.asked();
    let forwarded = format!(" {}/socket.io/?EIO=4&transport=polling", server.url());
    assert!(asked.len() > 2, "{asked:?}");
    assert!(asked.iter().all(|line| line.contains(&forwarded)), "{asked:?}");
}

#[tokio::test]
async fn polling_is_upgraded_through_the_proxy() {
    let (server, proxy) = (serve().await, Proxy::start().await);
    let visit = Visit::over("upgrade", &server).with(OPEN, &proxy.url());
    assert_eq!(visit.make().await, "upgraded to WebSocket");
    let asked = proxy.asked();
    assert!(asked.contains(&format!("CONNECT {}", server.host())), "{asked:?}");
}

#[tokio::test]
async fn tls_goes_through_connect_over_either_transport() {
    let (server, proxy) = (serve_tls().await, Proxy::start().await);
    for (transport, name) in [("websocket", "WebSocket"), ("polling", "Polling")] {
        let visit = Visit::over(transport, &server).with(SECURE, &proxy.url());
        assert_eq!(visit.make().await, format!("connected over {name}"));
        let asked = proxy.asked();
        assert!(!asked.is_empty());
        let connect = format!("CONNECT {}", server.host());
        assert!(asked.iter().all(|line| *line == connect), "{asked:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_gets_them_from_the_address() {
    let (server, tls, proxy) = (serve().await, serve_tls().await, Proxy::wanting(HEADER).await);
    let address = proxy.url().replace("://", &format!("://{CREDENTIALS}@"));
    for (server, name) in [(&server, OPEN), (&tls, SECURE)] {
        for (transport, told) in [("websocket", "WebSocket"), ("polling", "Polling")] {
            let visit = Visit::over(transport, server).with(name, &address);
            assert_eq!(visit.make().await, format!("connected over {told}"));
            assert!(!proxy.asked().is_empty());
        }
    }
}

#[tokio::test]
async fn refused_by_the_proxy_says_so_without_the_credentials() {
    let (server, proxy) = (serve().await, Proxy::wanting(HEADER).await);
    let address = proxy.url().replace("://", "://me:wrong@");
    for (transport, message) in [
        ("websocket", "tunnel error: proxy authorization required"),
        ("polling", "status 407"),
    ] {
        let visit = Visit::over(transport, &server).with(OPEN, &address);
        assert_eq!(visit.make().await, format!("error: {message}"));
    }
}

#[tokio::test]
async fn exceptions_are_reached_directly() {
    let (server, proxy) = (serve().await, Proxy::start().await);
    for transport in ["websocket", "polling"] {
        for name in ["NO_PROXY", "no_proxy"] {
            let visit = Visit::over(transport, &server).with(OPEN, &proxy.url());
            let told = visit.with(name, "example.org, 127.0.0.0/8").make().await;
            assert!(told.starts_with("connected"), "{told}");
            assert_eq!(proxy.asked(), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn a_socks_proxy_carries_either_transport_plain_and_over_tls() {
    let (server, tls, socks) = (serve().await, serve_tls().await, Socks::start().await);
    for server in [&server, &tls] {
        for (transport, name) in [("websocket", "WebSocket"), ("polling", "Polling")] {
            let visit = Visit::over(transport, server).with("ALL_PROXY", &socks.url());
            assert_eq!(visit.make().await, format!("connected over {name}"));
            let asked = socks.asked();
            assert!(!asked.is_empty());
            assert!(asked.iter().all(|address| *address == server.host()), "{asked:?}");
        }
    }
}
