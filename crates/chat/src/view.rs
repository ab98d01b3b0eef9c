//! What a window shows: a value, and the difference of two values.
//!
//! The machine builds a [`View`] from its state; the shell compares it with the one that the window has and
//! sends the [`Update`] between them. So snapshot and updates cannot disagree, any number of changes within a
//! frame costs one update, and a window that is gone costs nothing.
//!
//! Never holds: tokens, passwords, or more messages than the open window of the timeline.

mod diff;

use std::sync::Arc;

use khaya_wire::{ChatId, ChatKind, MessageId, Timestamp, UserId};
use serde::Serialize;

pub use diff::{apply, diff};

/// Everything that the main window shows.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    pub session: Session,
    pub connection: Connection,
    /// Latest activity first.
    pub chats: Vec<Arc<ChatRow>>,
    /// Whether the list of chats is being fetched and there is none yet.
    pub chats_loading: bool,
    /// Unread messages in all chats that are not muted: the number on badge and tray.
    pub unread: u64,
    pub open: Option<OpenChat>,
    /// The items of [`View::open`], oldest first.
    pub timeline: Vec<Arc<TimelineItem>>,
    pub people: Option<PeopleSearch>,
    /// Oldest first.
    pub alerts: Vec<Alert>,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Session {
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
        kept: Kept,
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
#[serde(rename_all = "camelCase")]
pub struct Connection {
    pub state: ConnectionState,
    /// Of the live connection.
    pub transport: Option<Transport>,
    /// When the next attempt is due.
    pub retry_at: Option<Timestamp>,
    /// Why there is none, or why the last fetch failed.
    pub failure: Option<Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
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
#[serde(rename_all = "camelCase")]
pub enum Transport {
    WebSocket,
    Polling,
}

/// Somebody, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub id: UserId,
    pub name: String,
    pub username: String,
}

/// One row of the list of chats. Its key is `id`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatRow {
    pub id: ChatId,
    pub kind: ChatKind,
    /// Of a direct chat: the other person's name.
    pub name: String,
    pub unread: u64,
    pub muted: bool,
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
#[serde(rename_all = "camelCase")]
pub struct OpenChat {
    pub id: ChatId,
    pub kind: ChatKind,
    pub name: String,
    pub topic: Option<String>,
    pub members: Vec<Person>,
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
}

/// One message of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineItem {
    /// Survives from local echo to message, so that the element stays the same.
    pub key: String,
    /// Absent while the server has not got it.
    pub id: Option<MessageId>,
    pub sender: Person,
    pub own: bool,
    pub text: Arc<str>,
    pub at: Timestamp,
    /// Of one's own messages.
    pub state: Option<SendState>,
    /// Present when some members only can see the message: the names of people and roles who can.
    pub audience: Option<Vec<String>>,
    pub edited: bool,
    pub deleted: bool,
    /// Of a message that tells of something and was written by nobody: `joined`, `left`, `renamed`, …
    pub system: Option<String>,
}

/// How far one's own message has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[serde(rename_all = "camelCase")]
pub struct PeopleSearch {
    pub query: String,
    pub people: Vec<Person>,
    pub is_loading: bool,
    pub failure: Option<Failure>,
}

/// Something that the person should know, until it is dismissed or over.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    pub id: u64,
    pub failure: Failure,
}

/// Something that did not work: a code for programs, and a sentence that says what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// One more than that of the update before. A window that misses one asks for a snapshot.
    pub number: u64,
    pub changes: Vec<Change>,
}

/// One difference of two views. On the page's side an object whose `type` is the variant's name and whose
/// `value` is its content.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    Alerts(Vec<Alert>),
}

/// One step on a list whose items have keys. Steps apply in their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
