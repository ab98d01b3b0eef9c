//! Who is typing: oneself as others are told, and others as the window shows it.

use std::{collections::HashMap, time::Duration};

use khaya_wire::{ChatId, UserId, event};

use super::{Chat, Output, SocketCommand};

/// The server is told at most this often.
const TELL_EVERY: Duration = Duration::from_secs(3);

/// Somebody of whom nothing more is heard for this long has stopped.
const SILENCE: Duration = Duration::from_secs(6);

#[derive(Debug, Default)]
pub(super) struct Typing {
    own: Option<Own>,
    /// Until when each of the others is taken to be typing.
    others: HashMap<(ChatId, UserId), Duration>,
}

#[derive(Debug)]
struct Own {
    chat: ChatId,
    told_at: Duration,
    typed_at: Duration,
}

impl Typing {
    pub(super) fn due(&self) -> Option<Duration> {
        let own = self.own.as_ref().map(|own| own.typed_at + SILENCE);
        self.others.values().copied().chain(own).min()
    }

    /// Those who type in a chat, in an order that stays.
    pub(super) fn in_chat(&self, chat: &ChatId) -> Vec<&UserId> {
        let mut users: Vec<_> = self
            .others
            .keys()
            .filter(|(there, _)| there == chat)
            .map(|(_, user)| user)
            .collect();
        users.sort();
        users
    }

    pub(super) fn others_typed(&mut self, chat: ChatId, user: UserId, is_typing: bool, now: Duration) {
        if is_typing {
            self.others.insert((chat, user), now + SILENCE);
        } else {
            self.others.remove(&(chat, user));
        }
    }

    pub(super) fn forget_others(&mut self) {
        self.others.clear();
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Chat {
    /// The person types in a chat, or has stopped.
    pub(super) fn typed(&mut self, chat: &ChatId, active: bool) {
        let now = self.now.monotonic;
        if !active {
            self.stop_typing();
            return;
        }
        if !self.connection.is_up() || !self.is_open(chat) {
            return;
        }
        match &mut self.typing.own {
            Some(own) if own.chat == *chat => {
                own.typed_at = now;
                if now < own.told_at + TELL_EVERY {
                    return;
                }
                own.told_at = now;
            }
            Some(_) | None => {
                self.stop_typing();
                self.typing.own = Some(Own {
                    chat: chat.clone(),
                    told_at: now,
                    typed_at: now,
                });
            }
        }
        self.tell_typing(chat.clone(), true);
    }

    pub(super) fn stop_typing(&mut self) {
        if let Some(own) = self.typing.own.take()
            && self.is_full()
            && self.connection.is_up()
        {
            self.tell_typing(own.chat, false);
        }
    }

    pub(super) fn end_typing_that_is_due(&mut self) {
        let now = self.now.monotonic;
        self.typing.others.retain(|_, until| now < *until);
        if self
            .typing
            .own
            .as_ref()
            .is_some_and(|own| own.typed_at + SILENCE <= now)
        {
            self.stop_typing();
        }
    }

    fn tell_typing(&mut self, chat_id: ChatId, is_typing: bool) {
        if let Some(user_id) = self.my_id() {
            self.emit(
                event::name::USER_TYPING,
                &event::Typing {
                    chat_id,
                    user_id,
                    is_typing: Some(is_typing),
                },
            );
        }
    }

    /// Sends an event, if there is a connection.
    pub(super) fn emit<T: serde::Serialize>(&mut self, name: &'static str, data: &T) {
        if !self.connection.is_up() {
            return;
        }
        // Types of the contract are structs of strings: they always have a JSON form.
        if let Ok(data) = serde_json::to_value(data) {
            self.out.push(Output::Socket(SocketCommand::Emit { name, data }));
        }
    }
}
