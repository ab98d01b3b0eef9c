//! A server of contract level Base, written with the official Node package: `tests/interop/node/base-server.mjs`.

use anyhow::Result;
use serde_json::{Value, json};

use crate::{artifacts::Artifacts, node, process::Process, rest::Rest, server::PASSWORD};

/// A running Base server with two people, a direct chat of theirs and a group.
#[derive(Debug)]
pub struct BaseServer {
    // Ends with this value.
    _process: Process,
    address: String,
}

impl BaseServer {
    /// Starts it with these transports (`polling`, `websocket`). Ada and Bob have [`PASSWORD`].
    ///
    /// # Errors
    /// When it does not say that it listens.
    pub async fn start(artifacts: &Artifacts, transports: &[&str]) -> Result<Self> {
        let config = json!({
            "transports": transports,
            "users": [
                { "username": "ada", "password": PASSWORD, "name": "Ada" },
                { "username": "bob", "password": PASSWORD, "name": "Bob" },
            ],
            "chats": [
                { "kind": "direct", "members": ["ada", "bob"], "messages": history() },
                { "kind": "group", "name": "Garden", "members": ["ada", "bob"] },
            ],
        });
        let mut process = node::start("base-server", "base-server.mjs", &[config.to_string()], artifacts)?;
        let address = process
            .line("`listening on http://…`", |line| {
                line.strip_prefix("listening on ").map(str::to_owned)
            })
            .await?;
        Ok(Self {
            _process: process,
            address,
        })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Calls as nobody.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn rest(&self) -> Result<Rest> {
        Rest::new(&self.address)
    }
}

/// More than one page of messages, so that older ones have to be fetched.
fn history() -> Vec<Value> {
    (1..=120)
        .map(|number| {
            let from = if number % 3 == 0 { "bob" } else { "ada" };
            json!({ "from": from, "content": format!("Old message {number}") })
        })
        .collect()
}
