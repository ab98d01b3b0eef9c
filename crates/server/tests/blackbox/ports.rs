//! Ports for programs that cannot choose one by themselves.

use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// A port that nobody has, and that the system gives to nobody who asks for any: it takes those from 32768 upwards.
/// No other call in this process gives it again soon.
pub(crate) fn free() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 22_000;
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let ports = (0..COUNT).map(|_| {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        // Processes that run side by side have numbers that are near to each other.
        let port = FIRST + (process::id() * 199 + call) % COUNT;
        u16::try_from(port).unwrap()
    });
    let mut free = ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("one of so many ports is free")
}
