//! Changes of messages and chats: shown at once, kept on disk, and done at the server in their order with the
//! messages of the chat.
//!
//! What a change makes of a message is never stored before the server has taken it: the view lays it over what is
//! stored. So a change that is refused is undone by forgetting it.

use khaya_wire::{Chat as WireChat, ChatId, ClientId, Code, Message, UserId, discovery::Feature, rest};

use super::{Chat, calls::Purpose, stored::Then};
use crate::{
    api::{ApiError, Request, Response},
    store::{Change, Op, OutboxEntry, Target, Work, apply},
    view::Failure,
};

/// In bytes: families with skin tones are long.
const LONGEST_EMOJI: usize = 64;

impl Chat {
    /// Takes a change of an item of the timeline.
    pub(super) fn change_message(
        &mut self,
        intent: u64,
        key: &str,
        feature: Feature,
        change: impl FnOnce(Target) -> Change,
    ) {
        let Some((chat, target)) = self.find_item(key) else {
            return self.answer(intent, Err(super::outbox::unknown_item()));
        };
        self.change(intent, chat, feature, change(target));
    }

    /// Takes a change. It is shown when it is on disk.
    pub(super) fn change(&mut self, intent: u64, chat: ChatId, feature: Feature, change: Change) {
        if self.chats.get(&chat).is_none() {
            return self.answer(intent, Err(super::intents::no_such_chat()));
        }
        if !self.server_has(feature) {
            return self.answer(intent, Err(not_supported()));
        }
        let entry = OutboxEntry {
            client_id: self.random.client_id(),
            chat,
            at: self.now.wall,
            after: None,
            parked: None,
            work: Work::Change(change),
        };
        self.store(
            Op::Enqueue(entry.clone()),
            Then::Enqueue {
                intent,
                entry: Box::new(entry),
            },
        );
    }

    /// Takes an edit; of a message that failed to be sent, it is sent with the new text.
    pub(super) fn edit(&mut self, intent: u64, key: &str, text: &str) {
        let text = text.trim();
        if let Some(refusal) = self.refusal_of_text(text) {
            return self.answer(intent, Err(refusal));
        }
        let failed = self
            .outbox
            .get(super::intents::client_id_in(key))
            .filter(|entry| entry.parked.is_some())
            .cloned();
        if let Some(mut entry) = failed
            && let Work::Message(message) = &mut entry.work
        {
            message.text = text.into();
            return self.unpark(intent, entry);
        }
        let text = text.into();
        self.change_message(intent, key, Feature::Edits, |target| Change::Edit {
            target,
            text,
        });
    }

    pub(super) fn react(&mut self, intent: u64, key: &str, emoji: String, add: bool) {
        // Keycaps begin with plain characters, but no emoji is made of them alone.
        let is_emoji = emoji.len() <= LONGEST_EMOJI
            && !emoji.is_ascii()
            && emoji.chars().all(|c| {
                !c.is_control() && !c.is_whitespace() && (!c.is_ascii() || "0123456789#*".contains(c))
            });
        if !is_emoji {
            return self.answer(
                intent,
                Err(Failure::new("invalid_request", "This is not one emoji.")),
            );
        }
        self.change_message(intent, key, Feature::Reactions, |target| Change::React {
            target,
            emoji,
            add,
        });
    }

    pub(super) fn add_member(&mut self, intent: u64, chat: ChatId, user: &UserId) {
        let Some(user) = self.chats.people.get(user).cloned() else {
            let failure = Failure::new("not_found", "This person is not known here.");
            return self.answer(intent, Err(failure));
        };
        let user = Box::new(user);
        self.change(intent, chat, Feature::Chats, Change::AddMember { user });
    }

