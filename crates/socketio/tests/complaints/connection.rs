//! Connecting, losing, leaving.

use khaya_socketio::{ConnectionEvent, DeliveryStatus, SocketEvent, Transport};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::script::{HANDSHAKE, Script, connected, disconnected, event, failure, until};

/// #502: "emit right after connect kills the connection".
#[tokio::test]
async fn an_emit_right_after_connect_waits_for_the_namespace() {
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").auth(json!({ "token": "t" })).build().unwrap();
    socket.connect();
    socket.emit("early", &1).unwrap();
    let mut peer = script.session(HANDSHAKE).await;
    peer.hears(r#"40{"token":"t"}"#).await;
    // Answered before the namespace is: so nothing else was on its way.
    peer.say("2").await;
    peer.hears("3").await;
    peer.say(r#"40{"sid":"n"}"#).await;
    peer.hears(r#"42["early",1]"#).await;
    connected(&mut events).await;
}

/// #230: "emit errors while reconnecting".
#[tokio::test]
async fn an_emit_while_reconnecting_is_kept_and_sent() {
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    let peer = script.connected(HANDSHAKE).await;
    connected(&mut events).await;
    peer.cut();
    disconnected(&mut events).await;
    let first = socket.emit("typed", &1).unwrap();
    let answer = socket.emit_with_ack("typed", &2);
    assert_eq!(first.status(), DeliveryStatus::Queued);
    let mut peer = script.connected(HANDSHAKE).await;
    peer.hears(r#"42["typed",1]"#).await;
    peer.hears(r#"420["typed",2]"#).await;
    peer.say("430[]").await;
    answer.await.unwrap();
    assert_eq!(first.left_queue().await, DeliveryStatus::Written);
}

/// #374: "a manual disconnect still reconnects".
#[tokio::test]
async fn a_disconnect_by_hand_is_the_end() {
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    let mut peer = script.connected(HANDSHAKE).await;
    connected(&mut events).await;
    socket.disconnect();
    peer.hears("41").await;
    peer.cut();
    assert_eq!(disconnected(&mut events).await, "io client disconnect");
    until(&mut events, |event| match event {
        SocketEvent::Connection(ConnectionEvent::Closed { .. }) => Some(()),
        SocketEvent::Connection(ConnectionEvent::ReconnectScheduled { .. }) => panic!("it comes back"),
        SocketEvent::Connection(_)
        | SocketEvent::Event(_)
        | SocketEvent::Connected { .. }
        | SocketEvent::Disconnected { .. }
        | SocketEvent::ConnectError { .. } => None,
    })
    .await;
    // Another client with the same delays has lost its connection and is back by now.
    let control = script.client().build().unwrap();
    let (other, mut other_events) = control.socket("/").build().unwrap();
    other.connect();
    script.connected(HANDSHAKE).await.cut();
    disconnected(&mut other_events).await;
    let _back = script.connected(HANDSHAKE).await;
    assert_eq!(client.metrics().reconnect_attempts, 0);
    assert_eq!(client.metrics().sessions, 1);
}

/// #224: "no namespaces".
#[tokio::test]
async fn two_namespaces_share_a_connection() {
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (one, mut one_events) = client.socket("/one").build().unwrap();
    let (two, mut two_events) = client.socket("/two").auth(json!({ "a": 2 })).build().unwrap();
    one.connect();
    two.connect();
    let mut peer = script.session(HANDSHAKE).await;
    peer.hears("40/one,").await;
    peer.hears(r#"40/two,{"a":2}"#).await;
    peer.say(r#"40/two,{"sid":"n2"}"#).await;
    peer.say(r#"40/one,{"sid":"n1"}"#).await;
    peer.say(r#"42/two,["to","two"]"#).await;
    peer.say(r#"42/one,["to","one"]"#).await;
    let to_one = event(&mut one_events, "to").await;
    assert_eq!(to_one.payload::<String>().unwrap(), "one");
    let to_two = event(&mut two_events, "to").await;
    assert_eq!(to_two.payload::<String>().unwrap(), "two");
    two.emit("from", &"two").unwrap();
    peer.hears(r#"42/two,["from","two"]"#).await;
}

/// #320, #282, #221: "network loss is not noticed".
#[tokio::test]
async fn silence_is_noticed_and_left_behind() {
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    // The connection stays open, and nothing comes over it any more.
    let short = r#"0{"sid":"s","upgrades":[],"pingInterval":100,"pingTimeout":50,"maxPayload":1000000}"#;
    let _silent = script.connected(short).await;
    connected(&mut events).await;
    assert_eq!(disconnected(&mut events).await, "ping timeout");
    let _next = script.connected(HANDSHAKE).await;
    connected(&mut events).await;
}

/// #425: "callbacks unusable with state": events are a stream, and what is done with them needs no lock.
#[tokio::test]
async fn what_an_event_changes_is_a_plain_variable() {
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    let mut peer = script.connected(HANDSHAKE).await;
    for number in 1..=3 {
        peer.say(&format!(r#"42["add",{number}]"#)).await;
    }
    let mut sum = 0;
    while sum < 6 {
        sum += event(&mut events, "add").await.payload::<u32>().unwrap();
        socket.emit("sum", &sum).unwrap();
    }
    for sum in [1, 3, 6] {
        peer.hears(&format!(r#"42["sum",{sum}]"#)).await;
    }
}

/// #216, #166: "panics on transport errors". A panic in the client's task would end its stream.
#[tokio::test]
async fn whatever_the_transport_does_is_an_error_and_the_next_attempt_succeeds() {
    let answers: [&[u8]; 7] = [
        b"",
        b"\xff\xfe\x00nonsense",
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\n\r\noops",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>",
        b"HTTP/1.1 302 Found\r\nlocation: nowhere:\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n0{\"sid\":",
    ];
    for transport in [Transport::WebSocket, Transport::Polling] {
        let script = Script::start().await;
        let client = script.client().transports([transport]).build().unwrap();
        let (socket, mut events) = client.socket("/").build().unwrap();
        socket.connect();
        for answer in answers {
            let mut stream = script.raw().await;
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
            let message = failure(&mut events).await;
            assert!(
                !message.is_empty(),
                "{transport:?}: {:?}",
                String::from_utf8_lossy(answer)
            );
        }
        if transport == Transport::WebSocket {
            let _peer = script.connected(HANDSHAKE).await;
            connected(&mut events).await;
        }
    }
}

/// And in the middle of a session: torn off at once, or while an attachment is awaited.
#[tokio::test]
async fn a_connection_that_breaks_anywhere_is_a_disconnect() {
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    for last_words in [
        "",
        r#"451-["b",{"_placeholder":true,"num":0}]"#,
        "2",
        r#"42["a"]"#,
    ] {
        let mut peer = script.connected(HANDSHAKE).await;
        connected(&mut events).await;
        if !last_words.is_empty() {
            peer.say(last_words).await;
        }
        peer.cut();
        let reason = disconnected(&mut events).await;
        assert!(reason.starts_with("transport"), "{last_words}: {reason}");
    }
    assert!(client.metrics().reconnects >= 3);
}
