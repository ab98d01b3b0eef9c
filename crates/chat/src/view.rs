//! What a window shows: a value, and the difference of two values.
//!
//! The machine builds a [`View`] from its state; the shell compares it with the one that the window has and
//! sends the [`Update`] between them. So snapshot and updates cannot disagree, any number of changes within a
//! frame costs one update, and a window that is gone costs nothing.
//!
//! Never holds: tokens, passwords, or more messages than the open window of the timeline.

mod diff;

use std::sync::Arc;

use khaya_markup::Block;
use khaya_wire::{
    ChatId, ChatKind, FileId, MessageId, SessionId, Timestamp, UserId,
    model::{ChatRole, Presence},
};
use serde::Serialize;

pub use diff::{apply, diff};

use crate::store::Piece;

/// Everything that the main window shows.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct View {
    pub session: Session,
    pub connection: Connection,
    /// Pinned first, then latest activity first.
    pub chats: Vec<Arc<ChatRow>>,
    /// Whether the list of chats is being fetched and there is none yet.
    pub chats_loading: bool,
    /// Unread messages in all chats that are not muted: the number on badge and tray.
    pub unread: u64,
    pub open: Option<OpenChat>,
    /// The items of [`View::open`], oldest first.
    pub timeline: Vec<Arc<TimelineItem>>,
    pub people: Option<PeopleSearch>,
    /// Where the person is signed in, once that was asked for.
    pub devices: Option<Devices>,
    pub search: Option<Search>,
    /// What [`View::search`] has found, newest first.
    pub found: Vec<Arc<SearchHit>>,
    /// Oldest first.
    pub alerts: Vec<Alert>,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Session {
    /// What is stored on this computer cannot be read without a key that is not there (`unlockStore`,
    /// `beginStoreAnew`). Nothing is lost.
    Locked {
        failure: Failure,
        /// Whether there is a passphrase that opens it.
        can_recover: bool,
    },
    /// Nobody. `server` and `username` are what was used last.
    SignedOut {
        server: Option<String>,
        username: Option<String>,
        failure: Option<Failure>,
    },
    SigningIn {
        server: String,
        username: String,
    },
    SignedIn {
        me: Person,
        /// The address of the server.
        server: String,
        server_name: Option<String>,
        /// The names of the contract's features that this server has; none at level Base.
        features: Vec<String>,
        /// In UTF-8 bytes of a message's text.
        message_bytes: u64,
        /// The largest file that the server takes, in bytes.
        file_bytes: Option<u64>,
        kept: Kept,
        /// Whether this person may start chats here.
        may_start_chats: bool,
    },
}

impl Default for Session {
    fn default() -> Self {
        Self::SignedOut {
            server: None,
            username: None,
            failure: None,
        }
    }
}

/// Where the session is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum Kept {
    /// In the system's keyring.
    InKeyring,
    /// The keyring would not take it; the person has to choose (`keepForThisRun`, `retryKeyring`, `signOut`).
    Undecided { failure: Failure },
    /// In memory, until the app ends.
    ThisRunOnly,
}

/// How the app stands with the server. The page has the words: `Connected`, `Connecting…`, `Reconnecting…`,
/// `Offline`, `Signed out`.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    pub state: ConnectionState,
    /// Of the live connection.
    pub transport: Option<Transport>,
    /// When the next attempt is due.
    pub retry_at: Option<Timestamp>,
    /// Why there is none, or why the last fetch failed.
    pub failure: Option<Failure>,
    /// How many events have been caught up with so far, while that goes on.
    pub catching_up: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub enum ConnectionState {
    #[default]
    SignedOut,
    /// The first time.
    Connecting,
    Connected,
    /// After a loss.
    Reconnecting,
    /// The system has no network, or three attempts in a row failed; they go on.
    Offline,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub enum Transport {
    WebSocket,
    Polling,
}

/// Somebody, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub id: UserId,
    pub name: String,
    pub username: String,
    pub avatar: Option<FileId>,
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

/// An item to be brought into sight, once for each number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Jump {
    pub key: String,
    pub number: u64,
}

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

/// People found by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct PeopleSearch {
    pub query: String,
    pub people: Vec<Person>,
    pub is_loading: bool,
    pub failure: Option<Failure>,
}

/// Where the person is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Devices {
    pub devices: Vec<Device>,
    pub is_loading: bool,
    pub failure: Option<Failure>,
}

/// One sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// For [`crate::Intent::RevokeSession`].
    pub id: SessionId,
    /// What the device calls itself.
    pub client: Option<String>,
    pub since: Timestamp,
    pub last_seen_at: Timestamp,
    /// Whether it is this one.
    pub is_this: bool,
}

/// A search for messages.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Search {
    /// As it was typed.
    pub query: String,
    /// The chat that is looked through; all of them, where there is none.
    pub chat_id: Option<ChatId>,
    pub is_loading: bool,
    /// Whether there is more ([`crate::Intent::SearchMore`]).
    pub has_more: bool,
    /// Whether the server was asked as well as this computer.
    pub is_everywhere: bool,
    /// What is wrong with the query, or why the server could not be asked.
    pub failure: Option<Failure>,
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct SearchHit {
    pub key: String,
    /// With [`SearchHit::id`], for [`crate::Intent::JumpTo`].
    pub chat_id: ChatId,
    pub id: MessageId,
    pub chat_name: String,
    pub sender: Person,
    pub own: bool,
    pub at: Timestamp,
    /// The text around what was looked for, on one line, in its order.
    pub excerpt: Vec<Piece>,
    /// The names of its files.
    pub files: Vec<String>,
    /// Whether some members only can see the message.
    pub restricted: bool,
}

/// Something that the person should know, until it is dismissed or over.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    pub id: u64,
    pub failure: Failure,
}

/// Something that did not work: a code for programs, and a sentence that says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// `invalid_credentials`, `unreachable`, `not_khaya`, `disk_full`, `keyring_unavailable`, …
    pub code: String,
    pub message: String,
}

impl Failure {
    /// A failure with its code and its sentence.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

/// What turns one [`View`] into a later one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// One more than that of the update before. A window that misses one asks for a snapshot.
    pub number: u64,
    pub changes: Vec<Change>,
}

/// One difference of two views. On the page's side an object whose `type` is the variant's name and whose
/// `value` is its content.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(tag = "type", content = "value", rename_all = "camelCase")]
pub enum Change {
    Session(Session),
    Connection(Connection),
    Chats(Vec<ListChange<ChatRow>>),
    ChatsLoading(bool),
    Unread(u64),
    Open(Option<OpenChat>),
    /// After [`Change::Open`] where both change. Another chat's timeline begins empty.
    Timeline(Vec<ListChange<TimelineItem>>),
    People(Option<PeopleSearch>),
    Devices(Option<Devices>),
    Search(Option<Search>),
    Found(Vec<ListChange<SearchHit>>),
    Alerts(Vec<Alert>),
}

/// One step on a list whose items have keys. Steps apply in their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(tag = "op", rename_all = "camelCase")]
pub enum ListChange<T> {
    /// The item with `key` is now `item` and stands before the item with key `before`, or last when `before` is
    /// `None`; whether it was there or not.
    Put {
        key: String,
        before: Option<String>,
        item: Arc<T>,
    },
    Remove {
        key: String,
    },
}
