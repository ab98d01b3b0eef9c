//! The server's REST calls: what can be asked, what is answered, and what can go wrong.
//!
//! Owns: addresses ([`Server`]), the calls ([`Request`], [`Response`]), their errors ([`ApiError`]) and the one
//! function that performs them ([`perform`]).
//!
//! Never does: retries, decisions, keeping of tokens. A call carries what it needs.

mod address;
mod error;
mod files;
mod http;

use std::{path::PathBuf, sync::Arc};

use khaya_wire::{
    Chat, ChatId, File, FileId, Message, MessageId, Page, SessionId, User, UserId, discovery::Discovery,
    model::ChatRole, rest,
};

pub use address::{InvalidAddress, Server};
pub use error::ApiError;
pub use files::{Content, perform_with_file};
pub use http::perform;

use crate::{files::StagedFile, intent::Secret};

/// How many messages, or chats, are asked for at once; the contract's greatest number.
pub const PAGE: usize = 100;
/// How many missed events are asked for at once. A server may give fewer.
pub const MISSED: usize = 2000;

/// One call, complete.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub server: Server,
    /// The access token, for the calls that need one.
    pub token: Option<Secret>,
    pub request: Request,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    Discover,
    Login(rest::Login),
    /// Make an account, and sign in with it.
    Register(rest::Register),
    Refresh(rest::Refresh),
    Logout,
    Chats {
        cursor: Option<String>,
        /// How many at most.
        limit: usize,
    },
    Chat {
        chat: ChatId,
    },
    Join {
        chat: ChatId,
    },
    Messages {
        chat: ChatId,
        part: Part,
    },
    Send {
        chat: ChatId,
        message: rest::SendMessage,
    },
    Edit {
        chat: ChatId,
        message: MessageId,
        content: Arc<str>,
    },
    Delete {
        chat: ChatId,
        message: MessageId,
    },
    React {
        chat: ChatId,
        message: MessageId,
        emoji: String,
        add: bool,
    },
    Pin {
        chat: ChatId,
        message: MessageId,
        pinned: bool,
    },
    MarkRead {
        chat: ChatId,
        message: MessageId,
    },
    Prefer {
        chat: ChatId,
        preferences: rest::Preferences,
    },
    ChangeChat {
        chat: ChatId,
        change: rest::ChangeChat,
    },
    DeleteChat {
        chat: ChatId,
    },
    PutMember {
        chat: ChatId,
        user: UserId,
        role: Option<ChatRole>,
    },
    RemoveMember {
        chat: ChatId,
        user: UserId,
    },
    /// What was missed since this place; without one, only where the place of now is.
    Sync {
        since: Option<String>,
        /// How many events at most.
        limit: usize,
    },
    /// Send a copy of a file.
    Upload {
        file: StagedFile,
    },
    /// Fetch a file to show it.
    File {
        file: FileId,
        thumbnail: bool,
    },
    /// Fetch a file and save it on this computer.
    SaveFile {
        file: FileId,
        to: PathBuf,
    },
    CreateChat(rest::CreateChat),
    Sessions,
    RevokeSession {
        session: SessionId,
    },
    ChangePassword {
        current: Secret,
        new: Secret,
    },
    Rename {
        name: String,
    },
    /// Have this picture, or none.
    SetPicture {
        file: Option<FileId>,
    },
    FindPeople {
        query: String,
    },
    /// Messages with all of these words, newest first.
    Search {
        words: String,
        chat: Option<ChatId>,
        sender: Option<UserId>,
        cursor: Option<String>,
        limit: usize,
    },
}

impl Request {
    /// Whether the call carries a token.
    #[must_use]
    pub const fn needs_token(&self) -> bool {
        match self {
            Self::Discover | Self::Login(_) | Self::Register(_) | Self::Refresh(_) => false,
            Self::Logout
            | Self::Chats { .. }
            | Self::Chat { .. }
            | Self::Join { .. }
            | Self::Messages { .. }
            | Self::Send { .. }
            | Self::Edit { .. }
            | Self::Delete { .. }
            | Self::React { .. }
            | Self::Pin { .. }
            | Self::MarkRead { .. }
            | Self::Prefer { .. }
            | Self::ChangeChat { .. }
            | Self::DeleteChat { .. }
            | Self::PutMember { .. }
            | Self::RemoveMember { .. }
            | Self::Sync { .. }
            | Self::Upload { .. }
            | Self::File { .. }
            | Self::SaveFile { .. }
            | Self::CreateChat(_)
            | Self::FindPeople { .. }
            | Self::Sessions
            | Self::RevokeSession { .. }
            | Self::ChangePassword { .. }
            | Self::Rename { .. }
            | Self::SetPicture { .. }
            | Self::Search { .. } => true,
        }
    }
}

/// Which part of a chat's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Newest,
    Before(MessageId),
    After(MessageId),
}

/// What is answered; one variant a kind of [`Request`].
#[derive(Debug, Clone, PartialEq)]
pub enum Response {
    /// `None`: the server is of level Base.
    Discovered(Option<Discovery>),
    SignedIn(Box<rest::SignedIn>),
    Refreshed(rest::Refreshed),
    Chats(Page<Chat>),
    Chat(Box<Chat>),
    Messages(Page<Message>),
    /// A message as the server has it now.
    Sent(Box<Message>),
    Synced(rest::Synced<serde_json::Value>),
    People(Page<User>),
    /// The person themself, as the server has them now.
    Me(Box<User>),
    Sessions(Page<khaya_wire::model::Session>),
    Uploaded(Box<File>),
    File(Content),
    Done,
}
