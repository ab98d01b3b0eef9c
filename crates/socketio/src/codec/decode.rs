//! Socket.IO packets from the messages of Engine.IO.
//!
//! <https://socket.io/docs/v4/socket-io-protocol/>, "Packet encoding".

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::codec::packet::{Arguments, Packet, Rest, Span};

/// How many attachments a packet may have; the official parser's limit.
pub(crate) const MAX_ATTACHMENTS: usize = 10;

/// Whether it is a name that no event may have, since clients use it for their own.
pub(crate) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "connect" | "connect_error" | "disconnect" | "disconnecting" | "newListener" | "removeListener"
    )
}

/// Why a message is no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The type is not one of the seven.
    #[error("unknown packet type")]
    Type,
    /// Not a number of attachments from 1 to the limit, or a placeholder points to none of them.
    #[error("illegal attachments")]
    Attachments,
    /// Not the JSON that the type wants.
    #[error("invalid payload")]
    Payload,
    /// Text came while attachments were awaited.
    #[error("got plaintext data when reconstructing a packet")]
    TextBetweenAttachments,
    /// Bytes came while none were awaited.
    #[error("got binary data when not reconstructing a packet")]
    UnexpectedAttachment,
}

/// Puts packets together from text and the attachments that follow it.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Whether the JSON of every packet is checked as a whole, not only where it begins and ends.
    strict: bool,
    awaiting: Option<Awaiting>,
}

#[derive(Debug)]
struct Awaiting {
    head: Head,
    arguments: Arguments,
    missing: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

/// What stands before the payload.
#[derive(Debug, Clone, Copy)]
struct Head {
    kind: Kind,
    namespace: Span,
    id: Option<u64>,
    attachments: usize,
    payload: Span,
}

impl Decoder {
    /// With `strict`, JSON that is broken in the middle is an error here and not only where it is decoded.
    #[must_use]
    pub fn new(strict: bool) -> Self {
        Self {
            strict,
            awaiting: None,
        }
    }

    /// Forgets what was awaited: a new session begins.
    pub fn reset(&mut self) {
        self.awaiting = None;
    }

    /// Takes a text message, whose first byte is Engine.IO's `4`.
    ///
    /// # Errors
    /// It is no packet, or attachments were awaited. The session is of no use any more.
    #[inline]
    pub fn text(&mut self, text: Utf8Bytes) -> Result<Option<Packet>, DecodeError> {
        if self.awaiting.is_some() {
            return Err(DecodeError::TextBetweenAttachments);
        }
        let head = head(&text)?;
        let payload = head.payload.of(&text);
        match head.kind {
            Kind::Event | Kind::Ack => {
                if self.strict && serde_json::from_str::<IgnoredAny>(payload).is_err() {
                    return Err(DecodeError::Payload);
                }
                let arguments = arguments(text, &head)?;
                if head.attachments == 0 {
                    return packet(head, arguments).map(Some);
                }
                placeholders(&arguments, head.attachments)?;
                self.awaiting = Some(Awaiting {
                    head,
                    arguments,
                    missing: head.attachments,
                });
                Ok(None)
            }
            Kind::Connect => {
                match serde_json::from_str::<Value>(if payload.is_empty() { "null" } else { payload }) {
                    Ok(Value::Object(_) | Value::Null) => Ok(Some(Packet::Connect {
                        data: payload.into(),
                        namespace: head.namespace,
                        buffer: text,
                    })),
                    Ok(_) | Err(_) => Err(DecodeError::Payload),
                }
            }
            Kind::Disconnect if payload.is_empty() => Ok(Some(Packet::Disconnect {
                namespace: head.namespace,
                buffer: text,
            })),
            Kind::Disconnect => Err(DecodeError::Payload),
            Kind::ConnectError => match serde_json::from_str::<Value>(payload) {
                Ok(Value::Object(_) | Value::String(_)) => Ok(Some(Packet::ConnectError {
                    data: payload.into(),
                    namespace: head.namespace,
                    buffer: text,
                })),
                Ok(_) | Err(_) => Err(DecodeError::Payload),
            },
        }
    }

