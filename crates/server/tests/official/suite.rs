//! The part of the black-box suite that goes through the official `socket.io-client`: once for each crate that is named for
//! where the server is and which way the client takes. On two nodes with Postgres and Redis, what is changed on one of
//! them is read and heard on the other.
//!
//! Leaves out what is about one process (its limits, its command line, its packets, tokens that live for a second) and
//! what takes hundreds of worlds.

#[path = "../blackbox/client.rs"]
#[expect(dead_code, reason = "some of it is for the tests that are left out")]
pub(crate) mod client;
#[path = "../blackbox/database.rs"]
pub(crate) mod database;
#[path = "../blackbox/ports.rs"]
pub(crate) mod ports;
#[path = "../blackbox/postgres.rs"]
pub(crate) mod postgres;
#[path = "../blackbox/redis.rs"]
#[expect(dead_code, reason = "some of it is for the tests that are left out")]
pub(crate) mod redis;
#[path = "../blackbox/schema.rs"]
pub(crate) mod schema;
#[path = "../blackbox/wire.rs"]
pub(crate) mod wire;

#[path = "../blackbox/accounts.rs"]
mod accounts;
#[path = "../blackbox/attachments.rs"]
mod attachments;
#[path = "../blackbox/auth.rs"]
mod auth;
#[path = "../blackbox/changes.rs"]
mod changes;
#[path = "../blackbox/chats.rs"]
mod chats;
#[path = "../blackbox/files.rs"]
pub(crate) mod files;
#[path = "../blackbox/membership.rs"]
mod membership;
#[path = "../blackbox/messages.rs"]
mod messages;
#[path = "../blackbox/presence.rs"]
mod presence;
#[path = "../blackbox/restricted.rs"]
mod restricted;
#[path = "../blackbox/search.rs"]
mod search;
#[path = "../blackbox/sockets.rs"]
mod sockets;
#[path = "../blackbox/sync.rs"]
mod sync;
#[path = "../blackbox/uploads.rs"]
mod uploads;
