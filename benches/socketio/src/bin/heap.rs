//! What the clients take from the heap, counted by the allocator itself.
//!
//! - `heap flood PEER URL TRANSPORT`: allocations, and bytes asked for, for each event of a flood
//! - `heap idle PEER URL CONNECTIONS`: live bytes, and resident bytes, that one more idle connection adds

use std::{
    alloc::{GlobalAlloc, Layout, System},
    env,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use anyhow::{Result, bail};
use bench_socketio::{
    cost::resident_bytes,
    peers::{Connection, floor::Floor, khaya::Khaya, runtime, rust_socketio::RustSocketio},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

#[global_allocator]
static HEAP: Counting = Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static ASKED: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

/// The system's allocator, counted. A reallocation counts as an allocation.
struct Counting;

// SAFETY: every call goes to the system's allocator as it is; the counters do not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), layout.size() as i64);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, size as i64 - layout.size() as i64);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count(asked: usize, grown: i64) {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    ASKED.fetch_add(asked as u64, Ordering::Relaxed);
    LIVE.fetch_add(grown, Ordering::Relaxed);
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [mode, peer, url, argument] = &arguments[..] else {
        bail!("heap flood PEER URL TRANSPORT, or heap idle PEER URL CONNECTIONS");
    };
    let figures = match peer.as_str() {
        "floor" => measure::<Floor>(mode, url, argument),
        "khaya-socketio" => measure::<Khaya>(mode, url, argument),
        "rust_socketio" => measure::<RustSocketio>(mode, url, argument),
        other => bail!("no such peer: {other}"),
    }?;
    println!("{figures}");
    Ok(())
}

fn measure<C: Connection>(mode: &str, url: &str, argument: &str) -> Result<Value> {
    let runtime = runtime()?;
    match mode {
        "flood" => flood::<C>(&runtime, url, argument),
        "idle" => idle::<C>(&runtime, url, argument.parse()?),
        other => bail!("no such mode: {other}"),
    }
}

fn flood<C: Connection>(runtime: &Arc<Runtime>, url: &str, transport: &str) -> Result<Value> {
    let mut connection = C::open(runtime, url, transport)?;
    let before = (ALLOCATIONS.load(Ordering::Relaxed), ASKED.load(Ordering::Relaxed));
    let events = connection.flood()?;
    let each =
        |counter: &AtomicU64, before: u64| (counter.load(Ordering::Relaxed) - before) as f64 / events as f64;
    Ok(json!({
        "events": events,
        "allocations_each": each(&ALLOCATIONS, before.0),
        "bytes_each": each(&ASKED, before.1),
    }))
}

/// The first connection is not counted: what a process has once is not what a connection costs.
fn idle<C: Connection>(runtime: &Arc<Runtime>, url: &str, connections: u64) -> Result<Value> {
    let mut open = Vec::with_capacity(connections as usize + 1);
    let mut before = (0, 0);
    for index in 0..=connections {
        let mut connection = C::open(runtime, url, "websocket")?;
        connection.echo(index)?;
        open.push(connection);
        if index == 0 {
            before = (LIVE.load(Ordering::Relaxed), resident_bytes()?);
        }
    }
    Ok(json!({
        "connections": connections,
        "heap_bytes": (LIVE.load(Ordering::Relaxed) - before.0) as f64 / connections as f64,
        "rss_bytes": (resident_bytes()? as f64 - before.1 as f64) / connections as f64,
    }))
}
