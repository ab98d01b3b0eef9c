//! What waits to be sent to the server: messages, and changes of messages and chats.

use std::sync::Arc;

use khaya_wire::{ChatId, ClientId, File, MessageId, Timestamp, User, UserId, model::ChatRole};
use serde::{Deserialize, Serialize};

use crate::{files::StagedFile, view::Failure};

/// Something that the server does not have, as far as is known.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEntry {
    /// Of a message its id for ever; of a change a name on this computer.
    pub client_id: ClientId,
    pub chat: ChatId,
    pub at: Timestamp,
    /// The newest message of the chat when this was written: where a search for it begins.
    pub after: Option<MessageId>,
    /// Why it waits for the person.
    pub parked: Option<Failure>,
    pub work: Work,
}

impl OutboxEntry {
    /// The message, where this is one.
    #[must_use]
    pub fn message(&self) -> Option<&Outgoing> {
        match &self.work {
            Work::Message(message) => Some(message),
            Work::Change(_) => None,
        }
    }

    /// The change, where this is one.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match &self.work {
            Work::Message(_) => None,
            Work::Change(change) => Some(change),
        }
    }

    /// The unsent message that this is for.
    #[must_use]
    pub fn waits_for(&self) -> Option<&ClientId> {
        match self.work.target()? {
            Target::Sent(_) => None,
            Target::Unsent(client_id) => Some(client_id),
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    Message(Outgoing),
    Change(Change),
}

impl Work {
    /// The message that this is about: the one changed, or replied to.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Message(message) => message.reply_to.as_ref(),
            Self::Change(change) => change.target(),
        }
    }

    /// The unsent message that this is about has got its id.
    pub fn resolve(&mut self, sent_as: &ClientId, id: &MessageId) {
        let target = match self {
            Self::Message(message) => message.reply_to.as_mut(),
            Self::Change(change) => change.target_mut(),
        };
        if let Some(target) = target
            && *target == Target::Unsent(sent_as.clone())
        {
            *target = Target::Sent(id.clone());
        }
    }
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outgoing {
    pub text: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Target>,
    /// With [`Outgoing::visible_to_roles`]: for whom it is. Both empty: for everyone in the chat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub visible_to: Vec<UserId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub visible_to_roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<OutgoingFile>,
}

/// A file that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingFile {
    pub staged: StagedFile,
    /// As the server has it, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<File>,
}

impl Outgoing {
    /// A message of text for everyone.
    #[must_use]
    pub fn of_text(text: impl Into<Arc<str>>) -> Self {
        Self {
            text: text.into(),
            reply_to: None,
            visible_to: Vec::new(),
            visible_to_roles: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// A message that is changed or replied to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    Sent(MessageId),
    /// One of one's own that the server does not have yet.
    Unsent(ClientId),
}

/// A change of a message or a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Change {
    Edit {
        target: Target,
        text: Arc<str>,
    },
    Delete {
        target: Target,
    },
    React {
        target: Target,
        emoji: String,
        add: bool,
    },
    Pin {
        target: Target,
        pinned: bool,
    },
    /// How the chat is shown to this person.
    Prefer {
        muted: Option<bool>,
        pinned: Option<bool>,
    },
    /// The chat's name and topic; an empty topic is none.
    Describe {
        name: Option<String>,
        topic: Option<String>,
    },
    AddMember {
        user: Box<User>,
    },
    RemoveMember {
        user: UserId,
    },
    SetRole {
        user: UserId,
        role: ChatRole,
    },
    Leave,
    DeleteChat,
}

impl Change {
    /// The message that is changed.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Edit { target, .. }
            | Self::Delete { target }
            | Self::React { target, .. }
            | Self::Pin { target, .. } => Some(target),
            Self::Prefer { .. }
            | Self::Describe { .. }
            | Self::AddMember { .. }
            | Self::RemoveMember { .. }
            | Self::SetRole { .. }
            | Self::Leave
            | Self::DeleteChat => None,
        }
    }

    fn target_mut(&mut self) -> Option<&mut Target> {
        match self {
            Self::Edit { target, .. }
            | Self::Delete { target }
            | Self::React { target, .. }
            | Self::Pin { target, .. } => Some(target),
            Self::Prefer { .. }
            | Self::Describe { .. }
            | Self::AddMember { .. }
            | Self::RemoveMember { .. }
            | Self::SetRole { .. }
            | Self::Leave
            | Self::DeleteChat => None,
        }
    }
}
