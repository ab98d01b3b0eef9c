//! The vectors of both official parser suites, as tables: what comes in, and what is made of it.
//!
//! What goes out is checked against the Node server in `interop::binary`, where the server tells the text that
//! it was sent.

use bytes::Bytes;
use khaya_socketio::{
    Binary,
    codec::{
        decode::{DecodeError, Decoder},
        frame::{self, Frame, FrameError},
        packet::Packet,
        payload::{self, Splitter},
    },
};
use serde_json::{Value, json};

/// Reads one Socket.IO packet of text; Engine.IO's `4` stands before it on the wire.
fn decode(text: &str) -> Result<Option<Packet>, DecodeError> {
    Decoder::new(true).text(format!("4{text}").into())
}

/// What a packet says, for comparing: its type, namespace, id, and data.
fn said(packet: &Packet) -> (&'static str, String, Option<u64>, Value) {
    let namespace = packet.namespace().to_owned();
    let data = |data: &str| serde_json::from_str(data).unwrap_or(Value::Null);
    match packet {
        Packet::Connect { data: body, .. } => ("connect", namespace, None, data(body)),
        Packet::Disconnect { .. } => ("disconnect", namespace, None, Value::Null),
        Packet::ConnectError { data: body, .. } => ("connect error", namespace, None, data(body)),
        Packet::Event { id, arguments, .. } => {
            let body = json!([arguments.name(), data(&format!("[{}]", arguments.json()))]);
            ("event", namespace, *id, body)
        }
        Packet::Ack { id, arguments, .. } => (
            "ack",
            namespace,
            Some(*id),
            data(&format!("[{}]", arguments.json())),
        ),
    }
}

