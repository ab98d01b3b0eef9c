//! Which answers are older than what has been told since they were asked for.
//!
//! A page that was asked for before an event came in may have been read before or after what the event tells. What
//! the event told stays: should the page have been newer, the event of that comes too, or the gap that it leaves is
//! seen.

use std::collections::{HashMap, HashSet};

use khaya_wire::{ChatId, Message, MessageId};

/// So many are remembered before those are forgotten that no call can ask about.
const MANY: usize = 512;

/// What was told, and the newest call that had been made then.
#[derive(Debug, Default)]
pub(super) struct Overtaken {
    messages: HashMap<MessageId, u64>,
    chats: HashMap<ChatId, u64>,
}

impl Overtaken {
    /// Something was told of a message when `newest` was the newest call.
    pub(super) fn message(&mut self, message: &MessageId, newest: u64) {
        self.messages.insert(message.clone(), newest);
    }

    /// Something was told of a chat itself when `newest` was the newest call.
    pub(super) fn chat(&mut self, chat: &ChatId, newest: u64) {
        self.chats.insert(chat.clone(), newest);
    }

    /// Whether something was told of the message since the call was made.
    pub(super) fn is_message(&self, message: &MessageId, asked: u64) -> bool {
        self.messages.get(message).is_some_and(|told| *told >= asked)
    }

    /// Whether something was told of the chat itself since the call was made.
    pub(super) fn is_chat(&self, chat: &ChatId, asked: u64) -> bool {
        self.chats.get(chat).is_some_and(|told| *told >= asked)
    }

    /// Those of the messages of which something was told since the call was made.
    pub(super) fn among(&self, messages: &[Message], asked: u64) -> HashSet<MessageId> {
        messages
            .iter()
            .map(|message| &message.id)
            .filter(|message| self.is_message(message, asked))
            .cloned()
            .collect()
    }

    /// Forgets what is of no use to a call as old as `oldest`, or to any where there is none.
    pub(super) fn forget(&mut self, oldest: Option<u64>) {
        if self.messages.len() + self.chats.len() > MANY || oldest.is_none() {
            let is_of_use = |told: &u64| oldest.is_some_and(|oldest| *told >= oldest);
            self.messages.retain(|_, told| is_of_use(told));
            self.chats.retain(|_, told| is_of_use(told));
        }
    }
}
