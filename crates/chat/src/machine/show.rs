//! The view of what is in memory.

mod items;

use std::{borrow::Cow, cmp::Reverse, sync::Arc};

use khaya_wire::{Chat as WireChat, ChatKind, Message, User, UserId, discovery::Feature, model::role};

use super::{
    Chat,
    chats::Row,
    incoming::has_more,
    search::{Hit, Search},
    session::{Session, SignedIn},
    timeline::Timeline,
    words,
};
use crate::{
    store::{OutboxEntry, Read, StoredChat},
    view::{self, ChatRow, Jump, Member, OpenChat, Person, Pin, Preview, SearchHit, SendState, View},
};

/// Before the client id in the key of one's own message. Others' begin with [`OTHER_KEY`], so that no server can
/// make one look like the other.
pub(super) const OWN_KEY: &str = "c:";
const OTHER_KEY: &str = "m:";

/// In characters.
pub(super) const LONGEST_PREVIEW: usize = 120;

impl Chat {
    /// What a window shows now.
    #[must_use]
    pub fn view(&self) -> View {
        let chats = self.show_chats();
        View {
            session: self.show_session(),
            connection: match &self.session {
                Session::SignedIn(_) => view::Connection {
                    catching_up: self.sync.progress(),
                    ..self.connection.show()
                },
                Session::Starting | Session::SignedOut { .. } | Session::SigningIn(_) => {
                    view::Connection::default()
                }
            },
            chats_loading: self.chats.is_loading_first(),
            unread: chats.iter().filter(|row| !row.muted).map(|row| row.unread).sum(),
            chats,
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
            devices: self.devices.clone(),
            search: self.search.as_ref().map(show_search),
            found: self
                .search
                .as_ref()
                .map(|search| search.hits().filter_map(|hit| self.show_hit(hit)).collect())
                .unwrap_or_default(),
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
                features: features(session),
                message_bytes: session.message_bytes(),
                file_bytes: session.file_bytes(),
                kept: session.kept.clone(),
                may_start_chats: session.has(Feature::Chats) && session.me.role != role::GUEST,
            },
        }
    }

    fn show_chats(&self) -> Vec<Arc<ChatRow>> {
        let mut rows: Vec<_> = self
            .chats
            .rows
            .values()
            .filter_map(|row| {
                let chat = self.chat_as_shown(&row.stored)?;
                Some(Arc::new(self.show_row(row, &chat)))
            })
            .collect();
        let place = |row: &ChatRow| (Reverse(row.pinned), Reverse(row.at), row.id.clone());
        rows.sort_by_cached_key(|row| place(row));
        rows
    }

    fn show_row(&self, row: &Row, chat: &WireChat) -> ChatRow {
        let stored = &row.stored;
        let unsent = self.outbox.messages_of(&chat.id).next_back();
        let newest_at = stored.newest.as_ref().map(|newest| newest.created_at);
        let preview = match (unsent, &stored.newest) {
            (Some((entry, message)), _) => Some(Preview {
                sender_name: self
                    .signed_in()
                    .map(|session| session.me.name.clone())
                    .unwrap_or_default(),
                own: true,
                text: shortened(&words::line_of_unsent(message), LONGEST_PREVIEW),
                state: Some(state_of_unsent(entry)),
            }),
            (None, Some(newest)) => Some(self.show_preview(row, newest)),
            (None, None) => None,
        };
        let other = self.other_of(chat);
        ChatRow {
            id: chat.id.clone(),
            kind: chat.kind,
            name: self.name_of_chat(chat),
            unread: stored.unread,
            mentioned: stored.unread > 0 && stored.mentioned > stored.marker,
            muted: chat.muted.unwrap_or(false),
            pinned: chat.pinned.unwrap_or(false),
            person: other.map(|other| other.id.clone()),
            presence: other.and_then(|other| self.chats.presence.get(&other.id).cloned()),
            avatar: other.and_then(|other| other.avatar_file_id.clone()),
            at: unsent
                .map(|(entry, _)| entry.at)
                .max(newest_at)
                .unwrap_or(chat.updated_at),
            preview,
            draft: Some(shortened(&stored.draft, LONGEST_PREVIEW)).filter(|draft| !draft.is_empty()),
            typing: self.show_typing(stored),
        }
    }

    fn show_preview(&self, row: &Row, newest: &Arc<Message>) -> Preview {
        let stored = &row.stored;
        let changed = self.message_as_changed(newest);
        let line = changed.as_ref().map(words::line);
        let newest = changed.as_ref().unwrap_or(newest);
        let own = self.is_own(newest);
        Preview {
            sender_name: self.name_of(stored, &newest.sender_id),
            own,
            text: shortened(line.as_ref().unwrap_or(&row.line), LONGEST_PREVIEW),
            state: own.then(|| state_of_sent(newest, &stored.reads)),
        }
    }

    fn show_open(&self, timeline: &Timeline) -> Option<OpenChat> {
        let stored = self.chats.get(&timeline.chat)?;
        let chat = self.chat_as_shown(stored)?;
        Some(OpenChat {
            id: timeline.chat.clone(),
            kind: chat.kind,
            name: self.name_of_chat(&chat),
            topic: chat.topic.clone(),
            members: chat.members.iter().map(|user| self.show_member(user)).collect(),
            muted: chat.muted.unwrap_or(false),
            pinned: chat.pinned.unwrap_or(false),
            my_role: chat.my_role,
            may: self.may_in(&chat),
            draft: stored.draft.clone(),
            typing: self.show_typing(stored),
            is_loading: timeline.is_loading(),
            failure: timeline.failure.clone(),
            has_older: has_more(timeline.older),
            has_newer: has_more(timeline.newer),
            first_unread: timeline.first_unread.as_ref().map(|message| self.key_of(message)),
            pins: timeline
                .pins
                .iter()
                .rev()
                .map(|pin| Pin {
                    id: pin.id.clone(),
                    sender_name: self.name_of(stored, &pin.sender_id),
                    excerpt: timeline.lines.get(&pin.id).cloned().unwrap_or_default(),
                    at: pin.created_at,
                })
                .collect(),
            jumped_to: timeline.jumped.as_ref().and_then(|(id, number)| {
                Some(Jump {
                    key: self.key_of(timeline.find(id)?),
                    number: *number,
                })
            }),
        })
    }

    /// The chat as the person has changed it; `None` when they left it.
    fn chat_as_shown<'a>(&self, stored: &'a StoredChat) -> Option<Cow<'a, WireChat>> {
        if self.outbox.changes_of(&stored.chat.id).next().is_none() {
            return Some(Cow::Borrowed(&stored.chat));
        }
        self.chat_as_changed(&stored.chat).map(Cow::Owned)
    }

    /// `None` where the message is not there any more for this person.
    fn show_hit(&self, hit: &Hit) -> Option<Arc<SearchHit>> {
        let message = &hit.message;
        let stored = self.chats.get(&message.chat_id)?;
        let chat = self.chat_as_shown(stored)?;
        let is_deleted = self
            .message_as_changed(message)
            .is_some_and(|changed| changed.deleted_at.is_some());
        if is_deleted {
            return None;
        }
        Some(Arc::new(SearchHit {
            key: format!("{}/{}", message.chat_id, message.id),
            chat_id: message.chat_id.clone(),
            id: message.id.clone(),
            chat_name: self.name_of_chat(&chat),
            sender: self.person_of(stored, &message.sender_id),
            own: self.is_own(message),
            at: message.created_at,
            excerpt: hit.excerpt.clone(),
            files: message
                .attachments
                .iter()
                .flatten()
                .map(|file| file.name.clone())
                .collect(),
            restricted: message.is_restricted(),
        }))
    }

    fn show_member(&self, user: &User) -> Member {
        Member {
            person: person(user),
            role: user.role.clone(),
            presence: self.chats.presence.get(&user.id).cloned(),
        }
    }

    fn show_typing(&self, stored: &StoredChat) -> Vec<String> {
        self.typing
            .in_chat(&stored.chat.id)
            .into_iter()
            .map(|user| self.name_of(stored, user))
            .collect()
    }

    /// The other person of a direct chat.
    fn other_of<'a>(&self, chat: &'a WireChat) -> Option<&'a User> {
        let me = self.my_id();
        chat.members
            .iter()
            .find(|member| Some(&member.id) != me.as_ref())
            .filter(|_| chat.kind == ChatKind::Direct)
    }

    pub(super) fn name_of_chat(&self, chat: &WireChat) -> String {
        self.other_of(chat)
            .map_or_else(|| chat.name.clone(), |other| other.name.clone())
    }

    pub(super) fn person_of(&self, chat: &StoredChat, user: &UserId) -> Person {
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
                    avatar: None,
                },
                person,
            )
    }

    pub(super) fn is_own(&self, message: &Message) -> bool {
        self.signed_in()
            .is_some_and(|session| session.me.id == message.sender_id)
    }
}

