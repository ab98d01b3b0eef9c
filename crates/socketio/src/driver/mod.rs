//! The tokio side: sockets, HTTP, the clock, and the task that joins them to the machines.

pub(crate) mod command;

use std::sync::Arc;

use http::HeaderMap;
use url::Url;

use crate::{builder::ClientBuilder, driver::command::Handle, error::BuildError, handle::Client};

/// Starts the task of a client.
pub(crate) fn start(options: ClientBuilder, _url: Url, _headers: HeaderMap) -> Result<Client, BuildError> {
    let handle = Arc::new(Handle::new(options.queue_capacity));
    Ok(Client { handle })
}
