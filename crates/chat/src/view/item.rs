//! What the timeline shows of a message.

use std::sync::Arc;

use khaya_markup::Block;
use khaya_wire::{FileId, MessageId, Timestamp};
use serde::Serialize;

use super::{Failure, Person};

/// One message of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct TimelineItem {
    /// Survives from local echo to message, so that the element stays the same.
    pub key: String,
    /// Absent while the server has not got it.
    pub id: Option<MessageId>,
    pub sender: Person,
    pub own: bool,
    /// As it was written: to edit, to copy.
    pub text: Arc<str>,
    /// As it is shown. Empty where the message was deleted.
    pub body: Arc<Vec<Block>>,
    pub at: Timestamp,
    /// Of one's own messages.
    pub state: Option<SendState>,
    /// Present when some members only can see the message: the names of people and roles who can.
    pub audience: Option<Vec<String>>,
    pub edited_at: Option<Timestamp>,
    pub deleted: bool,
    /// Of a message that tells of something and was written by nobody.
    pub system: Option<SystemEvent>,
    /// What this replies to.
    pub reply_to: Option<Quote>,
    /// In the order in which they were first given.
    pub reactions: Vec<Reaction>,
    pub pinned: bool,
    /// Whether it names the person.
    pub mentions_me: bool,
    pub attachments: Vec<Attachment>,
    /// Whether a change of it has not reached the server.
    pub changing: bool,
    /// An edit that the server would not take.
    pub failed_edit: Option<FailedEdit>,
    pub may: MayWithMessage,
}

/// What a system message tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct SystemEvent {
    /// `joined`, `left`, `renamed`, and what later versions add.
    pub event: String,
    /// The name of who did it.
    pub by: Option<String>,
    /// To whom, by name, or what.
    pub about: Option<String>,
}

/// The message that another one replies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// For [`crate::Intent::JumpTo`]; absent while the server has not got the message.
    pub id: Option<MessageId>,
    /// Absent where the message is not known here.
    pub sender_name: Option<String>,
    /// Its beginning, on one line.
    pub excerpt: String,
    pub deleted: bool,
}

/// One emoji under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    pub emoji: String,
    pub count: usize,
    /// Whether oneself is among them.
    pub mine: bool,
    /// Who, without oneself.
    pub names: Vec<String>,
}

/// A file of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// Absent while the server has not got it.
    pub id: Option<FileId>,
    /// The copy on this computer, until the message has been sent.
    pub staged: Option<FileId>,
    pub name: String,
    pub mime_type: String,
    /// In bytes.
    pub size: u64,
    /// In pixels.
    pub width: Option<u32>,
    /// In pixels.
    pub height: Option<u32>,
    pub blurhash: Option<String>,
    /// How much of it has been sent, in bytes, while it is being sent.
    pub sent: Option<u64>,
}

/// An edit that the server would not take: its text is not lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct FailedEdit {
    /// For [`crate::Intent::Retry`] and [`crate::Intent::DeleteUnsent`].
    pub key: String,
    pub text: Arc<str>,
    pub failure: Failure,
}

/// What the person may do with a message. What the server does not have is `false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct MayWithMessage {
    pub edit: bool,
    pub delete: bool,
    pub react: bool,
    pub reply: bool,
    pub pin: bool,
}

/// How far one's own message has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum SendState {
    /// On disk, waiting or on its way.
    Sending,
    /// The server would not take it, or it cannot be sent without the person.
    Failed { failure: Failure },
    /// The server has it.
    Sent,
    /// Somebody else has read it.
    Read,
}
