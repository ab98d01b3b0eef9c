//! Reading WebSocket frames as a server (RFC 6455, section 5): from the bytes that came to whole messages.
//!
//! Holds nothing while nothing is half read, so that an idle connection costs no buffer.

/// Something whole that a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    Text(String),
    Binary,
    Ping(Vec<u8>),
    Pong,
    Close,
}

/// Why a connection cannot go on: a code to close it with (RFC 6455, section 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    Protocol,
    NotText,
    TooBig,
}

impl Violation {
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::NotText => 1007,
            Self::TooBig => 1009,
        }
    }
}

/// The kind of a message that comes in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

/// What has been read so far.
#[derive(Debug)]
pub(super) struct Reader {
    /// The longest message, in bytes.
    limit: usize,
    bytes: Vec<u8>,
    /// How many of them have been read.
    read: usize,
    /// The message whose last part has not come yet.
    parts: Option<(Kind, Vec<u8>)>,
}

impl Reader {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Vec::new(),
            read: 0,
            parts: None,
        }
    }

    /// Takes in what came.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, if it has come.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Violation> {
        while let Some(frame) = Head::parse(&self.bytes[self.read..], self.limit)? {
            let begin = self.read + frame.length;
            let Some(payload) = self.bytes.get(begin..begin + frame.payload) else {
                break;
            };
            let payload = payload.iter().zip(frame.mask.iter().cycle());
            let payload = payload.map(|(byte, mask)| byte ^ mask).collect();
            self.read = begin + frame.payload;
            if let Some(message) = self.take(&frame, payload)? {
                return Ok(Some(message));
            }
        }
        if self.read == self.bytes.len() {
            self.bytes = Vec::new();
        } else {
            self.bytes.drain(..self.read);
        }
        self.read = 0;
        Ok(None)
    }

    /// One frame, which may end a message.
    fn take(&mut self, head: &Head, payload: Vec<u8>) -> Result<Option<Message>, Violation> {
        let begun = match (head.opcode, self.parts.take()) {
            (0x8, _) => return Ok(Some(Message::Close)),
            (0x9, parts) => {
                self.parts = parts;
                return Ok(Some(Message::Ping(payload)));
            }
            (0xA, parts) => {
                self.parts = parts;
                return Ok(Some(Message::Pong));
            }
            (0x0, Some((kind, mut parts))) => {
                if parts.len() + payload.len() > self.limit {
                    return Err(Violation::TooBig);
                }
                parts.extend_from_slice(&payload);
                (kind, parts)
            }
            (0x1, None) => (Kind::Text, payload),
            (0x2, None) => (Kind::Binary, payload),
            _misplaced => return Err(Violation::Protocol),
        };
        if !head.is_final {
            self.parts = Some(begun);
            return Ok(None);
        }
        match begun {
            (Kind::Text, bytes) => String::from_utf8(bytes)
                .map(|text| Some(Message::Text(text)))
                .map_err(|_| Violation::NotText),
            (Kind::Binary, _) => Ok(Some(Message::Binary)),
        }
    }
}

/// What stands before the payload of a frame.
struct Head {
    is_final: bool,
    opcode: u8,
    /// How long it is itself, in bytes.
    length: usize,
    /// How long the payload is.
    payload: usize,
    mask: [u8; 4],
}

impl Head {
    /// Reads it, if it has come.
    fn parse(bytes: &[u8], limit: usize) -> Result<Option<Self>, Violation> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = first & 0x0F;
        let is_final = first & 0x80 != 0;
        let is_control = opcode & 0x8 != 0;
        let short = second & 0x7F;
        let known = matches!(opcode, 0x0..=0x2 | 0x8..=0xA);
        // No extension was agreed on; a client masks everything; a control frame is short and whole.
        if first & 0x70 != 0 || second & 0x80 == 0 || !known || (is_control && (!is_final || short > 125)) {
            return Err(Violation::Protocol);
        }
        let (length, extended) = match short {
            126 => match rest.first_chunk::<2>() {
                Some(bytes) => (u64::from(u16::from_be_bytes(*bytes)), 2),
                None => return Ok(None),
            },
            127 => match rest.first_chunk::<8>() {
                Some(bytes) => (u64::from_be_bytes(*bytes), 8),
                None => return Ok(None),
            },
            short => (u64::from(short), 0),
        };
        let payload = usize::try_from(length)
            .ok()
            .filter(|payload| *payload <= limit)
            .ok_or(Violation::TooBig)?;
        let Some(mask) = rest.get(extended..).and_then(<[u8]>::first_chunk::<4>) else {
            return Ok(None);
        };
        Ok(Some(Self {
            is_final,
            opcode,
            length: 2 + extended + mask.len(),
            payload,
            mask: *mask,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1000;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | short as u8),
            medium @ 126..=0xFFFF => {
                frame.push(0x80 | 126);
                frame.extend((medium as u16).to_be_bytes());
            }
            long => {
                frame.push(0x80 | 127);
                frame.extend((long as u64).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        frame
    }

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Message>, Violation> {
        let mut reader = Reader::new(LIMIT);
        let mut messages = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.extend(piece);
            while let Some(message) = reader.next()? {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    #[test]
    fn messages_come_whole_however_they_were_cut() {
        let long = "x".repeat(300);
        let bytes = [
            frame(0x81, b"one"),
            frame(0x01, b"tw"),
            frame(0x89, b"p"),
            frame(0x00, b""),
            frame(0x80, b"o"),
            frame(0x8A, b""),
            frame(0x82, &[0xFF]),
            frame(0x81, long.as_bytes()),
            frame(0x88, &[3, 232]),
        ]
        .concat();
        let expected = || {
            vec![
                Message::Text("one".to_owned()),
                Message::Ping(b"p".to_vec()),
                Message::Text("two".to_owned()),
                Message::Pong,
                Message::Binary,
                Message::Text(long.clone()),
                Message::Close,
            ]
        };
        for piece in [1, 2, 3, 7, 100, bytes.len()] {
            assert_eq!(read(&bytes, piece), Ok(expected()), "in pieces of {piece}");
        }
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        let unmasked = vec![0x81, 1, b'x'];
        let too_big_before_it_comes = vec![0x81, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0];
        let many_parts = [frame(0x01, &[b'x'; 600]), frame(0x80, &[b'x'; 600])].concat();
        for (bytes, violation) in [
            (unmasked, Violation::Protocol),
            (frame(0xC1, b"compressed"), Violation::Protocol),
            (frame(0x83, b"unknown"), Violation::Protocol),
            (frame(0x80, b"the end of nothing"), Violation::Protocol),
            (frame(0x09, b"a ping in parts"), Violation::Protocol),
            (frame(0x89, &[0; 126]), Violation::Protocol),
            (
                [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
                Violation::Protocol,
            ),
            (frame(0x81, &[0xFF]), Violation::NotText),
            (frame(0x82, &[0; LIMIT + 1]), Violation::TooBig),
            (too_big_before_it_comes, Violation::TooBig),
            (many_parts, Violation::TooBig),
        ] {
            assert_eq!(read(&bytes, 1), Err(violation), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_holds_no_more_than_one_message_and_a_piece(bytes in prop::collection::vec(any::<u8>(), 0..4000)) {
            let mut reader = Reader::new(LIMIT);
            for piece in bytes.chunks(64) {
                reader.extend(piece);
                while let Ok(Some(_)) = reader.next() {}
                if reader.next().is_err() {
                    break;
                }
                prop_assert!(reader.bytes.len() <= LIMIT + 14 + 64);
            }
        }
    }
}
