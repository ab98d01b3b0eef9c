//! Everything that can go wrong, and how it is told: as an RFC 9457 problem over HTTP, as an ack over Socket.IO.
//!
//! Never tells a caller whether something exists that they may not see, nor what the database said.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use khaya_wire::{
    Code, Problem,
    problem::{FieldError, MEDIA_TYPE},
};

/// After how long somebody may try again who met a database that was away.
const RETRY_SECONDS: u64 = 2;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The username or the password does not fit; which of them is not told.
    #[error("the username or the password is wrong")]
    InvalidCredentials,
    /// There is no token, or one that does not count.
    #[error("sign in to do this")]
    Unauthorized,
    /// The token was good once.
    #[error("the access token has expired")]
    TokenExpired,
    /// The caller may see it, but not do this with it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It does not exist, or the caller may not see it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// What was asked for from is not kept any more: start afresh.
    #[error("this cursor is not known any more; start afresh")]
    Gone,
    /// One field of what was asked is wrong.
    #[error("{field}: {detail}")]
    Invalid { field: String, detail: String },
    /// What is asked contradicts what is stored.
    #[error("{0}")]
    Conflict(&'static str),
    /// More bytes than the server takes.
    #[error("more than {limit} bytes")]
    TooLarge { limit: u64 },
    /// A picture that would take too much room when it is unpacked.
    #[error("the picture has more than {limit} pixels")]
    TooManyPixels { limit: u64 },
    /// No more room for somebody's files.
    #[error("your files would take more than the {quota} bytes that you have")]
    NoRoom { quota: u64 },
    /// A part of a file was asked for that it does not have.
    #[error("the file has {size} bytes")]
    Range { size: u64 },
    /// A body that is not of the type that the call takes.
    #[error("send the body as {0}")]
    MediaType(&'static str),
    /// A method that the path does not have.
    #[error("this path does not have that method")]
    Method,
    /// Too much, too fast.
    #[error("too many requests; try again in {seconds} s")]
    RateLimited { seconds: u64 },
    /// The server is stopping, or the batch that this was part of could not be stored.
    #[error("the server cannot do this now")]
    Unavailable,
    /// The database refused.
    #[error("the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The database refused, or cannot be reached.
    #[error("the database: {}", with_cause(.0))]
    Postgres(#[from] postgres::Error),
    /// The database has a schema that this version cannot use.
    #[error("the database's schema: {0}")]
    Schema(String),
    /// What keeps the bytes of files refused, or cannot be reached.
    #[error("the storage of files: {0}")]
    Storage(#[from] object_store::Error),
    /// The system refused a file or a socket.
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    /// An option or a file of options that makes no sense.
    #[error("{0}")]
    Config(String),
    /// Something that the program itself made does not hold; a defect.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    /// A field that was refused, and why.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            detail: detail.into(),
        }
    }

    /// A refused operation of the system, with what it was about.
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    /// What a program switches on.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::InvalidCredentials => Code::InvalidCredentials,
            Self::Unauthorized => Code::Unauthorized,
            Self::TokenExpired => Code::TokenExpired,
            Self::Forbidden(_) => Code::Forbidden,
            Self::NotFound(_) | Self::Gone => Code::NotFound,
            Self::Invalid { .. } | Self::Method | Self::Range { .. } => Code::InvalidRequest,
            Self::Conflict(_) => Code::Conflict,
            Self::TooLarge { .. } | Self::TooManyPixels { .. } | Self::NoRoom { .. } => Code::PayloadTooLarge,
            Self::MediaType(_) => Code::UnsupportedMediaType,
            Self::RateLimited { .. } => Code::RateLimited,
            Self::Unavailable
            | Self::Sqlite(_)
            | Self::Postgres(_)
            | Self::Schema(_)
            | Self::Storage(_)
            | Self::Io { .. }
            | Self::Config(_)
            | Self::Internal(_) => Code::Unavailable,
        }
    }

    /// The sentence that a caller may read: nothing of the inside.
    #[must_use]
    pub fn public_detail(&self) -> String {
        match self {
            Self::Sqlite(_)
            | Self::Postgres(_)
            | Self::Schema(_)
            | Self::Storage(_)
            | Self::Io { .. }
            | Self::Config(_)
            | Self::Internal(_) => Self::Unavailable.to_string(),
            Self::InvalidCredentials
            | Self::Unauthorized
            | Self::TokenExpired
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Gone
            | Self::Invalid { .. }
            | Self::Conflict(_)
            | Self::TooLarge { .. }
            | Self::TooManyPixels { .. }
            | Self::NoRoom { .. }
            | Self::Range { .. }
            | Self::MediaType(_)
            | Self::Method
            | Self::RateLimited { .. }
            | Self::Unavailable => self.to_string(),
        }
    }

    fn field(&self) -> Option<FieldError> {
        if let Self::Invalid { field, detail } = self {
            let (field, detail) = (field.clone(), detail.clone());
            Some(FieldError { field, detail })
        } else {
            None
        }
    }

    /// What a response says beside its body (RFC 6750, section 3; RFC 9110, sections 10.2.3 and 14.4).
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let bearer = |challenge| Some((header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
        if let Self::RateLimited { seconds } = self {
            return Some((header::RETRY_AFTER, HeaderValue::from(*seconds)));
        }
        if let Self::Range { size } = self {
            let range = HeaderValue::from_str(&format!("bytes */{size}")).ok()?;
            return Some((header::CONTENT_RANGE, range));
        }
        match self.code() {
            Code::Unauthorized => bearer("Bearer"),
            Code::TokenExpired => bearer("Bearer error=\"invalid_token\""),
            Code::Unavailable => Some((header::RETRY_AFTER, HeaderValue::from(RETRY_SECONDS))),
            Code::InvalidCredentials
            | Code::Forbidden
            | Code::NotFound
            | Code::InvalidRequest
            | Code::Conflict
            | Code::PayloadTooLarge
            | Code::UnsupportedMediaType
            | Code::RateLimited => None,
        }
    }

    fn problem(&self) -> Problem {
        let code = self.code();
        // The contract has no codes of its own for these.
        let status = if matches!(self, Self::Method) {
            405
        } else if matches!(self, Self::Gone) {
            410
        } else if matches!(self, Self::Range { .. }) {
            416
        } else {
            code.status()
        };
        Problem {
            kind: "about:blank".to_owned(),
            title: StatusCode::from_u16(status)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or_default()
                .to_owned(),
            status,
            detail: self.public_detail(),
            code,
            errors: self.field().into_iter().collect(),
        }
    }
}

/// What Postgres says stands in the cause alone.
fn with_cause(error: &postgres::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = self.problem();
        if problem.status >= 500 {
            tracing::error!(error = %self, "request failed");
        }
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some((name, value)) = self.header() {
            headers.insert(name, value);
        }
        response
    }
}
