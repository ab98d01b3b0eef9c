//! Several namespaces on one connection.

use khaya_socketio::{DisconnectReason, Refresh, Socket};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use crate::{
    listening::{Connected, Listener, connected, connected_to, socket},
    node::{Server, over_each_link},
};

/// Every session that the server has had, and its packets, asked for until `enough`.
async fn sessions(observer: &Connected, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    loop {
        let sessions = observer.socket.emit_with_ack("sessions", &()).await.unwrap();
        let sessions: Vec<Value> = sessions.payload().unwrap();
        if enough(&sessions) {
            return sessions;
        }
    }
}

async fn echo(socket: &Socket, value: &str) {
    let answer = socket.emit_with_ack("echo", value).await.unwrap();
    assert_eq!(answer.payload::<String>().unwrap(), value);
}

#[tokio::test]
async fn they_share_one_session() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut foo = connected_to(client, "/foo").await;
        let (bar, mut bar_told) = socket(&foo.client, "/bar");
        bar.connect();
        bar_told.connected().await;
        echo(&foo.socket, "foo").await;
        echo(&bar, "bar").await;
        let session = |reply: khaya_socketio::Reply| reply.payload::<Value>().unwrap()["sid"].clone();
        let one = session(foo.socket.emit_with_ack("session", &()).await.unwrap());
        let other = session(bar.emit_with_ack("session", &()).await.unwrap());
        assert_eq!(one, other);
        foo.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn one_more_connects_while_another_leaves() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut foo = connected_to(client, "/foo").await;
        let (asd, mut told) = socket(&foo.client, "/asd");
        asd.connect();
        foo.socket.disconnect();
        told.connected().await;
        assert_eq!(foo.told.disconnected().await, DisconnectReason::ClientDisconnect);
        echo(&asd, "still here").await;
    })
    .await;
}

#[tokio::test]
async fn one_more_opens_the_connection_anew() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected(client).await;
        it.socket.disconnect();
        it.told.disconnected().await;
        let (foo, mut told) = socket(&it.client, "/foo");
        foo.connect();
        told.connected().await;
        echo(&foo, "foo").await;
    })
    .await;
}

#[tokio::test]
async fn the_connection_closes_with_the_last() {
    let server = Server::start().await;
    let observer = connected(server.client()).await;
    over_each_link(&server, async |_, client| {
        let mut foo = connected_to(client, "/foo").await;
        let (asd, mut told) = socket(&foo.client, "/asd");
        asd.connect();
        told.connected().await;
        foo.socket.disconnect();
        foo.told.disconnected().await;
        echo(&asd, "not closed by the other").await;
        asd.disconnect();
        told.connection(|event| {
            matches!(event, khaya_socketio::ConnectionEvent::Closed { .. }).then_some(())
        })
        .await;
    })
    .await;
    // The server has closed all of them but the observer's, and no client came twice.
    loop {
        let count = observer.socket.emit_with_ack("count", &()).await.unwrap();
        let (ever, open): (u32, u32) = count.args().unwrap();
        assert_eq!(ever, 4);
        if open == 1 {
            break;
        }
    }
}

#[tokio::test]
async fn each_is_connected_once_however_often_it_is_asked_for() {
    let server = Server::start().await;
    let observer = connected(server.client()).await;
    let client = server.client().build().unwrap();
    let (root, mut root_told) = socket(&client, "/");
    let (foo, mut foo_told) = socket(&client, "/foo");
    for _ in 0..3 {
        root.connect();
        foo.connect();
    }
    root_told.connected().await;
    foo_told.connected().await;
    root.connect();
    foo.connect();
    root.disconnect();
    foo.disconnect();
    let sessions = sessions(&observer, |sessions| {
        sessions
            .get(1)
            .and_then(|session| session["packets"].as_array())
            .is_some_and(|packets| packets.len() >= 4)
    })
    .await;
    assert_eq!(sessions[1]["packets"], json!(["0", "0/foo,", "1", "1/foo,"]));
}

