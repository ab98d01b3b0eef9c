//! The client against servers that others wrote: the official Node package, python-socketio and socketioxide,
//! each unmodified and in a process or a task of its own, on the loopback.
//!
//! `docs/scenarios.md` tells which scenario of the official suites each test stands for. What needs virtual
//! time, a hostile server or a million seeds is tested on the pure machines, not here.
#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test panics where it fails, and picks the one event that it waits for"
)]

mod acks;
mod addresses;
mod binary;
mod closing;
mod connection;
mod listening;
mod namespaces;
mod node;
mod polling;
mod python;
mod reconnection;
mod recovery;
mod retry;
mod servers;
mod socketioxide;
mod timeouts;
mod transports;
mod upgrade;
