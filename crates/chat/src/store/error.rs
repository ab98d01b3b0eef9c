//! Why the store did not do what it was asked, and what that means for a person.

use rusqlite::ffi;

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
    /// The system does not let the app read or write the file or the folder.
    #[error("the store may not be read or written: {0}")]
    NoPermission(String),
    /// The file or the folder cannot be read or written.
    #[error("the store cannot be read or written: {0}")]
    Unusable(String),
    /// An error of the app's own.
    #[error("an error of Khaya's own: {0}")]
    Internal(String),
    /// An operation that needs somebody signed in.
    #[error("nobody is signed in")]
    NoAccount,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the same may succeed later, without anything in Khaya being another.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::DiskFull | Self::NoPermission(_) | Self::Unusable(_) => true,
            Self::Damaged
            | Self::WrongKey
            | Self::TooNew
            | Self::Internal(_)
            | Self::NoAccount
            | Self::Closed => false,
        }
    }

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
                "Some of what is stored on this computer cannot be read: it seems to be damaged. Restart Khaya: it looks \
                 through all of it, sets aside what is damaged, and fetches the chats anew.",
            ),
            Self::WrongKey => Failure::new(
                "store_locked",
                "The stored chats on this computer are locked with another key than the one in the keyring.",
            ),
            Self::TooNew => Failure::new(
                "store_too_new",
                "The stored chats on this computer were written by a later version of Khaya. Install that one.",
            ),
            Self::NoPermission(why) => Failure::new(
                "store_no_permission",
                format!(
                    "Khaya may not read or write its own folder on this computer ({why}). Give yourself the permission, or \
                     let another program that keeps the files to itself go."
                ),
            ),
            Self::Unusable(why) => Failure::new(
                "store_failed",
                format!(
                    "The stored chats on this computer cannot be read or written ({why}). Check the disk and \
                         the permissions of Khaya's folder."
                ),
            ),
            Self::Internal(why) => Failure::new(
                "store_error",
                format!(
                    "Something went wrong in Khaya itself ({why}). Nothing that was stored is lost. Restart it."
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
        // Where there is no room for its index of the log, SQLite tells of an error of the disk.
        let is_no_room = error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE);
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            _ if is_no_room => Self::DiskFull,
            Some(
                ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::AuthorizationForStatementDenied,
            ) => Self::NoPermission(error.to_string()),
            // SQLCipher tells a page that is not what was written as a lack of memory.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::OutOfMemory) => {
                Self::Damaged
            }
            _ => Self::Unusable(error.to_string()),
        }
    }
}
