//! The suite on two nodes with Postgres and Redis, through the official client as it connects by itself: long-polling first, upgraded to WebSocket.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "official/suite.rs"]
mod suite;

// What the tests call by its place in their own crate.
use suite::{client, database, files, ports, postgres, redis, schema, wire};
