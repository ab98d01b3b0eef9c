//! What can go wrong between asking and an answer, and what a caller does about it.

use std::time::Duration;

use khaya_wire::Code;

use crate::view::Failure;

/// Why a call has no answer, or was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No connection came about.
    #[error("the server cannot be reached")]
    Unreachable,
    /// A connection came about, and then nothing in time.
    #[error("the server did not answer in time")]
    Timeout,
    /// The connection broke between question and answer.
    #[error("the connection was lost before the answer came")]
    Interrupted,
    /// The server's certificate was not accepted.
    #[error("no secure connection could be made")]
    Tls,
    /// What answered does not speak the contract: a login page of the network, or another server.
    #[error("the answer is not one of a Khaya server")]
    NotKhaya,
    /// A file on this computer cannot be read or written.
    #[error("a file on this computer: {0}")]
    LocalFile(String),
    /// The server refused.
    #[error("the server refused: {code:?}")]
    Refused {
        code: Code,
        /// What the server says of it, for a person. May be empty.
        detail: String,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
}

impl ApiError {
    /// Whether the same call may well succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable | Self::Timeout | Self::Interrupted | Self::Tls | Self::NotKhaya => true,
            Self::LocalFile(_) => false,
            Self::Refused { code, .. } => match code {
                Code::RateLimited | Code::Unavailable | Code::Unauthorized | Code::TokenExpired => true,
                Code::InvalidCredentials
                | Code::Forbidden
                | Code::NotFound
                | Code::InvalidRequest
                | Code::Conflict
                | Code::PayloadTooLarge
                | Code::UnsupportedMediaType => false,
            },
        }
    }

    /// Whether a fresh token is needed, or a new sign-in where there is none to be had.
    #[must_use]
    pub fn requires_sign_in(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                code: Code::Unauthorized | Code::TokenExpired,
                ..
            }
        )
    }

    /// Whether the server may have done what was asked although no answer says so.
    #[must_use]
    pub fn outcome_is_unknown(&self) -> bool {
        match self {
            Self::Timeout | Self::Interrupted | Self::NotKhaya => true,
            Self::Refused { code, .. } => *code == Code::Unavailable,
            Self::Unreachable | Self::Tls | Self::LocalFile(_) => false,
        }
    }

    /// How long the server wants to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Unreachable
            | Self::Timeout
            | Self::Interrupted
            | Self::Tls
            | Self::NotKhaya
            | Self::LocalFile(_) => None,
        }
    }

    /// What the person is told.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let (code, message) = match self {
            Self::Unreachable => (
                "unreachable",
                "The server cannot be reached. Check the address and your network.",
            ),
            Self::Timeout => (
                "timeout",
                "The server did not answer in time. Try again in a while.",
            ),
            Self::Interrupted => (
                "unreachable",
                "The connection to the server was lost. Check your network.",
            ),
            Self::Tls => (
                "tls",
                "No secure connection could be made: the server's certificate is not trusted or does not fit its \
                 name. Check the address, or ask whoever runs the server.",
            ),
            Self::NotKhaya => (
                "not_khaya",
                "What answered is not a Khaya server: a login page of this network, or a wrong address? Open a \
                 web browser to sign in to the network, or check the address.",
            ),
            Self::LocalFile(why) => {
                return Failure::new(
                    "local_file",
                    format!("The file cannot be read or written: {why}."),
                );
            }
            Self::Refused { code, detail, .. } => return refused(*code, detail),
        };
        Failure::new(code, message)
    }
}

fn refused(code: Code, detail: &str) -> Failure {
    let (name, sentence) = match code {
        Code::InvalidCredentials => ("invalid_credentials", "Username or password is wrong."),
        Code::Unauthorized => (
            "unauthorized",
            "The server does not know this sign-in any more. Sign in again.",
        ),
        Code::TokenExpired => ("token_expired", "The sign-in has run out. Sign in again."),
        Code::Forbidden => ("forbidden", "The server does not allow this."),
        Code::NotFound => ("not_found", "The server does not know this (any more)."),
        Code::InvalidRequest => ("invalid_request", "The server cannot take this as it is."),
        Code::Conflict => ("conflict", "The server already has something else in this place."),
        Code::PayloadTooLarge => ("payload_too_large", "This is too large for the server."),
        Code::UnsupportedMediaType => (
            "unsupported_media_type",
            "The server does not take this kind of content.",
        ),
        Code::RateLimited => (
            "rate_limited",
            "That was too often for the server. Try again in a while.",
        ),
        Code::Unavailable => (
            "unavailable",
            "The server cannot answer now. Try again in a while.",
        ),
    };
    // The server's own words say more where it is about what was typed.
    let says_more = match code {
        Code::InvalidRequest | Code::Conflict | Code::Forbidden | Code::PayloadTooLarge => !detail.is_empty(),
        Code::InvalidCredentials
        | Code::Unauthorized
        | Code::TokenExpired
        | Code::NotFound
        | Code::UnsupportedMediaType
        | Code::RateLimited
        | Code::Unavailable => false,
    };
    if says_more {
        Failure::new(name, format!("{sentence} It says: {detail}"))
    } else {
        Failure::new(name, sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_with(code: Code) -> ApiError {
        ApiError::Refused {
            code,
            detail: String::new(),
            retry_after: None,
        }
    }

    #[test]
    fn decides_for_the_caller() {
        for (error, retryable, sign_in, unknown) in [
            (ApiError::Unreachable, true, false, false),
            (ApiError::Timeout, true, false, true),
            (ApiError::Interrupted, true, false, true),
            (ApiError::NotKhaya, true, false, true),
            (refused_with(Code::Unavailable), true, false, true),
            (refused_with(Code::RateLimited), true, false, false),
            (refused_with(Code::TokenExpired), true, true, false),
            (refused_with(Code::Unauthorized), true, true, false),
            (refused_with(Code::InvalidCredentials), false, false, false),
            (refused_with(Code::InvalidRequest), false, false, false),
            (refused_with(Code::Conflict), false, false, false),
        ] {
            assert_eq!(error.is_retryable(), retryable, "{error:?}");
            assert_eq!(error.requires_sign_in(), sign_in, "{error:?}");
            assert_eq!(error.outcome_is_unknown(), unknown, "{error:?}");
            assert!(error.failure().message.ends_with('.'), "{error:?}");
        }
    }
}
