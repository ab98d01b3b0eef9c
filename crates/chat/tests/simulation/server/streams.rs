//! What is told: numbered, kept, and told again to who missed it.

use khaya_chat::api::{ApiError, Response};
use khaya_wire::{
    Chat, ChatId, Code, Message, MessageId, UserId,
    event::{self, Number, Scope, name},
    rest::{Missed, Synced},
};
use serde_json::Value;

use super::{Sent, Server, can_see, refused};

/// How many events a part has: few, so that there are several.
const PART: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    New,
    Updated,
    Deleted,
    Chat,
    Removed,
}

/// One event, as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Logged {
    chat: ChatId,
    /// Whose private stream it is in.
    user: Option<UserId>,
    seq: u64,
    kind: Kind,
    message: Option<MessageId>,
}

impl Server {
    /// Tells who can see a message of it.
    pub(super) fn tell_message(&mut self, message: &Message, kind: Kind, sent: &mut Vec<Sent>) {
        let chat = &message.chat_id;
        let members = self.chats[chat].members.clone();
        if !self.is_full {
            if kind == Kind::New {
                for socket in self.sockets_in_room(chat) {
                    let user = self.sockets[&socket].user.clone();
                    if can_see(message, &user) {
                        sent.push((socket, name::NEW_MESSAGE, self.told(message, kind, &user, None)));
                    }
                }
            }
            return;
        }
        if message.is_restricted() {
            for user in members.iter().filter(|user| can_see(message, user)) {
                let number = self.number(chat, Some(user), kind, Some(&message.id));
                self.send_to(user, message, kind, number, sent);
            }
        } else {
            let number = self.number(chat, None, kind, Some(&message.id));
            for user in &members {
                self.send_to(user, message, kind, number, sent);
            }
        }
    }

    /// Tells the members of a chat, or one of them, that it has changed.
    pub(super) fn tell_chat(&mut self, chat: &ChatId, only: Option<&UserId>, sent: &mut Vec<Sent>) {
        if !self.is_full {
            return;
        }
        let number = self.number(chat, only, Kind::Chat, None);
        let sockets: Vec<_> = self
            .sockets
            .iter()
            .filter(|(_, socket)| self.chats[chat].members.contains(&socket.user))
            .filter(|(_, socket)| only.is_none_or(|only| *only == socket.user))
            .map(|(id, socket)| (*id, socket.user.clone()))
            .collect();
        for (socket, user) in sockets {
            let event = chat_updated(self.chat_as(chat, &user), number);
            sent.push((socket, name::CHAT_UPDATED, event));
        }
    }

    /// Somebody is taken out of a chat, or let in.
    pub(crate) fn set_member(&mut self, chat: &ChatId, user: &UserId, is_in: bool) -> Vec<Sent> {
        let mut sent = Vec::new();
        let members = &mut self.chats.get_mut(chat).unwrap().members;
        members.retain(|member| member != user);
        if is_in {
            members.push(user.clone());
        } else {
            let number = self.number(chat, Some(user), Kind::Removed, None);
            for (socket, _) in self.sockets.iter().filter(|(_, socket)| socket.user == *user) {
                sent.push((*socket, name::CHAT_REMOVED, chat_removed(chat, number)));
            }
        }
        self.tell_chat(chat, None, &mut sent);
        sent
    }

    /// Older events are known no more.
    pub(crate) fn forget_events(&mut self) {
        self.kept_after = self.log.len();
    }

    pub(super) fn sync(&self, user: &UserId, since: Option<&str>) -> Result<Response, ApiError> {
        let now = self.log.len();
        let Some(since) = since else {
            return Ok(Response::Synced(Synced {
                events: Vec::new(),
                next: now.to_string(),
                has_more: false,
            }));
        };
        let since: usize = since.parse().unwrap();
        if since < self.kept_after {
            return Err(refused(Code::NotFound));
        }
        let mut events = Vec::new();
        let mut next = now;
        let mut has_more = false;
        for (place, logged) in self.log.iter().enumerate().skip(since) {
            let is_theirs = match &logged.user {
                Some(private) => private == user,
                None => self.chats[&logged.chat].members.contains(user),
            };
            if !is_theirs {
                continue;
            }
            if events.len() == PART {
                has_more = true;
                next = place;
                break;
            }
            let (event, data) = self.tell_again(logged, user);
            events.push(Missed {
                event: event.to_owned(),
                data,
            });
        }
        Ok(Response::Synced(Synced {
            events,
            next: next.to_string(),
            has_more,
        }))
    }

