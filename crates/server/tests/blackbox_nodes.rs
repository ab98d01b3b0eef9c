//! The black-box suite on two nodes with Postgres and Redis, through the official `socket.io-client`: what is
//! changed on one node is read and heard on the other, over polling and over WebSocket in turns.
//!
//! Leaves out what is about one process (its limits, its command line, its packets, tokens that live for a second) and
//! what takes hundreds of worlds.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "blackbox/client.rs"]
#[expect(dead_code, reason = "some of it is for the tests that are left out")]
mod client;
#[path = "blackbox/database.rs"]
#[expect(dead_code, reason = "some of it is for the tests that are left out")]
mod database;
#[path = "blackbox/postgres.rs"]
mod postgres;
#[path = "blackbox/redis.rs"]
#[expect(dead_code, reason = "some of it is for the tests that are left out")]
mod redis;
#[path = "blackbox/schema.rs"]
mod schema;
#[path = "blackbox/wire.rs"]
mod wire;

#[path = "blackbox/accounts.rs"]
mod accounts;
#[path = "blackbox/attachments.rs"]
mod attachments;
#[path = "blackbox/auth.rs"]
mod auth;
#[path = "blackbox/changes.rs"]
mod changes;
#[path = "blackbox/chats.rs"]
mod chats;
#[path = "blackbox/files.rs"]
mod files;
#[path = "blackbox/membership.rs"]
mod membership;
#[path = "blackbox/messages.rs"]
mod messages;
#[path = "blackbox/presence.rs"]
mod presence;
#[path = "blackbox/restricted.rs"]
mod restricted;
#[path = "blackbox/search.rs"]
mod search;
#[path = "blackbox/sockets.rs"]
mod sockets;
#[path = "blackbox/sync.rs"]
mod sync;
#[path = "blackbox/uploads.rs"]
mod uploads;
