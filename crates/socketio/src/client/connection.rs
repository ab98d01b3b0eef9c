//! The connection under all namespaces: opening, losing, reconnecting, closing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Client, Output, namespace::Phase};
use crate::{
    engine::{self, Engine},
    event::{ConnectionEvent, DisconnectReason, Transport},
    time::{Deadline, Now},
};

/// After a wake from sleep or a change of network the first attempt begins this soon, at most.
const AT_ONCE: Duration = Duration::from_millis(200);

/// How far the clocks may drift apart between two looks at them before the computer must have slept.
const DRIFT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) enum Connection {
    /// Closed by the application, or given up.
    Closed,
    /// A session is being opened; the attempt is numbered if it is a reconnection.
    Opening {
        engine: Engine,
        attempt: Option<u32>,
        deadline: Deadline,
    },
    /// There is a session.
    Open { engine: Engine },
    /// The next attempt waits.
    Waiting { attempt: u32, until: Deadline },
}

impl Connection {
    pub(super) fn engine(&self) -> Option<&Engine> {
        match self {
            Self::Closed | Self::Waiting { .. } => None,
            Self::Opening { engine, .. } | Self::Open { engine } => Some(engine),
        }
    }

    pub(super) fn engine_mut(&mut self) -> Option<&mut Engine> {
        match self {
            Self::Closed | Self::Waiting { .. } => None,
            Self::Opening { engine, .. } | Self::Open { engine } => Some(engine),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Closed | Self::Waiting { .. } | Self::Opening { .. } => false,
        }
    }

    /// Whether the computer slept past the end that this would have come to without a word from the server.
    pub(super) fn has_overslept(&self, now: Now) -> bool {
        match self {
            Self::Closed | Self::Waiting { .. } => false,
            Self::Opening { deadline, .. } => deadline.slept_past(now),
            Self::Open { engine } => engine.has_overslept(now),
        }
    }

    /// No attempt begins while the application does not keep up.
    pub(super) fn wake_at(&self, stalled: bool) -> Option<Instant> {
        match self {
            Self::Closed => None,
            Self::Opening { engine, deadline, .. } => {
                engine.wake_at().into_iter().chain([deadline.monotonic]).min()
            }
            Self::Open { engine } => engine.wake_at(),
            Self::Waiting { until, .. } => (!stalled).then_some(until.monotonic),
        }
    }
}

impl Client {
    /// Opens the connection, unless it is open or on its way.
    pub(super) fn open(&mut self, now: Now, out: &mut Vec<Output>) {
        match self.connection {
            Connection::Closed => self.attempt(now, None, out),
            Connection::Opening { .. } | Connection::Open { .. } | Connection::Waiting { .. } => {}
        }
    }

    /// Closes the connection for good, and all its namespaces.
    pub(super) fn close(&mut self, now: Now, out: &mut Vec<Output>) {
        for place in 0..self.namespaces.len() {
            self.leave_namespace(place, DisconnectReason::ForcedClose, out);
        }
        self.close_connection(now, out);
    }

    /// Closes the connection; no namespace is active any more.
    pub(super) fn close_connection(&mut self, now: Now, out: &mut Vec<Output>) {
        // What the engine has said goes before its farewell: the last DISCONNECT is among it.
        self.heed_engine(now, out);
        self.backoff.reset();
        for namespace in &mut self.namespaces {
            namespace.leave_session();
        }
        match std::mem::replace(&mut self.connection, Connection::Closed) {
            Connection::Closed => {}
            Connection::Waiting { .. } => self.tell_closed(DisconnectReason::ForcedClose, out),
            Connection::Opening { mut engine, .. } | Connection::Open { mut engine } => {
                // The farewell carries what waited; nobody will tell whether it arrived.
                let farewell = engine.close();
                let (_, unknown) = engine.take_unwritten();
                self.end_session();
                self.unknown(unknown, out);
                out.push(Output::Leave(farewell));
                self.tell_closed(DisconnectReason::ForcedClose, out);
            }
        }
    }

    /// What the engine of the session has said and still says is of no interest any more.
    fn end_session(&mut self) {
        self.decoder.reset();
        self.said.clear();
        self.session += 1;
    }

