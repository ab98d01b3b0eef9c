//! A network that can be made worse: a TCP proxy in front of a server that lets WebSockets through or not, cuts
//! what is open, and swallows what is sent.
//!
//! Knows of HTTP only the head of the first request on a connection, which tells a WebSocket from the rest.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What becomes of the connections. A change also ends those that it no longer lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Everything passes.
    Open,
    /// A WebSocket is answered 403, as a proxy that does not know them would; the rest passes.
    NoWebSockets,
    /// A WebSocket is taken and never answered; the rest passes.
    SilentWebSockets,
    /// Every connection is closed at once.
    Down,
    /// Everything is taken and nothing is answered.
    BlackHole,
    /// Everything reaches the server, and no answer comes back.
    NoAnswers,
}

/// A running proxy; it ends when the value is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: String,
    network: watch::Sender<Network>,
    /// Grows each time that all connections are forgotten.
    forgotten: watch::Sender<u64>,
    seen: Arc<watch::Sender<Seen>>,
    _tasks: JoinSet<()>,
}

/// How many connections of each kind came so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    pub plain: u64,
    pub websocket: u64,
    /// What was sent over plain ones after they were forgotten, in pieces.
    pub into_nowhere: u64,
}

/// What the first request of a connection asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    WebSocket,
}

/// What is done with one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    Refuse,
    Hold,
    Mute,
    Close,
}

impl Proxy {
    /// Listens on a free port and passes everything to `server` (`http://ADDRESS:PORT`).
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn start(server: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let upstream = server.trim_start_matches("http://").to_owned();
        let (network, current) = watch::channel(Network::Open);
        let (forgotten, forget) = watch::channel(0);
        let seen = Arc::new(watch::Sender::new(Seen::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, upstream, current, forget, Arc::clone(&seen)));
        Ok(Self {
            address,
            network,
            forgotten,
            seen,
            _tasks: tasks,
        })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Changes the network from now on.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// Nothing passes any more on the connections that there are, and nobody is told, as by a router that has
    /// forgotten them; new ones are as before.
    pub fn forget(&self) {
        self.forgotten.send_modify(|times| *times += 1);
    }

    /// What came so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        *self.seen.borrow()
    }
}

async fn accept(
    listener: TcpListener,
    upstream: String,
    network: watch::Receiver<Network>,
    forget: watch::Receiver<u64>,
    seen: Arc<watch::Sender<Seen>>,
) {
    // Dropped with this task, and every connection with it.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (upstream, network, seen) = (upstream.clone(), network.clone(), Arc::clone(&seen));
        let mut forget = forget.clone();
        forget.mark_unchanged();
        connections.spawn(async move {
            // A connection that breaks is what this proxy is for.
            connection(client, &upstream, network, forget, &seen).await.ok();
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(
    mut client: TcpStream,
    upstream: &str,
    mut network: watch::Receiver<Network>,
    mut forget: watch::Receiver<u64>,
    seen: &watch::Sender<Seen>,
) -> Result<()> {
    let head = read_head(&mut client).await?;
    let kind = kind_of(&head);
    seen.send_modify(|seen| match kind {
        Kind::Plain => seen.plain += 1,
        Kind::WebSocket => seen.websocket += 1,
    });
    let fate = fate_of(*network.borrow_and_update(), kind);
    // What a change no longer lets through is cut.
    let changed = network.wait_for(|&network| fate_of(network, kind) != fate);
    // Who is forgotten is not let go of either: the sockets stay open.
    let served = async {
        let passed = async {
            match fate {
                Fate::Pass => {
                    let mut server = TcpStream::connect(upstream).await.context("the server behind")?;
                    server.set_nodelay(true)?;
                    client.set_nodelay(true)?;
                    server.write_all(&head).await?;
                    copy_bidirectional(&mut client, &mut server).await?;
                }
                Fate::Refuse => {
                    let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                    client.write_all(refusal).await?;
                }
                Fate::Mute => {
                    let mut server = TcpStream::connect(upstream).await.context("the server behind")?;
                    server.write_all(&head).await?;
                    copy(&mut client, &mut server).await?;
                }
                Fate::Hold => std::future::pending::<()>().await,
                Fate::Close => {}
            }
            anyhow::Ok(())
        };
        tokio::select! {
            passed = passed => return passed,
            Ok(()) = forget.changed() => {}
        }
        let mut said = [0; 1024];
        // What was under way by then was not said into nowhere.
        while client.try_read(&mut said).is_ok_and(|read| read > 0) {}
        while client.read(&mut said).await? > 0 {
            seen.send_modify(|seen| seen.into_nowhere += u64::from(kind == Kind::Plain));
        }
        std::future::pending().await
    };
    tokio::select! {
        served = served => served,
        _ = changed => Ok(()),
    }
}

async fn read_head(client: &mut TcpStream) -> Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        anyhow::ensure!(client.read_buf(&mut head).await? > 0, "closed before a request");
    }
    Ok(head)
}

fn kind_of(head: &[u8]) -> Kind {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    if head.contains("\r\nupgrade: websocket\r\n") {
        Kind::WebSocket
    } else {
        Kind::Plain
    }
}

fn fate_of(network: Network, kind: Kind) -> Fate {
    match (network, kind) {
        (Network::Open, Kind::Plain | Kind::WebSocket)
        | (Network::NoWebSockets | Network::SilentWebSockets, Kind::Plain) => Fate::Pass,
        (Network::NoWebSockets, Kind::WebSocket) => Fate::Refuse,
        (Network::SilentWebSockets, Kind::WebSocket) | (Network::BlackHole, _) => Fate::Hold,
        (Network::NoAnswers, _) => Fate::Mute,
        (Network::Down, Kind::Plain | Kind::WebSocket) => Fate::Close,
    }
}
