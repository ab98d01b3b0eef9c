//! The suite on one node with SQLite, through the official client over WebSocket alone.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "official/suite.rs"]
mod suite;

// What the tests call by its place in their own crate.
use suite::{client, database, files, ports, postgres, redis, schema, wire};
