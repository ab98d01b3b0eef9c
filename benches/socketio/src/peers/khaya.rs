//! Our client. The flood over time is measured by the crate's own example; this is for counting what it
//! allocates, for acknowledgements and for idle connections.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use khaya_socketio::{Client, Events, Socket, SocketEvent, Transport};
use tokio::runtime::Runtime;

use crate::{chat::NewMessage, peers::Connection};

/// One client with one socket.
#[derive(Debug)]
pub struct Khaya {
    runtime: Arc<Runtime>,
    socket: Socket,
    events: Events,
}

impl Connection for Khaya {
    fn open(runtime: &Arc<Runtime>, url: &str, transport: &str) -> Result<Self> {
        let transport = match transport {
            "websocket" => Transport::WebSocket,
            "polling" => Transport::Polling,
            other => bail!("no such transport: {other}"),
        };
        let (socket, events) = runtime.block_on(open(url, transport))?;
        Ok(Self {
            runtime: runtime.clone(),
            socket,
            events,
        })
    }

    fn echo(&mut self, value: u64) -> Result<()> {
        self.runtime.block_on(async {
            let reply = self.socket.emit_with_ack("echo", &value).await?;
            anyhow::ensure!(reply.payload::<u64>()? == value, "another answer than ours");
            Ok(())
        })
    }

    fn flood(&mut self) -> Result<u64> {
        self.runtime.block_on(async {
            self.socket.emit("start", &())?;
            let mut events = 0;
            while let Some(event) = self.events.next().await {
                match event {
                    SocketEvent::Event(event) if event.name() == "done" => return Ok(events),
                    SocketEvent::Event(event) => {
                        events += u64::from(event.payload::<NewMessage>()?.is_whole());
                    }
                    SocketEvent::Connection(_) => {}
                    end @ (SocketEvent::Connected { .. }
                    | SocketEvent::Disconnected { .. }
                    | SocketEvent::ConnectError { .. }) => bail!("{end:?}"),
                }
            }
            bail!("the client is closed")
        })
    }
}

async fn open(url: &str, transport: Transport) -> Result<(Socket, Events)> {
    let client = Client::builder(url).transports([transport]).build()?;
    let (socket, mut events) = client
        .socket("/")
        .auth(serde_json::json!({ "token": "t" }))
        .build()?;
    socket.connect();
    loop {
        match events.next().await.context("the client is closed")? {
            SocketEvent::Connected { .. } => return Ok((socket, events)),
            SocketEvent::Connection(_) => {}
            other @ (SocketEvent::Event(_)
            | SocketEvent::Disconnected { .. }
            | SocketEvent::ConnectError { .. }) => bail!("{other:?}"),
        }
    }
}
