//! Long-polling gone wrong.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use khaya_socketio::{
    Client, ClientBuilder, ConnectionEvent, DeliveryStatus, DisconnectReason, Reconnection, SocketEvent,
    Transport,
};
use tokio::time::timeout;

use crate::server::{
    Answer, End, PATIENCE, Polled, Request, Told, Turn, client, http, patient_hello, serve, serve_each,
};

/// A connected session over polling whose next GET is answered with these bytes.
async fn next_get(bytes: Vec<u8>, hang: bool) -> Told {
    let polled = Polled::default();
    let url = serve(
        move |request: &Request| match polled.turn(request, &patient_hello()) {
            Turn::Usual(answer) => answer,
            Turn::Get(0) if !hang => Answer::Last(bytes.clone()),
            Turn::Get(0) => Answer::Hang(bytes.clone()),
            Turn::Get(_) => Answer::Hang(Vec::new()),
        },
    )
    .await;
    let mut told = Told::connect(client(&url, [Transport::Polling]).timeout(Duration::from_secs(5)));
    assert_eq!(told.begun().await, End::Connected);
    told
}

async fn error(bytes: Vec<u8>) -> String {
    match next_get(bytes, false).await.lost().await {
        DisconnectReason::TransportError(details) | DisconnectReason::ParseError(details) => {
            details.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn answers_that_are_no_payload() {
    let said = error(http(
        "400 Bad Request",
        r#"{"code":1,"message":"Session ID unknown"}"#,
    ))
    .await;
    assert_eq!(said, "status 400: Session ID unknown");
    assert_eq!(error(http("502 Bad Gateway", "<html>")).await, "status 502");
    assert_eq!(error(http("204 No Content", "")).await, "status 204");
    assert_eq!(error(http("200 OK", "<html>")).await, "unknown packet type '<'");
    assert_eq!(error(http("200 OK", "2\u{1e}\u{1e}2")).await, "empty packet");
    assert_eq!(error(http("200 OK", "bnot base64")).await, "invalid base64");
    let mut bytes = http("200 OK", "4????");
    let last = bytes.len() - 1;
    bytes[last] = 0xff;
    assert_eq!(error(bytes).await, "invalid UTF-8");
    assert!(
        !error(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".to_vec())
            .await
            .is_empty()
    );
    assert!(!error(b"\x00\x01\x02".to_vec()).await.is_empty());
}

#[tokio::test]
async fn a_payload_torn_at_every_byte_gives_its_whole_packets_and_then_a_reason() {
    let whole = http("200 OK", "42[\"one\",1]\u{1e}42[\"two\",2]\u{1e}42[\"three\",3]");
    let head = whole.len() - "42[\"one\",1]\u{1e}42[\"two\",2]\u{1e}42[\"three\",3]".len();
    for cut in 0..whole.len() {
        let mut told = next_get(whole[..cut].to_vec(), false).await;
        let complete = match cut.saturating_sub(head) {
            0..12 => 0,
            12..24 => 1,
            _ => 2,
        };
        for name in ["one", "two"].iter().take(complete) {
            assert_eq!(told.event().await.name(), *name, "cut at {cut}");
        }
        let reason = told.lost().await;
        assert!(
            matches!(reason, DisconnectReason::TransportError(_)),
            "cut at {cut}: {reason:?}"
        );
    }
}

#[tokio::test]
async fn events_come_before_the_end_of_a_payload_that_never_ends() {
    let bytes =
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n42[\"one\"]\x1e42[\"two\"]\x1e42[\"thr".to_vec();
    let mut told = next_get(bytes, true).await;
    assert_eq!(told.event().await.name(), "one");
    assert_eq!(told.event().await.name(), "two");
}

#[tokio::test]
async fn a_packet_that_never_ends_does_not_fill_the_memory() {
    let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..40 {
        bytes.extend_from_slice(b"10000\r\n");
        bytes.extend_from_slice(&[b'4'; 0x10000]);
        bytes.extend_from_slice(b"\r\n");
    }
    let polled = Polled::default();
    let url = serve(
        move |request: &Request| match polled.turn(request, &patient_hello()) {
            Turn::Usual(answer) => answer,
            Turn::Get(_) => Answer::Hang(bytes.clone()),
        },
    )
    .await;
    let mut told = Told::connect(client(&url, [Transport::Polling]).max_packet(1 << 20));
    assert_eq!(
        told.lost().await,
        DisconnectReason::TransportError("packet larger than 1048576 bytes".into())
    );
}

#[tokio::test]
async fn a_post_that_is_refused_as_too_large_ends_the_session_and_says_so() {
    let polled = Polled::default();
    let url = serve(
        move |request: &Request| match polled.turn(request, &patient_hello()) {
            Turn::Usual(_) if request.body.contains("large") => {
                Answer::More(http("413 Payload Too Large", ""))
            }
            Turn::Usual(answer) => answer,
            Turn::Get(_) => Answer::Hang(Vec::new()),
        },
    )
    .await;
    let mut told = Told::connect(client(&url, [Transport::Polling]));
    assert_eq!(told.begun().await, End::Connected);
    let delivery = told.socket.emit("large", &"x".repeat(2000)).unwrap();
    assert_eq!(
        told.lost().await,
        DisconnectReason::TransportError("status 413".into())
    );
    let status = timeout(PATIENCE, delivery.left_queue()).await.unwrap();
    assert_eq!(status, DeliveryStatus::Unknown, "the server may have read it");
}

/// Whether the second session, which begins with another network, is asked for over a connection of the first.
async fn keeps_connections(client: impl FnOnce(&str) -> ClientBuilder, change: impl FnOnce(&Client)) -> bool {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    let sessions = AtomicUsize::new(0);
    let polled = Polled::default();
    let url = serve_each(move |connection, request: &Request| {
        heard.lock().unwrap().push((connection, request.has_sid()));
        if !request.is_post() && !request.has_sid() && sessions.fetch_add(1, SeqCst) > 0 {
            // Long enough for the test.
            return Answer::Hang(http("200 OK", &patient_hello()));
        }
        match polled.turn(request, &patient_hello()) {
            Turn::Usual(answer) => answer,
            Turn::Get(_) => Answer::Hang(Vec::new()),
        }
    })
    .await;
    let reconnection = Reconnection {
        delay: Duration::from_millis(300),
        ..Reconnection::default()
    };
    let mut told = Told::connect(client(&url).reconnection(reconnection));
    assert_eq!(told.begun().await, End::Connected);
    let before: Vec<usize> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|(connection, _)| *connection)
        .collect();
    change(&told.client);
    loop {
        if let SocketEvent::Connection(ConnectionEvent::Opened { .. }) = told.next().await {
            break;
        }
    }
    let asked = asked.lock().unwrap();
    let begun: Vec<_> = asked.iter().filter(|(_, has_sid)| !has_sid).collect();
    assert_eq!(begun.len(), 2, "two sessions: {asked:?}");
    // The first one did keep its connections.
    assert!(before.len() > 2 && before[0] == before[1], "{before:?}");
    before.contains(&begun[1].0)
}

#[tokio::test]
async fn another_network_is_asked_over_new_connections() {
    let over_polling = |url: &str| Client::builder(url).transports([Transport::Polling]);
    let kept = keeps_connections(over_polling, Client::network_changed).await;
    assert!(!kept, "by the client's own");
    let given = || reqwest::Client::builder().http1_only().build().unwrap();
    let with_given = |url: &str| over_polling(url).http_client(given());
    let kept = keeps_connections(with_given, |client| {
        client.use_http_client(given());
        client.network_changed();
    })
    .await;
    assert!(!kept, "by one that was given in its place");
}
