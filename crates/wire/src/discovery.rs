//! What a server can do: `GET /.well-known/khaya`. A 404 there means level Base.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The path of [`Discovery`].
pub const PATH: &str = "/.well-known/khaya";

/// The version of the contract that these types describe.
pub const CONTRACT: u32 = 1;

/// The limit on a message that a server which names none is taken to have, in UTF-8 bytes of its content.
pub const DEFAULT_MESSAGE_BYTES: u64 = 16_384;

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Discovery {
    pub contract: u32,
    /// The team's name for its server.
    pub name: String,
    #[serde(default)]
    pub features: BTreeSet<Feature>,
    #[serde(default)]
    pub limits: Limits,
}

/// Something that a server of level Full has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub enum Feature {
    Refresh,
    Register,
    Chats,
    Edits,
    Reactions,
    Replies,
    Receipts,
    Search,
    Files,
    Sync,
    Presence,
    Pins,
    Invites,
    Acks,
    Authenticate,
    /// `new_message` comes for all of one's chats, opened or not.
    Everywhere,
    /// What a newer server has and we do not know. Never written.
    #[serde(other, skip_serializing)]
    Unknown,
}

/// Limits that a client should keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// UTF-8 bytes of a message's `content`.
    #[serde(default = "default_message_bytes")]
    pub message_bytes: u64,
    /// Bytes of one file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: DEFAULT_MESSAGE_BYTES,
            file_bytes: None,
        }
    }
}

fn default_message_bytes() -> u64 {
    DEFAULT_MESSAGE_BYTES
}
