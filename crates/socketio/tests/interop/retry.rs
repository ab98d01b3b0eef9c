//! `retries`: one at a time, again until acknowledged.

use std::time::Duration;

use khaya_socketio::{AckError, Client, ClientBuilder, Events, Socket};
use serde_json::{Value, json};

use crate::{
    listening::{Listener, connected, socket},
    node::{PATIENCE, Server, over_each_link},
};

/// A socket that sends up to `1 + retries` times.
fn retrying(builder: ClientBuilder, retries: u32, ack_timeout: Duration) -> (Client, Socket, Events) {
    let client = builder.build().unwrap();
    let (socket, events) = client
        .socket("/")
        .retries(retries)
        .ack_timeout(ack_timeout)
        .build()
        .unwrap();
    (client, socket, events)
}

/// The Socket.IO packets of this session, as the server saw them.
async fn packets(socket: &Socket) -> Value {
    let session: Value = socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    session["packets"].clone()
}

#[tokio::test]
async fn they_go_one_after_the_other_in_order() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let (_client, socket, events) = retrying(client, 1, PATIENCE);
        socket.connect();
        // One of them without a wish for its answer: that is asked for all the same.
        let first = socket.emit_with_ack("echo", &1);
        socket.emit("echo", &2).unwrap();
        let third = socket.emit_with_ack("echo", &3);
        assert_eq!(first.await.unwrap().payload::<u32>().unwrap(), 1);
        assert_eq!(third.await.unwrap().payload::<u32>().unwrap(), 3);
        let expected = json!([
            "0",
            "20[\"echo\",1]",
            "21[\"echo\",2]",
            "22[\"echo\",3]",
            "23[\"session\"]"
        ]);
        assert_eq!(packets(&socket).await, expected);
        Listener::new(events).ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_acknowledged_is_sent_again_under_a_new_id() {
    let server = Server::start().await;
    let (_client, socket, _events) = retrying(server.client(), 3, Duration::from_millis(100));
    socket.connect();
    let answer = socket.emit_with_ack("third time", &()).await;
    assert_eq!(answer.unwrap().payload::<u32>().unwrap(), 3);
    let expected = json!([
        "0",
        "20[\"third time\"]",
        "21[\"third time\"]",
        "22[\"third time\"]",
        "23[\"session\"]"
    ]);
    assert_eq!(packets(&socket).await, expected);
}

#[tokio::test]
async fn after_the_last_try_it_fails_and_the_next_one_goes() {
    let server = Server::start().await;
    let (_client, socket, _events) = retrying(server.client(), 3, Duration::from_millis(100));
    socket.connect();
    let failing = socket.emit_with_ack("never answered", &());
    let next = socket.emit_with_ack("echo", &1);
    let error = failing.await.unwrap_err();
    assert!(matches!(error, AckError::Timeout { written: true }), "{error:?}");
    assert_eq!(next.await.unwrap().payload::<u32>().unwrap(), 1);
    let packets = packets(&socket).await;
    let tries = packets.as_array().unwrap().iter().filter(|packet| {
        packet
            .as_str()
            .is_some_and(|packet| packet.contains("never answered"))
    });
    assert_eq!(tries.count(), 4);
}

#[tokio::test]
async fn no_try_is_used_up_while_not_connected() {
    let server = Server::start().await;
    let (client, retried, _events) = retrying(server.client(), 1, Duration::from_millis(10));
    let waiting = retried.emit_with_ack("echo", &1);
    // Another one has run out of its longer time meanwhile, so the short one would have, too.
    let (other, _told) = socket(&client, "/other");
    let control = other
        .with_timeout(Duration::from_millis(50))
        .emit_with_ack("echo", &2);
    assert!(matches!(control.await, Err(AckError::Timeout { written: false })));
    let mut waiting = waiting;
    assert!(futures_util::poll!(&mut waiting).is_pending());
}

#[tokio::test]
async fn what_is_emitted_at_connect_goes_once() {
    let server = Server::start().await;
    let (_client, socket, events) = retrying(server.client(), 3, PATIENCE);
    let mut told = Listener::new(events);
    socket.connect();
    told.connected().await;
    socket.emit("echo", &Value::Null).unwrap();
    let expected = json!(["0", "20[\"echo\",null]", "21[\"session\"]"]);
    assert_eq!(packets(&socket).await, expected);
}

#[tokio::test]
async fn it_is_sent_again_after_a_reconnection_until_its_tries_are_used_up() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        // Every try ends the connection.
        let (_client, socket, _events) = retrying(client.query([("who", "me")]), 2, PATIENCE);
        socket.connect();
        let error = socket.emit_with_ack("cut", &()).await.unwrap_err();
        assert!(!error.is_unsent(), "{error:?}");
        assert_eq!(
            socket
                .emit_with_ack("echo", &1)
                .await
                .unwrap()
                .payload::<u32>()
                .unwrap(),
            1
        );
    })
    .await;
    let observer = connected(server.client()).await;
    let sessions = observer.socket.emit_with_ack("sessions", &()).await.unwrap();
    let sessions: Vec<Value> = sessions.payload().unwrap();
    let tries = sessions
        .iter()
        .filter(|session| session["packets"].to_string().contains("cut"));
    assert_eq!(tries.count(), 9, "three for each link");
}
