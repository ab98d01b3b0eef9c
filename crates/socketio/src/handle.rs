//! The handle of a client.

use std::sync::Arc;

use crate::{
    builder::ClientBuilder,
    driver::command::{Command, Handle},
    events::Inbox,
    metrics::Metrics,
    socket::SocketBuilder,
};

/// One connection to one server, shared by the sockets of its namespaces. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) handle: Arc<Handle>,
}

impl Client {
    /// A client of the server at this URL, `http`, `https`, `ws` or `wss`. Query parameters are sent with every
    /// request; the path is ignored, see [`ClientBuilder::path`].
    pub fn builder(url: impl AsRef<str>) -> ClientBuilder {
        ClientBuilder::new(url.as_ref())
    }

    /// The socket of a namespace: `"/"`, or `"/admin"`.
    pub fn socket(&self, namespace: &str) -> SocketBuilder {
        SocketBuilder::new(self.handle.clone(), namespace)
    }

    /// Tells what becomes of the connection in an [`Inbox`], with this tag.
    pub fn watch(&self, inbox: &Inbox, tag: u64) {
        let queue = inbox.queue().clone();
        queue.add_writer();
        self.control(Command::Watch { tag, queue });
    }

    /// Opens the connection without a socket.
    pub fn open(&self) {
        self.control(Command::Open);
    }

    /// Closes the connection and all its sockets, and does not come back until a socket is connected again.
    ///
    /// What waits in the queue of the session is still written, in the background; what is emitted afterwards, on a
    /// next session, may overtake it.
    pub fn close(&self) {
        self.control(Command::Close);
    }

    /// Switches reconnection on or off; off also ends a reconnection under way.
    pub fn set_reconnection(&self, enabled: bool) {
        self.control(Command::SetReconnection(enabled));
    }

    /// Tells that the system's network is another one, or that there is one again: a session that stands is
    /// replaced by a fresh one, and a wait for the next attempt ends now.
    pub fn network_changed(&self) {
        self.control(Command::NetworkChanged);
    }

    /// Polls with this HTTP client from now on, in place of the one that was given to the builder: with one that keeps no
    /// connections from before the computer slept, or from another network. The client's own forgets them by itself, when
    /// the network changes and when a session was lost in silence.
    pub fn use_http_client(&self, client: reqwest::Client) {
        self.control(Command::UseHttpClient(client));
    }

    /// The figures of this moment.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.handle.shared().metrics()
    }

    fn control(&self, command: Command) {
        // Only a client whose task has ended refuses, and then there is nothing left to change.
        let _ = self.handle.shared().control(command);
    }
}
