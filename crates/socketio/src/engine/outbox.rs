//! What waits to be written, and what is being written.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Output;
use crate::codec::{frame::Frame, payload};

/// python-engineio refuses a payload with more packets.
const MAX_PACKETS: usize = 16;

/// A packet to send: its text and the attachments that must follow it.
#[derive(Debug)]
pub struct Outgoing {
    /// The packet.
    pub frame: Frame,
    /// Its attachments.
    pub attachments: Vec<Bytes>,
    /// Named in [`Output::Written`]; none for what nobody asks after.
    pub token: Option<u64>,
}

impl Outgoing {
    /// A packet of the protocol itself.
    #[must_use]
    pub fn control(text: &'static str) -> Self {
        Self {
            frame: Frame::Text(text.into()),
            attachments: Vec::new(),
            token: None,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Entry>,
    /// The tokens of what the transport has, their last frame included.
    writing: Vec<u64>,
}

#[derive(Debug)]
struct Entry {
    frame: Frame,
    place: Place,
}

/// Where a frame stands in its packet.
#[derive(Debug, Clone, Copy)]
struct Place {
    first: bool,
    last: bool,
    token: Option<u64>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, outgoing: Outgoing) {
        let token = outgoing.token;
        let mut last = outgoing.attachments.is_empty();
        self.waiting.push_back(Entry {
            frame: outgoing.frame,
            place: Place {
                first: true,
                last,
                token,
            },
        });
        let mut attachments = outgoing.attachments.into_iter().peekable();
        while let Some(bytes) = attachments.next() {
            last = attachments.peek().is_none();
            self.waiting.push_back(Entry {
                frame: Frame::Binary(bytes),
                place: Place {
                    first: false,
                    last,
                    token,
                },
            });
        }
    }

    /// All that waits, for a WebSocket.
    pub(super) fn take_all(&mut self) -> Vec<Frame> {
        let count = self.waiting.len();
        self.take(count)
    }

    /// As much as fits in a POST; a packet that alone is too large goes alone.
    pub(super) fn take_payload(&mut self, max_payload: Option<usize>) -> Vec<Frame> {
        let mut size = 0;
        let mut count = 0;
        for entry in self.waiting.iter().take(MAX_PACKETS) {
            size += payload::encoded_len(&entry.frame) + usize::from(count > 0);
            if count > 0 && max_payload.is_some_and(|max| size > max) {
                break;
            }
            count += 1;
        }
        self.take(count)
    }

    fn take(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(count);
        for entry in self.waiting.drain(..count) {
            if let (true, Some(token)) = (entry.place.last, entry.place.token) {
                self.writing.push(token);
            }
            frames.push(entry.frame);
        }
        frames
    }

    /// The transport has written what it was given.
    pub(super) fn written(&mut self, out: &mut Vec<Output>) {
        out.extend(self.writing.drain(..).map(Output::Written));
    }

    /// Removes a packet that waits as a whole.
    pub(super) fn cancel(&mut self, token: u64) -> bool {
        let mine = |entry: &Entry| entry.place.token == Some(token);
        let whole = self
            .waiting
            .iter()
            .find(|entry| mine(entry))
            .is_some_and(|entry| entry.place.first);
        if whole {
            self.waiting.retain(|entry| !mine(entry));
        }
        whole
    }

    /// The tokens of the packets no frame of which was given to the transport, and of the others.
    pub(super) fn take_tokens(&mut self) -> (Vec<u64>, Vec<u64>) {
        let mut unsent = Vec::new();
        let mut unknown = std::mem::take(&mut self.writing);
        let mut whole = false;
        for entry in self.waiting.drain(..) {
            whole = entry.place.first || whole;
            if let (true, Some(token)) = (entry.place.last, entry.place.token) {
                if whole {
                    unsent.push(token)
                } else {
                    unknown.push(token)
                }
            }
            whole = whole && !entry.place.last;
        }
        (unsent, unknown)
    }
}
