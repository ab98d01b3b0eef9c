//! What the list of chats shows of each, and what is shown of the one that is open.

use khaya_wire::{
    ChatId, ChatKind, FileId, MessageId, Timestamp, UserId,
    model::{ChatRole, Presence},
};
use serde::Serialize;

use super::{Failure, Person, SendState};

/// One row of the list of chats. Its key is `id`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct ChatRow {
    pub id: ChatId,
    pub kind: ChatKind,
    /// Of a direct chat: the other person's name.
    pub name: String,
    pub unread: u64,
    /// Whether an unread message names the person.
    pub mentioned: bool,
    pub muted: bool,
    /// Pinned chats stand before the others.
    pub pinned: bool,
    /// Of a direct chat: the other person.
    pub person: Option<UserId>,
    /// Of a direct chat: whether the other person is there.
    pub presence: Option<Presence>,
    /// The other person's picture, in a direct chat.
    pub avatar: Option<FileId>,
    /// When the latest activity was.
    pub at: Timestamp,
    /// The newest message, shortened.
    pub preview: Option<Preview>,
    /// What is typed there and not sent, shortened.
    pub draft: Option<String>,
    /// Names of those who are typing there.
    pub typing: Vec<String>,
}

/// The newest message of a chat, for its row.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub sender_name: String,
    pub own: bool,
    pub text: String,
    /// Of one's own newest message.
    pub state: Option<SendState>,
}

/// The chat that is open.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct OpenChat {
    pub id: ChatId,
    pub kind: ChatKind,
    pub name: String,
    pub topic: Option<String>,
    pub members: Vec<Member>,
    pub muted: bool,
    pub pinned: bool,
    /// In a group of a server that says so.
    pub my_role: Option<ChatRole>,
    pub may: MayInChat,
    /// What was typed here and not sent, as it was saved last.
    pub draft: String,
    /// Names of those who are typing, without oneself.
    pub typing: Vec<String>,
    /// Whether messages are being fetched.
    pub is_loading: bool,
    /// Why the last fetch of messages failed.
    pub failure: Option<Failure>,
    /// Whether there are messages before and after the ones in the timeline.
    pub has_older: bool,
    pub has_newer: bool,
    /// The key of the first item that was unread when the chat was opened.
    pub first_unread: Option<String>,
    /// Pinned messages, as far as they are on this computer, the newest first.
    pub pins: Vec<Pin>,
    /// What [`crate::Intent::JumpTo`] led to last.
    pub jumped_to: Option<Jump>,
}

/// A member of the open chat.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Member {
    #[serde(flatten)]
    pub person: Person,
    /// On the server: `admin`, `member`, `guest`, or what the team calls it.
    pub role: String,
    /// Unknown on level Base, and while there is no connection.
    pub presence: Option<Presence>,
}

/// An item to be brought into sight, once for each number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Jump {
    pub key: String,
    pub number: u64,
}

/// A pinned message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// For [`crate::Intent::JumpTo`].
    pub id: MessageId,
    pub sender_name: String,
    /// Its beginning, on one line.
    pub excerpt: String,
    pub at: Timestamp,
}

/// What the person may do in a chat. What the server does not have is `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct MayInChat {
    /// Mute it, and pin it in the list.
    pub prefer: bool,
    /// Change name and topic.
    pub describe: bool,
    pub add_members: bool,
    pub remove_members: bool,
    pub set_roles: bool,
    pub leave: bool,
    pub delete: bool,
    /// Send a message to some members only.
    pub restrict: bool,
    /// Send files.
    pub attach: bool,
}
