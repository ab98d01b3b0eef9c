//! First words that are none.

use std::time::Duration;

use khaya_socketio::{Client, DisconnectReason, Reconnection, Transport};

use crate::server::{
    Answer, End, Polled, Told, Turn, client, http, over_websocket, patient_hello, serve, text,
};

const NO_HANDSHAKES: [&str; 12] = [
    "",
    "0",
    "0{}",
    "0null",
    r#"0{"sid":1,"pingInterval":1,"pingTimeout":1}"#,
    r#"0{"sid":"a","pingInterval":-1,"pingTimeout":1}"#,
    r#"0{"sid":"a","pingInterval":1e99,"pingTimeout":1}"#,
    r#"0{"sid":"a"}"#,
    r#"42["event before the handshake"]"#,
    "2",
    "3probe",
    "hello",
];

#[tokio::test]
async fn over_websocket_each_is_told() {
    for first in NO_HANDSHAKES {
        let end = over_websocket(text(first), Vec::new()).await;
        let End::Failed(message) = end else {
            panic!("{first:?}: {end:?}")
        };
        assert!(
            !message.is_empty() && message != "timeout",
            "{first:?}: {message}"
        );
    }
}

#[tokio::test]
async fn over_polling_each_is_told() {
    for first in NO_HANDSHAKES {
        let url = serve(move |_| Answer::More(http("200 OK", first))).await;
        let end = Told::connect(client(&url, [Transport::Polling])).begun().await;
        let End::Failed(message) = end else {
            panic!("{first:?}: {end:?}")
        };
        assert!(
            !message.is_empty() && message != "timeout",
            "{first:?}: {message}"
        );
    }
}

#[tokio::test]
async fn heartbeats_of_nought_do_not_spin() {
    let hello = r#"0{"sid":"a","upgrades":[],"pingInterval":0,"pingTimeout":0}"#;
    let end = over_websocket(text(hello), Vec::new()).await;
    assert_eq!(end, End::Lost(DisconnectReason::PingTimeout));
}

#[tokio::test]
async fn answers_that_are_no_websocket() {
    let wrong_key = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: bm8=\r\n\r\n";
    let no_key = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    for (bytes, said) in [
        (http("200 OK", "hello"), "status 200"),
        (
            http("400 Bad Request", r#"{"code":0,"message":"Transport unknown"}"#),
            "status 400: Transport unknown",
        ),
        (http("403 Forbidden", ""), "status 403"),
        (
            http("500 Internal Server Error", &"x".repeat(100_000)),
            "status 500",
        ),
        (wrong_key.to_vec(), "not one of a WebSocket server"),
        (no_key.to_vec(), "not one of a WebSocket server"),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), ""),
        (vec![0; 4096], ""),
        (Vec::new(), ""),
    ] {
        let url = serve(move |_| Answer::Last(bytes.clone())).await;
        let end = Told::connect(client(&url, [Transport::WebSocket])).begun().await;
        let End::Failed(message) = end else {
            panic!("{said}: {end:?}")
        };
        assert!(message.contains(said) && !message.is_empty(), "{message}");
    }
}

#[tokio::test]
async fn a_server_that_takes_and_never_answers_is_a_timeout() {
    for transport in [Transport::WebSocket, Transport::Polling] {
        let url = serve(|_| Answer::Hang(Vec::new())).await;
        let slow = client(&url, [transport]).timeout(Duration::from_millis(100));
        assert_eq!(Told::connect(slow).begun().await, End::Failed("timeout".into()));
    }
}

#[tokio::test]
async fn a_websocket_that_is_swallowed_gives_polling_its_chance() {
    let polled = Polled::default();
    let url = serve(move |request| match request.is_websocket() {
        true => Answer::Hang(Vec::new()),
        false => match polled.turn(request, &patient_hello()) {
            Turn::Usual(answer) => answer,
            Turn::Get(_) => Answer::Hang(Vec::new()),
        },
    })
    .await;
    let both = client(&url, [Transport::WebSocket, Transport::Polling])
        .try_all_transports(true)
        .timeout(Duration::from_millis(900));
    let mut told = Told::connect(both);
    assert_eq!(told.begun().await, End::Connected);
}

/// What a POST holds is the application's credentials.
#[tokio::test]
async fn a_redirect_to_another_server_is_not_followed() {
    let elsewhere = serve(|_| panic!("nothing is sent here")).await;
    let polled = Polled::default();
    let url = serve(move |request| match polled.turn(request, &patient_hello()) {
        Turn::Usual(_) if request.is_post() => {
            let head = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: {elsewhere}/\r\nContent-Length: 0\r\n\r\n"
            );
            Answer::More(head.into_bytes())
        }
        Turn::Usual(answer) => answer,
        Turn::Get(_) => Answer::Hang(Vec::new()),
    })
    .await;
    let reconnection = Reconnection {
        enabled: false,
        ..Reconnection::default()
    };
    // With the HTTP client that the library makes.
    let own = Client::builder(&url)
        .transports([Transport::Polling])
        .reconnection(reconnection);
    let end = Told::connect(own).begun().await;
    let reason = DisconnectReason::TransportError("status 307".into());
    assert_eq!(end, End::Lost(reason));
}
