//! The programs that are compared, and the server that they are compared against.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// After this long a client is taken as one that does not finish.
const PATIENCE: Duration = Duration::from_secs(180);

/// A client under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Floor,
    Khaya,
    RustSocketio,
    JavaScript,
    Python,
}

impl Client {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Khaya => "khaya-socketio",
            Self::RustSocketio => "rust_socketio",
            Self::JavaScript => "socket.io-client",
            Self::Python => "python-socketio",
        }
    }
}

/// Where the programs lie.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The clients built with this program.
    built: PathBuf,
    node: PathBuf,
    python: PathBuf,
}

impl Programs {
    /// Finds them, or says what to run.
    pub(crate) fn find() -> Result<Self> {
        let built = env::current_exe()?
            .parent()
            .context("a program lies in a folder")?
            .to_owned();
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let node = package.join("../../tests/interop/node");
        ensure!(
            node.join("node_modules/socket.io").exists(),
            "the official Node packages are missing: run `npm ci` in {}",
            node.display()
        );
        let target = env::var_os("KHAYA_TARGET").map_or_else(|| package.join("../../target"), PathBuf::from);
        let python = target.join("interop-python");
        ensure!(
            python.join("bin/python").exists(),
            "the Python environment is missing: run `python3 -m venv {0} && {0}/bin/pip install --require-hashes \
             -r crates/socketio/tests/servers/requirements.txt`",
            python.display()
        );
        Ok(Self { built, node, python })
    }

    /// A program built with this one.
    pub(crate) fn built(&self, name: &str) -> Command {
        Command::new(self.built.join(name))
    }

    /// A script for Node among the tests' own.
    pub(crate) fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.node.join(script));
        command
    }

    /// Where an npm package says what it is.
    pub(crate) fn npm_package(&self, name: &str) -> PathBuf {
        self.node.join("node_modules").join(name).join("package.json")
    }

    /// Python, with its packages.
    pub(crate) fn python(&self) -> PathBuf {
        self.python.join("bin/python")
    }

    /// The command that floods one client.
    pub(crate) fn flood(&self, client: Client, url: &str, transport: &str) -> Command {
        let mut command = match client {
            Client::Floor => self.built("floor"),
            Client::Khaya => self.built("khaya"),
            Client::RustSocketio => self.built("rust-socketio"),
            Client::JavaScript => {
                let mut command = self.node("bench-client.mjs");
                command.arg("flood");
                command
            }
            Client::Python => {
                let mut command = Command::new(self.python());
                command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python/flood.py"));
                command
            }
        };
        command.args([url, transport]);
        command
    }
}

/// The Node server, a fresh process; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    _process: Child,
}

impl Server {
    pub(crate) async fn start(programs: &Programs) -> Result<Self> {
        let mut process = programs
            .node("flood-server.mjs")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("node: is it installed?")?;
        let output = process.stdout.take().context("standard output is a pipe")?;
        let mut lines = BufReader::new(output).lines();
        let line = timeout(PATIENCE, lines.next_line()).await??.unwrap_or_default();
        let url = line
            .strip_prefix("listening on ")
            .with_context(|| format!("the server did not start: {line}"))?
            .to_owned();
        Ok(Self {
            url,
            _process: process,
        })
    }
}

/// Runs a client to its end, and gives the line of JSON that it prints.
pub(crate) async fn run(mut command: Command) -> Result<Value> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{command:?}"))?;
    let Ok(output) = timeout(PATIENCE, child.wait_with_output()).await else {
        bail!("did not finish in {} s", PATIENCE.as_secs());
    };
    let output = output?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    match stdout.lines().find_map(|line| serde_json::from_str(line).ok()) {
        Some(line) if output.status.success() => Ok(line),
        Some(_) | None => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let first = stderr.lines().find(|line| !line.trim().is_empty());
            bail!("failed: {}", first.unwrap_or("no word why"));
        }
    }
}
