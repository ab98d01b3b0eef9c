//! Socket.IO packets.

use bytes::Bytes;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{codec::attachment, error::PayloadError};

/// A packet from the server.
#[derive(Debug, Clone)]
pub enum Packet {
    /// A namespace is connected.
    Connect {
        buffer: Utf8Bytes,
        namespace: Span,
        data: Box<str>,
    },
    /// A namespace is disconnected.
    Disconnect { buffer: Utf8Bytes, namespace: Span },
    /// A namespace cannot be connected.
    ConnectError {
        buffer: Utf8Bytes,
        namespace: Span,
        data: Box<str>,
    },
    /// An event; with an id the server wants an answer.
    Event {
        namespace: Span,
        id: Option<u64>,
        arguments: Arguments,
    },
    /// An answer.
    Ack {
        namespace: Span,
        id: u64,
        arguments: Arguments,
    },
}

impl Packet {
    /// The namespace that it belongs to.
    #[must_use]
    #[inline]
    pub fn namespace(&self) -> &str {
        let namespace = match self {
            Self::Connect {
                buffer, namespace, ..
            }
            | Self::Disconnect { buffer, namespace }
            | Self::ConnectError {
                buffer, namespace, ..
            } => namespace.of(buffer),
            Self::Event {
                namespace, arguments, ..
            }
            | Self::Ack {
                namespace, arguments, ..
            } => namespace.of(&arguments.buffer),
        };
        if namespace.is_empty() { "/" } else { namespace }
    }
}

/// The arguments of an event or an acknowledgement, where they stand in the bytes that came.
#[derive(Debug, Clone)]
pub struct Arguments {
    pub(crate) buffer: Utf8Bytes,
    /// Where the name of the event stands, without quotes; it may have escape sequences.
    pub(crate) name: Span,
    /// The JSON of the arguments: comma-separated, without brackets, without the name.
    pub(crate) json: Span,
    /// Apart, since an event is moved from hand to hand and few have any of it.
    pub(crate) rest: Option<Box<Rest>>,
}

/// What few packets have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rest {
    /// The name as it is meant, if it has escape sequences.
    pub(crate) name: Option<Box<str>>,
    pub(crate) attachments: Vec<Bytes>,
}

/// A part of a buffer: byte offsets on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Arguments {
    /// The name of the event; empty for an acknowledgement.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.rest.as_ref().and_then(|rest| rest.name.as_deref()) {
            Some(name) => name,
            None => self.name.of(&self.buffer),
        }
    }

    /// The arguments as JSON, comma-separated, without brackets and without the name.
    #[must_use]
    pub fn json(&self) -> &str {
        self.json.of(&self.buffer)
    }

    /// The binary attachments.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.rest.as_ref().map_or(&[], |rest| &rest.attachments)
    }

    pub(crate) fn attach(&mut self, attachment: Bytes) {
        self.rest.get_or_insert_default().attachments.push(attachment);
    }

    /// The last argument, if it is a string.
    #[must_use]
    pub fn last_string(&self) -> Option<String> {
        let json = self.json().trim_end();
        let bytes = json.as_bytes();
        let mut start = json.len().checked_sub(1).filter(|end| bytes[*end] == b'"')?;
        loop {
            start = bytes[..start].iter().rposition(|byte| *byte == b'"')?;
            let escapes = bytes[..start]
                .iter()
                .rev()
                .take_while(|byte| **byte == b'\\')
                .count();
            if escapes % 2 == 0 {
                break;
            }
        }
        // Inside of an array or an object it would be followed by a bracket.
        serde_json::from_str(&json[start..]).ok()
    }

    /// The first argument; `null` if there is none.
    ///
    /// # Errors
    /// It is no JSON of that type.
    pub fn first<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        attachment::decoding(self.attachments(), || first(self.json()))
    }

    /// All arguments, as a tuple or a sequence.
    ///
    /// # Errors
    /// They are no JSON of that type.
    pub fn all<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        let array = format!("[{}]", self.json());
        attachment::decoding(self.attachments(), || Ok(serde_json::from_str(&array)?))
    }
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    pub(crate) fn of(self, buffer: &str) -> &str {
        buffer
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// Decodes the first of comma-separated values where it stands.
fn first<T: DeserializeOwned>(json: &str) -> Result<T, PayloadError> {
    if json.is_empty() {
        return Ok(serde_json::from_str("null")?);
    }
    let mut values = serde_json::Deserializer::from_str(json);
    let value = T::deserialize(&mut values)?;
    let end = values.into_iter::<IgnoredAny>().byte_offset();
    match json.as_bytes().get(end) {
        None | Some(b',' | b' ' | b'\t' | b'\r' | b'\n') => Ok(value),
        Some(_) => Err(serde_json::Error::custom("a comma is missing between arguments").into()),
    }
}
