//! Sending: what waits, in which order, and what is done when no answer comes.
//!
//! Each chat has a lane of its own, in which one message at a time is on its way, so that order is kept. An error
//! that may pass makes the lane wait; one that will not pass parks the message for the person to decide.
//!
//! A server of level Full takes a repeated message for what it is by its client id. One of level Base cannot: so
//! a message whose sending had no answer is looked for before it is sent again.

mod flight;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use khaya_wire::{ChatId, ClientId, Message, MessageId};

use super::{Chat, stored::Then};
use crate::{
    store::{Op, OutboxEntry},
    view::Failure,
};

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// In the order of sending.
    entries: Vec<Entry>,
    lanes: HashMap<ChatId, Lane>,
}

#[derive(Debug)]
struct Entry {
    entry: OutboxEntry,
    /// Whether the server may have it although no answer said so.
    is_unknown: bool,
}

/// The sending of one chat's messages.
#[derive(Debug, Default)]
struct Lane {
    flight: Option<Flight>,
    failures: u32,
    /// No further try before this time.
    wait_until: Option<Duration>,
}

/// A message on its way.
#[derive(Debug)]
struct Flight {
    entry: OutboxEntry,
    /// The message that came in by itself and was taken for this one.
    taken: Option<MessageId>,
}

impl Outbox {
    /// Takes over what an earlier run left. What became of it is not known.
    pub(super) fn load(&mut self, entries: Vec<OutboxEntry>) {
        self.lanes.clear();
        self.entries = entries
            .into_iter()
            .map(|entry| Entry {
                entry,
                is_unknown: true,
            })
            .collect();
    }

    /// The messages of a chat that the server does not have, in the order of sending.
    pub(super) fn of_chat<'a>(
        &'a self,
        chat: &'a ChatId,
    ) -> impl DoubleEndedIterator<Item = &'a OutboxEntry> {
        self.entries
            .iter()
            .map(|entry| &entry.entry)
            .filter(move |entry| entry.chat == *chat)
    }

    pub(super) fn get(&self, client_id: &str) -> Option<&OutboxEntry> {
        self.entries
            .iter()
            .map(|entry| &entry.entry)
            .find(|entry| entry.client_id.as_str() == client_id)
    }

    /// Whatever waits is tried at once.
    pub(super) fn stop_waiting(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.wait_until = None;
            lane.failures = 0;
        }
    }

    /// Lets go of what the store has as messages of the server.
    pub(super) fn confirm<'a>(&mut self, messages: impl IntoIterator<Item = &'a Arc<Message>>) {
        let confirmed: HashSet<_> = messages
            .into_iter()
            .filter_map(|message| message.client_id.as_ref())
            .collect();
        if !confirmed.is_empty() {
            self.entries
                .retain(|entry| !confirmed.contains(&entry.entry.client_id));
        }
    }

    fn remove(&mut self, client_id: &ClientId) -> Option<Entry> {
        let at = self
            .entries
            .iter()
            .position(|entry| entry.entry.client_id == *client_id)?;
        Some(self.entries.remove(at))
    }

    fn lane_of(&mut self, client_id: &ClientId) -> Option<&mut Lane> {
        self.lanes.values_mut().find(|lane| {
            lane.flight
                .as_ref()
                .is_some_and(|flight| flight.entry.client_id == *client_id)
        })
    }
}

impl Chat {
    /// Takes a message to be sent. It is shown when it is on disk.
    pub(super) fn send(&mut self, intent: u64, chat: ChatId, text: &str) {
        let text = text.trim();
        let limit = self
            .signed_in()
            .map_or(0, super::session::SignedIn::message_bytes);
        let refusal = match self.chats.get(&chat) {
            None => Some(Failure::new("not_found", "This chat is not there any more.")),
            Some(_) if text.is_empty() => Some(Failure::new("message_empty", "There is nothing to send.")),
            Some(_) if text.len() as u64 > limit => Some(Failure::new(
                "message_too_long",
                format!(
                    "The message is too long: it has {} bytes, and the server takes {limit}. Shorten it or send it \
                     in parts.",
                    text.len()
                ),
            )),
            Some(_) => None,
        };
        if let Some(failure) = refusal {
            return self.answer(intent, Err(failure));
        }
        self.stop_typing();
        let entry = OutboxEntry {
            client_id: self.random.client_id(),
            after: self
                .chats
                .get(&chat)
                .and_then(|chat| chat.newest.as_ref().map(|newest| newest.id.clone())),
            chat,
            text: text.into(),
            at: self.now.wall,
            parked: None,
        };
        self.store(
            Op::Enqueue(entry.clone()),
            Then::Enqueue {
                intent,
                entry: Box::new(entry),
            },
        );
    }

    pub(super) fn enqueued(&mut self, intent: u64, entry: OutboxEntry) {
        tracing::trace!(chat = %entry.chat, client_id = %entry.client_id, "queued");
        if let Some(row) = self.chats.rows.get_mut(&entry.chat) {
            row.stored.draft.clear();
        }
        if self.is_open(&entry.chat) {
            self.jump_to_newest();
        }
        self.outbox.entries.push(Entry {
            entry,
            is_unknown: false,
        });
        self.answer(intent, Ok(()));
    }

    pub(super) fn retry(&mut self, intent: u64, client_id: &str) {
        match self.outbox.get(client_id).filter(|entry| entry.parked.is_some()) {
            Some(entry) => {
                let client_id = entry.client_id.clone();
                self.store(
                    Op::Unpark {
                        client_id: client_id.clone(),
                    },
                    Then::Unpark { intent, client_id },
                );
            }
            None => self.answer(intent, Err(unknown_item())),
        }
    }

    pub(super) fn unparked(&mut self, intent: u64, client_id: &ClientId) {
        if let Some(mut entry) = self.outbox.remove(client_id) {
            entry.entry.parked = None;
            self.outbox.entries.push(entry);
        }
        self.answer(intent, Ok(()));
    }

    pub(super) fn delete_unsent(&mut self, intent: u64, client_id: &str) {
        // What is on its way, or may have arrived, cannot be taken back.
        match self.outbox.get(client_id).filter(|entry| entry.parked.is_some()) {
            Some(entry) => {
                let client_id = entry.client_id.clone();
                self.store(
                    Op::Discard {
                        client_id: client_id.clone(),
                    },
                    Then::Discard { intent, client_id },
                );
            }
            None => self.answer(intent, Err(unknown_item())),
        }
    }

    pub(super) fn discarded(&mut self, intent: u64, client_id: &ClientId) {
        self.outbox.remove(client_id);
        self.answer(intent, Ok(()));
    }
}

/// For an intent about an item that is not there, or not in a state for it.
pub(super) fn unknown_item() -> Failure {
    Failure::new(
        "unknown_item",
        "This message is not there any more, or was sent meanwhile.",
    )
}