    /// Takes a binary message.
    ///
    /// # Errors
    /// None was awaited. The session is of no use any more.
    pub fn binary(&mut self, bytes: Bytes) -> Result<Option<Packet>, DecodeError> {
        let Some(awaiting) = &mut self.awaiting else {
            return Err(DecodeError::UnexpectedAttachment);
        };
        awaiting.arguments.attach(bytes);
        awaiting.missing -= 1;
        if awaiting.missing > 0 {
            return Ok(None);
        }
        match self.awaiting.take() {
            Some(Awaiting { head, arguments, .. }) => packet(head, arguments).map(Some),
            None => Ok(None),
        }
    }
}

#[inline]
fn packet(head: Head, arguments: Arguments) -> Result<Packet, DecodeError> {
    match (head.kind, head.id) {
        (Kind::Ack, Some(id)) => Ok(Packet::Ack {
            namespace: head.namespace,
            id,
            arguments,
        }),
        (Kind::Ack, None) => Err(DecodeError::Payload),
        (Kind::Event, id) => Ok(Packet::Event {
            namespace: head.namespace,
            id,
            arguments,
        }),
        (Kind::Connect | Kind::Disconnect | Kind::ConnectError, _) => Err(DecodeError::Payload),
    }
}

/// `4<type>[<attachments>-][<namespace>,][<id>]<payload>`
#[inline]
fn head(text: &str) -> Result<Head, DecodeError> {
    let bytes = text.as_bytes();
    let (kind, binary) = match bytes.get(1) {
        Some(b'0') => (Kind::Connect, false),
        Some(b'1') => (Kind::Disconnect, false),
        Some(b'2') => (Kind::Event, false),
        Some(b'3') => (Kind::Ack, false),
        Some(b'4') => (Kind::ConnectError, false),
        Some(b'5') => (Kind::Event, true),
        Some(b'6') => (Kind::Ack, true),
        Some(_) | None => return Err(DecodeError::Type),
    };
    let mut at = 2;
    let mut attachments = 0;
    if binary {
        let (number, after) = digits(bytes, at).ok_or(DecodeError::Attachments)?;
        if bytes.get(after) != Some(&b'-') || number == 0 || number > MAX_ATTACHMENTS as u64 {
            return Err(DecodeError::Attachments);
        }
        attachments = number as usize;
        at = after + 1;
    }
    let mut namespace = Span::new(at, at);
    if bytes.get(at) == Some(&b'/') {
        let end = bytes[at..]
            .iter()
            .position(|byte| *byte == b',')
            .map_or(bytes.len(), |length| at + length);
        namespace = Span::new(at, end);
        at = (end + 1).min(bytes.len());
    }
    let mut id = None;
    if bytes.get(at).is_some_and(u8::is_ascii_digit) {
        let (number, after) = digits(bytes, at).ok_or(DecodeError::Payload)?;
        id = Some(number);
        at = after;
    }
    let payload = Span::new(at, bytes.len());
    Ok(Head {
        kind,
        namespace,
        id,
        attachments,
        payload,
    })
}

/// A number of at most 19 digits, and where it ends.
fn digits(bytes: &[u8], start: usize) -> Option<(u64, usize)> {
    let mut at = start;
    let mut number: u64 = 0;
    while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        at += 1;
    }
    (at > start).then_some((number, at))
}

/// Takes the array of an event or an acknowledgement apart as far as its name.
#[inline]
fn arguments(text: Utf8Bytes, head: &Head) -> Result<Arguments, DecodeError> {
    let bytes = text.as_bytes();
    let start = head.payload.start as usize;
    let end = start + trimmed(&bytes[start..]);
    // The array needs two brackets.
    if end < start + 2 || bytes[start] != b'[' || bytes[end - 1] != b']' {
        return Err(DecodeError::Payload);
    }
    let (start, end) = (start + 1, end - 1);
    let name = match head.kind {
        Kind::Event => name(&text, start, end)?,
        Kind::Connect | Kind::Disconnect | Kind::Ack | Kind::ConnectError => Name {
            span: Span::new(start, start),
            meant: None,
            after: start,
        },
    };
    let rest = name.meant.map(|name| {
        Box::new(Rest {
            name: Some(name),
            attachments: Vec::new(),
        })
    });
    Ok(Arguments {
        buffer: text,
        name: name.span,
        json: Span::new(name.after, end),
        rest,
    })
}

/// The first element of an event's array.
struct Name {
    span: Span,
    /// Without its escape sequences, if it has any.
    meant: Option<Box<str>>,
    /// Where the arguments begin.
    after: usize,
}

fn name(text: &str, start: usize, end: usize) -> Result<Name, DecodeError> {
    let bytes = text.as_bytes();
    let (span, meant, after) = match bytes[start] {
        b'"' => {
            let (close, escaped) = closing_quote(&bytes[start + 1..end]).ok_or(DecodeError::Payload)?;
            let span = Span::new(start + 1, start + 1 + close);
            let after = start + close + 2;
            let meant = if escaped {
                Some(serde_json::from_str(&text[start..after]).map_err(|_| DecodeError::Payload)?)
            } else {
                None
            };
            (span, meant, after)
        }
        // The official parser lets a number be a name.
        b'0'..=b'9' | b'-' => {
            let after = bytes[start..end]
                .iter()
                .position(|byte| *byte == b',')
                .map_or(end, |length| start + length);
            serde_json::from_str::<serde_json::Number>(&text[start..after])
                .map_err(|_| DecodeError::Payload)?;
            (Span::new(start, after), None, after)
        }
        _ => return Err(DecodeError::Payload),
    };
    if is_reserved(meant.as_deref().unwrap_or(span.of(text))) {
        return Err(DecodeError::Payload);
    }
    let after = match bytes[after] {
        b',' if after + 1 < end => after + 1,
        b']' if after == end => after,
        _ => return Err(DecodeError::Payload),
    };
    Ok(Name { span, meant, after })
}

/// Where a string ends, and whether there are escape sequences in it.
fn closing_quote(string: &[u8]) -> Option<(usize, bool)> {
    let mut escaped = false;
    let mut bytes = string.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((at, escaped)),
            b'\\' => {
                escaped = true;
                bytes.next();
            }
            _ => {}
        }
    }
    None
}

/// The length without white space at the end.
fn trimmed(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| !byte.is_ascii_whitespace())
        .map_or(0, |last| last + 1)
}

/// Whether every placeholder points to an attachment.
fn placeholders(arguments: &Arguments, attachments: usize) -> Result<(), DecodeError> {
    fn holds(value: &Value, attachments: usize) -> bool {
        match value {
            Value::Array(values) => values.iter().all(|value| holds(value, attachments)),
            Value::Object(fields) => {
                if fields.get("_placeholder") == Some(&Value::Bool(true)) {
                    let num = fields.get("num").and_then(Value::as_u64);
                    return num.is_some_and(|num| num < attachments as u64);
                }
                fields.values().all(|value| holds(value, attachments))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        }
    }
    let array = format!("[{}]", arguments.json());
    let values: Value = serde_json::from_str(&array).map_err(|_| DecodeError::Payload)?;
    if holds(&values, attachments) {
        Ok(())
    } else {
        Err(DecodeError::Attachments)
    }
}