    /// A change that has come to disk shows at once what it does to the window.
    pub(super) fn change_is_queued(&mut self, chat: &ChatId, change: &Change) {
        match change {
            Change::Leave | Change::DeleteChat => {
                if self.is_open(chat) {
                    self.close_chat();
                }
                self.withdraw(chat);
            }
            Change::Prefer {
                muted: Some(true), ..
            } => self.withdraw(chat),
            Change::Prefer { .. }
            | Change::Edit { .. }
            | Change::Delete { .. }
            | Change::React { .. }
            | Change::Pin { .. }
            | Change::Describe { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::SetRole { .. } => {}
        }
    }

    /// The chat as the person has changed it; `None` when they left it.
    pub(super) fn chat_as_changed(&self, chat: &WireChat) -> Option<WireChat> {
        self.outbox
            .changes_of(&chat.id)
            .try_fold(chat.clone(), |chat, change| apply::to_chat(change, chat))
    }

    /// The message as the person has changed it.
    pub(super) fn message_as_changed(&self, message: &Message) -> Option<Message> {
        let me = self.my_id()?;
        let mut changes = self
            .outbox
            .changes_of(&message.chat_id)
            .filter(|change| change.target() == Some(&Target::Sent(message.id.clone())))
            .peekable();
        changes.peek()?;
        Some(changes.fold(message.clone(), |message, change| {
            apply::to_message(change, message, &me, self.now.wall)
        }))
    }

    /// Asks the server for a change.
    pub(super) fn post_change(&mut self, entry: &OutboxEntry, change: &Change) {
        let chat = entry.chat.clone();
        let message = match change.target() {
            Some(Target::Sent(message)) => Some(message.clone()),
            Some(Target::Unsent(_)) | None => None,
        };
        let request = match (change, message) {
            (Change::Edit { text, .. }, Some(message)) => Request::Edit {
                chat,
                message,
                content: text.clone(),
            },
            (Change::Delete { .. }, Some(message)) => Request::Delete { chat, message },
            (Change::React { emoji, add, .. }, Some(message)) => Request::React {
                chat,
                message,
                emoji: emoji.clone(),
                add: *add,
            },
            (Change::Pin { pinned, .. }, Some(message)) => Request::Pin {
                chat,
                message,
                pinned: *pinned,
            },
            (Change::Prefer { muted, pinned }, _) => Request::Prefer {
                chat,
                preferences: rest::Preferences {
                    muted: *muted,
                    pinned: *pinned,
                },
            },
            (Change::Describe { name, topic }, _) => Request::ChangeChat {
                chat,
                change: rest::ChangeChat {
                    name: name.clone(),
                    topic: topic.clone(),
                },
            },
            (Change::AddMember { user }, _) => Request::PutMember {
                chat,
                user: user.id.clone(),
                role: None,
            },
            (Change::SetRole { user, role }, _) => Request::PutMember {
                chat,
                user: user.clone(),
                role: Some(*role),
            },
            (Change::RemoveMember { user }, _) => Request::RemoveMember {
                chat,
                user: user.clone(),
            },
            (Change::Leave, _) => match self.my_id() {
                Some(user) => Request::RemoveMember { chat, user },
                None => return,
            },
            (Change::DeleteChat, _) => Request::DeleteChat { chat },
            (
                Change::Edit { .. } | Change::Delete { .. } | Change::React { .. } | Change::Pin { .. },
                None,
            ) => {
                // What it was for is gone: there is nothing left to change.
                let client_id = entry.client_id.clone();
                return self.undo(&client_id, None);
            }
        };
        let client_id = entry.client_id.clone();
        self.call(request, Purpose::Change { client_id });
    }

    pub(super) fn take_changed(
        &mut self,
        client_id: &ClientId,
        asked: u64,
        result: Result<Response, ApiError>,
    ) {
        let Some(entry) = self.outbox.get(client_id.as_str()).cloned() else {
            self.free_lane(client_id);
            return;
        };
        let Some(change) = entry.change().cloned() else {
            return;
        };
        match result {
            Ok(Response::Sent(message)) => self.store_changed(entry, &change, Some(*message), asked),
            Ok(Response::Chat(chat)) => {
                let id = chat.id.clone();
                self.put_chat(*chat, false, Some(asked));
                self.overtaken.chat(&id, self.next_token);
                self.store_changed(entry, &change, None, asked);
            }
            Ok(_) => self.store_changed(entry, &change, None, asked),
            Err(error) if error.is_retryable() => self.sending_waits(client_id, error.retry_after()),
            Err(error) if is_done_already(&change, &error) => {
                self.store_changed(entry, &change, None, asked);
            }
            Err(error) => match change {
                Change::Edit { .. } => self.park(client_id, error.failure()),
                Change::Delete { .. }
                | Change::React { .. }
                | Change::Pin { .. }
                | Change::Prefer { .. }
                | Change::Describe { .. }
                | Change::AddMember { .. }
                | Change::RemoveMember { .. }
                | Change::SetRole { .. }
                | Change::Leave
                | Change::DeleteChat => self.undo(client_id, Some((&change, &error))),
            },
        }
    }

    /// The store has a change that the server took.
    pub(super) fn change_is_stored(
        &mut self,
        client_id: &ClientId,
        is_newest: bool,
        put: &crate::store::Put,
    ) {
        if let Some(lane) = self.outbox.lane_of(client_id) {
            lane.succeeded();
        }
        if let Some(entry) = self.outbox.remove(client_id)
            && let Some(change) = entry.change()
            && is_newest
            && let Some(row) = self.chats.rows.get_mut(&entry.chat)
            && let Some(chat) = apply::to_chat(change, row.stored.chat.clone())
        {
            row.stored.chat = chat;
        }
        self.row_follows(put);
        self.show_live(put);
    }

    /// The disk would not take what the server has taken: it is asked once more.
    pub(super) fn change_is_not_stored(&mut self, client_id: &ClientId) {
        self.sending_waits(client_id, None);
    }

    fn store_changed(&mut self, entry: OutboxEntry, change: &Change, told: Option<Message>, asked: u64) {
        let client_id = entry.client_id.clone();
        let is_newest = match change.target() {
            Some(Target::Sent(message)) => {
                let is_newest = !self.overtaken.is_message(message, asked);
                self.overtaken.message(message, self.next_token);
                is_newest
            }
            Some(Target::Unsent(_)) => false,
            None => {
                let is_newest = !self.overtaken.is_chat(&entry.chat, asked);
                self.overtaken.chat(&entry.chat, self.next_token);
                is_newest
            }
        };
        if matches!(change, Change::Leave | Change::DeleteChat) {
            let chat = entry.chat.clone();
            self.store(Op::RemoveChat { chat: chat.clone() }, Then::Removed { chat });
        }
        let op = Op::Changed {
            entry: Box::new(entry),
            told: told.map(Box::new),
            is_newest,
            at: self.now.wall,
        };
        let then = Then::Changed { client_id, is_newest };
        self.store(op, then);
    }

    /// Forgets a change, and says so where there is something to say.
    fn undo(&mut self, client_id: &ClientId, refused: Option<(&Change, &ApiError)>) {
        self.free_lane(client_id);
        self.outbox.remove(client_id);
        self.store(
            Op::Discard {
                client_id: client_id.clone(),
            },
            Then::Nothing,
        );
        if let Some((change, error)) = refused {
            let message = format!("{} {}", undone(change), error.failure().message);
            self.alert(Failure::new("change_refused", message));
        }
    }
}

fn undone(change: &Change) -> &'static str {
    match change {
        Change::Edit { .. } => "The message was not changed.",
        Change::Delete { .. } => "The message was not deleted.",
        Change::React { add: true, .. } => "Your reaction was not added.",
        Change::React { add: false, .. } => "Your reaction was not taken back.",
        Change::Pin { pinned: true, .. } => "The message was not pinned.",
        Change::Pin { pinned: false, .. } => "The message is still pinned.",
        Change::Prefer { .. } => "Your choice for this chat was not kept.",
        Change::Describe { .. } => "The chat's name or topic was not changed.",
        Change::AddMember { .. } => "The person was not added.",
        Change::RemoveMember { .. } => "The person was not removed.",
        Change::SetRole { .. } => "The role was not changed.",
        Change::Leave => "You have not left the chat.",
        Change::DeleteChat => "The chat was not deleted.",
    }
}

/// Whether a refusal says no more than that there is nothing left to do.
fn is_done_already(change: &Change, error: &ApiError) -> bool {
    let ApiError::Refused { code, .. } = error else {
        return false;
    };
    match change {
        Change::Delete { .. }
        | Change::RemoveMember { .. }
        | Change::Leave
        | Change::DeleteChat
        | Change::React { add: false, .. }
        | Change::Pin { pinned: false, .. } => *code == Code::NotFound,
        Change::Edit { .. }
        | Change::React { add: true, .. }
        | Change::Pin { pinned: true, .. }
        | Change::Prefer { .. }
        | Change::Describe { .. }
        | Change::AddMember { .. }
        | Change::SetRole { .. } => false,
    }
}

/// For an intent that needs what the server does not have.
pub(super) fn not_supported() -> Failure {
    Failure::new("not_supported", "This server cannot do that.")
}
