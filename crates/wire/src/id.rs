//! Opaque ids: what tells a chat from a message at compile time.
//!
//! An id is a string of 1 to 64 characters from `[A-Za-z0-9_-]`. Anything else is refused when it is parsed,
//! so an id that exists can be put into a path or a file name as it is.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest id, in characters (which are bytes here).
pub const MAX_LEN: usize = 64;

/// What an id looks like to a validator.
#[cfg(feature = "openapi")]
const PATTERN: &str = "^[A-Za-z0-9_-]{1,64}$";

/// Why a string is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to {MAX_LEN} characters from A-Z, a-z, 0-9, '_' and '-'")]
pub struct InvalidId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Cheap to clone. Ordered by its bytes.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts", type = "string"))]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and makes it an id.
            ///
            /// # Errors
            /// [`InvalidId`] when `text` is empty, too long, or has a character that an id may not have.
            pub fn new(text: impl Into<Arc<str>>) -> Result<Self, InvalidId> {
                let text = text.into();
                if is_valid(&text) { Ok(Self(text)) } else { Err(InvalidId) }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        #[cfg(feature = "openapi")]
        crate::openapi::text!($name, stringify!($name), |schema| schema
            .pattern(Some(PATTERN))
            .max_length(Some(MAX_LEN)));

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

id!(/// Tells one chat from all others of a server.
    ChatId);
id!(/// Tells one message from all others of a server.
    MessageId);
id!(/// Tells one person from all others of a server.
    UserId);
id!(/// Tells one stored file from all others of a server.
    FileId);
id!(/// Tells one signed-in device from all others of a person.
    SessionId);
id!(/// Chosen by the sender for one message, unique among all that this sender ever sends. A UUID by custom.
    ClientId);

fn is_valid(text: &str) -> bool {
    (1..=MAX_LEN).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_contract_allows_and_nothing_else() {
        for good in ["a", "A-b_9", &"x".repeat(MAX_LEN)] {
            assert_eq!(ChatId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "..", "ä", "a\n", &"x".repeat(MAX_LEN + 1)] {
            assert_eq!(ChatId::new(bad), Err(InvalidId), "{bad:?}");
            assert!(serde_json::from_value::<ChatId>(bad.into()).is_err(), "{bad:?}");
        }
    }
}
