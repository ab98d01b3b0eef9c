//! The app without its window, as a process that can be killed: the example `headless` of the chat crate.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    artifacts::{Artifacts, built_example},
    process::{Process, command},
    server::PASSWORD,
    wait::eventually,
};

/// The app and its folder, which outlives the process.
#[derive(Debug)]
pub struct Headless {
    process: Option<Process>,
    folder: TempDir,
    program: PathBuf,
    artifacts: Artifacts,
    number: u64,
}

impl Headless {
    /// Starts the app with an empty folder.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(artifacts: &Artifacts) -> Result<Self> {
        let mut headless = Self {
            process: None,
            folder: tempfile::tempdir()?,
            program: built_example("headless")?,
            artifacts: artifacts.clone(),
            number: 0,
        };
        headless.restart()?;
        Ok(headless)
    }

    /// Where it keeps everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it on what it has left, and kills it before if it runs.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let mut run = command(&self.program);
        run.arg(self.folder.path());
        self.process = Some(Process::spawn("headless", &mut run, &self.artifacts)?);
        Ok(())
    }

    /// Signs in and waits until it is connected.
    ///
    /// # Errors
    /// When that does not come about.
    pub async fn sign_in(&mut self, server: &str, username: &str) -> Result<()> {
        let intent = json!({
            "type": "signIn", "server": server, "username": username, "password": PASSWORD
        });
        self.want(intent).await?;
        self.view_with("a connection", |view| {
            view["connection"]["state"] == "connected" && view["chats"] != json!([])
        })
        .await?;
        Ok(())
    }

    /// Asks for something, and waits until it has been taken.
    ///
    /// # Errors
    /// When it is refused, or the app ends.
    pub async fn want(&mut self, intent: Value) -> Result<()> {
        let answer = self.ask(json!({ "intent": intent })).await?;
        ensure!(answer["failure"].is_null(), "{intent}: {}", answer["failure"]);
        Ok(())
    }

    /// Makes a file ready to be sent; what it gives is one of the `attachments` of a message.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn attach(&mut self, path: &Path) -> Result<Value> {
        let answer = self.ask(json!({ "attach": path })).await?;
        ensure!(!answer["file"].is_null(), "{} cannot be attached", path.display());
        Ok(answer["file"].clone())
    }

    /// Keeps a file of a message at a place.
    ///
    /// # Errors
    /// When it cannot be fetched or written.
    pub async fn save(&mut self, file: &str, to: &Path) -> Result<()> {
        let answer = self.ask(json!({ "save": [file, to] })).await?;
        ensure!(answer["failure"].is_null(), "{}", answer["failure"]);
        Ok(())
    }

    /// Asks for something, and waits for nothing.
    ///
    /// # Errors
    /// When the app does not read.
    pub fn begin(&mut self, intent: &Value) -> Result<()> {
        self.number += 1;
        let line = json!({ "number": self.number, "intent": intent });
        match &mut self.process {
            Some(process) => process.write_line(&line.to_string()),
            None => Ok(()),
        }
    }

    /// What its window would show.
    ///
    /// # Errors
    /// When the app ends.
    pub async fn view(&mut self) -> Result<Value> {
        Ok(self.ask(json!({})).await?["view"].take())
    }

    /// Waits for a view.
    ///
    /// # Errors
    /// When it does not come, or the app ends.
    pub async fn view_with(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        eventually(what, async || {
            let view = self.view().await?;
            Ok(is_it(&view).then_some(view))
        })
        .await
    }

    async fn ask(&mut self, mut line: Value) -> Result<Value> {
        self.number += 1;
        let number = self.number;
        line["number"] = json!(number);
        let process = self
            .process
            .as_mut()
            .ok_or_else(|| anyhow::anyhow!("it does not run"))?;
        process.write_line(&line.to_string())?;
        process
            .line("an answer", |line| {
                let answer: Value = serde_json::from_str(line).ok()?;
                (answer["number"] == number).then_some(answer)
            })
            .await
    }
}
