//! What the store answers.

use std::sync::Arc;

use khaya_wire::{Chat, ChatId, Message, MessageId, Timestamp, User, UserId, discovery::Discovery};

use super::{Found, Missed, OutboxEntry, Position, Window};

/// What an [`Op`](super::Op) gives.
#[derive(Debug, Clone)]
pub enum Answer {
    Done,
    Profile(Box<Profile>),
    Chats {
        chats: Vec<StoredChat>,
        /// Stored chats that are not among those that there are.
        absent: Vec<ChatId>,
    },
    Put(Put),
    Synced {
        /// One for each message of which something was stored.
        puts: Vec<Put>,
        chats: Vec<StoredChat>,
        removed: Vec<ChatId>,
        /// Whether something was told of a chat that is not stored.
        has_unknown: bool,
        /// What of it is not stored yet, as something else was to be done; the place is that of before until it is.
        rest: Option<Missed>,
    },
    Window(Window),
    /// What ends with the message, and what follows it; `None` where it is not stored.
    Around(Option<(Window, Window)>),
    Unread {
        chat: ChatId,
        unread: u64,
        marker: Option<Position>,
    },
    Reads {
        chat: ChatId,
        reads: Vec<Read>,
    },
    Found(Found),
    /// What was not here before.
    Restored {
        drafts: Vec<(ChatId, String)>,
        entries: Vec<OutboxEntry>,
    },
}

/// Who was signed in last, and everything of theirs that is kept in memory.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    pub last: Option<LastSession>,
    pub chats: Vec<StoredChat>,
    /// In the order of sending.
    pub outbox: Vec<OutboxEntry>,
    /// Whether the list of chats has ever been fetched.
    pub has_synced: bool,
    /// The place in the server's events up to which everything is stored.
    pub cursor: Option<String>,
    /// The chat that was open last.
    pub open_chat: Option<ChatId>,
}

/// The session of last time.
#[derive(Debug, Clone, PartialEq)]
pub struct LastSession {
    pub server: String,
    pub discovery: Option<Discovery>,
    pub user: User,
    /// Whether it was not signed out.
    pub is_signed_in: bool,
}

/// A chat as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredChat {
    /// Without its last message.
    pub chat: Chat,
    pub newest: Option<Arc<Message>>,
    /// The last message that came with what was just stored of the chat.
    pub told: Option<Arc<Message>>,
    /// Whether [`StoredChat::newest`] is that message, and was not stored before.
    pub newest_is_new: bool,
    pub unread: u64,
    pub marker: Option<Position>,
    /// Whether the server knows of the marker.
    pub marker_is_confirmed: bool,
    pub reads: Vec<Read>,
    pub draft: String,
    /// The newest message that names the person.
    pub mentioned: Option<Position>,
}

/// How far somebody has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub user: UserId,
    pub message: MessageId,
    /// When that message was sent, if it is stored.
    pub at: Option<Timestamp>,
}

/// What came of storing messages.
#[derive(Debug, Clone)]
pub struct Put {
    pub chat: ChatId,
    /// The messages as they are stored now.
    pub messages: Vec<Arc<Message>>,
    /// Those of them that were not there before.
    pub new: Vec<MessageId>,
    /// Those that the page shows to be gone.
    pub gone: Vec<MessageId>,
    pub newest: Option<Arc<Message>>,
    pub unread: u64,
    /// Whether something was deleted that the server's count may or may not have in it.
    pub count_is_doubtful: bool,
    pub mentioned: Option<Position>,
    /// How far others and the person have read, where that is known better now.
    pub reads: Option<Markers>,
    /// Whether there may be messages before the first of these that are not stored.
    pub is_after_gap: bool,
    /// Messages that these reply to, as far as they are stored.
    pub quoted: Vec<Arc<Message>>,
}

/// How far a chat has been read.
#[derive(Debug, Clone)]
pub struct Markers {
    pub others: Vec<Read>,
    pub own: Option<Position>,
}
