//! What is measured, table by table.

use anyhow::Result;
use clap::ValueEnum;
use serde_json::Value;

use crate::{
    client::{Client, Programs, Server, run},
    figures::{Samples, digits, table},
};

/// How many events the long flood has.
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
    /// Allocations for each event of a flood.
    Allocations,
    /// The round trip of an acknowledged event.
    Acks,
    /// What an idle connection holds.
    Idle,
    /// The peak of memory in a flood ten times as long.
    Memory,
}

impl Section {
    pub(crate) const ALL: [Self; 6] = [
        Self::Websocket,
        Self::Polling,
        Self::Allocations,
        Self::Acks,
        Self::Idle,
        Self::Memory,
    ];

    /// Measures, and gives the table.
    pub(crate) async fn measure(self, programs: &Programs, rounds: usize, events: u64) -> Result<String> {
        match self {
            Self::Websocket => {
                let clients = [
                    Client::Floor,
                    Client::Khaya,
                    Client::RustSocketio,
                    Client::JavaScript,
                    Client::Python,
                ];
                floods(programs, "websocket", &clients, rounds, events).await
            }
            Self::Polling => {
                let clients = [
                    Client::Khaya,
                    Client::JavaScript,
                    Client::RustSocketio,
                    Client::Python,
                ];
                floods(programs, "polling", &clients, rounds, events).await
            }
            Self::Allocations => allocations(programs, events).await,
            Self::Acks => acks(programs, rounds).await,
            Self::Idle => idle(programs).await,
            Self::Memory => memory(programs).await,
        }
    }
}

/// What one client's runs said, and why the last one that failed did.
#[derive(Debug)]
struct Runs {
    client: Client,
    cpu: Samples,
    wall: Samples,
    memory: Samples,
    failure: Option<String>,
}

async fn floods(
    programs: &Programs,
    transport: &str,
    clients: &[Client],
    rounds: usize,
    events: u64,
) -> Result<String> {
    let mut runs: Vec<Runs> = clients
        .iter()
        .map(|client| Runs {
            client: *client,
            cpu: Samples::default(),
            wall: Samples::default(),
            memory: Samples::default(),
            failure: None,
        })
        .collect();
    for round in 1..=rounds {
        eprintln!("{transport}, round {round} of {rounds}");
        for runs in &mut runs {
            // A client that could not do it at the first time is not asked again.
            if runs.failure.is_none() || !runs.cpu.is_empty() {
                flood(programs, transport, events, runs).await?;
            }
        }
    }
    let median = |client| {
        runs.iter()
            .find(|runs| runs.client == client)
            .map(|runs| runs.cpu.median())
    };
    let (floor, javascript) = (median(Client::Floor), median(Client::JavaScript));
    let ratio =
        |runs: &Runs, to: Option<f64>| to.map_or("–".to_owned(), |to| digits(runs.cpu.median() / to));
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|runs| match &runs.failure {
            Some(failure) if runs.cpu.is_empty() => vec![runs.client.name().to_owned(), failure.clone()],
            some => vec![
                // A run that failed among others is told with its reason, and counts in no figure.
                some.iter().fold(runs.client.name().to_owned(), |name, failure| {
                    format!("{name} ({failure})")
                }),
                runs.cpu.spread(),
                ratio(runs, floor),
                ratio(runs, javascript),
                runs.wall.spread(),
                runs.memory.spread(),
            ],
        })
        .collect();
    Ok(table(
        &format!("{events} events of 200 bytes over {transport}, {rounds} rounds"),
        &[
            "client",
            "CPU s",
            "to the floor",
            "to JavaScript",
            "wall s",
            "peak RSS MiB",
        ],
        &rows,
    ))
}

