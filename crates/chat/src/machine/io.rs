//! What goes into the machine and what comes out of it.
//!
//! The machine sees nothing else of the world: a clock reading comes with every input, and whatever takes time
//! is asked for by an output and answered by a later input that carries the same token.

use std::{path::PathBuf, time::Duration};

use khaya_wire::{ChatId, FileId, Timestamp};

use crate::{
    Intent, api,
    intent::Secret,
    shell::{SecretsError, ShellRequest},
    store,
    view::{Failure, Transport},
};

/// The time of an input, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since a moment that stays the same while the machine lives; never goes back. Timers are on this clock.
    pub monotonic: Duration,
    /// What the calendar says; may jump.
    pub wall: Timestamp,
}

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// First of all, and once.
    Start,
    /// A person wants something. Answered by [`Output::Answer`] with the same `id`.
    Intent { id: u64, intent: Intent },
    /// The time of the last [`Output::WakeAt`] has come.
    Wake,
    /// The answer to [`Output::Store`]. Answers come in the order of the questions.
    Store {
        token: u64,
        result: Result<store::Answer, store::StoreError>,
    },
    /// The answer to [`Output::Call`].
    Call {
        token: u64,
        result: Result<api::Response, api::ApiError>,
    },
    /// So many bytes of the file of an [`Output::Call`] have been sent.
    Progress { token: u64, sent: u64 },
    /// What another store had that was not sent. Answered by [`Output::Answer`] with the same `id`.
    Restore {
        id: u64,
        drafts: Vec<(ChatId, String)>,
        unsent: Vec<store::OutboxEntry>,
    },
    /// Somebody wants a file. Answered by [`Output::File`] with the same `id`.
    File { id: u64, request: FileRequest },
    /// Something about the socket.
    Socket(SocketEvent),
    /// The answer to [`Output::Secrets`]. Answers come in the order of the questions.
    Secrets(SecretsAnswer),
}

/// A file that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileRequest {
    /// To show it.
    Show { file: FileId, thumbnail: bool },
    /// To keep it at this place.
    Save { file: FileId, to: PathBuf },
}

/// What the Socket.IO connection tells.
#[derive(Debug, Clone, PartialEq)]
pub enum SocketEvent {
    /// Connected: CONNECT was answered.
    Up { transport: Transport },
    /// The live connection moved to another transport.
    Upgraded { transport: Transport },
    /// A live connection was lost, or an attempt failed. The socket tries again by itself.
    Down { failure: Failure },
    /// The next attempt begins after this time.
    Waiting { retry_in: Duration },
    /// The server refused CONNECT. The socket does not try again by itself.
    Refused { token_expired: bool },
    /// An event with its first argument.
    Event { name: String, data: serde_json::Value },
}

/// What came of a [`SecretsRequest`].
#[derive(Debug)]
pub enum SecretsAnswer {
    Loaded(Result<Option<Secret>, SecretsError>),
    Saved(Result<(), SecretsError>),
    Deleted(Result<(), SecretsError>),
}

/// Something to be done.
#[derive(Debug)]
pub enum Output {
    /// Run a transaction or a query. Strictly in order.
    Store { token: u64, op: store::Op },
    /// Ask the server.
    Call { token: u64, call: api::Call },
    /// Stop a call; its answer means nothing any more.
    Cancel { token: u64 },
    /// The connections that are kept ready for calls may lead nowhere: use others from here on.
    ForgetConnections,
    /// These copies of files are needed no more.
    ForgetFiles(Vec<FileId>),
    /// What came of an [`Input::File`].
    File {
        id: u64,
        result: Result<api::Response, api::ApiError>,
    },
    /// Do something with the socket. Strictly in order.
    Socket(SocketCommand),
    /// Do something with the keyring. Strictly in order.
    Secrets(SecretsRequest),
    /// Ask something of the shell.
    Shell(ShellRequest),
    /// Tell the one who asked what came of an intent.
    Answer { id: u64, result: Result<(), Failure> },
    /// Hand in [`Input::Wake`] at this time of the monotonic clock; replaces what was asked before.
    WakeAt(Duration),
}

/// What the machine wants of the socket.
#[derive(Debug, Clone, PartialEq)]
pub enum SocketCommand {
    /// Connect, and stay connected until [`SocketCommand::Disconnect`]. Replaces a connection that there is.
    Connect {
        server: api::Server,
        token: Secret,
    },
    /// Use this token from the next attempt on.
    SetToken(Secret),
    /// Where it waits for the next attempt: attempt now.
    Retry,
    /// The connection goes over a network that is there no more: make another one.
    NetworkChanged,
    Disconnect,
    /// Send an event. Dropped where there is no connection.
    Emit {
        name: &'static str,
        data: serde_json::Value,
    },
}

/// What the machine wants of the keyring.
#[derive(Debug, Clone, PartialEq)]
pub enum SecretsRequest {
    Load,
    Save(Secret),
    Delete,
}
