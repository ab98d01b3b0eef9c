//! What the clients under test share: the payload, the peers' loops, and the measuring of one's own process.
//!
//! Owns: the same work for each Rust peer, so that a figure differs by the client alone.
//!
//! Never does: measure another process. A peer in another language measures itself in the same way.

pub mod chat;
pub mod cost;
pub mod peers;
