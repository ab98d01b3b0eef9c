//! `acks PEER URL ROUNDS`: acknowledged events one after the other, and the spread of their round trips.

use std::{env, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, bail};
use bench_socketio::peers::{Connection, floor::Floor, khaya::Khaya, runtime, rust_socketio::RustSocketio};
use serde_json::json;
use tokio::runtime::Runtime;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [peer, url, rounds] = &arguments[..] else {
        bail!("acks PEER URL ROUNDS");
    };
    let rounds: u64 = rounds.parse()?;
    let runtime = runtime()?;
    let mut samples = match peer.as_str() {
        "floor" => round_trips::<Floor>(&runtime, url, rounds),
        "khaya-socketio" => round_trips::<Khaya>(&runtime, url, rounds),
        "rust_socketio" => round_trips::<RustSocketio>(&runtime, url, rounds),
        other => bail!("no such peer: {other}"),
    }?;
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
    println!(
        "{}",
        json!({ "client": peer, "p50_us": at(0.5), "p99_us": at(0.99) })
    );
    Ok(())
}

fn round_trips<C: Connection>(runtime: &Arc<Runtime>, url: &str, rounds: u64) -> Result<Vec<f64>> {
    let mut connection = C::open(runtime, url, "websocket")?;
    (0..rounds)
        .map(|round| {
            let start = Instant::now();
            connection.echo(round).context("a round trip")?;
            Ok(start.elapsed().as_secs_f64() * 1e6)
        })
        .collect()
}
