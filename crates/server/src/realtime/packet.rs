//! Socket.IO packets as text (socket.io-protocol, revision 5): reading what clients send.
//!
//! Knows one namespace, `/`, and no binary packets, as the contract has none.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::Error;

/// What a client sent.
#[derive(Debug)]
pub(super) enum Packet<'a> {
    /// CONNECT to `/` with its `auth`.
    Connect(Option<&'a RawValue>),
    /// CONNECT to a namespace that there is not.
    ConnectElsewhere(&'a str),
    /// EVENT: its name, its first argument and the id under which it wants an ack.
    Event {
        name: String,
        data: Option<&'a RawValue>,
        ack: Option<u64>,
    },
    Disconnect,
    /// What is not for us: an ACK, as we ask for none; something with binary in it, as no event that we know has
    /// any; something of another namespace.
    Ignored,
}

/// What cannot be read as a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Packet<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Malformed> {
        let kind = text.as_bytes().first().ok_or(Malformed)?;
        let rest = text.get(1..).ok_or(Malformed)?;
        let (namespace, rest) = if rest.starts_with('/') {
            let end = rest.find(',').unwrap_or(rest.len());
            (&rest[..end], rest.get(end + 1..).unwrap_or_default())
        } else {
            ("/", rest)
        };
        match kind {
            b'0' if namespace == "/" => Ok(Self::Connect(raw(rest)?)),
            b'0' => Ok(Self::ConnectElsewhere(namespace)),
            b'1'..=b'6' if namespace != "/" => Ok(Self::Ignored),
            b'1' => Ok(Self::Disconnect),
            b'2' => {
                let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                let (id, body) = rest.split_at(digits);
                let ack = if id.is_empty() {
                    None
                } else {
                    Some(id.parse().map_err(|_| Malformed)?)
                };
                let arguments: Vec<&RawValue> = serde_json::from_str(body).map_err(|_| Malformed)?;
                let name = arguments.first().ok_or(Malformed)?;
                Ok(Self::Event {
                    name: serde_json::from_str(name.get()).map_err(|_| Malformed)?,
                    data: arguments.get(1).copied(),
                    ack,
                })
            }
            b'3' | b'5' | b'6' => Ok(Self::Ignored),
            _unknown => Err(Malformed),
        }
    }
}

/// Reads an argument of an event as what it should be.
pub(super) fn argument<T: DeserializeOwned>(data: Option<&RawValue>) -> Result<T, Error> {
    let data = data.ok_or_else(|| Error::invalid("data", "is missing"))?;
    if !data.get().starts_with('{') {
        return Err(Error::invalid("data", "is not an object"));
    }
    serde_json::from_str(data.get()).map_err(|error| Error::invalid("data", error.to_string()))
}

fn raw(text: &str) -> Result<Option<&RawValue>, Malformed> {
    if text.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(text).map(Some).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_clients_send() {
        assert!(matches!(Packet::parse("0"), Ok(Packet::Connect(None))));
        assert!(matches!(
            Packet::parse(r#"0{"token":"t"}"#),
            Ok(Packet::Connect(Some(_)))
        ));
        assert!(matches!(
            Packet::parse("0/admin,"),
            Ok(Packet::ConnectElsewhere("/admin"))
        ));
        assert!(matches!(
            Packet::parse("0/admin"),
            Ok(Packet::ConnectElsewhere("/admin"))
        ));
        assert!(matches!(Packet::parse("1"), Ok(Packet::Disconnect)));
        assert!(matches!(Packet::parse("31[]"), Ok(Packet::Ignored)));
        let Ok(Packet::Event { name, data, ack }) = Packet::parse(r#"20["join_chat",{"chatId":"c"},1]"#)
        else {
            panic!("not an event");
        };
        assert_eq!(
            (name.as_str(), data.unwrap().get(), ack),
            ("join_chat", r#"{"chatId":"c"}"#, Some(0))
        );
    }

    #[test]
    fn refuses_everything_else() {
        for bad in [
            "",
            "x",
            "ä",
            "2",
            "2[]",
            "2[1]",
            "2{}",
            "2[\"a\"",
            "299999999999999999999[\"a\"]",
            "0{",
            "7/admin,[]",
            "9",
            "2\u{0}",
        ] {
            assert!(Packet::parse(bad).is_err(), "{bad:?}");
        }
    }
}
