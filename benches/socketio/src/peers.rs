//! The Rust clients under test, each doing the same three things.

pub mod floor;
pub mod khaya;
pub mod rust_socketio;

use std::sync::Arc;

use anyhow::Result;
use tokio::runtime::{Builder, Runtime};

/// One connection of a client, with `auth: { token: "t" }`.
pub trait Connection: Sized {
    /// Connects, over `websocket` or `polling`.
    ///
    /// # Errors
    /// The connection failed.
    fn open(runtime: &Arc<Runtime>, url: &str, transport: &str) -> Result<Self>;

    /// One event, and its acknowledgement.
    ///
    /// # Errors
    /// The connection was lost.
    fn echo(&mut self, value: u64) -> Result<()>;

    /// Asks for the flood, decodes each event into a type, and tells how many there were.
    ///
    /// # Errors
    /// The connection was lost, or an event was not of the type.
    fn flood(&mut self) -> Result<u64>;
}

/// The runtime for a client that wants one: one thread, so that what is measured is the client and not the
/// threads' waking of each other.
///
/// # Errors
/// The system refused.
pub fn runtime() -> Result<Arc<Runtime>> {
    Ok(Arc::new(Builder::new_current_thread().enable_all().build()?))
}
