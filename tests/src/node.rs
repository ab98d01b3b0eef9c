//! The official Node packages: programs of `tests/interop/node`, and a socket that one of them holds for a test.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    artifacts::{Artifacts, node_folder},
    process::{Process, command},
};

/// Where the programs and packages are.
pub use crate::artifacts::node_folder as folder;

/// Starts a program of the folder.
///
/// # Errors
/// When the packages are not installed or Node cannot be started.
pub fn start(name: &str, program: &str, arguments: &[String], artifacts: &Artifacts) -> Result<Process> {
    let folder = node_folder();
    ensure!(
        folder.join("node_modules/socket.io-client").exists(),
        "the Node packages are missing; `cargo xtask test` installs them, or `npm ci` in {}",
        folder.display()
    );
    let mut node = command("node");
    node.arg(program).args(arguments).current_dir(folder);
    Process::spawn(name, &mut node, artifacts)
}

/// A socket of the official `socket.io-client`.
#[derive(Debug)]
pub struct Socket {
    process: Process,
    acks: u64,
    /// What was told before the thing that a test waited for.
    passed: Vec<Value>,
}

/// How a socket is opened.
#[derive(Debug, Default)]
pub struct Connect<'a> {
    pub token: Option<&'a str>,
    /// Put into the query string, where it must not be.
    pub query_token: Option<&'a str>,
    /// `polling`, `websocket`; none means what the package does by itself.
    pub transports: &'a [&'a str],
    pub origin: Option<&'a str>,
}

impl Socket {
    /// Starts the client, with no connection yet. `name` is its log's.
    ///
    /// # Errors
    /// When Node cannot be started.
    pub fn start(name: &str, artifacts: &Artifacts) -> Result<Self> {
        Ok(Self {
            process: start(name, "client.mjs", &[], artifacts)?,
            acks: 0,
            passed: Vec::new(),
        })
    }

    /// Opens a connection and gives what comes of it: `connect` or `connect_error`.
    ///
    /// # Errors
    /// When neither comes.
    pub async fn connect(&mut self, address: &str, how: Connect<'_>) -> Result<Value> {
        let mut command = json!({ "do": "connect", "url": address });
        if let Some(token) = how.token {
            command["auth"] = json!({ "token": token });
        }
        if let Some(token) = how.query_token {
            command["query"] = json!({ "token": token });
        }
        if !how.transports.is_empty() {
            command["transports"] = json!(how.transports);
        }
        if let Some(origin) = how.origin {
            command["headers"] = json!({ "Origin": origin });
        }
        self.process.write_line(&command.to_string())?;
        self.told("a connection or its refusal", |told| {
            matches!(told["told"].as_str(), Some("connect" | "connect_error"))
        })
        .await
    }

    /// Opens a connection that must succeed.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn connected(&mut self, address: &str, token: &str, transports: &[&str]) -> Result<Value> {
        let how = Connect {
            token: Some(token),
            transports,
            ..Connect::default()
        };
        let told = self.connect(address, how).await?;
        ensure!(told["told"] == "connect", "not connected: {told}");
        Ok(told)
    }

    /// Sends an event without asking for an acknowledgement.
    ///
    /// # Errors
    /// When the client ended.
    pub fn emit(&mut self, event: &str, data: Value) -> Result<()> {
        let command = json!({ "do": "emit", "event": event, "data": data });
        self.process.write_line(&command.to_string())
    }

    /// Sends an event and gives its acknowledgement.
    ///
    /// # Errors
    /// When none comes.
    pub async fn emit_acked(&mut self, event: &str, data: Value) -> Result<Value> {
        self.acks += 1;
        let ack = self.acks;
        let command = json!({ "do": "emit", "event": event, "data": data, "ack": ack });
        self.process.write_line(&command.to_string())?;
        let mut told = self
            .told(&format!("the acknowledgement of {event}"), |told| {
                told["told"] == "ack" && told["ack"] == ack
            })
            .await?;
        Ok(told["data"].take())
    }

    /// Waits for an event of this name and gives its data; what comes before stays in [`Socket::passed`].
    ///
    /// # Errors
    /// When it does not come.
    pub async fn event(&mut self, name: &str) -> Result<Value> {
        let mut told = self
            .told(&format!("the event {name}"), |told| {
                told["told"] == "event" && told["name"] == name
            })
            .await?;
        Ok(told["args"][0].take())
    }

    /// Waits for the first thing told that `pick` takes.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn told(&mut self, what: &str, pick: impl Fn(&Value) -> bool) -> Result<Value> {
        let passed = &mut self.passed;
        self.process
            .line(what, |line| {
                let told: Value = serde_json::from_str(line).ok()?;
                if pick(&told) {
                    return Some(told);
                }
                if told["name"] != "presence" {
                    passed.push(told);
                }
                None
            })
            .await
    }

    /// Everything told and not waited for, in order, but for who is there: that is told at any time.
    #[must_use]
    pub fn passed(&self) -> &[Value] {
        &self.passed
    }

    /// Makes sure that everything the server sent before now has come: whatever it sends in answer to this
    /// acknowledged event comes after it on the same connection.
    ///
    /// # Errors
    /// When the acknowledgement does not come.
    pub async fn settle(&mut self, chat: &str) -> Result<()> {
        let answer = self.emit_acked("join_chat", json!({ "chatId": chat })).await?;
        if answer.get("ok").and_then(Value::as_bool).is_none() {
            bail!("an acknowledgement says whether it is ok: {answer}");
        }
        Ok(())
    }

    /// The id of the process, to freeze or kill it.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }
}

/// The `chatId` and the text of a `new_message`.
///
/// # Errors
/// When it has none.
pub fn message_of(event: &Value) -> Result<(&str, &str)> {
    let chat = event["chatId"].as_str().context("a chatId")?;
    let content = event.pointer("/message/content").and_then(Value::as_str);
    Ok((chat, content.with_context(|| format!("a content in {event}"))?))
}
