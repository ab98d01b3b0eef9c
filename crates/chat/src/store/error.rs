//! Why the store did not do what it was asked, and what that means for a person.

use crate::view::Failure;

/// Why the disk did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    #[error("the disk is full")]
    DiskFull,
    /// The file is not a database, or not one of ours.
    #[error("the store is damaged")]
    Damaged,
    /// The files were written with another key.
    #[error("the store has another key")]
    WrongKey,
    /// A later version of the app wrote the file.
    #[error("the store is of a later version")]
    TooNew,
    /// The file or the folder cannot be read or written.
    #[error("the store cannot be read or written: {0}")]
    Unusable(String),
    /// An operation that needs somebody signed in.
    #[error("nobody is signed in")]
    NoAccount,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// What the person is told.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::DiskFull => Failure::new(
                "disk_full",
                "The disk is full: nothing can be stored, and nothing new is sent. Free some space and try again.",
            ),
            Self::Damaged => Failure::new(
                "store_damaged",
                "The stored chats on this computer are damaged. Restart Khaya: it sets them aside and fetches them \
                 anew.",
            ),
            Self::WrongKey => Failure::new(
                "store_locked",
                "The stored chats on this computer are locked with another key than the one in the keyring.",
            ),
            Self::TooNew => Failure::new(
                "store_too_new",
                "The stored chats on this computer were written by a later version of Khaya. Install that one.",
            ),
            Self::Unusable(why) => Failure::new(
                "store_failed",
                format!(
                    "The stored chats on this computer cannot be read or written ({why}). Check the disk and \
                         the permissions of Khaya's folder."
                ),
            ),
            Self::NoAccount => Failure::new("not_signed_in", "Sign in first."),
            Self::Closed => Failure::new("ended", "Khaya is shutting down."),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            // SQLCipher tells a page that is not what was written as a lack of memory.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::OutOfMemory) => {
                Self::Damaged
            }
            _ => Self::Unusable(error.to_string()),
        }
    }
}
