//! What users of another client, `rust_socketio` 0.6, complain of, each as a test of ours. The numbers are those
//! of its issue tracker, github.com/1c3t3a/rust-socketio.
//!
//! The server is a script in each test, so that it says exactly what the complaint needs.
#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod acks;
mod connection;
mod load;
mod script;
mod tls;
