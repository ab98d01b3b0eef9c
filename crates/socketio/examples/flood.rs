//! Receives a flood of typed events and says what it cost.
//!
//! `flood URL [websocket|polling]`: connects with auth `{"token":"t"}`, emits `start`, decodes each
//! `new_message` into a type, stops at `done`, and prints one line:
//! `{"client":"khaya-socketio","events":N,"wall_s":…,"cpu_s":…,"rss_mb":…}`.
//! `cpu_s` is of this process between `start` and `done`, `rss_mb` its peak; `null` where the system does not say.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]
#![expect(clippy::disallowed_methods, reason = "it measures")]

use std::time::Instant;

use anyhow::{Context, bail};
use cpu_time::ProcessTime;
use futures_util::StreamExt;
use khaya_socketio::{Client, SocketEvent, Transport};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewMessage {
    chat_id: String,
    message: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    id: String,
    chat_id: String,
    sender_id: String,
    content: String,
    created_at: String,
}

/// The flood is received in a task of its own: the future that the runtime blocks on is looked at between the turns of
/// all tasks, each time with a system call more.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().context("usage: flood URL [websocket|polling]")?;
    let transport = match arguments.next().as_deref() {
        None | Some("websocket") => Transport::WebSocket,
        Some("polling") => Transport::Polling,
        Some(other) => bail!("no such transport: {other}"),
    };
    tokio::spawn(flood(url, transport)).await?
}

async fn flood(url: String, transport: Transport) -> anyhow::Result<()> {
    let client = Client::builder(&url).transports([transport]).build()?;
    let (socket, mut events) = client.socket("/").auth(json!({ "token": "t" })).build()?;
    socket.connect();

    let mut start = None;
    let mut count = 0_u64;
    while let Some(event) = events.next().await {
        match event {
            SocketEvent::Connected { .. } => {
                start = Some((Instant::now(), ProcessTime::try_now()?));
                socket.emit("start", &())?;
            }
            SocketEvent::Event(event) if event.name() == "new_message" => {
                let NewMessage { chat_id, message } = event.payload()?;
                let Message {
                    id,
                    chat_id: same,
                    sender_id,
                    content,
                    created_at,
                } = message;
                std::hint::black_box((id, sender_id, content, created_at));
                if chat_id == same {
                    count += 1;
                }
            }
            SocketEvent::Event(event) if event.name() == "done" => break,
            SocketEvent::Event(_) | SocketEvent::Connection(_) => {}
            SocketEvent::Disconnected { reason } => bail!("disconnected: {reason:?}"),
            SocketEvent::ConnectError { message, .. } => bail!("cannot connect: {message}"),
        }
    }
    let (wall, cpu) = start.context("the client was closed")?;
    let line = json!({
        "client": "khaya-socketio",
        "events": count,
        "wall_s": wall.elapsed().as_secs_f64(),
        "cpu_s": cpu.try_elapsed()?.as_secs_f64(),
        "rss_mb": peak_megabytes(),
    });
    println!("{line}");
    Ok(())
}

/// The most memory that this process had at once, where Linux tells it.
fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes / 1024.0)
}
