//! The client: namespaces on one connection, acknowledgements, buffering, retries, recovery, reconnection. Pure:
//! it is told what happened and says what to do, and owns no clock, socket or task.
//!
//! `handle` appends to a buffer of the caller's instead of returning one, so that a flood of events allocates
//! nothing here; and the next timer is asked for once a batch, by `wake_at`, instead of being an output of each.

mod backoff;
mod connection;
mod emission;
mod incoming;
mod namespace;
#[cfg(test)]
mod pair;
mod retry;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use self::emission::Outcome;
use self::{backoff::Backoff, connection::Connection, emission::Emission, namespace::Namespace};
use crate::{
    builder::Reconnection,
    codec::{decode::Decoder, frame::Frame, packet::Arguments},
    engine::{self, Engine, Farewell},
    event::{ConnectionEvent, DisconnectReason, Transport},
    payload::Encoded,
    time::{Deadline, Now},
};

/// How long answers are awaited while nothing is read.
const UNHEARD: Duration = Duration::from_secs(20);

/// How often the clocks are compared, so that a computer that wakes is noticed within a second.
const CLOCK_CHECK: Duration = Duration::from_millis(500);

/// What the client is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// There is a namespace.
    Socket {
        socket: u64,
        options: NamespaceOptions,
    },
    Connect {
        socket: u64,
    },
    Disconnect {
        socket: u64,
    },
    /// Nobody holds the socket any more.
    Release {
        socket: u64,
    },
    Emit {
        socket: u64,
        emit: Emit,
    },
    /// The application no longer waits for this acknowledgement.
    Forget {
        token: u64,
    },
    /// Answers an event of the server.
    Reply {
        socket: u64,
        connection: u64,
        id: u64,
        body: Encoded,
    },
    /// The answer to [`Output::AskAuth`]: a JSON object, or nothing.
    Auth {
        socket: u64,
        request: u64,
        data: String,
    },
    /// The answer to [`Output::Refused`].
    Refreshed {
        socket: u64,
        request: u64,
        retry: bool,
    },
    Open,
    Close,
    SetReconnection(bool),
    NetworkChanged,
    Engine(engine::Input),
}

/// An event on its way out.
#[derive(Debug)]
pub(crate) struct Emit {
    pub(crate) token: u64,
    pub(crate) name: Box<str>,
    pub(crate) body: Encoded,
    pub(crate) volatile: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) wants_ack: bool,
}

/// The choices for one namespace.
#[derive(Debug, Clone)]
pub(crate) struct NamespaceOptions {
    pub(crate) namespace: String,
    pub(crate) retries: Option<u32>,
    pub(crate) ack_timeout: Option<Duration>,
    /// Whether a refusal is told as [`Output::Refused`] first.
    pub(crate) asks_when_refused: bool,
    /// Whether what is sent is told as [`Output::Sending`].
    pub(crate) tells_sending: bool,
}

/// The choices for the connection.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) engine: engine::Options,
    pub(crate) remember_upgrade: bool,
    pub(crate) reconnection: Reconnection,
    pub(crate) timeout: Duration,
    pub(crate) strict: bool,
    pub(crate) seed: u64,
}

/// What the client says.
#[derive(Debug)]
pub(crate) enum Output {
    OpenWebSocket(Option<Arc<str>>),
    SendWebSocket(Vec<Frame>),
    DropWebSocket,
    Get(Option<Arc<str>>),
    Post {
        sid: Arc<str>,
        body: String,
    },
    /// The session is over: end its requests and its WebSocket; in an orderly way if there is a farewell.
    Leave(Option<Farewell>),
    /// Ask for the auth of a CONNECT.
    AskAuth {
        socket: u64,
        request: u64,
    },
    /// Ask whether a refused CONNECT is worth another try.
    Refused {
        socket: u64,
        request: u64,
        message: Arc<str>,
        data: Option<Arc<str>>,
    },
    Connected {
        socket: u64,
        id: Arc<str>,
        recovered: bool,
        transport: Transport,
    },
    Disconnected {
        socket: u64,
        reason: DisconnectReason,
    },
    ConnectError {
        socket: u64,
        message: Arc<str>,
        data: Option<Arc<str>>,
        active: bool,
    },
    Event(Incoming),
    /// What became of an emit. After the last outcome its token is forgotten.
    Settled {
        token: u64,
        outcome: Outcome,
    },
    /// An event is handed to the transport. Told only for namespaces that ask for it.
    Sending {
        socket: u64,
        name: Box<str>,
        json: String,
    },
    Connection(ConnectionEvent),
}