    pub(super) fn set_reconnection(&mut self, now: Now, enabled: bool, out: &mut Vec<Output>) {
        self.options.reconnection.enabled = enabled;
        if enabled {
            return;
        }
        match self.connection {
            Connection::Waiting { .. } | Connection::Opening { attempt: Some(_), .. } => {
                self.close_connection(now, out);
            }
            Connection::Closed | Connection::Opening { attempt: None, .. } | Connection::Open { .. } => {}
        }
    }

    pub(super) fn network_changed(&mut self, now: Now, out: &mut Vec<Output>) {
        self.fallback = None;
        match &mut self.connection {
            Connection::Closed => {}
            Connection::Open { .. } => {
                self.lose(now, DisconnectReason::NetworkChanged, out);
                self.hurry(now);
            }
            Connection::Opening { .. } => {
                // Begun on the network before; the attempt begins anew.
                let Connection::Opening { attempt, .. } =
                    std::mem::replace(&mut self.connection, Connection::Closed)
                else {
                    return;
                };
                out.push(Output::Leave(None));
                self.begin(now, attempt, out);
            }
            Connection::Waiting { .. } => self.hurry(now),
        }
    }

    /// The next attempt begins soon: what it waited for no longer matters.
    fn hurry(&mut self, now: Now) {
        if let Connection::Waiting { until, .. } = &mut self.connection {
            let soon = Deadline::after(now, AT_ONCE.min(self.options.reconnection.delay_max));
            if soon.monotonic < until.monotonic {
                *until = soon;
            }
        }
    }

    pub(super) fn tick_connection(&mut self, now: Now, out: &mut Vec<Output>) {
        let slept = self.last.replace(now).is_some_and(|last| {
            let monotonic = now.monotonic.saturating_duration_since(last.monotonic);
            now.wall
                .duration_since(last.wall)
                .is_ok_and(|wall| wall > monotonic + DRIFT)
        });
        match &mut self.connection {
            Connection::Closed => {}
            Connection::Opening { engine, deadline, .. } => {
                if deadline.has_passed(now) {
                    self.abandon(now, DisconnectReason::TransportError("timeout".into()), out);
                } else {
                    engine.handle(now, engine::Input::Tick, &mut self.said);
                    self.heed_engine(now, out);
                }
            }
            Connection::Open { engine } => {
                engine.handle(now, engine::Input::Tick, &mut self.said);
                self.heed_engine(now, out);
            }
            Connection::Waiting { attempt, until } => {
                let attempt = *attempt;
                if until.has_passed(now) && self.stalled.is_none() {
                    out.push(Output::Connection(ConnectionEvent::ReconnectAttempt { attempt }));
                    self.attempt(now, Some(attempt), out);
                }
            }
        }
        if slept {
            self.hurry(now);
        }
    }

    fn attempt(&mut self, now: Now, attempt: Option<u32>, out: &mut Vec<Output>) {
        self.begin(now, attempt, out);
        if self.options.timeout.is_zero() {
            self.abandon(now, DisconnectReason::TransportError("timeout".into()), out);
        }
    }

    fn begin(&mut self, now: Now, attempt: Option<u32>, out: &mut Vec<Output>) {
        self.end_session();
        let mut options = self.options.engine.clone();
        let remembered =
            (self.options.remember_upgrade && self.upgraded_before).then_some(Transport::WebSocket);
        let first = remembered.or(self.fallback);
        if let Some(place) = options
            .transports
            .iter()
            .position(|transport| Some(*transport) == first)
        {
            options.transports[..=place].rotate_right(1);
        }
        let engine = Engine::open(now, options, &mut self.said);
        let deadline = Deadline::after(now, self.options.timeout);
        self.last = Some(now);
        self.connection = Connection::Opening {
            engine,
            attempt,
            deadline,
        };
        self.heed_engine(now, out);
    }

