//! Messages that are on the disk when they are answered.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rusqlite::Connection;
use tokio::task::spawn_local;

use crate::{
    http::Http,
    latency::Latencies,
    subject::{Place, Subject},
    world::World,
};

/// How many send at the same time, each waiting for one answer after the other.
pub(crate) const SENDERS: [usize; 3] = [1, 8, 64];

/// What sending came to.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) per_second: f64,
    /// CPU seconds of the server for 10,000 messages.
    pub(crate) cpu: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Sends for a while with each number of senders, then kills the server and counts what is stored.
pub(crate) async fn measure(place: &Place, subject: Subject, time: Duration) -> Result<Vec<Sent>> {
    let mut world = World::new(SENDERS[2] * 6, 6);
    let server = place.start(subject, &mut world).await?;
    let mut acknowledged = 0;
    let mut results = Vec::new();
    for senders in SENDERS {
        let mut connections = Vec::new();
        for chat in 0..senders {
            let token = world.token(world.speaker(chat));
            connections.push((
                Http::connect(&server.address, &token).await?,
                world.chat(chat).to_owned(),
            ));
        }
        // The first of each connection is not measured: it pays for what comes once.
        for (connection, chat) in &mut connections {
            connection.must_send(chat, 0).await?;
            acknowledged += 1;
        }
        let cpu = server.cpu()?;
        let begin = Instant::now();
        let end = begin + time;
        let tasks: Vec<_> = connections
            .into_iter()
            .map(|(mut connection, chat)| {
                spawn_local(async move {
                    let mut latencies = Latencies::default();
                    while Instant::now() < end {
                        let sent = Instant::now();
                        connection.must_send(&chat, 0).await?;
                        latencies.add(sent.elapsed());
                    }
                    Ok::<_, anyhow::Error>(latencies)
                })
            })
            .collect();
        let mut latencies = Latencies::default();
        for task in tasks {
            latencies.extend(task.await??);
        }
        acknowledged += latencies.count();
        let cpu = (server.cpu()? - cpu).as_secs_f64();
        results.push(Sent {
            per_second: latencies.count() as f64 / begin.elapsed().as_secs_f64(),
            cpu: cpu / latencies.count() as f64 * 10_000.0,
            p50: latencies.at(0.5),
            p99: latencies.at(0.99),
        });
    }
    let folder = Rc::new(server.kill().await?.context("a folder of data")?);
    let (name, sql) = match subject {
        Subject::Floor => anyhow::bail!("the floor stores nothing"),
        Subject::Node => ("node.db", "SELECT COUNT(DISTINCT client_id) FROM messages"),
        // What the server puts in its places at its next start is stored as well.
        Subject::Khaya => (
            "khaya.db",
            "SELECT COUNT(*) FROM (SELECT client_id FROM messages
             UNION SELECT json_extract(message, '$.message.clientId') FROM inbox)",
        ),
    };
    let stored: i64 = Connection::open(folder.path().join(name))?.query_row(sql, [], |row| row.get(0))?;
    ensure!(
        usize::try_from(stored)? >= acknowledged,
        "{acknowledged} messages were acknowledged and {stored} are stored"
    );
    Ok(results)
}
