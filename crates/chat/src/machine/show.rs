//! The view of what is in memory.

use std::{cmp::Reverse, sync::Arc};

use khaya_wire::{ChatKind, Message, User, UserId};

use super::{Chat, incoming::has_more, session::Session, timeline::Timeline};
use crate::{
    store::{OutboxEntry, Read, StoredChat},
    view::{self, ChatRow, OpenChat, Person, Preview, SendState, TimelineItem, View},
};

/// Before the client id in the key of one's own message. Others' begin with [`OTHER_KEY`], so that no server can
/// make one look like the other.
pub(super) const OWN_KEY: &str = "c:";
const OTHER_KEY: &str = "m:";

/// In characters.
const LONGEST_PREVIEW: usize = 120;

impl Chat {
    /// What a window shows now.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            session: self.show_session(),
            connection: match &self.session {
                Session::SignedIn(_) => self.connection.show(),
                Session::Starting | Session::SignedOut { .. } | Session::SigningIn(_) => {
                    view::Connection::default()
                }
            },
            chats: self.show_chats(),
            chats_loading: self.chats.is_loading_first(),
            unread: self
                .chats
                .rows
                .values()
                .filter(|row| !row.stored.chat.muted.unwrap_or(false))
                .map(|row| row.stored.unread)
                .sum(),
            open: self
                .timeline
                .as_ref()
                .and_then(|timeline| self.show_open(timeline)),
            timeline: self
                .timeline
                .as_ref()
                .map(|timeline| self.show_timeline(timeline))
                .unwrap_or_default(),
            people: self.people.clone(),
            alerts: self.alerts.clone(),
        }
    }

    /// The key of a message: the same as its local echo had.
    pub(super) fn key_of(&self, message: &Message) -> String {
        match &message.client_id {
            Some(client_id)
                if self
                    .signed_in()
                    .is_some_and(|session| session.me.id == message.sender_id) =>
            {
                format!("{OWN_KEY}{client_id}")
            }
            Some(_) | None => format!("{OTHER_KEY}{}", message.id),
        }
    }

    pub(super) fn name_of(&self, chat: &StoredChat, user: &UserId) -> String {
        self.person_of(chat, user).name
    }

    fn show_session(&self) -> view::Session {
        match &self.session {
            Session::Starting => view::Session::default(),
            Session::SignedOut {
                server,
                username,
                failure,
            } => view::Session::SignedOut {
                server: server.clone(),
                username: username.clone(),
                failure: failure.clone(),
            },
            Session::SigningIn(attempt) => view::Session::SigningIn {
                server: attempt.server.to_string(),
                username: attempt.username.clone(),
            },
            Session::SignedIn(session) => view::Session::SignedIn {
                me: person(&session.me),
                server: session.server.to_string(),
                server_name: session.discovery.as_ref().map(|discovery| discovery.name.clone()),
                features: session
                    .discovery
                    .iter()
                    .flat_map(|discovery| &discovery.features)
                    .filter_map(|feature| match serde_json::to_value(feature) {
                        Ok(serde_json::Value::String(name)) => Some(name),
                        Ok(_) | Err(_) => None,
                    })
                    .collect(),
                message_bytes: session.message_bytes(),
                kept: session.kept.clone(),
            },
        }
    }

    fn show_chats(&self) -> Vec<Arc<ChatRow>> {
        let mut rows: Vec<_> = self
            .chats
            .rows
            .values()
            .map(|row| Arc::new(self.show_row(&row.stored)))
            .collect();
        rows.sort_by(|a, b| (Reverse(a.at), &a.id).cmp(&(Reverse(b.at), &b.id)));
        rows
    }

    fn show_row(&self, stored: &StoredChat) -> ChatRow {
        let unsent = self.outbox.of_chat(&stored.chat.id).next_back();
        let newest_at = stored.newest.as_ref().map(|newest| newest.created_at);
        let preview = match (unsent, &stored.newest) {
            (Some(entry), _) => Some(Preview {
                sender_name: self
                    .signed_in()
                    .map(|session| session.me.name.clone())
                    .unwrap_or_default(),
                own: true,
                text: shortened(&entry.text, LONGEST_PREVIEW),
                state: Some(state_of_unsent(entry)),
            }),
            (None, Some(newest)) => Some(self.show_preview(stored, newest)),
            (None, None) => None,
        };
        ChatRow {
            id: stored.chat.id.clone(),
            kind: stored.chat.kind,
            name: self.name_of_chat(stored),
            unread: stored.unread,
            muted: stored.chat.muted.unwrap_or(false),
            at: unsent
                .map(|entry| entry.at)
                .max(newest_at)
                .unwrap_or(stored.chat.updated_at),
            preview,
            draft: Some(shortened(&stored.draft, LONGEST_PREVIEW)).filter(|draft| !draft.is_empty()),
            typing: self.show_typing(stored),
        }
    }

    fn show_preview(&self, stored: &StoredChat, newest: &Message) -> Preview {
        let own = self.is_own(newest);
        Preview {
            sender_name: self.name_of(stored, &newest.sender_id),
            own,
            text: if newest.deleted_at.is_some() {
                String::new()
            } else {
                shortened(&newest.content, LONGEST_PREVIEW)
            },
            state: own.then(|| state_of_sent(newest, &stored.reads)),
        }
    }

    fn show_open(&self, timeline: &Timeline) -> Option<OpenChat> {
        let stored = self.chats.get(&timeline.chat)?;
        Some(OpenChat {
            id: timeline.chat.clone(),
            kind: stored.chat.kind,
            name: self.name_of_chat(stored),
            topic: stored.chat.topic.clone(),
            members: stored.chat.members.iter().map(person).collect(),
            draft: stored.draft.clone(),
            typing: self.show_typing(stored),
            is_loading: timeline.is_loading(),
            failure: timeline.failure.clone(),
            has_older: has_more(timeline.older),
            has_newer: has_more(timeline.newer),
            first_unread: timeline.first_unread.as_ref().map(|message| self.key_of(message)),
        })
    }

    fn show_timeline(&self, timeline: &Timeline) -> Vec<Arc<TimelineItem>> {
        let Some(stored) = self.chats.get(&timeline.chat) else {
            return Vec::new();
        };
        let mut items: Vec<_> = timeline
            .messages
            .iter()
            .map(|message| Arc::new(self.show_item(stored, message)))
            .collect();
        if timeline.is_at_newest() {
            items.extend(
                self.outbox
                    .of_chat(&timeline.chat)
                    .filter_map(|entry| Some(Arc::new(self.show_unsent(entry)?))),
            );
        }
        items
    }

    fn show_item(&self, stored: &StoredChat, message: &Message) -> TimelineItem {
        let own = self.is_own(message);
        let is_deleted = message.deleted_at.is_some();
        TimelineItem {
            key: self.key_of(message),
            id: Some(message.id.clone()),
            sender: self.person_of(stored, &message.sender_id),
            own,
            text: if is_deleted {
                "".into()
            } else {
                message.content.clone()
            },
            at: message.created_at,
            state: own.then(|| state_of_sent(message, &stored.reads)),
            audience: message.is_restricted().then(|| self.audience_of(stored, message)),
            edited: message.edited_at.is_some(),
            deleted: is_deleted,
            system: message.system.as_ref().map(|system| system.event.clone()),
        }
    }

    fn show_unsent(&self, entry: &OutboxEntry) -> Option<TimelineItem> {
        Some(TimelineItem {
            key: format!("{OWN_KEY}{}", entry.client_id),
            id: None,
            sender: person(&self.signed_in()?.me),
            own: true,
            text: entry.text.clone(),
            at: entry.at,
            state: Some(state_of_unsent(entry)),
            audience: None,
            edited: false,
            deleted: false,
            system: None,
        })
    }

    fn show_typing(&self, stored: &StoredChat) -> Vec<String> {
        self.typing
            .in_chat(&stored.chat.id)
            .into_iter()
            .map(|user| self.name_of(stored, user))
            .collect()
    }

    fn audience_of(&self, stored: &StoredChat, message: &Message) -> Vec<String> {
        let users = message
            .visible_to
            .iter()
            .flatten()
            .map(|user| self.name_of(stored, user));
        let roles = message.visible_to_roles.iter().flatten().cloned();
        users.chain(roles).collect()
    }

    fn name_of_chat(&self, stored: &StoredChat) -> String {
        let me = self.my_id();
        let other = stored
            .chat
            .members
            .iter()
            .find(|member| Some(&member.id) != me.as_ref())
            .map(|member| member.name.clone());
        match stored.chat.kind {
            ChatKind::Direct => other.unwrap_or_else(|| stored.chat.name.clone()),
            ChatKind::Group => stored.chat.name.clone(),
        }
    }

    fn person_of(&self, chat: &StoredChat, user: &UserId) -> Person {
        let member = chat.chat.members.iter().find(|member| member.id == *user);
        let me = || {
            self.signed_in()
                .map(|session| &session.me)
                .filter(|me| me.id == *user)
        };
        member
            .or_else(|| self.chats.people.get(user))
            .or_else(me)
            .map_or_else(
                // Someone who has left, and whom no chat names any more.
                || Person {
                    id: user.clone(),
                    name: user.to_string(),
                    username: String::new(),
                },
                person,
            )
    }

    fn is_own(&self, message: &Message) -> bool {
        self.signed_in()
            .is_some_and(|session| session.me.id == message.sender_id)
    }
}

/// Somebody, as shown.
pub(super) fn person(user: &User) -> Person {
    Person {
        id: user.id.clone(),
        name: user.name.clone(),
        username: user.username.clone(),
    }
}

/// The beginning of a text on one line.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    let mut short = String::new();
    for (count, character) in text.trim().chars().enumerate() {
        if count == longest {
            short.push('…');
            break;
        }
        short.push(if character.is_whitespace() { ' ' } else { character });
    }
    short
}

fn state_of_unsent(entry: &OutboxEntry) -> SendState {
    match &entry.parked {
        Some(failure) => SendState::Failed {
            failure: failure.clone(),
        },
        None => SendState::Sending,
    }
}

fn state_of_sent(message: &Message, reads: &[Read]) -> SendState {
    let position = (message.created_at, &message.id);
    let is_read = reads
        .iter()
        .any(|read| read.at.is_some_and(|at| (at, &read.message) >= position));
    if is_read { SendState::Read } else { SendState::Sent }
}
