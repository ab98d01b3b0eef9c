//! Events of the server.

use std::collections::HashSet;

use khaya_wire::{
    event::{self, name},
    model::Presence,
};
use serde::de::DeserializeOwned;

use super::{Chat, stored::Then, timeline::Why};
use crate::store::{Edge, Op, Place, Put, Told};

impl Chat {
    pub(super) fn take_event(&mut self, name: &str, data: serde_json::Value) {
        match name {
            name::USER_TYPING => {
                if let Some(event) = parse::<event::Typing>(name, data) {
                    self.take_typing(event);
                }
            }
            name::READ_UPDATED => {
                if let Some(event) = parse::<event::ReadUpdated>(name, data) {
                    if self.my_id().as_ref() == Some(&event.user_id) {
                        // Now, and not when the store has it: until then an older count may come.
                        self.chats.overtake(&event.chat_id);
                    }
                    self.store(
                        Op::PutRead {
                            chat: event.chat_id,
                            user: event.user_id,
                            message: event.message_id,
                        },
                        Then::Reads,
                    );
                }
            }
            name::PRESENCE => {
                if let Some(event) = parse::<event::PresenceChanged>(name, data) {
                    let event::PresenceChanged {
                        user_id,
                        status,
                        last_seen,
                    } = event;
                    self.chats
                        .presence
                        .insert(user_id, Presence { status, last_seen });
                }
            }
            name::SESSION_REVOKED => self.end_revoked_session(),
            _ => {
                if let Some(told) = understand(name, data) {
                    self.take_told(told);
                }
            }
        }
    }

    /// Something is told that is going to be stored: what was asked for before it is older.
    pub(super) fn tell(&mut self, told: &Told) {
        let newest = self.next_token;
        match told {
            Told::New(event) | Told::Updated(event) => {
                self.overtaken.message(&event.message.id, newest);
                if event.message.deleted_at.is_some() {
                    self.chats.overtake(&event.chat_id);
                }
            }
            Told::Deleted(event) => {
                self.overtaken.message(&event.message_id, newest);
                // It may be among what a fetch on its way says is unread.
                self.chats.overtake(&event.chat_id);
            }
            Told::Chat(event) => self.overtaken.chat(&event.chat.id, newest),
            Told::Removed(event) => self.overtaken.chat(&event.chat_id, newest),
        }
    }

    fn take_told(&mut self, told: Told) {
        self.tell(&told);
        match told {
            Told::New(event) => {
                self.observe(&event.chat_id, event.number);
                self.take_new_message(event);
            }
            Told::Updated(event) => {
                self.observe(&event.chat_id, event.number);
                let op = Op::Edit {
                    seq: event.number.map(|number| number.seq),
                    message: event.message,
                };
                self.store(op, Then::Page { why: Why::Edited });
            }
            Told::Deleted(event) => {
                self.observe(&event.chat_id, event.number);
                let op = Op::Bury {
                    chat: event.chat_id,
                    message: event.message_id,
                    seq: event.number.map(|number| number.seq),
                    at: self.now.wall,
                };
                self.store(op, Then::Page { why: Why::Edited });
            }
            Told::Chat(event) => {
                self.observe(&event.chat.id, event.number);
                let is_new = self.chats.get(&event.chat.id).is_none();
                self.put_chat(event.chat, false, None);
                if is_new {
                    // Its count and its last message come with the list.
                    self.fetch_soon();
                }
            }
            Told::Removed(event) => {
                self.observe(&event.chat_id, event.number);
                if self.is_catching_up() {
                    // What is on its way may be from before, and would bring the chat back.
                    self.sync_soon();
                }
                let chat = event.chat_id;
                self.store(Op::RemoveChat { chat: chat.clone() }, Then::Removed { chat });
            }
        }
    }

    /// A message came in by itself.
    fn take_new_message(&mut self, event: event::MessageEvent) {
        let event::MessageEvent {
            chat_id,
            message,
            number,
        } = event;
        self.typing.others_typed(
            chat_id.clone(),
            message.sender_id.clone(),
            false,
            self.now.monotonic,
        );
        if self.chats.get(&chat_id).is_none() {
            // A chat of which nothing is known yet: the list has it, and the message with it.
            self.fetch_soon();
            return;
        }
        tracing::trace!(chat = %chat_id, message = %message.id, "a message came in");
        let message = self.take_for_own(message);
        let place = if self.chats.is_live(&chat_id) {
            Place::Live
        } else {
            Place::Alone
        };
        self.store(
            Op::PutMessages {
                chat: chat_id,
                messages: vec![message],
                place,
                seq: number.map(|number| number.seq),
                overtaken: HashSet::new(),
            },
            Then::Live,
        );
    }

    /// The store has a message that came in by itself.
    pub(super) fn live_is_stored(&mut self, put: Put) {
        self.outbox.confirm(&put.messages);
        self.row_follows(&put);
        for message in &put.messages {
            if put.new.contains(&message.id) {
                self.notify_of(message);
            }
        }
        self.show_live(&put);
    }

    /// The row of a chat takes over what the store says after a transaction.
    pub(super) fn row_follows(&mut self, put: &Put) {
        self.search_follows(put);
        if put.count_is_doubtful {
            self.fetch_soon();
        }
        if let Some(row) = self.chats.rows.get_mut(&put.chat) {
            row.stored.unread = put.unread;
            if put.newest.is_some() && row.stored.newest != put.newest {
                row.line = put.newest.as_deref().map(super::words::line).unwrap_or_default();
                row.stored.newest.clone_from(&put.newest);
            }
            row.stored.mentioned.clone_from(&put.mentioned);
            if let Some(markers) = &put.reads {
                row.stored.reads.clone_from(&markers.others);
                row.stored.marker.clone_from(&markers.own);
            }
        }
    }

    fn take_typing(&mut self, event: event::Typing) {
        if Some(&event.user_id) == self.my_id().as_ref() || self.chats.get(&event.chat_id).is_none() {
            return;
        }
        let is_typing = event.is_typing();
        self.typing
            .others_typed(event.chat_id, event.user_id, is_typing, self.now.monotonic);
    }
}

/// Whether a window that ends here has more before it.
pub(super) fn has_more(edge: Edge) -> bool {
    match edge {
        Edge::Stored | Edge::Gap => true,
        Edge::End => false,
    }
}

/// An event that tells of something to be stored; `None` for others, and for what cannot be read.
pub(super) fn understand(name: &str, data: serde_json::Value) -> Option<Told> {
    match name {
        name::NEW_MESSAGE => parse(name, data).filter(is_of_its_chat).map(Told::New),
        name::MESSAGE_UPDATED => parse(name, data).filter(is_of_its_chat).map(Told::Updated),
        name::MESSAGE_DELETED => parse(name, data).map(Told::Deleted),
        name::CHAT_UPDATED => parse(name, data).map(Told::Chat),
        name::CHAT_REMOVED => parse(name, data).map(Told::Removed),
        _ => {
            tracing::trace!(name, "an event that is not known");
            None
        }
    }
}

fn is_of_its_chat(event: &event::MessageEvent) -> bool {
    let is_of_its_chat = event.message.chat_id == event.chat_id;
    if !is_of_its_chat {
        tracing::warn!(chat = %event.chat_id, "a message of another chat than its event's");
    }
    is_of_its_chat
}

fn parse<T: DeserializeOwned>(name: &str, data: serde_json::Value) -> Option<T> {
    // Not the error itself: it quotes what it read.
    serde_json::from_value(data)
        .inspect_err(|error| tracing::warn!(name, kind = ?error.classify(), "an event that cannot be read"))
        .ok()
}
