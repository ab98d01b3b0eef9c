//! WebSocket frames that no server may send, and ends at every byte.

use std::time::Duration;

use khaya_socketio::{DisconnectReason, Transport};

use crate::server::{Answer, End, Told, client, frame, over_websocket, patient_hello, serve, text};

fn hello() -> Vec<u8> {
    text(&patient_hello())
}

async fn error_after_hello(frames: Vec<u8>) -> String {
    let connected = text(r#"40{"sid":"a"}"#);
    match over_websocket(hello(), [connected, frames].concat()).await {
        End::Lost(DisconnectReason::TransportError(details) | DisconnectReason::ParseError(details)) => {
            details.to_string()
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn frames_against_rfc_6455() {
    let masked = vec![0x81, 0x82, 1, 2, 3, 4, 5, 6];
    let absurd = [vec![0x81, 127], u64::MAX.to_be_bytes().to_vec()].concat();
    let huge = [vec![0x82, 127], (1_u64 << 40).to_be_bytes().to_vec()].concat();
    let long_ping = frame(0x89, &[0; 126]);
    for (name, bytes) in [
        ("reserved opcode", frame(0x83, b"x")),
        ("reserved bits", frame(0xf1, b"x")),
        ("invalid UTF-8", frame(0x81, &[0xff, 0xfe])),
        ("continues nothing", frame(0x80, b"x")),
        (
            "text in the middle of text",
            [frame(0x01, b"4"), frame(0x81, b"2")].concat(),
        ),
        ("fragmented ping", frame(0x09, b"")),
        ("a masked frame", masked),
        ("a length that is none", absurd),
        ("a terabyte", huge),
        ("a long ping", long_ping),
    ] {
        let details = error_after_hello(bytes).await;
        assert!(!details.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn what_is_larger_than_allowed_is_refused_before_it_is_read() {
    let said = [
        text(r#"40{"sid":"a"}"#),
        vec![0x82, 127],
        (2_u64 << 20).to_be_bytes().to_vec(),
    ]
    .concat();
    let url =
        serve(move |request| Answer::AfterWord([request.accept(), hello()].concat(), said.clone())).await;
    let mut told = Told::connect(client(&url, [Transport::WebSocket]).max_packet(1 << 20));
    let DisconnectReason::TransportError(details) = told.lost().await else {
        panic!("an error of the transport")
    };
    assert!(
        details.contains("too long") || details.contains("too big"),
        "{details}"
    );
}

#[tokio::test]
async fn an_orderly_close_tells_its_code() {
    let close = frame(0x88, &[&1008_u16.to_be_bytes()[..], b"go away"].concat());
    let end = over_websocket(hello(), [text(r#"40{"sid":"a"}"#), close].concat()).await;
    let End::Lost(DisconnectReason::TransportClose(details)) = end else {
        panic!("{end:?}")
    };
    assert!(
        details.contains("1008") && details.contains("go away"),
        "{details}"
    );
}

#[tokio::test]
async fn a_message_in_many_frames_and_single_bytes_is_one_message() {
    let event = r#"42["new_message",{"content":"é€😀"}]"#.as_bytes();
    let mut frames = Vec::new();
    for (place, byte) in event.iter().enumerate() {
        let first = if place == 0 { 0x01 } else { 0x00 };
        let last = if place + 1 == event.len() { 0x80 } else { 0x00 };
        frames.extend(frame(first | last, &[*byte]));
        // A ping between the frames of a message is allowed.
        frames.extend(frame(0x89, b"?"));
    }
    let said = [text(r#"40{"sid":"a"}"#), frames].concat();
    let url =
        serve(move |request| Answer::AfterWordSlow([request.accept(), hello()].concat(), said.clone())).await;
    let mut told = Told::connect(client(&url, [Transport::WebSocket]));
    let event = told.event().await;
    assert_eq!(event.name(), "new_message");
    assert_eq!(event.json(), r#"{"content":"é€😀"}"#);
}

/// What the server says up to a connected namespace, cut off at every byte.
#[tokio::test]
async fn a_close_at_every_byte_of_a_websocket_session() {
    let connected = text(r#"40{"sid":"a"}"#);
    // The accepting answer is as long for every request.
    let first = 129 + hello().len();
    for cut in 0..=first + connected.len() {
        let connected = connected.clone();
        let url = serve(move |request| {
            let mut before = [request.accept(), hello()].concat();
            assert_eq!(before.len(), first, "the accepting answer");
            if cut < first {
                before.truncate(cut);
                return Answer::Last(before);
            }
            Answer::AfterWordLast(before, connected[..cut - first].to_vec())
        })
        .await;
        let mut told = Told::connect(client(&url, [Transport::WebSocket]).timeout(Duration::from_secs(5)));
        match told.begun().await {
            End::Connected => assert_eq!(cut, first + text(r#"40{"sid":"a"}"#).len(), "too early"),
            End::Failed(message) => assert!(!message.is_empty(), "cut at {cut}"),
            End::Lost(reason) => assert!(reason.reconnects(), "cut at {cut}: {reason:?}"),
        }
    }
}
