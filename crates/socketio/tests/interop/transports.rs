//! Which transport is taken, and what goes along with its requests.

use khaya_socketio::{BuildError, Client, ConnectionEvent, Transport};
use serde_json::{Value, json};

use crate::{
    listening::{Listener, connected, socket},
    node::{Link, Server, over_each_link, soon},
};

#[tokio::test]
async fn the_next_transport_is_tried_in_the_same_attempt() {
    for (deny, first, second) in [
        ("websocket", Transport::WebSocket, Transport::Polling),
        ("polling", Transport::Polling, Transport::WebSocket),
    ] {
        let server = Server::with(json!({ "deny": deny })).await;
        let client = Client::builder(&server.url)
            .transports([first, second])
            .try_all_transports(true)
            .build()
            .unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        let opened = opened(&mut told).await;
        assert_eq!(opened, second, "{deny} is denied");
        told.connected().await;
        assert_eq!(client.metrics().reconnect_attempts, 0);
    }
}

#[tokio::test]
async fn the_next_transport_is_left_alone_if_not_said_otherwise() {
    let server = Server::with(json!({ "deny": "polling" })).await;
    let client = Client::builder(&server.url)
        .transports([Transport::Polling, Transport::WebSocket])
        .reconnection(soon())
        .build()
        .unwrap();
    let (socket, mut told) = socket(&client, "/");
    socket.connect();
    for _ in 0..3 {
        let (message, _, active) = told.connect_error().await;
        assert!(message.contains("403"), "{message}");
        assert!(active);
    }
}

#[tokio::test]
async fn no_transport_at_all_is_an_error_of_the_builder() {
    let error = Client::builder("http://127.0.0.1")
        .transports([])
        .build()
        .unwrap_err();
    assert!(matches!(error, BuildError::NoTransport));
    assert_eq!(error.to_string(), "no transport is allowed");
}

#[tokio::test]
async fn the_connected_event_names_the_transport() {
    let server = Server::start().await;
    for (link, expected) in [
        (Link::WebSocket, Transport::WebSocket),
        (Link::Polling, Transport::Polling),
    ] {
        let client = link.client(&server.url).build().unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        assert_eq!(opened(&mut told).await, expected);
        told.connected().await;
        assert_eq!(client.metrics().transport, Some(expected));
    }
}

#[tokio::test]
async fn extra_headers_go_with_every_request() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let headers = [
            ("X-Custom-Header-For-My-Project", "my-secret-access-token"),
            ("Cookie", "a=b"),
        ];
        let mut it = connected(client.extra_headers(headers)).await;
        let handshake: Value = it
            .socket
            .emit_with_ack("handshake", &())
            .await
            .unwrap()
            .payload()
            .unwrap();
        assert_eq!(
            handshake["headers"]["x-custom-header-for-my-project"],
            "my-secret-access-token"
        );
        assert_eq!(handshake["headers"]["cookie"], "a=b");
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn another_path_is_another_server() {
    let server = Server::with(json!({ "options": { "path": "/chat/live" } })).await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client.path("chat/live")).await;
        it.socket.emit_with_ack("echo", &1).await.unwrap();
        it.told.ran_over(link).await;
    })
    .await;
}

/// The server's cookies: two that count, two that are gone already.
async fn with_cookies() -> Server {
    let cookies = [
        "one=1; Max-Age=86400",
        "two=2=2&John=Doe; Path=/; HttpOnly; SameSite=Strict",
        "three=3; Max-Age=0",
        "four=4; Expires=Thu, 01 Jan 2015 00:00:00 GMT",
    ];
    Server::with(json!({ "cookies": cookies })).await
}

#[tokio::test]
async fn cookies_come_back_to_the_server_if_they_are_to_be_kept() {
    let server = with_cookies().await;
    let mut it = connected(Link::Polling.client(&server.url).cookies(true)).await;
    // The first request of the next session has what the one before was given.
    it.socket.emit("close session", &()).unwrap();
    it.told.disconnected().await;
    it.told.connected().await;
    let handshake: Value = it
        .socket
        .emit_with_ack("handshake", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    let cookie = handshake["headers"]["cookie"]
        .as_str()
        .expect("there is a cookie");
    let mut cookies: Vec<&str> = cookie.split("; ").collect();
    cookies.sort_unstable();
    assert_eq!(cookies, ["one=1", "two=2=2&John=Doe"]);
}

#[tokio::test]
async fn cookies_are_forgotten_if_not() {
    let server = with_cookies().await;
    let mut it = connected(Link::Polling.client(&server.url)).await;
    it.socket.emit("close session", &()).unwrap();
    it.told.disconnected().await;
    it.told.connected().await;
    let handshake: Value = it
        .socket
        .emit_with_ack("handshake", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    assert_eq!(handshake["headers"].get("cookie"), None);
}

async fn opened(told: &mut Listener) -> Transport {
    told.connection(|event| match event {
        ConnectionEvent::Opened { transport, .. } => Some(transport),
        _ => None,
    })
    .await
}
