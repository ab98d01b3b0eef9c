//! What is measured, table by table.

use anyhow::{Result, ensure};
use bench_figures::{digits, table};
use clap::ValueEnum;
use serde_json::Value;

use crate::{
    client::{Client, Programs, Server, run},
    progress,
    rounds::{Rounds, number},
};

/// How many events a flood over WebSocket has.
const FLOOD: u64 = 200_000;
/// How many over polling, where the slowest need much longer for each.
const POLLED_FLOOD: u64 = 100_000;
/// How many the long flood has.
const LONG_FLOOD: u64 = 2_000_000;
/// How many round trips one run of acknowledgements makes.
const ROUND_TRIPS: u64 = 20_000;
/// How many idle connections are opened.
const IDLE: u64 = 400;

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// A flood over WebSocket.
    Websocket,
    /// A flood over polling.
    Polling,
    /// The round trip of an acknowledged event.
    Acks,
    /// Allocations for each event of a flood.
    Allocations,
    /// What an idle connection holds.
    Idle,
    /// The peak of memory in a flood ten times as long.
    Memory,
}

impl Section {
    pub(crate) const ALL: [Self; 6] = [
        Self::Websocket,
        Self::Polling,
        Self::Acks,
        Self::Allocations,
        Self::Idle,
        Self::Memory,
    ];

    /// Measures, and gives the table.
    pub(crate) async fn measure(self, programs: &Programs, rounds: usize) -> Result<String> {
        match self {
            Self::Websocket => websocket(programs, rounds).await,
            Self::Polling => polling(programs, rounds).await,
            Self::Acks => acks(programs, rounds).await,
            Self::Allocations => allocations(programs).await,
            Self::Idle => idle(programs).await,
            Self::Memory => memory(programs).await,
        }
    }
}

async fn websocket(programs: &Programs, rounds: usize) -> Result<String> {
    let clients = [
        Client::Floor,
        Client::Khaya,
        Client::RustSocketio,
        Client::JavaScript,
        Client::Python,
    ];
    let all = Rounds::run("WebSocket", &clients, rounds, async |client| {
        flood(programs, client, "websocket", FLOOD).await
    })
    .await;
    Ok(table(
        &format!("{FLOOD} events of 200 bytes over WebSocket, {rounds} rounds"),
        &["client", "CPU s", "wall s", "peak RSS MiB", "CPU to the floor's"],
        &all.rows(&["cpu_s", "wall_s", "rss_mb"], &[Client::Floor]),
    ))
}

async fn polling(programs: &Programs, rounds: usize) -> Result<String> {
    let clients = [
        Client::Khaya,
        Client::JavaScript,
        Client::RustSocketio,
        Client::Python,
    ];
    let all = Rounds::run("polling", &clients, rounds, async |client| {
        flood(programs, client, "polling", POLLED_FLOOD).await
    })
    .await;
    Ok(table(
        &format!("{POLLED_FLOOD} events of 200 bytes over polling, {rounds} rounds"),
        &[
            "client",
            "CPU s",
            "wall s",
            "peak RSS MiB",
            "CPU to socket.io-client's",
        ],
        &all.rows(&["cpu_s", "wall_s", "rss_mb"], &[Client::JavaScript]),
    ))
}

async fn flood(programs: &Programs, client: Client, transport: &str, events: u64) -> Result<Value> {
    // A fresh server each time: what one client left in it is no burden of the next.
    let server = Server::start(programs).await?;
    let url = format!("{}/?events={events}", server.url);
    let line = run(programs.flood(client, &url, transport)).await?;
    let arrived = number(&line, "events");
    ensure!(arrived == events as f64, "only {arrived} events");
    Ok(line)
}

