//! A `khaya-server` of a test's own: started on a free port, killed and started again at will.

#[cfg(target_os = "linux")]
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

#[cfg(target_os = "linux")]
use crate::disk::{on_own_disk, seen_by};
use crate::{
    artifacts::{Artifacts, built_program},
    process::{Process, command, output},
    rest::{Account, Rest},
};

/// The password of everyone whom [`Server::add`] adds.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running server and its data.
#[derive(Debug)]
pub struct Server {
    process: Process,
    data: TempDir,
    address: String,
    options: Vec<String>,
    artifacts: Artifacts,
}

impl Server {
    /// Starts a server on SQLite with an empty data folder. `options` are added to `serve`.
    ///
    /// # Errors
    /// When it does not say that it listens.
    pub async fn start(artifacts: &Artifacts, options: &[&str]) -> Result<Self> {
        Self::start_in(tempfile::tempdir()?, artifacts, options).await
    }

    /// Starts a server on the demo team.
    ///
    /// # Errors
    /// When the team cannot be made, or the server does not say that it listens.
    pub async fn start_demo(artifacts: &Artifacts) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let mut demo = program()?;
        demo.arg("demo").arg("--data").arg(data.path());
        output(demo, "").await?;
        Self::start_in(data, artifacts, &[]).await
    }

    /// Starts a server whose data lies on a disk of its own that holds `bytes`. [`Server::add`] and
    /// [`Server::restart`] do not reach it.
    ///
    /// # Errors
    /// When it does not say that it listens.
    #[cfg(target_os = "linux")]
    pub async fn start_on_disk(artifacts: &Artifacts, bytes: u64, options: &[&str]) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let server = built_program("khaya-server")?;
        let command = on_own_disk(without_settings(command("unshare")), data.path(), bytes, &server);
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let (process, address) = serve(command, &data, "127.0.0.1:0", &options, artifacts).await?;
        Ok(Self {
            process,
            data,
            address,
            options,
            artifacts: artifacts.clone(),
        })
    }

    /// The folder of its data as it sees it.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn data_seen_by_server(&self) -> PathBuf {
        seen_by(self.process.id(), self.data.path())
    }

    async fn start_in(data: TempDir, artifacts: &Artifacts, options: &[&str]) -> Result<Self> {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let (process, address) = serve(program()?, &data, "127.0.0.1:0", &options, artifacts).await?;
        Ok(Self {
            process,
            data,
            address,
            options,
            artifacts: artifacts.clone(),
        })
    }

    /// `http://127.0.0.1:PORT`, the same after a restart.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Adds somebody with [`PASSWORD`] by the server's own command, beside the running server, and signs them in.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn add(&self, username: &str, name: &str, role: &str) -> Result<Account> {
        let mut add = program()?;
        add.args([
            "user",
            "add",
            username,
            "--name",
            name,
            "--role",
            role,
            "--password-stdin",
        ]);
        add.arg("--data").arg(self.data.path());
        output(add, PASSWORD).await?;
        self.rest()?.sign_in(username, PASSWORD).await
    }

    /// Calls as nobody.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn rest(&self) -> Result<Rest> {
        Rest::new(&self.address)
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same port and the same data.
    ///
    /// # Errors
    /// When it does not say that it listens.
    pub async fn restart(&mut self) -> Result<()> {
        self.process.kill();
        let listen = self.address.trim_start_matches("http://");
        (self.process, _) = serve(program()?, &self.data, listen, &self.options, &self.artifacts).await?;
        Ok(())
    }

    /// Its log so far.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log(&self) -> Result<String> {
        std::fs::read_to_string(self.process.log()).context("the server's log")
    }
}

async fn serve(
    mut serve: Command,
    data: &TempDir,
    listen: &str,
    options: &[String],
    artifacts: &Artifacts,
) -> Result<(Process, String)> {
    serve.args(["serve", "--listen", listen]).args(options);
    serve.arg("--data").arg(data.path());
    let mut process = Process::spawn("khaya-server", &mut serve, artifacts)?;
    let address = process
        .line("`listening on http://…`", |line| {
            line.strip_prefix("listening on ").map(str::to_owned)
        })
        .await?;
    Ok((process, address))
}

/// The server's program.
fn program() -> Result<Command> {
    Ok(without_settings(command(built_program("khaya-server")?)))
}

/// With nothing of this process's settings.
fn without_settings(mut program: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KHAYA_") {
            program.env_remove(name);
        }
    }
    program
}
