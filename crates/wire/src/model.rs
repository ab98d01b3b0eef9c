//! The nouns of the contract ("Types"): people, chats, messages, files, pages of them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{ChatId, ClientId, FileId, MessageId, SessionId, Timestamp, UserId};

/// A person as others see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: UserId,
    /// What is typed to sign in. Unique on a server.
    pub username: String,
    /// What others read.
    pub name: String,
    /// `"admin"`, `"member"`, `"guest"`, or any other string that a team gives meaning to.
    pub role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_file_id: Option<FileId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence: Option<Presence>,
}

/// The roles that every server knows. A role is a string all the same: a team may add its own.
pub mod role {
    /// Manages users and invites; nobody special inside a chat.
    pub const ADMIN: &str = "admin";
    /// Starts chats and sees everyone.
    pub const MEMBER: &str = "member";
    /// Starts no chats and sees only those they share a chat with.
    pub const GUEST: &str = "guest";
}

/// Whether somebody is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    pub status: PresenceStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub last_seen: Option<Timestamp>,
}

/// The states of [`Presence`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum PresenceStatus {
    Online,
    Away,
    /// Also any state that a newer server may know and we do not.
    #[serde(other)]
    Offline,
}

/// A direct conversation of two people, or a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    pub id: ChatId,
    pub kind: ChatKind,
    /// Of a direct chat: the other person's name, or empty.
    #[serde(default)]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(default)]
    pub members: Vec<User>,
    /// The newest message that the reader of this answer can see. Written as `null` when there is none.
    pub last_message: Option<Message>,
    #[serde(default)]
    pub unread_count: u64,
    pub updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub my_role: Option<ChatRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads: Option<Vec<ReadMarker>>,
    /// The last number of this chat's `chat` stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

/// What kind of conversation a chat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum ChatKind {
    /// Two people; there is at most one for each pair.
    Direct,
    Group,
}

/// What somebody may do in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum ChatRole {
    Member,
    Moderator,
    Owner,
}

/// How far somebody has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReadMarker {
    pub user_id: UserId,
    pub message_id: MessageId,
}

/// One message of a chat. Messages of a chat are ordered by `(created_at, id)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: MessageId,
    pub chat_id: ChatId,
    pub sender_id: UserId,
    pub content: Arc<str>,
    pub created_at: Timestamp,
    /// Told to the sender only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// Present on a tombstone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageId>,
    /// With [`Message::visible_to_roles`]: who can see the message besides its sender. Absent or empty in both:
    /// everyone in the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visible_to: Option<Vec<UserId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visible_to_roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<File>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reactions: Option<Vec<Reaction>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,
    /// Present on a message that tells of something and was written by nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
}

impl Message {
    /// Whether the message exists for some members of its chat only (contract, "Types").
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.visible_to.as_ref().is_some_and(|users| !users.is_empty())
            || self
                .visible_to_roles
                .as_ref()
                .is_some_and(|roles| !roles.is_empty())
    }

    /// The place of the message among those of its chat.
    #[must_use]
    pub fn position(&self) -> (Timestamp, &MessageId) {
        (self.created_at, &self.id)
    }
}

/// Who reacted with one emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    pub emoji: String,
    pub user_ids: Vec<UserId>,
}

/// What a system message tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct System {
    /// `joined`, `left`, `renamed`, and what later versions add.
    pub event: String,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// To whom or what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

/// A file that a message carries or that is somebody's picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct File {
    pub id: FileId,
    pub name: String,
    pub mime_type: String,
    /// In bytes.
    pub size: u64,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// In pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blurhash: Option<String>,
}

/// A device on which somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub id: SessionId,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Whether this is the session that asks.
    pub current: bool,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub items: Vec<T>,
    /// What to ask with for the next part; `None` (written as `null`) when there is none.
    pub next_cursor: Option<String>,
}