async fn acks(programs: &Programs, rounds: usize) -> Result<String> {
    let clients = [
        Client::Floor,
        Client::Khaya,
        Client::RustSocketio,
        Client::JavaScript,
    ];
    let all = Rounds::run("acknowledgements", &clients, rounds, async |client| {
        let server = Server::start(programs).await?;
        let trips = ROUND_TRIPS.to_string();
        let command = if client == Client::JavaScript {
            let mut command = programs.node("bench-client.mjs");
            command.args(["acks", &server.url, &trips]);
            command
        } else {
            let mut command = programs.built("acks");
            command.args([client.name(), &server.url, &trips]);
            command
        };
        run(command).await
    })
    .await;
    Ok(table(
        &format!(
            "Acknowledged events one after the other over WebSocket, {ROUND_TRIPS} in a run, {rounds} rounds"
        ),
        &["client", "p50 µs", "p99 µs", "p50 to the floor's"],
        &all.rows(&["p50_us", "p99_us"], &[Client::Floor]),
    ))
}

async fn allocations(programs: &Programs) -> Result<String> {
    let mut rows = Vec::new();
    for (client, transport) in [
        (Client::Floor, "websocket"),
        (Client::Khaya, "websocket"),
        (Client::RustSocketio, "websocket"),
        (Client::Khaya, "polling"),
    ] {
        let name = format!("{}, {transport}", client.name());
        progress::tell(&format!("allocations, {name}"));
        let server = Server::start(programs).await?;
        let url = format!("{}/?events={FLOOD}", server.url);
        let mut command = programs.built("heap");
        command.args(["flood", client.name(), &url, transport]);
        let line = run(command).await;
        rows.push(row(&name, line, &["allocations_each", "bytes_each"]));
    }
    Ok(table(
        &format!("Heap, for each of {FLOOD} events, the six strings of the typed event included"),
        &["client", "allocations", "bytes"],
        &rows,
    ))
}

async fn idle(programs: &Programs) -> Result<String> {
    let mut rows = Vec::new();
    for client in [
        Client::Floor,
        Client::Khaya,
        Client::RustSocketio,
        Client::JavaScript,
    ] {
        progress::tell(&format!("idle connections, {}", client.name()));
        let server = Server::start(programs).await?;
        let count = IDLE.to_string();
        let command = if client == Client::JavaScript {
            let mut command = programs.node("bench-client.mjs");
            command.args(["idle", &server.url, &count]);
            command
        } else {
            let mut command = programs.built("heap");
            command.args(["idle", client.name(), &server.url, &count]);
            command
        };
        rows.push(row(
            client.name(),
            run(command).await,
            &["heap_bytes", "rss_bytes"],
        ));
    }
    Ok(table(
        &format!("Bytes that one more idle WebSocket connection adds, of {IDLE} in one process"),
        &["client", "on the heap", "resident"],
        &rows,
    ))
}

async fn memory(programs: &Programs) -> Result<String> {
    let mut rows = Vec::new();
    for client in [
        Client::Floor,
        Client::Khaya,
        Client::RustSocketio,
        Client::JavaScript,
    ] {
        progress::tell(&format!("{LONG_FLOOD} events, {}", client.name()));
        let server = Server::start(programs).await?;
        let url = format!("{}/?events={LONG_FLOOD}&paced=1", server.url);
        let line = run(programs.flood(client, &url, "websocket")).await;
        rows.push(row(client.name(), line, &["events", "rss_mb", "cpu_s", "wall_s"]));
    }
    Ok(table(
        &format!("The peak of memory over {LONG_FLOOD} events on WebSocket, one run"),
        &["client", "events", "peak RSS MiB", "CPU s", "wall s"],
        &rows,
    ))
}

fn row(name: &str, line: Result<Value>, fields: &[&str]) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    match line {
        Ok(line) => cells.extend(fields.iter().map(|field| match line[*field].as_f64() {
            Some(figure) => digits(figure),
            None => "–".to_owned(),
        })),
        Err(error) => {
            cells[0] = format!("{name} (cannot: {error})");
            cells.extend(fields.iter().map(|_| "–".to_owned()));
        }
    }
    cells
}
