//! How the app stands with the server: what the socket tells, and what that sets going.

use khaya_wire::Timestamp;

use super::{Chat, Output, SocketCommand, SocketEvent, session::Session};
use crate::view::{self, ConnectionState, Failure, Transport};

/// So many attempts in a row must fail before the app says `Offline`.
const ATTEMPTS_BEFORE_OFFLINE: u32 = 3;

#[derive(Debug)]
pub(super) struct Connection {
    link: Link,
    /// Whether there has been a connection since the sign-in or the start.
    has_been_up: bool,
    failed_attempts: u32,
    /// What the system says.
    has_network: bool,
    failure: Option<Failure>,
    retry_at: Option<Timestamp>,
    /// That have come up.
    connections: u64,
    /// Counts connections: what was asked in an earlier one says nothing about this one.
    incarnation: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    Up(Transport),
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            link: Link::Down,
            has_been_up: false,
            failed_attempts: 0,
            has_network: true,
            failure: None,
            retry_at: None,
            connections: 0,
            incarnation: 0,
        }
    }
}

impl Connection {
    pub(super) fn is_up(&self) -> bool {
        self.link != Link::Down
    }

    pub(super) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// How many there have been since the sign-in or the start.
    pub(super) fn count(&self) -> u64 {
        self.connections
    }

    pub(super) fn has_network(&self) -> bool {
        self.has_network
    }

    /// The server answered a call, whatever the socket says.
    pub(super) fn fetch_succeeded(&mut self) {
        if self.is_up() {
            self.failure = None;
        }
    }

    pub(super) fn fetch_failed(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }

    /// Forgets everything but what the system says.
    pub(super) fn reset(&mut self) {
        *self = Self {
            has_network: self.has_network,
            incarnation: self.incarnation + 1,
            ..Self::default()
        };
    }

    /// What the window shows while somebody is signed in.
    pub(super) fn show(&self) -> view::Connection {
        let (state, transport) = match self.link {
            Link::Up(transport) => (ConnectionState::Connected, Some(transport)),
            Link::Down if !self.has_network || self.failed_attempts >= ATTEMPTS_BEFORE_OFFLINE => {
                (ConnectionState::Offline, None)
            }
            Link::Down if self.has_been_up => (ConnectionState::Reconnecting, None),
            Link::Down => (ConnectionState::Connecting, None),
        };
        view::Connection {
            state,
            transport,
            retry_at: self.retry_at,
            failure: self.failure.clone(),
            catching_up: None,
        }
    }
}

impl Chat {
    /// Connects with the session's token, in place of what connection there may be.
    pub(super) fn connect(&mut self) {
        if let Session::SignedIn(session) = &self.session
            && let Some((token, _)) = session.access()
        {
            let server = session.server.clone();
            self.out
                .push(Output::Socket(SocketCommand::Connect { server, token }));
        }
    }

    pub(super) fn take_socket_event(&mut self, event: SocketEvent) {
        if !matches!(self.session, Session::SignedIn(_)) {
            return;
        }
        match event {
            SocketEvent::Up { transport } => self.came_up(transport),
            SocketEvent::Upgraded { transport } => self.connection.link = Link::Up(transport),
            SocketEvent::Down { failure } => self.went_down(failure),
            SocketEvent::Waiting { retry_in } => {
                let wait = i64::try_from(retry_in.as_millis()).unwrap_or(i64::MAX);
                let at = self.now.wall.as_millis().saturating_add(wait);
                self.connection.retry_at = Some(Timestamp::from_millis(at));
            }
            SocketEvent::Refused { token_expired } => self.was_refused(token_expired),
            SocketEvent::Event { name, data } => self.take_event(&name, data),
        }
    }

    pub(super) fn set_network(&mut self, online: bool) {
        self.connection.has_network = online;
        if online {
            self.out.push(Output::ForgetConnections);
            if self.connection.is_up() {
                self.out.push(Output::Socket(SocketCommand::NetworkChanged));
            }
            self.try_now();
        }
    }

    /// Does at once what would be tried again later.
    pub(super) fn try_now(&mut self) {
        if !self.can_ask() {
            return;
        }
        if !self.connection.is_up() {
            self.connection.failed_attempts = 0;
            self.out.push(Output::Socket(SocketCommand::Retry));
        }
        self.outbox.stop_waiting();
        self.sync_soon();
        self.fetch_soon();
    }

    fn came_up(&mut self, transport: Transport) {
        tracing::trace!(?transport, "connected");
        self.connection = Connection {
            link: Link::Up(transport),
            has_been_up: true,
            failed_attempts: 0,
            has_network: true,
            failure: None,
            retry_at: None,
            connections: self.connection.connections + 1,
            incarnation: self.connection.incarnation + 1,
        };
        self.discover();
        self.enter_open_chat();
        self.sync_soon();
        self.fetch_soon();
        self.outbox.stop_waiting();
        self.search_again();
    }

    fn went_down(&mut self, failure: Failure) {
        tracing::trace!(code = %failure.code, "not connected");
        self.note("connection", &failure.code);
        let was_up = self.connection.is_up();
        self.connection.link = Link::Down;
        if !was_up {
            self.connection.failed_attempts += 1;
        }
        self.connection.failure = Some(failure);
        self.connection.retry_at = None;
        self.connection.incarnation += 1;
        self.chats.nothing_is_live();
        self.chats.presence.clear();
        self.typing.forget_others();
    }

    fn was_refused(&mut self, token_expired: bool) {
        tracing::trace!(token_expired, "connection refused");
        self.connection.link = Link::Down;
        self.connection.incarnation += 1;
        self.chats.nothing_is_live();
        self.renew(None);
    }
}