async fn flood(programs: &Programs, transport: &str, events: u64, runs: &mut Runs) -> Result<()> {
    // A fresh server each time: what one client left in it is no burden of the next.
    let server = Server::start(programs).await?;
    let url = format!("{}/?events={events}", server.url);
    match run(programs.flood(runs.client, &url, transport)).await {
        Ok(line) if number(&line, "events") == events as f64 => {
            runs.cpu.add(number(&line, "cpu_s"));
            runs.wall.add(number(&line, "wall_s"));
            runs.memory.add(number(&line, "rss_mb"));
        }
        Ok(line) => runs.failure = Some(format!("only {} events", number(&line, "events"))),
        Err(error) => runs.failure = Some(error.to_string()),
    }
    Ok(())
}

async fn allocations(programs: &Programs, events: u64) -> Result<String> {
    let mut rows = Vec::new();
    for (client, transport) in [
        (Client::Floor, "websocket"),
        (Client::Khaya, "websocket"),
        (Client::RustSocketio, "websocket"),
        (Client::Khaya, "polling"),
    ] {
        let server = Server::start(programs).await?;
        let url = format!("{}/?events={events}", server.url);
        let mut command = programs.built("heap");
        command.args(["flood", client.name(), &url, transport]);
        rows.push(row(
            &format!("{}, {transport}", client.name()),
            run(command).await,
            &["allocations_each", "bytes_each"],
        ));
    }
    Ok(table(
        &format!("Heap, for each of {events} events, the five strings of the typed event included"),
        &["client", "allocations", "bytes"],
        &rows,
    ))
}

async fn acks(programs: &Programs, rounds: usize) -> Result<String> {
    let clients = [
        Client::Floor,
        Client::Khaya,
        Client::RustSocketio,
        Client::JavaScript,
    ];
    let mut samples = vec![(Samples::default(), Samples::default(), None); clients.len()];
    for round in 1..=rounds {
        eprintln!("acks, round {round} of {rounds}");
        for (client, (p50, p99, failure)) in clients.iter().zip(&mut samples) {
            let server = Server::start(programs).await?;
            let trips = ROUND_TRIPS.to_string();
            let mut command = if *client == Client::JavaScript {
                let mut command = programs.node("bench-client.mjs");
                command.args(["acks", &server.url, &trips]);
                command
            } else {
                let mut command = programs.built("acks");
                command.args([client.name(), &server.url, &trips]);
                command
            };
            command.kill_on_drop(true);
            match run(command).await {
                Ok(line) => {
                    p50.add(number(&line, "p50_us"));
                    p99.add(number(&line, "p99_us"));
                }
                Err(error) => *failure = Some(error.to_string()),
            }
        }
    }
    let rows: Vec<Vec<String>> = clients
        .iter()
        .zip(samples)
        .map(|(client, (p50, p99, failure))| match failure {
            Some(failure) => vec![client.name().to_owned(), failure],
            None => vec![client.name().to_owned(), p50.spread(), p99.spread()],
        })
        .collect();
    Ok(table(
        &format!(
            "Acknowledged events one after the other over WebSocket, {ROUND_TRIPS} in a run, {rounds} rounds"
        ),
        &["client", "p50 µs", "p99 µs"],
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
        let server = Server::start(programs).await?;
        let count = IDLE.to_string();
        let mut command = if client == Client::JavaScript {
            let mut command = programs.node("bench-client.mjs");
            command.args(["idle", &server.url, &count]);
            command
        } else {
            let mut command = programs.built("heap");
            command.args(["idle", client.name(), &server.url, &count]);
            command
        };
        command.kill_on_drop(true);
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
        let server = Server::start(programs).await?;
        let url = format!("{}/?events={LONG_FLOOD}&paced=1", server.url);
        let line = run(programs.flood(client, &url, "websocket")).await;
        rows.push(row(client.name(), line, &["events", "rss_mb", "cpu_s", "wall_s"]));
    }
    Ok(table(
        &format!("The peak of memory over {LONG_FLOOD} events on WebSocket"),
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
        Err(error) => cells.push(error.to_string()),
    }
    cells
}

fn number(line: &Value, field: &str) -> f64 {
    line[field].as_f64().unwrap_or(f64::NAN)
}
