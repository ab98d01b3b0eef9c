//! The server from outside: its calls and its sockets as a client meets them, over real connections to a server
//! in this process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

pub(crate) mod client;
pub(crate) mod database;
pub(crate) mod polling;
pub(crate) mod ports;
#[cfg(target_os = "linux")]
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod redis;
pub(crate) mod schema;
pub(crate) mod wire;

mod accounts;
mod attachments;
mod attacks;
mod audit;
mod auth;
mod bucket;
mod changes;
mod chats;
pub(crate) mod cli;
#[cfg(target_os = "linux")]
mod clock;
mod cut;
mod deaf;
mod expiry;
pub(crate) mod files;
mod general;
mod interference;
mod limits;
mod membership;
mod messages;
mod nodes;
mod operate;
mod packets;
mod presence;
mod races;
mod repeated;
mod restricted;
mod search;
mod sockets;
mod sync;
mod tls;
mod traps;
mod updates;
pub(crate) mod uploads;
