//! Connection state recovery.

use khaya_socketio::SocketEvent;
use serde_json::{Value, json};

use crate::{
    listening::connected,
    node::{Server, over_each_link},
};

/// A server that keeps what a lost socket missed.
async fn keeping() -> Server {
    Server::with(json!({ "options": { "connectionStateRecovery": {} } })).await
}

#[tokio::test]
async fn a_lost_socket_comes_back_as_the_same_with_what_it_missed() {
    let server = keeping().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        it.told.ran_over(link).await;
        // The first event tells the offset.
        it.socket.emit_args("say", &("hi", 1)).unwrap();
        assert_eq!(it.told.payload::<u32>("hi").await, 1);
        it.socket.emit("miss", &3).unwrap();
        it.told.disconnected().await;
        let mut missed = Vec::new();
        let (id, recovered) = loop {
            match it.told.next().await.unwrap() {
                SocketEvent::Event(event) => missed.push(event.payload::<u32>().unwrap()),
                SocketEvent::Connected { id, recovered, .. } => break (id, recovered),
                SocketEvent::Disconnected { .. }
                | SocketEvent::ConnectError { .. }
                | SocketEvent::Connection(_) => {}
            }
        };
        assert!(recovered);
        assert_eq!(*id, *it.id);
        assert_eq!(
            missed,
            [0, 1, 2],
            "what was missed comes before the connect is told"
        );
    })
    .await;
}

#[tokio::test]
async fn more_than_once() {
    let server = keeping().await;
    let mut it = connected(server.client()).await;
    it.socket.emit_args("say", &("hi", 1)).unwrap();
    it.told.event("hi").await;
    for _ in 0..3 {
        it.socket.emit("cut", &()).unwrap();
        it.told.disconnected().await;
        assert_eq!(it.told.connected_again().await, (it.id.clone(), true));
        let session: Value = it
            .socket
            .emit_with_ack("session", &())
            .await
            .unwrap()
            .payload()
            .unwrap();
        let connect = session["packets"][0].as_str().unwrap();
        let auth: Value = serde_json::from_str(connect.strip_prefix('0').unwrap()).unwrap();
        assert!(auth["pid"].is_string() && auth["offset"].is_string(), "{auth}");
    }
}

#[tokio::test]
async fn auth_goes_along_with_it() {
    let server = keeping().await;
    let client = server.client().build().unwrap();
    let (socket, events) = client.socket("/").auth(json!({ "token": "t" })).build().unwrap();
    let mut told = crate::listening::Listener::new(events);
    socket.connect();
    told.connected().await;
    socket.emit_args("say", &("hi", 1)).unwrap();
    told.event("hi").await;
    socket.emit("cut", &()).unwrap();
    told.disconnected().await;
    assert!(told.connected_again().await.1);
    let session: Value = socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    let connect = session["packets"][0].as_str().unwrap();
    let auth: Value = serde_json::from_str(connect.strip_prefix('0').unwrap()).unwrap();
    assert_eq!(auth["token"], "t");
    assert!(auth["pid"].is_string(), "{auth}");
}

#[tokio::test]
async fn one_that_left_by_itself_is_not_recovered() {
    let server = keeping().await;
    let mut it = connected(server.client()).await;
    it.socket.emit_args("say", &("hi", 1)).unwrap();
    it.told.event("hi").await;
    it.socket.disconnect();
    it.told.disconnected().await;
    it.socket.connect();
    let (id, recovered) = it.told.connected_again().await;
    assert!(!recovered);
    assert_ne!(id, it.id);
}

#[tokio::test]
async fn a_server_that_keeps_nothing_gives_a_new_socket() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected(client).await;
        it.socket
            .emit_args("say", &("hi", "looks like an offset"))
            .unwrap();
        it.told.event("hi").await;
        it.socket.emit("cut", &()).unwrap();
        it.told.disconnected().await;
        let (id, recovered) = it.told.connected_again().await;
        assert!(!recovered);
        assert_ne!(id, it.id);
    })
    .await;
}
