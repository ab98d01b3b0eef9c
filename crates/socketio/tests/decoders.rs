//! The decoders against bytes that nobody wrote on purpose: generated ones, and mutations of a corpus.

use bytes::Bytes;
use khaya_socketio::codec::{
    decode::Decoder,
    frame::{self, Frame, FrameError},
    packet::{Arguments, Packet},
    payload::Splitter,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What each decoder is given to begin with; a line is an input.
const ENGINE: &str = include_str!("corpus/engineio.txt");
const SOCKET: &str = include_str!("corpus/socketio.txt");

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

/// How many inputs the decoders had.
#[derive(Default)]
struct Fed {
    engine: u64,
    socket: u64,
}

impl Fed {
    /// Feeds all decoders with it, as a payload of polling and as a frame of a WebSocket. None may panic.
    fn feed(&mut self, bytes: &[u8]) {
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
        self.messages(packets.into_iter().map(frame::decode_polled));
        let frame = match std::str::from_utf8(bytes) {
            Ok(text) => Frame::Text(text.into()),
            Err(_) => Frame::Binary(Bytes::copy_from_slice(bytes)),
        };
        self.messages([frame::decode(frame)]);
    }

    /// What the strict decoder takes, the other one takes for the same.
    fn messages(&mut self, frames: impl IntoIterator<Item = Result<frame::Packet, FrameError>>) {
        let (mut strict, mut lenient) = (Decoder::new(true), Decoder::new(false));
        for frame in frames {
            self.engine += 1;
            let (strictly, leniently) = match frame {
                Ok(frame::Packet::Text(text)) => (strict.text(text.clone()), lenient.text(text)),
                Ok(frame::Packet::Binary(bytes)) => (strict.binary(bytes.clone()), lenient.binary(bytes)),
                Ok(_) | Err(_) => continue,
            };
            self.socket += 1;
            match (&strictly, &leniently) {
                (Ok(strictly), Ok(leniently)) => assert_eq!(parts(strictly), parts(leniently)),
                (Ok(packet), Err(error)) => panic!("{error}: {packet:?}"),
                (Err(_), Ok(_) | Err(_)) => {
                    strict.reset();
                    lenient.reset();
                }
            }
            if let Ok(Some(Packet::Event { arguments, .. } | Packet::Ack { arguments, .. })) = leniently {
                touch(&arguments);
            }
        }
    }
}

/// What a packet says of its namespace and its arguments.
fn parts(packet: &Option<Packet>) -> Option<(&str, &str, &str, usize)> {
    let packet = packet.as_ref()?;
    assert!(packet.namespace().starts_with('/'), "{packet:?}");
    Some(match packet {
        Packet::Event { arguments, .. } | Packet::Ack { arguments, .. } => {
            let attachments = arguments.attachments().len();
            (
                packet.namespace(),
                arguments.name(),
                arguments.json(),
                attachments,
            )
        }
        Packet::Connect { data, .. } | Packet::ConnectError { data, .. } => (packet.namespace(), "", data, 0),
        Packet::Disconnect { .. } => (packet.namespace(), "", "", 0),
    })
}

proptest! {
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        Fed::default().feed(&bytes);
    }

    #[test]
    fn any_text_that_begins_well(text in r#"4[0-6][0-9]{0,2}-?(/[a-z]{0,3},)?[0-9]{0,3}[\[{"].{0,40}"#) {
        Fed::default().feed(text.as_bytes());
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

/// Lines of both corpora, cut, joined and bitten by a generator of its own, the same everywhere, until each decoder
/// had so many inputs.
fn mutate(inputs: u64) {
    let lines: Vec<&[u8]> = ENGINE.lines().chain(SOCKET.lines()).map(str::as_bytes).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end.max(1) as u64) as usize
    };
    let mut fed = Fed::default();
    while fed.engine.min(fed.socket) < inputs {
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
        fed.feed(&bytes);
    }
}

#[test]
fn mutations_of_the_corpus() {
    mutate(20_000);
}

#[test]
#[ignore = "long: a minute"]
fn a_million_mutations_of_the_corpus() {
    mutate(1_000_000);
}
