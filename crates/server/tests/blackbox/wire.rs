//! What carries the packets of a socket: a WebSocket by hand or, in the crates that are named
//! for it, the official `socket.io-client` in a process of Node's.

use std::{collections::VecDeque, path::Path, process::Stdio, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout, Command},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

/// How long anything that must happen may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

pub(crate) enum Wire {
    ByHand(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Official(Box<Official>),
}

impl Wire {
    /// A WebSocket, on which nothing was said yet.
    pub(crate) async fn by_hand(url: &str) -> Self {
        let (stream, _response) = tokio_tungstenite::connect_async(url).await.unwrap();
        Self::ByHand(Box::new(stream))
    }

    pub(crate) async fn write(&mut self, packet: String) -> bool {
        match self {
            Self::ByHand(stream) => stream.send(Message::text(packet)).await.is_ok(),
            Self::Official(client) => client.write(&packet).await,
        }
    }

    pub(crate) async fn write_binary(&mut self, bytes: Vec<u8>) {
        match self {
            Self::ByHand(stream) => stream.send(Message::binary(bytes)).await.unwrap(),
            Self::Official(_) => panic!("the official client sends what it wants"),
        }
    }

    /// The next packet but pings, which are answered. `None` when the connection has ended.
    pub(crate) async fn read(&mut self) -> Option<String> {
        let next = async {
            match self {
                Self::ByHand(stream) => read(stream).await,
                Self::Official(client) => client.read().await,
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("nothing came")
    }
}

async fn read(stream: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Option<String> {
    loop {
        match stream.next().await {
            Some(Ok(Message::Text(text))) if text.as_str() == "2" => {
                stream.send(Message::text("3")).await.unwrap();
            }
            Some(Ok(Message::Text(text))) => return Some(text.to_string()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

/// A socket of the official client's, driven line by line; what it tells is put into packets again. It disconnects, and
/// its process ends, when its input does: with this value.
pub(crate) struct Official {
    input: ChildStdin,
    told: Lines<BufReader<ChildStdout>>,
    /// What came while it changed to another transport.
    early: VecDeque<Value>,
    _client: Child,
}

impl Official {
    /// Connects with a token by the first of these transports; upgraded to the last, where there are two.
    pub(crate) async fn connected(url: &str, token: &str, transports: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/node");
        assert!(
            folder.join("node_modules/socket.io-client").exists(),
            "`cargo xtask test` installs the Node packages"
        );
        let mut client = Command::new("node")
            .arg("client.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut official = Self {
            input: client.stdin.take().unwrap(),
            told: BufReader::new(client.stdout.take().unwrap()).lines(),
            early: VecDeque::new(),
            _client: client,
        };
        let auth = json!({"token": token});
        official
            .command(&json!({"do": "connect", "url": url, "auth": auth, "transports": transports}))
            .await;
        let told = official.next().await.unwrap();
        assert_eq!(told["told"], "connect", "{told}");
        let mut by = told["transport"].clone();
        assert!(transports.iter().any(|transport| by == *transport), "{told}");
        let mut early = VecDeque::new();
        let upgraded = async {
            while transports.last().is_none_or(|last| by != *last) {
                let mut told = official.next().await.unwrap();
                if told["told"] == "upgrade" {
                    by = told["transport"].take();
                } else {
                    early.push_back(told);
                }
            }
        };
        tokio::time::timeout(PATIENCE, upgraded).await.unwrap();
        official.early = early;
        official
    }

    async fn command(&mut self, command: &Value) -> bool {
        let line = format!("{command}\n");
        self.input.write_all(line.as_bytes()).await.is_ok()
    }

    async fn next(&mut self) -> Option<Value> {
        if let Some(early) = self.early.pop_front() {
            return Some(early);
        }
        let line = self.told.next_line().await.unwrap()?;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// An EVENT, with or without the number of an ack.
    async fn write(&mut self, packet: &str) -> bool {
        let body = packet.strip_prefix("42").expect("the client sends events");
        let (ack, event) = body.split_at(body.find('[').unwrap());
        let event: Value = serde_json::from_str(event).unwrap();
        let mut command = json!({"do": "emit", "event": event[0], "data": event[1]});
        if !ack.is_empty() {
            command["ack"] = json!(ack.parse::<u64>().unwrap());
        }
        self.command(&command).await
    }

    async fn read(&mut self) -> Option<String> {
        let told = self.next().await?;
        match told["told"].as_str().unwrap() {
            "event" => {
                let mut event = vec![told["name"].clone()];
                event.extend(told["args"].as_array().unwrap().iter().cloned());
                Some(format!("42{}", Value::Array(event)))
            }
            "ack" => Some(format!("43{}[{}]", told["ack"], told["data"])),
            _ended => None,
        }
    }
}
