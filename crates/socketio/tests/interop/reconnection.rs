//! Losing the connection, and coming back.

use std::time::Duration;

use khaya_socketio::{ConnectionEvent, DisconnectReason, Reconnection, SocketEvent, Transport};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    listening::{Listener, connected, connected_to, socket},
    node::{Link, Server, over_each_link, soon},
};

/// A place on the loopback where nobody listens.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn at_most(attempts: u32) -> Reconnection {
    Reconnection {
        attempts: Some(attempts),
        ..soon()
    }
}

/// What a listener hears of the connection, without delays and texts, up to the given end.
async fn story(told: &mut Listener, end: &str) -> Vec<String> {
    let mut story = Vec::new();
    while story.last().is_none_or(|last| last != end) {
        let step = match told.next().await.expect("the client lives") {
            SocketEvent::Connected { .. } => "connected".to_owned(),
            SocketEvent::Disconnected { .. } => "disconnected".to_owned(),
            SocketEvent::ConnectError { active, .. } => format!("connect error, active {active}"),
            SocketEvent::Event(event) => format!("event {}", event.name()),
            SocketEvent::Connection(event) => match event {
                ConnectionEvent::Error { .. } => "error".to_owned(),
                ConnectionEvent::ReconnectAttempt { attempt } => format!("attempt {attempt}"),
                ConnectionEvent::Reconnected { attempt } => format!("reconnected by {attempt}"),
                ConnectionEvent::ReconnectError { attempt, .. } => format!("attempt {attempt} failed"),
                ConnectionEvent::ReconnectFailed => "given up".to_owned(),
                ConnectionEvent::Opened { .. }
                | ConnectionEvent::TransportChanged(_)
                | ConnectionEvent::Closed { .. }
                | ConnectionEvent::ReconnectScheduled { .. }
                | ConnectionEvent::Ping
                | _ => continue,
            },
        };
        story.push(step);
    }
    story
}

#[tokio::test]
async fn it_comes_back_by_itself_under_a_new_id() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected(client).await;
        it.socket.emit("cut", &()).unwrap();
        let story = story(&mut it.told, "connected").await;
        assert_eq!(
            story,
            ["disconnected", "attempt 1", "reconnected by 1", "connected"]
        );
        let id: String = it
            .socket
            .emit_with_ack("id", &())
            .await
            .unwrap()
            .payload()
            .unwrap();
        assert_ne!(id, it.id);
    })
    .await;
}

#[tokio::test]
async fn it_comes_back_after_an_orderly_close_of_the_session() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected(client).await;
        it.socket.emit("close session", &()).unwrap();
        let reason = it.told.disconnected().await;
        assert_eq!(reason.as_str(), "transport close", "{reason:?}");
        it.told.connected().await;
    })
    .await;
}

#[tokio::test]
async fn it_comes_back_when_the_server_does() {
    let server = Server::start().await;
    let port = server.port();
    let mut all = Vec::new();
    for link in Link::ALL {
        all.push(connected(link.client(&server.url)).await);
    }
    server.kill().await;
    for it in &mut all {
        assert!(it.told.disconnected().await.reconnects());
        // Typed while away: it waits, and goes in order.
        it.socket.emit_args("say", &("number", 1)).unwrap();
        it.socket.emit_args("say", &("number", 2)).unwrap();
    }
    let _server = Server::with(json!({ "port": port })).await;
    for it in &mut all {
        // Attempts that found no server are told as connect errors on the way.
        it.told
            .until(|event| matches!(event, SocketEvent::Connected { .. }).then_some(()))
            .await;
        assert_eq!(it.told.payload::<u32>("number").await, 1);
        assert_eq!(it.told.payload::<u32>("number").await, 2);
    }
}

#[tokio::test]
async fn by_hand_and_then_by_itself_again() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected(client).await;
        it.socket.disconnect();
        assert_eq!(it.told.disconnected().await, DisconnectReason::ClientDisconnect);
        it.socket.connect();
        it.told.connected().await;
        it.socket.emit("cut", &()).unwrap();
        it.told.disconnected().await;
        it.told.connected().await;
    })
    .await;
}

