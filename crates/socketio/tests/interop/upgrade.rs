//! From polling to WebSocket while everything goes on.

use khaya_socketio::{ConnectionEvent, Transport};
use serde_json::{Value, json};

use crate::{
    listening::{connected, socket},
    node::{Link, Server},
};

#[tokio::test]
async fn the_session_moves_and_stays_the_same() {
    let server = Server::start().await;
    let mut it = connected(Link::Upgrade.client(&server.url)).await;
    let before: Value = it
        .socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    assert_eq!(before["transport"], "polling");
    it.told.upgraded().await;
    assert_eq!(it.client.metrics().transport, Some(Transport::WebSocket));
    let transport: String = it
        .socket
        .emit_with_ack("transport", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    assert_eq!(transport, "websocket");
    let after: Value = it
        .socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    assert_eq!(after["sid"], before["sid"]);
}

#[tokio::test]
async fn nothing_is_lost_doubled_or_turned_around_on_the_way() {
    let server = Server::start().await;
    // Each try meets the upgrade at another moment.
    for _ in 0..10 {
        let mut it = connected(Link::Upgrade.client(&server.url)).await;
        it.socket.emit("say many", &2000).unwrap();
        let mut answers = Vec::new();
        for number in 0..500 {
            answers.push(it.socket.emit_with_ack("echo", &number));
        }
        for expected in 0..2000 {
            assert_eq!(it.told.payload::<u32>("number").await, expected);
        }
        for (number, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.await.unwrap().payload::<usize>().unwrap(), number);
        }
        it.told.upgraded().await;
        let session: Value = it
            .socket
            .emit_with_ack("session", &())
            .await
            .unwrap()
            .payload()
            .unwrap();
        let packets = session["packets"].as_array().unwrap();
        assert_eq!(packets.len(), 503);
        for (number, packet) in packets[2..502].iter().enumerate() {
            assert_eq!(*packet, format!("2{number}[\"echo\",{number}]"));
        }
        it.socket.disconnect();
        it.told.disconnected().await;
    }
}

#[tokio::test]
async fn a_refused_websocket_leaves_polling_as_it_was() {
    let server = Server::with(json!({ "deny": "websocket" })).await;
    let mut it = connected(Link::Upgrade.client(&server.url)).await;
    it.socket.emit("say many", &1000).unwrap();
    for expected in 0..1000 {
        assert_eq!(it.told.payload::<u32>("number").await, expected);
        let echoed = it.socket.emit_with_ack("echo", &expected).await.unwrap();
        assert_eq!(echoed.payload::<u32>().unwrap(), expected);
    }
    assert_eq!(it.client.metrics().transport, Some(Transport::Polling));
    assert_eq!(it.client.metrics().sessions, 1);
}

#[tokio::test]
async fn a_server_without_websocket_is_not_probed() {
    let server = Server::with(json!({ "options": { "transports": ["polling"] } })).await;
    let mut it = connected(Link::Upgrade.client(&server.url)).await;
    it.socket.emit_args("say", &("hi",)).unwrap();
    it.told.event("hi").await;
    assert_eq!(it.client.metrics().transport, Some(Transport::Polling));
}

#[tokio::test]
async fn switched_off_it_stays_on_polling() {
    let server = Server::start().await;
    let it = connected(Link::Upgrade.client(&server.url).upgrade(false)).await;
    // An upgrade takes fewer round trips than these.
    for _ in 0..50 {
        let transport: String = it
            .socket
            .emit_with_ack("transport", &())
            .await
            .unwrap()
            .payload()
            .unwrap();
        assert_eq!(transport, "polling");
    }
    let session: Value = it
        .socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    assert_eq!(session["transport"], "polling");
}

#[tokio::test]
async fn what_was_emitted_before_a_disconnect_in_the_middle_arrives() {
    let server = Server::start().await;
    let observer = connected(server.client()).await;
    for _ in 0..5 {
        let mut it = connected(Link::Upgrade.client(&server.url)).await;
        it.socket.emit("last words", &1).unwrap();
        it.socket.disconnect();
        // After the disconnect nothing goes, though it is accepted: it waits for the next connect.
        it.socket.emit("too late", &2).unwrap();
        it.told.disconnected().await;
        it.told
            .connection(|event| matches!(event, ConnectionEvent::Closed { .. }).then_some(()))
            .await;
        let packets = loop {
            let sessions: Vec<Value> = observer
                .socket
                .emit_with_ack("sessions", &())
                .await
                .unwrap()
                .payload()
                .unwrap();
            let packets = sessions.last().unwrap()["packets"].as_array().unwrap().clone();
            if packets.iter().any(|packet| packet == "1") {
                break packets;
            }
        };
        assert_eq!(packets, [json!("0"), json!("2[\"last words\",1]"), json!("1")]);
    }
}

#[tokio::test]
async fn a_close_while_the_upgrade_fails_is_a_close() {
    let server = Server::with(json!({ "deny": "websocket" })).await;
    let observer = connected(Link::Polling.client(&server.url)).await;
    for _ in 0..5 {
        let client = Link::Upgrade.client(&server.url).build().unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        told.connection(|event| matches!(event, ConnectionEvent::Opened { .. }).then_some(()))
            .await;
        client.close();
        let reason = told
            .connection(|event| match event {
                ConnectionEvent::Closed { reason } => Some(reason),
                _ => None,
            })
            .await;
        assert_eq!(reason.as_str(), "forced close");
    }
    loop {
        let count = observer.socket.emit_with_ack("count", &()).await.unwrap();
        let (ever, open): (u32, u32) = count.args().unwrap();
        assert_eq!(ever, 6);
        if open == 1 {
            break;
        }
    }
}

#[tokio::test]
async fn a_remembered_upgrade_begins_with_the_websocket() {
    let server = Server::start().await;
    for (remember, expected) in [(true, Transport::WebSocket), (false, Transport::Polling)] {
        let client = Link::Upgrade
            .client(&server.url)
            .remember_upgrade(remember)
            .build()
            .unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        told.upgraded().await;
        socket.emit("cut", &()).unwrap();
        told.disconnected().await;
        let transport = told
            .connection(|event| match event {
                ConnectionEvent::Opened { transport, .. } => Some(transport),
                _ => None,
            })
            .await;
        assert_eq!(transport, expected);
    }
}
