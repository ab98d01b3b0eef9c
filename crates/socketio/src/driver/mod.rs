//! The tokio side: sockets, HTTP, the clock, and the task that joins them to the machines.

pub(crate) mod command;
mod cookies;
mod http;
mod moderation;
mod outlets;
mod polling;
mod proxy;
mod task;
mod websocket;

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use ::http::HeaderMap;
use tracing::Instrument;
use url::Url;

use self::{command::Handle, http::Http, task::Task};
use crate::{builder::ClientBuilder, client, engine, error::BuildError, handle::Client};

/// Starts the task of a client.
pub(crate) fn start(options: ClientBuilder, url: Url, headers: HeaderMap) -> Result<Client, BuildError> {
    let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
    let handle = Arc::new(Handle::new(options.queue_capacity));
    // Without the query, which may hold what is nobody's business.
    let server = format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or(0)
    );
    let http = Http::new(
        url,
        headers,
        options.cookies,
        options.http_client,
        options.websocket_client,
    );
    let machine = client::Client::new(client::Options {
        engine: engine::Options {
            transports: options.transports,
            try_all_transports: options.try_all_transports,
            upgrade: options.upgrade,
            timeout: options.timeout,
        },
        remember_upgrade: options.remember_upgrade,
        reconnection: options.reconnection,
        timeout: options.timeout,
        strict: options.strict,
        seed: RandomState::new().hash_one(0),
    });
    let task = Task::new(
        handle.shared().clone(),
        Arc::new(http),
        options.max_packet,
        machine,
    );
    runtime.spawn(task.run().instrument(tracing::debug_span!("socketio", server)));
    Ok(Client { handle })
}
