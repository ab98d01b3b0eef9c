//! What a person has written, on its way into the outbox: what may be sent at all, and for whom.

use khaya_wire::{ChatId, UserId, discovery::Feature};

use super::unknown_item;
use crate::{
    files::StagedFile,
    machine::{Chat, stored::Then},
    store::{Op, OutboxEntry, Outgoing, OutgoingFile, Target, Work},
    view::Failure,
};

/// A message as the person has written it.
#[derive(Debug)]
pub(in crate::machine) struct Written {
    pub(in crate::machine) text: String,
    /// The key of the item that it replies to.
    pub(in crate::machine) reply_to: Option<String>,
    pub(in crate::machine) visible_to: Vec<UserId>,
    pub(in crate::machine) visible_to_roles: Vec<String>,
    pub(in crate::machine) attachments: Vec<StagedFile>,
}

impl Chat {
    /// Takes a message to be sent. It is shown when it is on disk.
    pub(in crate::machine) fn send(&mut self, intent: u64, chat: ChatId, message: Written) {
        let refusal = match self.chats.get(&chat) {
            None => Some(crate::machine::intents::no_such_chat()),
            Some(_) if !message.attachments.is_empty() && message.text.trim().is_empty() => None,
            Some(_) => self.refusal_of_text(message.text.trim()),
        };
        if let Some(failure) = refusal {
            return self.answer(intent, Err(failure));
        }
        let message = match self.outgoing(&chat, message) {
            Ok(message) => message,
            Err(failure) => return self.answer(intent, Err(failure)),
        };
        self.stop_typing();
        let entry = OutboxEntry {
            client_id: self.random.client_id(),
            after: self
                .chats
                .get(&chat)
                .and_then(|chat| chat.newest.as_ref().map(|newest| newest.id.clone())),
            chat,
            at: self.now.wall,
            parked: None,
            work: Work::Message(message),
        };
        self.store(
            Op::Enqueue(entry.clone()),
            Then::Enqueue {
                intent,
                entry: Box::new(entry),
            },
        );
    }

    /// Why a text cannot be sent.
    pub(in crate::machine) fn refusal_of_text(&self, text: &str) -> Option<Failure> {
        let limit = self
            .signed_in()
            .map_or(0, crate::machine::session::SignedIn::message_bytes);
        if text.is_empty() {
            return Some(Failure::new("message_empty", "There is nothing to send."));
        }
        (text.len() as u64 > limit).then(|| {
            Failure::new(
                "message_too_long",
                format!(
                    "The message is too long: it has {} bytes, and the server takes {limit}. Shorten it or send it \
                     in parts.",
                    text.len()
                ),
            )
        })
    }

    fn outgoing(&self, chat: &ChatId, written: Written) -> Result<Outgoing, Failure> {
        let mut message = Outgoing {
            visible_to: written.visible_to,
            visible_to_roles: written.visible_to_roles,
            files: written
                .attachments
                .into_iter()
                .map(|staged| OutgoingFile {
                    staged,
                    uploaded: None,
                })
                .collect(),
            ..Outgoing::of_text(written.text.trim())
        };
        self.may_attach(&message.files)?;
        let Some(key) = written.reply_to else {
            return Ok(message);
        };
        if !self.server_has(Feature::Replies) {
            return Err(crate::machine::changes::not_supported());
        }
        let (place, target) = self.find_item(&key).ok_or_else(unknown_item)?;
        if place != *chat {
            return Err(unknown_item());
        }
        if message.visible_to.is_empty() && message.visible_to_roles.is_empty() {
            // A reply reaches no further than what it replies to.
            (message.visible_to, message.visible_to_roles) = self.audience_of_target(&target);
        }
        message.reply_to = Some(target);
        Ok(message)
    }

    fn may_attach(&self, files: &[OutgoingFile]) -> Result<(), Failure> {
        if !files.is_empty() && !self.server_has(Feature::Files) {
            return Err(crate::machine::changes::not_supported());
        }
        let limit = self
            .signed_in()
            .and_then(crate::machine::session::SignedIn::file_bytes);
        let too_large = files
            .iter()
            .find(|file| limit.is_some_and(|limit| file.staged.size > limit));
        match too_large {
            Some(file) => Err(Failure::new(
                "file_too_large",
                format!(
                    "{} is too large: the server takes files of at most {} bytes.",
                    file.staged.name,
                    limit.unwrap_or_default()
                ),
            )),
            None => Ok(()),
        }
    }

    fn audience_of_target(&self, target: &Target) -> (Vec<UserId>, Vec<String>) {
        match target {
            Target::Sent(id) => {
                let known = self
                    .timeline
                    .as_ref()
                    .and_then(|timeline| timeline.messages.iter().find(|message| message.id == *id))
                    .filter(|message| message.is_restricted());
                let Some(original) = known else {
                    return (Vec::new(), Vec::new());
                };
                let mut users = original.visible_to.clone().unwrap_or_default();
                if !users.contains(&original.sender_id) {
                    users.push(original.sender_id.clone());
                }
                (users, original.visible_to_roles.clone().unwrap_or_default())
            }
            Target::Unsent(client_id) => self
                .outbox
                .get(client_id.as_str())
                .and_then(OutboxEntry::message)
                .map(|original| (original.visible_to.clone(), original.visible_to_roles.clone()))
                .unwrap_or_default(),
        }
    }
}
