//! The server from outside: its calls and its sockets as a client meets them, over real connections to a server
//! in this process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod client;
mod schema;

mod accounts;
mod audit;
mod auth;
mod bucket;
mod changes;
mod chats;
mod cli;
mod files;
mod general;
mod interference;
mod membership;
mod messages;
mod presence;
mod restricted;
mod search;
mod sockets;
mod sync;