#[tokio::test]
async fn disconnect_and_connect_at_once_is_one_disconnect() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected(client).await;
        it.socket.disconnect();
        it.socket.connect();
        assert_eq!(
            story(&mut it.told, "connected").await,
            ["disconnected", "connected"]
        );
        it.socket.emit_with_ack("echo", &1).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn sent_away_by_the_server_it_stays_away_until_asked() {
    let server = Server::start().await;
    let url = server.url.clone();
    over_each_link(&server, |_, client| {
        let control = Link::WebSocket.client(&url);
        async move {
            let mut it = connected(client).await;
            let mut control = connected(control).await;
            it.socket.emit("leave me", &()).unwrap();
            let reason = it.told.disconnected().await;
            assert_eq!(reason, DisconnectReason::ServerDisconnect);
            assert_eq!(reason.as_str(), "io server disconnect");
            control.socket.emit("cut", &()).unwrap();
            control.told.disconnected().await;
            control.told.connected().await;
            it.socket.connect();
            // Nothing was told between but the connect that was asked for.
            assert_eq!(story(&mut it.told, "connected").await, ["connected"]);
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_there_is_a_connect_error_that_goes_on() {
    let url = nowhere().await;
    for link in Link::ALL {
        let client = link.client(&url).reconnection(at_most(2)).build().unwrap();
        let (socket, mut told) = socket(&client, "/asd");
        socket.connect();
        let expected = [
            "error",
            "connect error, active true",
            "attempt 1",
            "error",
            "connect error, active true",
            "attempt 1 failed",
            "attempt 2",
            "error",
            "connect error, active true",
            "attempt 2 failed",
            "given up",
        ];
        assert_eq!(story(&mut told, "given up").await, expected, "over {link:?}");
        // Asked again, it tries as often again.
        socket.connect();
        assert_eq!(
            story(&mut told, "given up").await,
            expected,
            "over {link:?}, again"
        );
    }
}

#[tokio::test]
async fn too_slow_is_tried_again_as_often() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let client = client
            .timeout(Duration::ZERO)
            .reconnection(at_most(2))
            .build()
            .unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        let story = story(&mut told, "given up").await;
        let tries: Vec<_> = story.iter().filter(|step| step.starts_with("attempt")).collect();
        assert_eq!(
            tries,
            ["attempt 1", "attempt 1 failed", "attempt 2", "attempt 2 failed"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_second_socket_does_not_start_the_count_anew() {
    let client = Link::WebSocket
        .client(&nowhere().await)
        .reconnection(at_most(2))
        .build()
        .unwrap();
    let (room1, mut told) = socket(&client, "/room1");
    room1.connect();
    told.connection(|event| matches!(event, ConnectionEvent::ReconnectScheduled { .. }).then_some(()))
        .await;
    let (room2, _told2) = socket(&client, "/room2");
    room2.connect();
    let story = story(&mut told, "given up").await;
    let tries: Vec<_> = story.iter().filter(|step| step.ends_with("failed")).collect();
    assert_eq!(tries, ["attempt 1 failed", "attempt 2 failed"]);
}

#[tokio::test]
async fn delays_grow_and_are_never_longer_than_said() {
    let reconnection = Reconnection {
        delay: Duration::from_millis(10),
        delay_max: Duration::from_millis(50),
        randomization: 0.2,
        attempts: Some(6),
        ..Reconnection::default()
    };
    let client = Link::WebSocket
        .client(&nowhere().await)
        .reconnection(reconnection)
        .build()
        .unwrap();
    let (socket, mut told) = socket(&client, "/");
    socket.connect();
    let mut before = Duration::ZERO;
    for expected in 1..=6 {
        let (attempt, delay) = told
            .connection(|event| match event {
                ConnectionEvent::ReconnectScheduled { attempt, delay } => Some((attempt, delay)),
                _ => None,
            })
            .await;
        assert_eq!(attempt, expected);
        let exact = Duration::from_millis((10 << (attempt - 1)).min(50));
        assert!(
            delay <= exact && delay >= exact.mul_f64(0.8),
            "{delay:?} for attempt {attempt}"
        );
        assert!(attempt > 3 || delay > before, "{delay:?} after {before:?}");
        before = delay;
    }
}

#[tokio::test]
async fn switched_off_it_does_not_try() {
    let url = nowhere().await;
    let off = Reconnection {
        enabled: false,
        ..soon()
    };
    let client = Link::WebSocket.client(&url).reconnection(off).build().unwrap();
    let (quiet, mut told) = socket(&client, "/");
    quiet.connect();
    told.connect_error().await;
    some_attempts_of_another(&url).await;
    assert_eq!(client.metrics().reconnect_attempts, 0);
}

#[tokio::test]
async fn switched_off_on_the_way_it_stops() {
    let url = nowhere().await;
    let client = Link::WebSocket.client(&url).build().unwrap();
    let (socket, mut told) = socket(&client, "/");
    socket.connect();
    told.connection(|event| matches!(event, ConnectionEvent::ReconnectError { .. }).then_some(()))
        .await;
    client.set_reconnection(false);
    // One that is under way may end; from what is told after the control's attempts nothing is new.
    some_attempts_of_another(&url).await;
    let seen = client.metrics().reconnect_attempts;
    some_attempts_of_another(&url).await;
    assert_eq!(client.metrics().reconnect_attempts, seen);
}

#[tokio::test]
async fn a_disconnect_ends_the_trying() {
    let url = nowhere().await;
    for link in Link::ALL {
        let client = link.client(&url).build().unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        told.connection(|event| matches!(event, ConnectionEvent::ReconnectAttempt { .. }).then_some(()))
            .await;
        socket.disconnect();
        some_attempts_of_another(&url).await;
        let seen = client.metrics().reconnect_attempts;
        some_attempts_of_another(&url).await;
        assert_eq!(client.metrics().reconnect_attempts, seen, "over {link:?}");
        // And a connect begins it again.
        socket.connect();
        told.connection(|event| {
            matches!(event, ConnectionEvent::ReconnectAttempt { attempt: 1 }).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_disconnect_while_opening_is_no_error() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let client = client.build().unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        socket.disconnect();
        let (other, _other_told) = crate::listening::socket(&client, "/other");
        other.connect();
        // Up to the session that the other one has, only the end of the first one is told.
        loop {
            match told.next().await.expect("the client lives") {
                SocketEvent::Connection(ConnectionEvent::Closed { .. }) => {}
                SocketEvent::Connection(ConnectionEvent::Opened { .. }) => break,
                wrong => panic!("{wrong:?}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn one_socket_stops_and_the_other_comes_back() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut one = connected(client).await;
        let (other, mut told) = socket(&one.client, "/asd");
        other.connect();
        told.connected().await;
        other.emit("cut", &()).unwrap();
        one.told.disconnected().await;
        one.socket.disconnect();
        told.disconnected().await;
        told.connected().await;
        let session: serde_json::Value = other
            .emit_with_ack("session", &())
            .await
            .unwrap()
            .payload()
            .unwrap();
        assert_eq!(session["packets"], json!(["0/asd,", "2/asd,0[\"session\"]"]));
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_is_no_connect_error() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected_to(client, "/valid").await;
        it.socket.emit("cut", &()).unwrap();
        it.told.disconnected().await;
        // Panics at a connect error.
        it.told.connected().await;
    })
    .await;
}

#[tokio::test]
async fn nonsense_from_the_server_ends_the_session_and_it_comes_back() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected(client).await;
        for nonsense in ["bad", "2[", "9", "51-[\"a\",{\"_placeholder\":true,\"num\":1}]"] {
            it.socket.emit("raw", nonsense).unwrap();
            let reason = it.told.disconnected().await;
            assert!(
                matches!(reason, DisconnectReason::ParseError(_)),
                "{nonsense}: {reason:?}"
            );
            assert_eq!(reason.as_str(), "parse error");
            it.told.connected().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_changed_network_is_a_fresh_session_at_once() {
    let server = Server::start().await;
    let never = Reconnection {
        delay: Duration::from_secs(3600),
        delay_max: Duration::from_secs(3600),
        ..Reconnection::default()
    };
    let mut it = connected(server.client().reconnection(never)).await;
    it.client.network_changed();
    assert_eq!(it.told.disconnected().await, DisconnectReason::NetworkChanged);
    let id = it.told.connected().await;
    assert_ne!(id, it.id);
    // And a wait of an hour for the next attempt is over when there is a network again.
    it.socket.emit("cut", &()).unwrap();
    it.told.disconnected().await;
    it.told
        .connection(|event| matches!(event, ConnectionEvent::ReconnectScheduled { .. }).then_some(()))
        .await;
    it.client.network_changed();
    it.told.connected().await;
    assert_eq!(it.client.metrics().transport, Some(Transport::WebSocket));
}

/// Another client tries in vain five times and more; by then one that had the same delays would have, too.
async fn some_attempts_of_another(url: &str) {
    let client = Link::WebSocket
        .client(url)
        .reconnection(at_most(5))
        .build()
        .unwrap();
    let (control, mut told) = socket(&client, "/");
    control.connect();
    told.connection(|event| (event == ConnectionEvent::ReconnectFailed).then_some(()))
        .await;
}
