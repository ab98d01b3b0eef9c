//! Errors on the wire: `application/problem+json` (RFC 9457) and the codes that programs switch on.

use serde::{Deserialize, Serialize};

/// The media type of [`Problem`] (RFC 9457, section 3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The body of every refused call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A URI that names the kind of problem; `about:blank` says no more than `status` does.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: String,
    /// The same sentence for every problem of this kind.
    #[serde(default)]
    pub title: String,
    /// The HTTP status, once more.
    #[serde(default)]
    pub status: u16,
    /// What went wrong this time, for a person to read.
    #[serde(default)]
    pub detail: String,
    pub code: Code,
    /// The fields of a body that were refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

fn about_blank() -> String {
    "about:blank".to_owned()
}

/// One refused field of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FieldError {
    pub field: String,
    pub detail: String,
}

/// What programs switch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Code {
    InvalidCredentials,
    Unauthorized,
    TokenExpired,
    Forbidden,
    NotFound,
    InvalidRequest,
    Conflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    RateLimited,
    /// The server cannot answer now. Also what any code that we do not know is read as.
    #[serde(other)]
    Unavailable,
}

impl Code {
    /// The HTTP status that a server answers with this code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidCredentials | Self::Unauthorized | Self::TokenExpired => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InvalidRequest => 422,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
        }
    }
}
