//! `rust_socketio`, by its blocking client, which is the one that its documentation shows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rust_socketio::{ClientBuilder, Payload, TransportType, client::Client};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{chat::NewMessage, peers::Connection};

/// How long nothing may happen before the client is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// One client, and what its callbacks tell.
pub struct RustSocketio {
    client: Client,
    events: Arc<AtomicU64>,
    told: Receiver<Told>,
}

enum Told {
    Open,
    Done,
    Failed(String),
}

impl Connection for RustSocketio {
    fn open(_runtime: &Arc<Runtime>, url: &str, transport: &str) -> Result<Self> {
        let transport = match transport {
            "websocket" => TransportType::Websocket,
            "polling" => TransportType::Polling,
            other => bail!("no such transport: {other}"),
        };
        let (tell, told) = channel();
        let events = Arc::new(AtomicU64::new(0));
        let (opened, done, failed, count) = (tell.clone(), tell.clone(), tell, events.clone());
        let client = ClientBuilder::new(url)
            .auth(json!({ "token": "t" }))
            .transport_type(transport)
            .on("open", move |_, _| drop(opened.send(Told::Open)))
            .on("done", move |_, _| drop(done.send(Told::Done)))
            .on("error", move |error, _| {
                drop(failed.send(Told::Failed(format!("{error:?}"))))
            })
            .on("new_message", move |payload, _| {
                if let Payload::Text(values) = payload
                    && let Some(value) = values.into_iter().next()
                    && let Ok(body) = serde_json::from_value::<NewMessage>(value)
                    && body.is_whole()
                {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
            .connect()?;
        let this = Self { client, events, told };
        match this.told()? {
            Told::Open => Ok(this),
            Told::Done => bail!("done before it began"),
            Told::Failed(error) => bail!(error),
        }
    }

    fn echo(&mut self, value: u64) -> Result<()> {
        let (answer, answered) = channel();
        self.client
            .emit_with_ack("echo", json!(value), PATIENCE, move |_, _| {
                let _ = answer.send(());
            })?;
        answered.recv_timeout(PATIENCE).context("no acknowledgement")
    }

    fn flood(&mut self) -> Result<u64> {
        self.client.emit("start", json!(null))?;
        let mut events = 0;
        loop {
            match self.told() {
                Ok(Told::Open) => {}
                Ok(Told::Done) => return Ok(self.events.load(Ordering::Relaxed)),
                Ok(Told::Failed(error)) => bail!(error),
                Err(error) => {
                    let before = std::mem::replace(&mut events, self.events.load(Ordering::Relaxed));
                    if events == before {
                        return Err(error.context(format!("after {events} events")));
                    }
                }
            }
        }
    }
}

impl RustSocketio {
    fn told(&self) -> Result<Told> {
        self.told
            .recv_timeout(PATIENCE)
            .context("nothing happens any more")
    }
}
