//! `khaya-server`: the chat server that a team hosts for itself. One binary, one folder of data.
//!
//! Owns: the REST calls ([`http`](self)), the sockets, the database, the command line. Gives level Full of the wire
//! contract as far as `GET /.well-known/khaya` lists it.
//!
//! Never does: anything that depends on who runs it. A library, so that tests start it in their own process.

mod activity;
mod app;
mod bus;
pub mod cli;
mod clock;
pub mod config;
mod database;
mod demo;
mod error;
mod files;
#[expect(
    unused_qualifications,
    reason = "so is the code that utoipa writes for parameters"
)]
mod http;
mod identity;
mod limits;
mod listen;
mod operator;
mod password;
mod presence;
mod proxy;
mod realtime;
mod store;
mod throttle;
mod token;
mod verified;

pub(crate) use self::app::App;
pub use self::{app::Server, config::Config, database::Database, error::Error};

/// What the server's calls are, as OpenAPI 3.1 in JSON.
#[must_use]
pub fn openapi() -> &'static str {
    http::document()
}
