//! Long-polling: what goes into one body, and what the server refuses.

use khaya_socketio::{Binary, DisconnectReason};
use serde_json::{Value, json};

use crate::{
    listening::{connected, socket},
    node::{Link, Server, over_each_link},
};

/// A server that takes no body, and no message, over this many bytes.
async fn narrow(bytes: u32) -> Server {
    Server::with(json!({ "options": { "maxHttpBufferSize": bytes } })).await
}

#[tokio::test]
async fn bodies_are_filled_up_to_what_the_server_takes() {
    let server = narrow(100).await;
    let client = Link::Polling.client(&server.url).build().unwrap();
    let (socket, mut told) = socket(&client, "/");
    // All of them wait when the connection opens. In bytes, `€` has three.
    let texts = [
        "a".repeat(80),
        "b".repeat(30),
        "c".repeat(30),
        "€".repeat(26),
        "d".repeat(70),
        "e".to_owned(),
    ];
    for text in &texts {
        socket.emit("t", text).unwrap();
    }
    socket.connect();
    told.connected().await;
    let session: Value = socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    let mut expected = vec![json!("0")];
    expected.extend(texts.iter().map(|text| json!(format!("2[\"t\",\"{text}\"]"))));
    expected.push(json!("20[\"session\"]"));
    assert_eq!(session["packets"], json!(expected));
    assert_eq!(client.metrics().sessions, 1, "a body was too large");
}

#[tokio::test]
async fn bytes_count_as_the_base64_that_they_become() {
    let server = narrow(100).await;
    let client = Link::Polling.client(&server.url).build().unwrap();
    let (socket, mut told) = socket(&client, "/");
    for size in [72, 20, 20, 72, 1, 0] {
        socket.emit("b", &Binary(vec![0; size].into())).unwrap();
    }
    socket.connect();
    told.connected().await;
    let session: Value = socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    let sizes: Vec<&str> = session["packets"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|packet| packet.as_str().filter(|packet| packet.starts_with('<')))
        .collect();
    assert_eq!(
        sizes,
        [
            "<72 bytes>",
            "<20 bytes>",
            "<20 bytes>",
            "<72 bytes>",
            "<1 bytes>",
            "<0 bytes>"
        ]
    );
    assert_eq!(client.metrics().sessions, 1, "a body was too large");
}

#[tokio::test]
async fn one_that_is_too_large_goes_all_the_same_and_the_refusal_says_why() {
    let server = narrow(1000).await;
    let mut it = connected(Link::Polling.client(&server.url)).await;
    it.socket.emit("large", &"a".repeat(1001)).unwrap();
    let reason = it.told.disconnected().await;
    let DisconnectReason::TransportError(details) = &reason else {
        panic!("{reason:?}");
    };
    assert!(details.contains("413"), "{details}");
    assert_eq!(reason.as_str(), "transport error");
    it.told.connected().await;
}

#[tokio::test]
async fn one_that_is_too_large_for_the_websocket_is_closed_with_a_code() {
    let server = narrow(1000).await;
    let mut it = connected(server.client()).await;
    it.socket.emit("large", &"a".repeat(1001)).unwrap();
    let reason = it.told.disconnected().await;
    assert_eq!(reason.as_str(), "transport close", "{reason:?}");
    assert!(
        reason.details().is_some_and(|details| details.contains("1009")),
        "{reason:?}"
    );
    it.told.connected().await;
}

#[tokio::test]
async fn a_session_that_the_server_does_not_know_is_a_connect_error_that_says_so() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let client = client.query([("sid", "abc")]).build().unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        let (message, _, active) = told.connect_error().await;
        assert!(message.contains("400"), "{message}");
        if link != Link::WebSocket {
            assert!(message.contains("Session ID unknown"), "{message}");
        }
        assert!(active);
    })
    .await;
}

#[tokio::test]
async fn traffic_both_ways_never_overlaps_requests() {
    let server = Server::start().await;
    let mut it = connected(Link::Polling.client(&server.url)).await;
    // The server closes the session when two GETs or two POSTs are under way.
    for round in 0..20 {
        it.socket.emit("say many", &100).unwrap();
        for number in 0..50 {
            it.socket
                .emit_args("say", &("back", round * 50 + number))
                .unwrap();
        }
        it.socket.emit_with_ack("echo", &round).await.unwrap();
        for number in 0..50 {
            assert_eq!(it.told.payload::<u32>("back").await, round * 50 + number);
        }
    }
    assert_eq!(it.client.metrics().sessions, 1);
}
