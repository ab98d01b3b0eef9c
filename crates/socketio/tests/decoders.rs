//! The decoders against bytes that nobody wrote on purpose: generated ones, and mutations of a corpus.

use bytes::Bytes;
use khaya_socketio::codec::{
    decode::Decoder,
    frame::{self, Frame},
    packet::{Arguments, Packet},
    payload::Splitter,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const CORPUS: &str = include_str!("corpus/messages.txt");

#[test]
fn without_strictness_a_broken_argument_is_found_where_it_is_decoded() {
    let packet = Decoder::new(false).text(r#"42["a",{"b":}]"#.into()).unwrap();
    let Some(Packet::Event { arguments, .. }) = packet else {
        panic!("an event")
    };
    assert_eq!(arguments.name(), "a");
    assert!(arguments.first::<Value>().is_err());
    assert!(arguments.all::<Value>().is_err());
}

#[test]
fn the_first_argument_alone_is_decoded_and_what_follows_it_is_looked_at() {
    let first = |text: &str| {
        let packet = Decoder::new(false).text(format!("42{text}").into());
        let Ok(Some(Packet::Event { arguments, .. })) = packet else {
            panic!("{text} is an event")
        };
        arguments.first::<Value>().map_err(drop)
    };
    assert_eq!(first(r#"["a",1,2]"#), Ok(json!(1)));
    assert_eq!(first(r#"["a","x" ,2]"#), Ok(json!("x")));
    assert_eq!(first(r#"["a"]"#), Ok(Value::Null));
    assert_eq!(first(r#"["a",{}{}]"#), Err(()));
    assert_eq!(
        first(r#"["a",1 2]"#),
        Ok(json!(1)),
        "found only where all are decoded"
    );
}

#[test]
fn the_last_argument_is_an_offset_only_if_it_is_a_string() {
    let last = |text: &str| match Decoder::new(true).text(format!("4{text}").into()) {
        Ok(Some(Packet::Event { arguments, .. })) => arguments.last_string(),
        other => panic!("{text}: {other:?}"),
    };
    assert_eq!(last(r#"2["a",1,"x"]"#).as_deref(), Some("x"));
    assert_eq!(last(r#"2["a","b","q\"\\"]"#).as_deref(), Some("q\"\\"));
    assert_eq!(last(r#"2["a","\\\"é"]"#).as_deref(), Some("\\\"é"));
    assert_eq!(last(r#"2["a"]"#), None, "the name is no argument");
    assert_eq!(last(r#"2["a",["x"]]"#), None);
    assert_eq!(last(r#"2["a",{"b":"x"}]"#), None);
    assert_eq!(last(r#"2["a",1]"#), None);
}

/// Everything that looks at arguments.
fn touch(arguments: &Arguments) {
    let _ = arguments.name();
    let _ = arguments.json();
    let _ = arguments.last_string();
    let _ = arguments.first::<Value>();
    let _ = arguments.all::<Value>();
    let _ = arguments.first::<khaya_socketio::Binary>();
}

/// Feeds all decoders with it. None may panic.
fn feed(bytes: &[u8], strict: bool) {
    let mut splitter = Splitter::new(1 << 20);
    let mut packets = Vec::new();
    let (head, tail) = bytes.split_at(bytes.len() / 2);
    for chunk in [head, tail] {
        if splitter.push(Bytes::copy_from_slice(chunk)).is_err() {
            return;
        }
        while let Ok(Some(packet)) = splitter.next_packet() {
            packets.push(packet);
        }
    }
    if let Ok(Some(packet)) = splitter.finish() {
        packets.push(packet);
    }
    let mut decoder = Decoder::new(strict);
    for packet in packets {
        let _ = frame::decode(Frame::Text(packet.clone()));
        let message = match frame::decode_polled(packet) {
            Ok(frame::Packet::Text(text)) => decoder.text(text),
            Ok(frame::Packet::Binary(bytes)) => decoder.binary(bytes),
            Ok(_) | Err(_) => continue,
        };
        match message {
            Ok(Some(packet @ (Packet::Event { .. } | Packet::Ack { .. }))) => {
                assert!(!packet.namespace().is_empty());
                if let Packet::Event { arguments, .. } | Packet::Ack { arguments, .. } = packet {
                    touch(&arguments);
                }
            }
            Ok(Some(packet)) => assert!(!packet.namespace().is_empty()),
            Ok(None) => {}
            Err(_) => decoder.reset(),
        }
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), strict: bool) {
        feed(&bytes, strict);
    }

    #[test]
    fn any_text_that_begins_well(text in r#"4[0-6][0-9]{0,2}-?(/[a-z]{0,3},)?[0-9]{0,3}[\[{"].{0,40}"#, strict: bool) {
        feed(text.as_bytes(), strict);
    }

    #[test]
    fn what_is_encoded_is_decoded(name in "[^\u{1e}]{1,20}", number: i64, text: String, id in proptest::option::of(any::<u32>())) {
        prop_assume!(!["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].contains(&name.as_str()));
        let id = id.map(|id| id.to_string()).unwrap_or_default();
        let message = format!("42/n,{id}{}", json!([name, number, { "t": text }]));
        let packet = Decoder::new(true).text(message.into());
        let Ok(Some(Packet::Event { arguments, .. })) = packet else { panic!("{packet:?}") };
        prop_assert_eq!(arguments.name(), name);
        prop_assert_eq!(arguments.all::<Value>().unwrap(), json!([number, { "t": text }]));
    }
}

/// Corpus lines, cut, joined and bitten by a generator of its own: the same inputs everywhere.
fn mutate(rounds: u64) {
    let lines: Vec<&[u8]> = CORPUS.lines().map(str::as_bytes).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end.max(1) as u64) as usize
    };
    for round in 0..rounds {
        let mut bytes = lines[next(lines.len())].to_vec();
        for _ in 0..next(4) {
            let at = next(bytes.len());
            match next(6) {
                0 if !bytes.is_empty() => bytes[at] = next(256) as u8,
                1 if !bytes.is_empty() => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"\"\\[]{},-/0149b\x1e\xc3 "[next(17)]),
                3 => bytes.truncate(at),
                4 => {
                    bytes.push(0x1e);
                    bytes.extend_from_slice(lines[next(lines.len())]);
                }
                _ => {
                    let other = lines[next(lines.len())];
                    bytes.extend_from_slice(&other[next(other.len())..]);
                }
            }
        }
        feed(&bytes, round % 2 == 0);
    }
}

#[test]
fn mutations_of_the_corpus() {
    mutate(20_000);
}

#[test]
#[ignore = "long"]
fn a_million_mutations_of_the_corpus() {
    mutate(1_000_000);
}