/// An event from the server.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) socket: u64,
    /// Counts the times that the socket was connected.
    pub(crate) connection: u64,
    /// Named in the answer, if the server wants one.
    pub(crate) id: Option<u64>,
    pub(crate) arguments: Arguments,
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Client {
    options: Options,
    connection: Connection,
    namespaces: Vec<Namespace>,
    emissions: BTreeMap<u64, Emission>,
    /// When emissions run out of time.
    timeouts: BTreeSet<(Instant, u64)>,
    decoder: Decoder,
    backoff: Backoff,
    /// A WebSocket has worked before.
    upgraded_before: bool,
    /// What carried the last session, if others were tried in vain before it.
    fallback: Option<Transport>,
    /// Nothing is read since the application takes nothing; and until when answers are awaited nevertheless.
    stalled: Option<Deadline>,
    /// The last look at the clocks.
    last: Option<Now>,
    /// Numbers the questions that are asked, so that an answer to an old one is known.
    requests: u64,
    /// Numbers the sessions, so that what an ended one said is not heeded.
    session: u64,
    /// What the engine said and has not been looked at.
    said: Vec<engine::Output>,
}

impl Client {
    pub(crate) fn new(options: Options) -> Self {
        let backoff = Backoff::new(options.seed);
        let decoder = Decoder::new(options.strict);
        Self {
            options,
            connection: Connection::Closed,
            namespaces: Vec::new(),
            emissions: BTreeMap::new(),
            timeouts: BTreeSet::new(),
            decoder,
            backoff,
            upgraded_before: false,
            fallback: None,
            stalled: None,
            last: None,
            requests: 0,
            session: 0,
            said: Vec::new(),
        }
    }

    /// What carries the session, if there is one.
    pub(crate) fn transport(&self) -> Option<Transport> {
        self.connection.engine().and_then(Engine::transport)
    }

    /// When to be told [`engine::Input::Tick`], at the latest.
    pub(crate) fn wake_at(&self, now: Now) -> Option<Instant> {
        let connection = self
            .connection
            .wake_at(self.stalled.is_some())
            .map(|at| at.min(now.monotonic + CLOCK_CHECK));
        let timeout = self.timeouts.first().map(|(at, _)| *at);
        let unheard = self
            .stalled
            .filter(|_| self.has_unsettled())
            .map(|until| until.monotonic);
        connection.into_iter().chain(timeout).chain(unheard).min()
    }

    /// Whether an emit is neither written nor, where an answer is wanted, answered: somebody may wait for it, and take
    /// no events meanwhile.
    pub(crate) fn has_unsettled(&self) -> bool {
        !self.emissions.is_empty()
    }

