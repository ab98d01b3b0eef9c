//! What is measured: one server process at a time, on a core of its own, on data of its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{
    machine::{self, Cores},
    world::World,
};

/// After this long a server is taken as one that does not start.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked whether a server rests.
const LOOK: Duration = Duration::from_millis(300);

/// Everyone here comes from one address, and does more than a person does: 0 is no limit.
const LIMITS: &[(&str, &str)] = &[
    ("KHAYA_BACKLOG", "4096"),
    ("KHAYA_MAX_CONNECTIONS", "20000"),
    ("KHAYA_MAX_CONNECTIONS_PER_ADDRESS", "0"),
    ("KHAYA_MAX_REQUESTS_PER_ADDRESS", "0"),
    ("KHAYA_MAX_REQUESTS_PER_USER", "0"),
    ("KHAYA_MAX_UNCONNECTED", "0"),
    ("KHAYA_MAX_UNCONNECTED_PER_ADDRESS", "0"),
];

/// A server under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A bare tokio server that only writes the same frames.
    Floor,
    /// `socket.io` and SQLite.
    Node,
    Khaya,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Node => "Node, socket.io",
            Self::Khaya => "khaya-server",
        }
    }
}

/// Where the programs lie, and where data may be put.
#[derive(Debug)]
pub(crate) struct Place {
    built: PathBuf,
    khaya: PathBuf,
    node: PathBuf,
    pub(crate) data: PathBuf,
    cores: Cores,
}

impl Place {
    pub(crate) fn find(cores: Cores) -> Result<Self> {
        let built = env::current_exe()?
            .parent()
            .context("a program lies in a folder")?
            .to_owned();
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = env::var_os("KHAYA_TARGET").map_or_else(|| package.join("../../target"), PathBuf::from);
        let khaya = target.join("release/khaya-server");
        ensure!(
            khaya.exists(),
            "{} is missing: run `cargo build --release -p khaya-server`",
            khaya.display()
        );
        let node = package.join("node");
        ensure!(
            node.join("node_modules/better-sqlite3").exists(),
            "the Node packages are missing: run `npm ci` in {}",
            node.display()
        );
        // Not in the system's temporary folder, which may be in memory, where nothing waits for a disk.
        let data = built.join("bench-server-data");
        fs::create_dir_all(&data)?;
        Ok(Self {
            built,
            khaya,
            node,
            data,
            cores,
        })
    }

    /// A server on a world of its own.
    pub(crate) async fn start(&self, subject: Subject, world: &mut World) -> Result<Server> {
        let folder = tempfile::tempdir_in(&self.data)?;
        match subject {
            Subject::Floor => {}
            Subject::Node => world.fill_node(&folder.path().join("node.db"))?,
            Subject::Khaya => {
                self.make_database(folder.path()).await?;
                world.fill_khaya(&folder.path().join("khaya.db"))?;
            }
        }
        self.start_on(subject, folder.path(), &world.secret())
            .await
            .map(|mut server| {
                server.folder = Some(folder);
                server
            })
    }

    /// An empty database of `khaya-server` with its schema and its secret.
    pub(crate) async fn make_database(&self, folder: &Path) -> Result<()> {
        let mut command = Command::new(&self.khaya);
        command
            .args([
                "user",
                "add",
                "root",
                "--name",
                "Root",
                "--role",
                "admin",
                "--password-stdin",
                "--data",
            ])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut child = command.spawn().context("khaya-server")?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(b"a password of the measurement\n").await?;
        }
        ensure!(child.wait().await?.success(), "khaya-server makes no database");
        Ok(())
    }

    /// A server on the data in `folder`.
    pub(crate) async fn start_on(&self, subject: Subject, folder: &Path, secret: &str) -> Result<Server> {
        let mut command = Command::new("taskset");
        command.arg("-c").arg(self.cores.server.to_string());
        match subject {
            Subject::Floor => {
                command.arg(self.built.join("floor"));
            }
            Subject::Node => {
                command
                    .arg("node")
                    .arg(self.node.join("server.mjs"))
                    .env("NODE_ENV", "production")
                    .env("DATABASE", folder.join("node.db"))
                    .env("SECRET", secret);
            }
            Subject::Khaya => {
                command
                    .arg(&self.khaya)
                    .args(["serve", "--listen", "127.0.0.1:0", "--data"])
                    .arg(folder)
                    .env("KHAYA_LOG", "warn")
                    .envs(LIMITS.iter().copied());
            }
        }
        let begin = Instant::now();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let output = process.stdout.take().context("standard output is a pipe")?;
        let mut lines = BufReader::new(output).lines();
        let line = timeout(PATIENCE, lines.next_line()).await??.unwrap_or_default();
        let started_in = begin.elapsed();
        let address = line
            .strip_prefix("listening on http://")
            .with_context(|| format!("{} did not start: {line}", subject.name()))?
            .to_owned();
        Ok(Server {
            id: process.id().context("a running process")?,
            process,
            address,
            started_in,
            folder: None,
        })
    }
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    id: u32,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
    /// From the start of the process until it said that it listens.
    pub(crate) started_in: Duration,
    folder: Option<TempDir>,
}

impl Server {
    /// The CPU time that it has used.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        machine::cpu_of(self.id)
    }

    /// Its resident memory, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        machine::resident_of(self.id)
    }

    /// Waits until it has nothing left to do.
    pub(crate) async fn settle(&self) -> Result<()> {
        let begin = Instant::now();
        let mut before = self.cpu()?;
        while begin.elapsed() < PATIENCE {
            sleep(LOOK).await;
            let now = self.cpu()?;
            // One tick of the clock may belong to anything.
            if now - before <= Duration::from_millis(10) {
                return Ok(());
            }
            before = now;
        }
        bail!("the server finds no rest")
    }

    /// Ends it at once, and gives its data.
    pub(crate) async fn kill(mut self) -> Result<Option<TempDir>> {
        self.process.kill().await?;
        Ok(self.folder.take())
    }
}
