//! What a window shows: a value, and the difference of two values.
//!
//! The machine builds a [`View`] from its state; the shell compares it with the one that the window has and
//! sends the [`Update`] between them. So snapshot and updates cannot disagree, any number of changes within a
//! frame costs one update, and a window that is gone costs nothing.
//!
//! Never holds: tokens, passwords, or more messages than the open window of the timeline.

mod chat;
mod diff;
mod item;
mod update;

use std::sync::Arc;

use khaya_wire::{ChatId, FileId, MessageId, SessionId, Timestamp, UserId};
use serde::Serialize;

pub use chat::{ChatRow, Jump, MayInChat, Member, OpenChat, Pin, Preview};
pub use diff::{apply, diff};
pub use item::{
    Attachment, FailedEdit, MayWithMessage, Quote, Reaction, SendState, SystemEvent, TimelineItem,
};
pub use update::{Change, ListChange, Update};

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

impl View {
    /// The chats that [`View::unread`] counts, in the order of the list.
    pub fn unread_chats(&self) -> impl Iterator<Item = &ChatRow> {
        let chats = self.chats.iter().map(AsRef::as_ref);
        chats.filter(|chat: &&ChatRow| chat.unread > 0 && !chat.muted)
    }
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
