//! The black-box suite once more, with its data in Postgres: two databases, one behaviour. And what only several
//! nodes on one database can do, and a database that goes away.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "blackbox/main.rs"]
mod suite;

// What the tests call by its place in their own crate.
use suite::{cli, client, database, files, polling, ports, postgres, program, redis, schema, uploads, wire};

#[path = "blackbox_postgres/nodes.rs"]
mod nodes;
#[path = "blackbox_postgres/outage.rs"]
mod outage;
#[path = "blackbox_postgres/outages.rs"]
mod outages;
#[path = "blackbox_postgres/tls.rs"]
mod tls;
