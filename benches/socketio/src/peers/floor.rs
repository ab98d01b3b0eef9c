//! The floor: what reading typed events off a WebSocket costs at least.
//!
//! tokio-tungstenite, and one typed parse by serde_json for each event. It is no client: it knows the one
//! conversation of the bench, answers the heartbeat, and gives up at anything else.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{net::TcpStream, runtime::Runtime};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, Utf8Bytes, protocol::WebSocketConfig},
};

use crate::{chat::NewMessage, peers::Connection};

/// The size that costs least here. The library's own, 128 KiB, is filled with zeros before each read.
const READ_BUFFER: usize = 8 * 1024;

/// A WebSocket, past the handshakes of Engine.IO and Socket.IO.
#[derive(Debug)]
pub struct Floor {
    runtime: Arc<Runtime>,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Connection for Floor {
    fn open(runtime: &Arc<Runtime>, url: &str, transport: &str) -> Result<Self> {
        if transport != "websocket" {
            bail!("the floor is a WebSocket");
        }
        let socket = runtime.block_on(open(url))?;
        Ok(Self {
            runtime: runtime.clone(),
            socket,
        })
    }

    fn echo(&mut self, value: u64) -> Result<()> {
        self.runtime.block_on(async {
            self.socket
                .send(format!("42{value}[\"echo\",{value}]").into())
                .await?;
            let expected = format!("43{value}[{value}]");
            while message(&mut self.socket).await? != expected {}
            Ok(())
        })
    }

    fn flood(&mut self) -> Result<u64> {
        self.runtime.block_on(async {
            self.socket.send("42[\"start\"]".into()).await?;
            let mut events = 0;
            loop {
                let text = message(&mut self.socket).await?;
                let Some(event) = text.strip_prefix("42") else {
                    bail!("not an event: {text}");
                };
                if event.starts_with("[\"done\"") {
                    return Ok(events);
                }
                let (_, body): (&str, NewMessage) = serde_json::from_str(event)?;
                events += u64::from(body.is_whole());
            }
        })
    }
}

async fn open(url: &str) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    let url = url.replacen("http", "ws", 1);
    let (address, query) = url.split_once('?').unwrap_or((&url, ""));
    let address = address.trim_end_matches('/');
    let address = format!("{address}/socket.io/?EIO=4&transport=websocket&{query}");
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    let (mut socket, _) = connect_async_with_config(address, Some(config), false).await?;
    let hello = message(&mut socket).await?;
    if !hello.starts_with('0') {
        bail!("not an Engine.IO handshake: {hello}");
    }
    socket.send("40{\"token\":\"t\"}".into()).await?;
    let connected = message(&mut socket).await?;
    if !connected.starts_with("40") {
        bail!("refused: {connected}");
    }
    Ok(socket)
}

/// The next message that is no heartbeat.
async fn message(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Result<Utf8Bytes> {
    loop {
        let message = socket.next().await.context("the server hung up")??;
        if let Message::Text(text) = message {
            if text != "2" {
                return Ok(text);
            }
            socket.send("3".into()).await?;
        }
    }
}