/// The names of the contract's features that a server has.
pub(super) fn features(session: &SignedIn) -> Vec<String> {
    session
        .discovery
        .iter()
        .flat_map(|discovery| &discovery.features)
        .filter_map(|feature| match serde_json::to_value(feature) {
            Ok(serde_json::Value::String(name)) => Some(name),
            Ok(_) | Err(_) => None,
        })
        .collect()
}

fn show_search(search: &Search) -> view::Search {
    view::Search {
        query: search.line.clone(),
        chat_id: search.chat.clone(),
        is_loading: search.is_loading(),
        has_more: search.has_more(),
        is_everywhere: search.is_everywhere(),
        failure: search.failure().cloned(),
    }
}

/// Somebody, as shown.
pub(super) fn person(user: &User) -> Person {
    Person {
        id: user.id.clone(),
        name: user.name.clone(),
        username: user.username.clone(),
        avatar: user.avatar_file_id.clone(),
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

pub(super) fn state_of_unsent(entry: &OutboxEntry) -> SendState {
    match &entry.parked {
        Some(failure) => SendState::Failed {
            failure: failure.clone(),
        },
        None => SendState::Sending,
    }
}

pub(super) fn state_of_sent(message: &Message, reads: &[Read]) -> SendState {
    let position = (message.created_at, &message.id);
    let is_read = reads
        .iter()
        .any(|read| read.at.is_some_and(|at| (at, &read.message) >= position));
    if is_read { SendState::Read } else { SendState::Sent }
}