    /// Takes what happened, and appends what to do.
    pub(crate) fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Engine(input) => {
                let event = self.receive(now, input, out);
                out.extend(event.map(Output::Event));
            }
            Input::Socket { socket, options } => self.namespaces.push(Namespace::new(socket, options)),
            Input::Connect { socket } => self.connect(now, socket, out),
            Input::Disconnect { socket } => self.disconnect(now, socket, out),
            Input::Emit { socket, emit } => self.emit(now, socket, emit, out),
            Input::Forget { token } => self.forget(token, out),
            Input::Reply {
                socket,
                connection,
                id,
                body,
            } => self.reply(socket, connection, id, &body),
            Input::Auth {
                socket,
                request,
                data,
            } => self.authorized(socket, request, &data),
            Input::Release { socket } => self.release(now, socket, out),
            Input::Refreshed {
                socket,
                request,
                retry,
            } => self.refreshed(now, socket, request, retry, out),
            Input::Open => self.open(now, out),
            Input::Close => self.close(now, out),
            Input::SetReconnection(enabled) => self.set_reconnection(now, enabled, out),
            Input::NetworkChanged => self.network_changed(now, out),
        }
        self.heed_engine(now, out);
    }

    /// As [`handle`](Self::handle) for what happens to the session, but that it gives the event that came instead
    /// of appending it: most of what happens is that one comes.
    pub(crate) fn receive(
        &mut self,
        now: Now,
        input: engine::Input,
        out: &mut Vec<Output>,
    ) -> Option<Incoming> {
        let message = if let engine::Input::Tick = input {
            self.tick(now, out);
            None
        } else {
            if let engine::Input::Stalled(stalled) = input {
                self.stalled = stalled.then(|| Deadline::after(now, UNHEARD));
            }
            // What lay in the network's queues while the computer slept says nothing of the connection now.
            if self.connection.has_overslept(now) {
                self.tick(now, out);
            }
            let engine = self.connection.engine_mut()?;
            engine.handle(now, input, &mut self.said)
        };
        let event = message.and_then(|message| self.message(now, message, out));
        if !self.said.is_empty() {
            self.heed_engine(now, out);
        }
        event
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Output>) {
        self.expire(now, out);
        self.give_up_unheard(now, out);
        self.tick_connection(now, out);
    }

    /// Does what the engine said, which may make it say more.
    fn heed_engine(&mut self, now: Now, out: &mut Vec<Output>) {
        while !self.said.is_empty() {
            let session = self.session;
            let mut said = std::mem::take(&mut self.said);
            for output in said.drain(..) {
                if session != self.session {
                    break;
                }
                match output {
                    engine::Output::OpenWebSocket(sid) => out.push(Output::OpenWebSocket(sid)),
                    engine::Output::SendWebSocket(frames) => out.push(Output::SendWebSocket(frames)),
                    engine::Output::DropWebSocket => out.push(Output::DropWebSocket),
                    engine::Output::Abandon => out.push(Output::Leave(None)),
                    engine::Output::Get(sid) => out.push(Output::Get(sid)),
                    engine::Output::Post { sid, body } => out.push(Output::Post { sid, body }),
                    engine::Output::Written(token) => self.written(now, token, out),
                    engine::Output::Pinged => out.push(Output::Connection(ConnectionEvent::Ping)),
                    engine::Output::Upgraded => {
                        self.upgraded_before = true;
                        self.fallback = None;
                        let changed = ConnectionEvent::TransportChanged(Transport::WebSocket);
                        out.push(Output::Connection(changed));
                    }
                    engine::Output::Opened { sid, transport } => self.opened(now, sid, transport, out),
                    engine::Output::Closed(reason) => self.session_closed(now, reason, out),
                }
            }
            // Keeps the buffer, unless more was said meanwhile.
            if self.said.is_empty() {
                self.said = said;
                break;
            }
        }
    }

    #[inline]
    fn message(&mut self, now: Now, message: engine::Message, out: &mut Vec<Output>) -> Option<Incoming> {
        let decoded = match message {
            engine::Message::Text(text) => self.decoder.text(text),
            engine::Message::Binary(bytes) => self.decoder.binary(bytes),
        };
        match decoded {
            Ok(packet) => self.packet(now, packet?, out),
            Err(error) => {
                let reason = DisconnectReason::ParseError(error.to_string().into());
                self.abandon(now, reason, out);
                None
            }
        }
    }

    fn place(&self, socket: u64) -> Option<usize> {
        self.namespaces
            .iter()
            .position(|namespace| namespace.socket == socket)
    }

    fn request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }
}
