//! The operations, as they come in.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::Tag;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Op {
    Manager {
        manager: u64,
        url: String,
        options: Option<Options>,
    },
    Open {
        manager: u64,
    },
    Close {
        manager: u64,
    },
    Reconnection {
        manager: u64,
        value: bool,
    },
    Socket {
        socket: u64,
        manager: u64,
        nsp: String,
        auth: Option<Value>,
        retries: Option<u32>,
        ack_timeout: Option<f64>,
    },
    Connect {
        socket: u64,
    },
    Disconnect {
        socket: u64,
    },
    Auth {
        socket: u64,
        #[serde(default)]
        auth: Value,
    },
    Emit {
        socket: u64,
        args: Vec<Value>,
        ack: Option<u64>,
        timeout: Option<f64>,
        volatile: Option<bool>,
    },
    Reply {
        socket: Option<u64>,
        reply: u64,
        args: Vec<Value>,
    },
    Reset,
}

impl Op {
    /// What has to be there for it.
    pub(crate) fn about(&self) -> Option<Tag> {
        match self {
            Self::Open { manager }
            | Self::Close { manager }
            | Self::Reconnection { manager, .. }
            | Self::Socket { manager, .. } => Some(Tag::Manager(*manager)),
            Self::Connect { socket }
            | Self::Disconnect { socket }
            | Self::Auth { socket, .. }
            | Self::Emit { socket, .. } => Some(Tag::Socket(*socket)),
            Self::Reply { socket, .. } => socket.map(Tag::Socket),
            Self::Manager { .. } | Self::Reset => None,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Options {
    pub(crate) path: Option<String>,
    #[serde(deserialize_with = "strings")]
    pub(crate) query: BTreeMap<String, String>,
    #[serde(deserialize_with = "strings")]
    pub(crate) extra_headers: BTreeMap<String, String>,
    pub(crate) transports: Option<Vec<String>>,
    pub(crate) upgrade: Option<bool>,
    pub(crate) timeout: Option<f64>,
    pub(crate) reconnection: Option<bool>,
    pub(crate) reconnection_attempts: Option<u32>,
    pub(crate) reconnection_delay: Option<f64>,
    pub(crate) reconnection_delay_max: Option<f64>,
    pub(crate) randomization_factor: Option<f64>,
}

/// An object of strings; a suite written in JavaScript may well put numbers there.
fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values: Option<BTreeMap<String, Value>> = Option::deserialize(deserializer)?;
    let text = |value| match value {
        Value::String(text) => text,
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    };
    Ok(values
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, text(value)))
        .collect())
}
