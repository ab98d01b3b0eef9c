//! `rust-socketio URL [websocket|polling]`: the flood with `rust_socketio`, one line.

use anyhow::{Context as _, Result};
use bench_socketio::{
    cost::Stretch,
    peers::{Connection as _, runtime, rust_socketio::RustSocketio},
};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .context("rust-socketio URL [websocket|polling]")?;
    let transport = arguments.next().unwrap_or_else(|| "websocket".to_owned());
    let mut connection = RustSocketio::open(&runtime()?, &url, &transport)?;
    let stretch = Stretch::begin();
    let events = connection.flood()?;
    stretch.print("rust_socketio", events)
}