    fn tell_again(&self, logged: &Logged, user: &UserId) -> (&'static str, Value) {
        let number = Some(number_of(logged));
        if logged.kind == Kind::Removed || !self.chats[&logged.chat].members.contains(user) {
            return (name::CHAT_REMOVED, chat_removed(&logged.chat, number_of(logged)));
        }
        let Some(id) = &logged.message else {
            return (
                name::CHAT_UPDATED,
                chat_updated(self.chat_as(&logged.chat, user), number_of(logged)),
            );
        };
        let message = self.chats[&logged.chat]
            .messages
            .iter()
            .find(|message| message.id == *id)
            .unwrap();
        let kind = if logged.kind == Kind::New {
            Kind::New
        } else {
            Kind::Updated
        };
        (kind.event(), self.told(message, kind, user, number))
    }

    fn send_to(&self, user: &UserId, message: &Message, kind: Kind, number: Number, sent: &mut Vec<Sent>) {
        for (socket, known) in &self.sockets {
            if known.user == *user {
                let data = self.told(message, kind, user, Some(number));
                sent.push((*socket, kind.event(), data));
            }
        }
    }

    fn told(&self, message: &Message, kind: Kind, user: &UserId, number: Option<Number>) -> Value {
        let chat_id = message.chat_id.clone();
        match kind {
            Kind::New | Kind::Updated => serde_json::to_value(event::MessageEvent {
                chat_id,
                message: self.message_as(message, user),
                number,
            }),
            Kind::Deleted => serde_json::to_value(event::MessageDeleted {
                chat_id,
                message_id: message.id.clone(),
                number,
            }),
            Kind::Chat | Kind::Removed => panic!("not about a message"),
        }
        .unwrap()
    }

    fn number(
        &mut self,
        chat: &ChatId,
        user: Option<&UserId>,
        kind: Kind,
        message: Option<&MessageId>,
    ) -> Number {
        let last = match user {
            Some(user) => self.private.entry(user.clone()).or_default(),
            None => &mut self.chats.get_mut(chat).unwrap().seq,
        };
        *last += 1;
        let logged = Logged {
            chat: chat.clone(),
            user: user.cloned(),
            seq: *last,
            kind,
            message: message.cloned(),
        };
        let number = number_of(&logged);
        self.log.push(logged);
        number
    }

    fn sockets_in_room(&self, chat: &ChatId) -> Vec<u64> {
        self.sockets
            .iter()
            .filter(|(_, socket)| socket.rooms.contains(chat))
            .map(|(id, _)| *id)
            .collect()
    }
}

impl Kind {
    fn event(self) -> &'static str {
        match self {
            Self::New => name::NEW_MESSAGE,
            Self::Updated => name::MESSAGE_UPDATED,
            Self::Deleted => name::MESSAGE_DELETED,
            Self::Chat => name::CHAT_UPDATED,
            Self::Removed => name::CHAT_REMOVED,
        }
    }
}

fn number_of(logged: &Logged) -> Number {
    Number {
        scope: if logged.user.is_some() {
            Scope::Private
        } else {
            Scope::Chat
        },
        seq: logged.seq,
    }
}

fn chat_updated(chat: Chat, number: Number) -> Value {
    let number = Some(number);
    serde_json::to_value(event::ChatUpdated { chat, number }).unwrap()
}

fn chat_removed(chat: &ChatId, number: Number) -> Value {
    let event = event::ChatRemoved {
        chat_id: chat.clone(),
        number: Some(number),
    };
    serde_json::to_value(event).unwrap()
}
