//! Busy, slow, torn.

use std::time::Duration;

use cpu_time::ThreadTime;
use khaya_socketio::{Client, Reconnection, Transport};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};
use tokio_tungstenite::tungstenite::Message;

use crate::script::{HANDSHAKE, Script, connected, event, failure};

/// #510: "busy loop at 148 % CPU", for a client that is connected and one that has nobody to connect to.
#[tokio::test]
async fn an_idle_client_uses_no_processor() {
    const PINGS: u32 = 10;
    const INTERVAL: Duration = Duration::from_millis(100);
    let script = Script::start().await;
    let nobody = {
        let closed = Script::start().await;
        closed.client().reconnection(Reconnection {
            delay: Duration::from_secs(3600),
            delay_max: Duration::from_secs(3600),
            ..Reconnection::default()
        })
    };
    let lonely = nobody.build().unwrap();
    let (lonely_socket, mut lonely_events) = lonely.socket("/").build().unwrap();
    lonely_socket.connect();
    failure(&mut lonely_events).await;

    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    let mut peer = script.connected(HANDSHAKE).await;
    connected(&mut events).await;
    // Of this thread, on which all of it runs: other tests have theirs.
    let start = ThreadTime::now();
    let mut heartbeat = tokio::time::interval(INTERVAL);
    for _ in 0..PINGS {
        heartbeat.tick().await;
        peer.say("2").await;
        peer.hears("3").await;
    }
    // A loop would have used all of the time that the heartbeats are apart.
    let used = start.elapsed();
    assert!(used < INTERVAL * PINGS / 4, "{used:?} for {PINGS} heartbeats");
}

/// Read in its code: "a slow handler misses pings".
#[tokio::test]
async fn a_slow_application_misses_no_heartbeat() {
    const EVENTS: u32 = 5000;
    const ANSWERS: u32 = 5;
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").event_capacity(10).build().unwrap();
    socket.connect();
    let handshake = r#"0{"sid":"s","upgrades":[],"pingInterval":300,"pingTimeout":300,"maxPayload":1000000}"#;
    let mut peer = script.connected(handshake).await;
    let (slept, wake) = oneshot::channel();
    let server = tokio::spawn(async move {
        for number in 0..EVENTS {
            peer.say(&format!(r#"42["number",{number}]"#)).await;
        }
        // The application takes nothing. An answer in each interval is all that this server wants.
        for _ in 0..ANSWERS {
            peer.say("2").await;
            peer.hears("3").await;
        }
        slept.send(()).unwrap();
        loop {
            if let Message::Text(text) = peer.heard().await
                && text == r#"42["done"]"#
            {
                return;
            }
        }
    });
    wake.await.unwrap();
    for expected in 0..EVENTS {
        assert_eq!(
            event(&mut events, "number").await.payload::<u32>().unwrap(),
            expected
        );
    }
    socket.emit("done", &()).unwrap();
    server.await.unwrap();
    assert_eq!(client.metrics().sessions, 1);
}

/// Read in its code: "a polling chunk is parsed as a whole payload".
#[tokio::test]
async fn a_polling_body_may_come_in_pieces_of_one_byte() {
    let script = Script::start().await;
    let client = Client::builder(script.url())
        .transports([Transport::Polling])
        .build()
        .unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    let server = tokio::spawn(async move {
        loop {
            let stream = script.raw().await;
            tokio::spawn(poll(stream));
        }
    });
    connected(&mut events).await;
    for text in ["€ and \u{10000}", "second"] {
        assert_eq!(
            event(&mut events, "torn").await.payload::<String>().unwrap(),
            text
        );
    }
    server.abort();
}

/// Answers the requests of one connection: the handshake, the CONNECT, two events, and then nothing more.
async fn poll(mut stream: TcpStream) {
    let mut received = Vec::new();
    loop {
        let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
            if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.trim().parse().unwrap());
        while received.len() < end + 4 + length {
            stream.read_buf(&mut received).await.unwrap();
        }
        received.drain(..end + 4 + length);
        let body = if head.starts_with("post") {
            "ok"
        } else if head.contains("sid=s") {
            concat!(
                r#"40{"sid":"n"}"#,
                "\u{1e}42[\"torn\",\"€ and \u{10000}\"]\u{1e}42[\"torn\",\"second\"]"
            )
        } else {
            HANDSHAKE
        };
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ntransfer-encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        for byte in body.bytes() {
            // Whoever has read enough may go.
            if stream
                .write_all(&[b'1', b'\r', b'\n', byte, b'\r', b'\n'])
                .await
                .is_err()
            {
                return;
            }
            stream.flush().await.unwrap();
        }
        if stream.write_all(b"0\r\n\r\n").await.is_err() {
            return;
        }
    }
}