#[tokio::test]
async fn two_sockets_of_one_namespace_do_not_break_the_session() {
    let server = Server::start().await;
    let mut it = connected(server.client()).await;
    // The protocol knows one connection for each namespace: the server closes the session at a second CONNECT.
    match it.client.socket("/").build() {
        Ok((second, events)) => {
            second.connect();
            let mut told = Listener::new(events);
            let (message, _, active) = told.connect_error().await;
            assert!(!active, "{message}");
        }
        Err(error) => assert!(error.to_string().contains("namespace"), "{error}"),
    }
    echo(&it.socket, "undisturbed").await;
    it.socket.disconnect();
    assert_eq!(it.told.disconnected().await, DisconnectReason::ClientDisconnect);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_data_and_is_final() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        let (closed, mut told) = socket(&it.client, "/closed");
        closed.connect();
        let (message, data, active) = told.connect_error().await;
        assert_eq!(message, "closed to all");
        assert_eq!(data.as_deref(), Some(r#"{"code":7}"#));
        assert!(!active);

        // The others go on, and a new session does not ask again.
        it.socket.emit("cut", &()).unwrap();
        it.told.disconnected().await;
        it.told.connected().await;
        let session: Value = it
            .socket
            .emit_with_ack("session", &())
            .await
            .unwrap()
            .payload()
            .unwrap();
        assert_eq!(session["packets"], json!(["0", "20[\"session\"]"]));
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn the_refusal_of_the_only_one_is_not_tried_again() {
    let server = Server::start().await;
    let client = server.client().query([("fail", "1")]).build().unwrap();
    let (refused, mut told) = socket(&client, "/");
    refused.connect();
    let (message, data, active) = told.connect_error().await;
    assert_eq!(
        (message.as_str(), data, active),
        ("the query says so", None, false)
    );
    // Another client loses its connection and is back meanwhile.
    let mut control = connected(server.client()).await;
    control.socket.emit("cut", &()).unwrap();
    control.told.disconnected().await;
    control.told.connected().await;
    assert_eq!(client.metrics().reconnect_attempts, 0);
}

#[tokio::test]
async fn each_has_its_own_auth_asked_for_anew_each_time() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let client = client.build().unwrap();
        let asked = Arc::new(AtomicU32::new(0));
        let counter = asked.clone();
        let (socket, events) = client
            .socket("/")
            .auth_with(move || {
                let time = counter.fetch_add(1, Ordering::Relaxed) + 1;
                async move { json!({ "time": time }) }
            })
            .build()
            .unwrap();
        let mut told = Listener::new(events);
        socket.connect();
        for time in 1..=3 {
            told.connected().await;
            let handshake: Value = socket
                .emit_with_ack("handshake", &())
                .await
                .unwrap()
                .payload()
                .unwrap();
            assert_eq!(handshake["auth"], json!({ "time": time }));
            socket.emit("cut", &()).unwrap();
            told.disconnected().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_expired_token_is_refreshed_once_and_tried_again() {
    let server = Server::start().await;
    let client = server.client().build().unwrap();
    let fresh = Arc::new(AtomicU32::new(0));
    let (now, refresh) = (fresh.clone(), fresh.clone());
    let (socket, events) = client
        .socket("/")
        .auth_with(move || {
            let fresh = now.load(Ordering::Relaxed);
            async move {
                match fresh {
                    0 => json!({ "refuse": "token_expired", "data": { "code": "token_expired" } }),
                    _ => json!({ "token": fresh }),
                }
            }
        })
        .on_refused(move |message, data| {
            let refresh = refresh.clone();
            async move {
                assert_eq!(&*message, "token_expired");
                assert_eq!(data.as_deref(), Some(r#"{"code":"token_expired"}"#));
                refresh.fetch_add(1, Ordering::Relaxed);
                Refresh::Retry
            }
        })
        .build()
        .unwrap();
    socket.connect();
    // No connect error comes between.
    Listener::new(events).connected().await;
    let handshake: Value = socket
        .emit_with_ack("handshake", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    assert_eq!(handshake["auth"], json!({ "token": 1 }));
}
