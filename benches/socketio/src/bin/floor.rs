//! `floor URL`: the flood at the floor, one line.

use anyhow::{Context as _, Result};
use bench_socketio::{
    cost::Stretch,
    peers::{Connection as _, floor::Floor, runtime},
};

fn main() -> Result<()> {
    let url = std::env::args().nth(1).context("floor URL")?;
    let mut connection = Floor::open(&runtime()?, &url, "websocket")?;
    let stretch = Stretch::begin();
    let events = connection.flood()?;
    stretch.print("floor", events)
}
