//! Socket.IO events: their names and what they carry.

use serde::{Deserialize, Serialize};

use crate::{Chat, ChatId, Code, Message, MessageId, Timestamp, UserId, model::PresenceStatus};

/// The names of events on the wire.
pub mod name {
    /// client → server: [`super::Room`].
    pub const JOIN_CHAT: &str = "join_chat";
    /// client → server: [`super::Room`].
    pub const LEAVE_CHAT: &str = "leave_chat";
    /// client → server: [`super::Authenticate`].
    pub const AUTHENTICATE: &str = "authenticate";
    /// Both ways: [`super::Typing`].
    pub const USER_TYPING: &str = "user_typing";
    /// server → client: [`super::MessageEvent`].
    pub const NEW_MESSAGE: &str = "new_message";
    /// server → client: [`super::MessageEvent`].
    pub const MESSAGE_UPDATED: &str = "message_updated";
    /// server → client: [`super::MessageDeleted`].
    pub const MESSAGE_DELETED: &str = "message_deleted";
    /// server → client: [`super::ReadUpdated`].
    pub const READ_UPDATED: &str = "read_updated";
    /// server → client: [`super::ChatUpdated`].
    pub const CHAT_UPDATED: &str = "chat_updated";
    /// server → client: [`super::ChatRemoved`].
    pub const CHAT_REMOVED: &str = "chat_removed";
    /// server → client: [`super::PresenceChanged`].
    pub const PRESENCE: &str = "presence";
    /// server → client, with an empty object.
    pub const SESSION_REVOKED: &str = "session_revoked";
}

/// What CONNECT carries as `auth`, and what `authenticate` carries.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authenticate {
    pub token: String,
}

impl std::fmt::Debug for Authenticate {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticate").finish_non_exhaustive()
    }
}

/// `join_chat` and `leave_chat`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    pub chat_id: ChatId,
}

/// `user_typing`, either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Typing {
    pub chat_id: ChatId,
    pub user_id: UserId,
    /// Absent means `true`. `false` is sent to level Full only: a Base server may take any as typing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_typing: Option<bool>,
}

impl Typing {
    /// Whether the person types, with the contract's default applied.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        self.is_typing.unwrap_or(true)
    }
}

/// Which stream numbers an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// The chat's own stream, the same for all members.
    Chat,
    /// One person's stream: restricted messages and removals.
    Private,
}

/// The place of an event in its stream, contiguous from 1. Level Full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Number {
    pub scope: Scope,
    pub seq: u64,
}

/// `new_message` and `message_updated`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageEvent {
    pub chat_id: ChatId,
    pub message: Message,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
}

/// `message_deleted`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageDeleted {
    pub chat_id: ChatId,
    pub message_id: MessageId,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
}

/// `read_updated`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadUpdated {
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub message_id: MessageId,
}

/// `chat_updated`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatUpdated {
    pub chat: Chat,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
}

/// `chat_removed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatRemoved {
    pub chat_id: ChatId,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
}

/// `presence`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PresenceChanged {
    pub user_id: UserId,
    pub status: PresenceStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
}

/// What level Full acknowledges `join_chat`, `leave_chat` and `authenticate` with: `{ok:true}`, or
/// `{ok:false,error:{code,message}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ack {
    pub ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<AckError>,
}

/// Why an event was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AckError {
    pub code: Code,
    pub message: String,
}

impl Ack {
    /// Done.
    #[must_use]
    pub fn ok() -> Self {
        Self {
            ok: true,
            error: None,
        }
    }

    /// Refused.
    #[must_use]
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self {
            ok: false,
            error: Some(AckError {
                code,
                message: message.into(),
            }),
        }
    }
}

/// The `data` of a refused CONNECT (`CONNECT_ERROR`), whose `message` is `"unauthorized"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectRefused {
    /// [`Code::Unauthorized`] or [`Code::TokenExpired`].
    pub code: Code,
}