    pub(super) fn opened(&mut self, _now: Now, sid: Arc<str>, transport: Transport, out: &mut Vec<Output>) {
        let (engine, attempt) = match std::mem::replace(&mut self.connection, Connection::Closed) {
            Connection::Opening { engine, attempt, .. } => (engine, attempt),
            other @ (Connection::Closed | Connection::Open { .. } | Connection::Waiting { .. }) => {
                self.connection = other;
                return;
            }
        };
        self.connection = Connection::Open { engine };
        self.upgraded_before |= transport == Transport::WebSocket;
        let others_failed = self.options.engine.transports.first() != Some(&transport);
        self.fallback = others_failed.then_some(transport);
        self.backoff.reset();
        out.push(Output::Connection(ConnectionEvent::Opened { sid, transport }));
        if let Some(attempt) = attempt {
            out.push(Output::Connection(ConnectionEvent::Reconnected { attempt }));
        }
        for place in 0..self.namespaces.len() {
            if matches!(self.namespaces[place].phase, Phase::Waiting) {
                self.ask_auth(place, out);
            }
        }
    }

    /// Ends the session from this side and reconnects.
    pub(super) fn abandon(&mut self, now: Now, reason: DisconnectReason, out: &mut Vec<Output>) {
        match self.connection {
            Connection::Closed | Connection::Waiting { .. } => {}
            Connection::Opening { .. } | Connection::Open { .. } => self.lose(now, reason, out),
        }
    }

    /// The engine ended, or never began.
    pub(super) fn session_closed(&mut self, now: Now, reason: DisconnectReason, out: &mut Vec<Output>) {
        self.lose(now, reason, out);
    }

    fn lose(&mut self, now: Now, reason: DisconnectReason, out: &mut Vec<Output>) {
        self.end_session();
        match std::mem::replace(&mut self.connection, Connection::Closed) {
            Connection::Closed => {}
            waiting @ Connection::Waiting { .. } => self.connection = waiting,
            Connection::Opening { attempt, .. } => {
                self.fallback = None;
                out.push(Output::Leave(None));
                let message: Arc<str> = reason.details().unwrap_or(reason.as_str()).into();
                out.push(Output::Connection(ConnectionEvent::Error {
                    message: message.clone(),
                }));
                for namespace in self.namespaces.iter().filter(|namespace| namespace.is_active()) {
                    let (socket, message) = (namespace.socket, message.clone());
                    out.push(Output::ConnectError {
                        socket,
                        message,
                        data: None,
                        active: true,
                    });
                }
                if let Some(attempt) = attempt {
                    out.push(Output::Connection(ConnectionEvent::ReconnectError {
                        attempt,
                        message,
                    }));
                }
                self.wait(now, out);
            }
            Connection::Open { mut engine } => {
                // What was never written goes out again over the next session, not with this one's end.
                let (unsent, unknown) = engine.take_unwritten();
                let farewell = match reason {
                    DisconnectReason::ParseError(_) | DisconnectReason::NetworkChanged => engine.close(),
                    DisconnectReason::ServerDisconnect
                    | DisconnectReason::ClientDisconnect
                    | DisconnectReason::ForcedClose
                    | DisconnectReason::PingTimeout
                    | DisconnectReason::TransportClose(_)
                    | DisconnectReason::TransportError(_) => None,
                };
                out.push(Output::Leave(farewell));
                self.tell_closed(reason.clone(), out);
                for place in 0..self.namespaces.len() {
                    self.lose_namespace(place, &reason, out);
                }
                self.requeue(unsent, out);
                self.unknown(unknown, out);
                self.wait(now, out);
            }
        }
    }

    /// Schedules the next attempt, if there is to be one.
    fn wait(&mut self, now: Now, out: &mut Vec<Output>) {
        let options = &self.options.reconnection;
        if !options.enabled {
            return;
        }
        if options
            .attempts
            .is_some_and(|limit| self.backoff.attempts() >= limit)
        {
            self.backoff.reset();
            out.push(Output::Connection(ConnectionEvent::ReconnectFailed));
            return;
        }
        let delay = self.backoff.next(options);
        let attempt = self.backoff.attempts();
        self.connection = Connection::Waiting {
            attempt,
            until: Deadline::after(now, delay),
        };
        out.push(Output::Connection(ConnectionEvent::ReconnectScheduled {
            attempt,
            delay,
        }));
    }

    fn tell_closed(&self, reason: DisconnectReason, out: &mut Vec<Output>) {
        out.push(Output::Connection(ConnectionEvent::Closed { reason }));
    }
}