#[test]
fn packets_of_text() {
    let cases = [
        (
            r#"0/woot,{"token":"123"}"#,
            ("connect", "/woot", None, json!({ "token": "123" })),
        ),
        ("0", ("connect", "/", None, Value::Null)),
        (r#"0{"sid":"a"}"#, ("connect", "/", None, json!({ "sid": "a" }))),
        ("1/woot,", ("disconnect", "/woot", None, Value::Null)),
        ("1", ("disconnect", "/", None, Value::Null)),
        (r#"2["a",1,{}]"#, ("event", "/", None, json!(["a", [1, {}]]))),
        (r#"2[1,"a",{}]"#, ("event", "/", None, json!(["1", ["a", {}]]))),
        (
            r#"2/test,1["a",1,{}]"#,
            ("event", "/test", Some(1), json!(["a", [1, {}]])),
        ),
        (r#"20["a"]"#, ("event", "/", Some(0), json!(["a", []]))),
        (
            r#"2["quoted \"name\"","\u001e"]"#,
            ("event", "/", None, json!(["quoted \"name\"", ["\u{1e}"]])),
        ),
        (r#"3123["a",1,{}]"#, ("ack", "/", Some(123), json!(["a", 1, {}]))),
        ("3/test,0[]", ("ack", "/test", Some(0), json!([]))),
        (
            r#"4"Unauthorized""#,
            ("connect error", "/", None, json!("Unauthorized")),
        ),
        (
            r#"4/no,{"message":"Unauthorized"}"#,
            ("connect error", "/no", None, json!({ "message": "Unauthorized" })),
        ),
    ];
    for (text, (kind, namespace, id, data)) in cases {
        let packet = decode(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .unwrap_or_else(|| panic!("{text}: not complete"));
        assert_eq!(said(&packet), (kind, namespace.to_owned(), id, data), "{text}");
    }
}

#[test]
fn packets_with_attachments() {
    let cases: [(&str, &[&[u8]], Value); 5] = [
        (
            r#"51-0["a",{"_placeholder":true,"num":0}]"#,
            &[&[0, 0]],
            json!({ "bytes": 1 }),
        ),
        (
            r#"51-/cool,23["a",{"_placeholder":true,"num":0}]"#,
            &[b"abc"],
            json!({ "bytes": 1 }),
        ),
        (
            r#"51-/cool,23["a",{"b":["c",{"_placeholder":true,"num":0}]}]"#,
            &[b"abc"],
            json!({ "bytes": 1 }),
        ),
        (
            r#"52-/deep,999["a",{"a":"hi","b":{"why":{"_placeholder":true,"num":0}},"c":{"a":"bye","b":{"a":{"_placeholder":true,"num":1}}}}]"#,
            &[&[0; 3], &[0; 6]],
            json!({ "bytes": 2 }),
        ),
        (
            r#"51-600["a",{"a":"b","c":4,"e":{"g":null},"h":{"_placeholder":true,"num":0}}]"#,
            &[&[0; 9]],
            json!({ "bytes": 1 }),
        ),
    ];
    for (text, attachments, expected) in cases {
        let mut decoder = Decoder::new(true);
        let mut packet = decoder.text(format!("4{text}").into()).unwrap();
        for (place, bytes) in attachments.iter().enumerate() {
            assert!(packet.is_none(), "{text}: complete before attachment {place}");
            packet = decoder.binary(Bytes::from_static(bytes)).unwrap();
        }
        let Some(Packet::Event { arguments, .. }) = packet else {
            panic!("{text}: {packet:?}");
        };
        assert_eq!(arguments.attachments(), attachments, "{text}");
        assert_eq!(
            json!({ "bytes": arguments.attachments().len() }),
            expected,
            "{text}"
        );
    }
}

#[test]
fn attachments_are_decoded_where_their_placeholders_stand() {
    let mut decoder = Decoder::new(true);
    let text = r#"462-/back,127["a",{"_placeholder":true,"num":1},{},{"_placeholder":true,"num":0}]"#;
    assert!(decoder.text(text.into()).unwrap().is_none());
    assert!(decoder.binary(Bytes::from_static(b"xxx")).unwrap().is_none());
    let Some(Packet::Ack {
        id: 127, arguments, ..
    }) = decoder.binary(Bytes::from_static(b"y")).unwrap()
    else {
        panic!("not an acknowledgement");
    };
    let (name, one, empty, other): (String, Binary, Value, Binary) = arguments.all().unwrap();
    assert_eq!((name.as_str(), empty), ("a", json!({})));
    assert_eq!(one, Binary(Bytes::from_static(b"y")));
    assert_eq!(other, Binary(Bytes::from_static(b"xxx")));
}

#[test]
fn what_is_no_packet_is_refused_for_its_own_reason() {
    let payload = [
        "2",
        "2[]",
        r#"2["some","data""#,
        r#"0/admin,"invalid""#,
        "0[]",
        "1/admin,{}",
        r#"2/admin,"invalid"#,
        "2/admin,{}",
        r#"2[{"toString":"foo"}]"#,
        r#"2[true,"foo"]"#,
        r#"2[null,"bar"]"#,
        r#"2["connect"]"#,
        r#"2["disconnect","123"]"#,
        r#"2["connect_error"]"#,
        r#"2["a" 1]"#,
        r#"2["a",1,]"#,
        "3[1]",
        "31{}",
        "4[]",
        "4",
    ];
    for text in payload {
        assert_eq!(refusal(text), DecodeError::Payload, "{text}");
    }
    let attachments = [
        "5",
        "51",
        "5a-",
        "51.23-",
        r#"50-["a"]"#,
        r#"511-["a"]"#,
        r#"5-["a"]"#,
        r#"51-["hello",{"_placeholder":true,"num":"splice"}]"#,
        r#"51-["hello",{"_placeholder":true,"num":1}]"#,
        r#"51-["hello",{"_placeholder":true,"num":-1}]"#,
        r#"51-["hello",{"_placeholder":true}]"#,
    ];
    for text in attachments {
        assert_eq!(refusal(text), DecodeError::Attachments, "{text}");
    }
    for text in ["999", "7", "", "x"] {
        assert_eq!(refusal(text), DecodeError::Type, "{text}");
    }
}

fn refusal(text: &str) -> DecodeError {
    match decode(text) {
        Ok(packet) => panic!("{text} is {packet:?}"),
        Err(error) => error,
    }
}

#[test]
fn bytes_and_text_out_of_place_are_refused() {
    let mut decoder = Decoder::new(true);
    let alone = decoder.binary(Bytes::from_static(b"world"));
    assert_eq!(alone.unwrap_err(), DecodeError::UnexpectedAttachment);

    let mut decoder = Decoder::new(true);
    assert!(
        decoder
            .text(r#"451-["hello",{"_placeholder":true,"num":0}]"#.into())
            .unwrap()
            .is_none()
    );
    let between = decoder.text(r#"42["hello"]"#.into());
    assert_eq!(between.unwrap_err(), DecodeError::TextBetweenAttachments);
}

#[test]
fn a_reset_forgets_what_was_awaited() {
    let mut decoder = Decoder::new(true);
    assert!(
        decoder
            .text(r#"451-["hello",{"_placeholder":true,"num":0}]"#.into())
            .unwrap()
            .is_none()
    );
    decoder.reset();
    let packet = decoder.text(r#"42["hello"]"#.into()).unwrap().unwrap();
    assert_eq!(said(&packet).0, "event");
}

#[test]
fn engine_packets_come_as_text_bytes_and_base64() {
    let cases = [
        (
            Frame::Text("4test".into()),
            Ok(frame::Packet::Text("4test".into())),
        ),
        (Frame::Text("41€".into()), Ok(frame::Packet::Text("41€".into()))),
        (Frame::Text("1".into()), Ok(frame::Packet::Close)),
        (Frame::Text("2".into()), Ok(frame::Packet::Ping)),
        (
            Frame::Text("3probe".into()),
            Ok(frame::Packet::Pong("3probe".into())),
        ),
        (Frame::Text("6".into()), Ok(frame::Packet::Noop)),
        (
            Frame::Binary(Bytes::from_static(&[1, 2, 3, 4])),
            Ok(frame::Packet::Binary(Bytes::from_static(&[1, 2, 3, 4]))),
        ),
        (Frame::Text("".into()), Err(FrameError::Empty)),
        (Frame::Text("a123".into()), Err(FrameError::Type('a'))),
        (Frame::Text("{".into()), Err(FrameError::Type('{'))),
    ];
    for (frame, expected) in cases {
        assert_eq!(frame::decode(frame.clone()), expected, "{frame:?}");
    }
    assert_eq!(
        frame::decode_polled("bAQIDBA==".into()),
        Ok(frame::Packet::Binary(Bytes::from_static(&[1, 2, 3, 4])))
    );
    assert_eq!(
        frame::decode_polled("b".into()),
        Ok(frame::Packet::Binary(Bytes::new()))
    );
}

#[test]
fn payloads_are_packets_between_separators() {
    let payload = "1\u{1e}2\u{1e}3probe\u{1e}4test\u{1e}bAQIDBA==\u{1e}b";
    let mut splitter = Splitter::new(1000);
    splitter.push(Bytes::from_static(payload.as_bytes())).unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = splitter.next_packet().unwrap() {
        packets.push(frame::decode_polled(packet).unwrap());
    }
    packets.extend(
        splitter
            .finish()
            .unwrap()
            .map(|packet| frame::decode_polled(packet).unwrap()),
    );
    assert_eq!(
        packets,
        [
            frame::Packet::Close,
            frame::Packet::Ping,
            frame::Packet::Pong("3probe".into()),
            frame::Packet::Text("4test".into()),
            frame::Packet::Binary(Bytes::from_static(&[1, 2, 3, 4])),
            frame::Packet::Binary(Bytes::new()),
        ]
    );

    let frames = [
        Frame::Text("4test".into()),
        Frame::Binary(Bytes::from_static(&[1, 2, 3, 4])),
        Frame::Binary(Bytes::new()),
    ];
    assert_eq!(payload::encode(&frames), "4test\u{1e}bAQIDBA==\u{1e}b");
}
