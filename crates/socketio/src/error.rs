//! The errors of the public API.

/// Why a client or a socket cannot be made from the given options.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Not an absolute URL.
    #[error("invalid url: {0}")]
    Url(#[from] url::ParseError),
    /// Only `http`, `https`, `ws` and `wss` are known.
    #[error("unsupported url scheme: {0}")]
    Scheme(String),
    /// `transports` was given nothing.
    #[error("no transport is allowed")]
    NoTransport,
    /// A header's name or value has characters that HTTP does not allow.
    #[error("invalid header: {0}")]
    Header(String),
    /// A namespace begins with `/` and has no comma.
    #[error("invalid namespace: {0}")]
    Namespace(String),
    /// There is no tokio runtime here.
    #[error("no tokio runtime")]
    NoRuntime,
    /// The client has been closed for good.
    #[error("the client is closed")]
    Closed,
}

/// Why an event was not accepted. Nothing of it was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The payload does not serialise.
    #[error("cannot encode the payload: {0}")]
    Encode(#[from] serde_json::Error),
    /// More attachments than the protocol's customary limit, or arguments that are no array.
    #[error("invalid arguments: {0}")]
    Arguments(&'static str),
    /// One of the names that the protocol keeps for itself.
    #[error("reserved event name: {0}")]
    ReservedName(String),
    /// The queue of what waits to be written is full.
    #[error("the outgoing queue is full")]
    QueueFull,
    /// The client has been closed for good.
    #[error("the client is closed")]
    Closed,
}

impl EmitError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::QueueFull => true,
            Self::Encode(_) | Self::Arguments(_) | Self::ReservedName(_) | Self::Closed => false,
        }
    }
}

/// Why there is no acknowledgement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The event was never accepted.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// No answer in time. `written` tells whether the server may have seen the event.
    #[error("operation has timed out")]
    Timeout { written: bool },
    /// The connection was lost after the event was written: the server may have seen it.
    #[error("socket has been disconnected")]
    Disconnected,
    /// Not written, and it will not be: it was volatile, or the client was closed.
    #[error("the event was dropped")]
    Dropped,
}

impl AckError {
    /// Whether it is certain that the server has not seen the event, so that sending it again doubles nothing.
    #[must_use]
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Emit(_) | Self::Dropped => true,
            Self::Timeout { written } => !written,
            Self::Disconnected => false,
        }
    }
}

/// Why the arguments of an event or an answer are not of the wanted type.
#[derive(Debug, thiserror::Error)]
#[error("cannot decode the payload: {0}")]
pub struct PayloadError(#[from] serde_json::Error);
