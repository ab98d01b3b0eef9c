//! Packets where they do not belong.

use khaya_socketio::{DisconnectReason, Transport};

use crate::server::{Answer, End, Told, client, frame, over_websocket, patient_hello, serve, text};

/// What ends the session after it was connected.
async fn reason(frames: Vec<Vec<u8>>) -> DisconnectReason {
    let connected = text(r#"40{"sid":"a"}"#);
    match over_websocket(text(&patient_hello()), [connected, frames.concat()].concat()).await {
        End::Lost(reason) => reason,
        other => panic!("{other:?}"),
    }
}

fn parse(details: &str) -> DisconnectReason {
    DisconnectReason::ParseError(details.into())
}

#[tokio::test]
async fn binary_in_the_wrong_place() {
    let bytes = frame(0x82, &[1, 2, 3]);
    let head = text(r#"451-["a",{"_placeholder":true,"num":0}]"#);
    let unexpected = parse("got binary data when not reconstructing a packet");
    let between = parse("got plaintext data when reconstructing a packet");
    assert_eq!(reason(vec![bytes.clone()]).await, unexpected);
    assert_eq!(
        reason(vec![head.clone(), bytes.clone(), bytes.clone()]).await,
        unexpected
    );
    assert_eq!(reason(vec![head.clone(), text(r#"42["b"]"#)]).await, between);
    assert_eq!(reason(vec![head.clone(), head]).await, between);
    for packet in [
        r#"450-["a"]"#,
        r#"4511-["a"]"#,
        r#"451-["a",{"_placeholder":true,"num":1}]"#,
        r#"451-["a",{"_placeholder":true,"num":"x"}]"#,
        r#"4599999999999999999999999-["a"]"#,
    ] {
        assert_eq!(
            reason(vec![text(packet)]).await,
            parse("illegal attachments"),
            "{packet}"
        );
    }
}

#[tokio::test]
async fn words_of_no_protocol() {
    assert_eq!(reason(vec![text("4abc")]).await, parse("unknown packet type"));
    assert_eq!(reason(vec![text("49[]")]).await, parse("unknown packet type"));
    assert_eq!(reason(vec![text("42{}")]).await, parse("invalid payload"));
    assert_eq!(
        reason(vec![text(r#"42["disconnect"]"#)]).await,
        parse("invalid payload")
    );
    assert_eq!(reason(vec![text("7")]).await, parse("unknown packet type '7'"));
    assert_eq!(reason(vec![text("5")]).await, parse("unknown packet type '5'"));
    assert_eq!(reason(vec![text("")]).await, parse("empty packet"));
    assert_eq!(
        reason(vec![text(&patient_hello())]).await,
        parse("a second handshake")
    );
    assert_eq!(
        reason(vec![text("1")]).await,
        DisconnectReason::TransportClose("closed by the server".into())
    );
}

#[tokio::test]
async fn what_is_strange_but_harmless_is_passed_over() {
    let strange = [
        // Answers to nothing, a second reply to CONNECT, and news of namespaces that nobody asked for.
        r#"437["nobody asked"]"#,
        r#"40{"sid":"again"}"#,
        r#"44{"message":"too late"}"#,
        r#"42/nowhere,["event"]"#,
        "41/nowhere,",
        r#"40/nowhere,{"sid":"b"}"#,
        "3",
        "6",
    ];
    let mut said = text(r#"40{"sid":"a"}"#);
    said.extend(strange.iter().flat_map(|packet| text(packet)));
    said.extend(text(r#"42["still here"]"#));
    let url = serve(move |request| {
        Answer::AfterWord([request.accept(), text(&patient_hello())].concat(), said.clone())
    })
    .await;
    let mut told = Told::connect(client(&url, [Transport::WebSocket]));
    assert_eq!(told.begun().await, End::Connected);
    assert_eq!(told.event().await.name(), "still here");
}

#[tokio::test]
async fn deep_nesting_is_an_error_of_the_payload_not_of_the_stack() {
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let said = [text(r#"40{"sid":"a"}"#), text(&format!("42[\"a\",{deep}]"))].concat();
    let url = serve(move |request| {
        Answer::AfterWord([request.accept(), text(&patient_hello())].concat(), said.clone())
    })
    .await;
    let mut told = Told::connect(client(&url, [Transport::WebSocket]));
    assert!(told.event().await.payload::<serde_json::Value>().is_err());
    assert_eq!(
        reason(vec![text(&format!("451-[\"a\",{deep}]"))]).await,
        parse("invalid payload")
    );
}
