//! The Node server as a process, and the three ways to reach it.

use std::{
    env,
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use khaya_socketio::{Client, ClientBuilder, Reconnection, Transport};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// How long anything may take before a test gives up. Never waited for when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server in a process of its own, which ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    process: Child,
}

impl Server {
    /// The official server with its default options.
    pub(crate) async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// The official server; `configuration` is what `socketio-server.mjs` takes.
    pub(crate) async fn with(configuration: Value) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/node");
        assert!(
            folder.join("node_modules/socket.io").exists(),
            "the official Node packages are missing: run `npm ci` in tests/interop/node, or `cargo xtask test`"
        );
        let mut command = Command::new("node");
        command
            .arg(folder.join("socketio-server.mjs"))
            .arg(configuration.to_string());
        Self::spawn(command).await
    }

    /// python-socketio, in the environment that `cargo xtask test` makes.
    pub(crate) async fn python() -> Self {
        let environment = target_folder().join("interop-python");
        let python = environment.join(if cfg!(windows) {
            "Scripts/python.exe"
        } else {
            "bin/python"
        });
        assert!(
            python.exists(),
            "the Python packages are missing: run `python3 -m venv {0}` and `{0}/bin/pip install \
             --require-hashes -r crates/socketio/tests/servers/requirements.txt`, or `cargo xtask test`",
            environment.display()
        );
        let mut command = Command::new(python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/python_server.py"));
        Self::spawn(command).await
    }

    async fn spawn(mut command: Command) -> Self {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}; is it installed?"));
        let output = process.stdout.take().expect("standard output is a pipe");
        let mut lines = BufReader::new(output).lines();
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .expect("the server starts in time")
            .expect("the server's output is text");
        let line = line.expect("the server says where it listens");
        let url = line
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("the server says: {line}"))
            .to_owned();
        Self { url, process }
    }

    /// Kills the server, connections and all.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.expect("the server runs");
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        let (_, port) = self.url.rsplit_once(':').expect("an address has a port");
        port.parse().expect("a port is a number")
    }

    /// A client over WebSocket alone.
    pub(crate) fn client(&self) -> ClientBuilder {
        Link::WebSocket.client(&self.url)
    }
}

/// How a test reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// One WebSocket.
    WebSocket,
    /// Long-polling alone.
    Polling,
    /// Polling, and WebSocket while the test is under way.
    Upgrade,
}

impl Link {
    pub(crate) const ALL: [Self; 3] = [Self::WebSocket, Self::Polling, Self::Upgrade];

    /// A client over this link, which comes back at once when it loses the connection.
    pub(crate) fn client(self, url: &str) -> ClientBuilder {
        let transports = match self {
            Self::WebSocket => vec![Transport::WebSocket],
            Self::Polling => vec![Transport::Polling],
            Self::Upgrade => vec![Transport::Polling, Transport::WebSocket],
        };
        Client::builder(url).transports(transports).reconnection(soon())
    }
}

/// Reconnects after ten milliseconds, as often as it takes.
pub(crate) fn soon() -> Reconnection {
    Reconnection {
        delay: Duration::from_millis(10),
        delay_max: Duration::from_millis(50),
        ..Reconnection::default()
    }
}

/// Runs a scenario over each link, all at the same time against one server, and says which one failed.
pub(crate) async fn over_each_link<S, F>(server: &Server, scenario: S)
where
    S: Fn(Link, ClientBuilder) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let runs: Vec<_> = Link::ALL
        .into_iter()
        .map(|link| (link, tokio::spawn(scenario(link, link.client(&server.url)))))
        .collect();
    for (link, run) in runs {
        let run = timeout(PATIENCE * 2, run)
            .await
            .unwrap_or_else(|_| panic!("over {link:?}: never ends"));
        if let Err(error) = run {
            eprintln!("over {link:?}:");
            resume_unwind(error.into_panic());
        }
    }
}

/// `target`, or what stands for it: a test runs from `PROFILE/deps` in it.
fn target_folder() -> PathBuf {
    let own = env::current_exe().expect("a test knows its own path");
    own.ancestors()
        .nth(3)
        .expect("a test lies in the target folder")
        .to_owned()
}
