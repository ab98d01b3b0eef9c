//! One Engine.IO session: handshake, polling, heartbeat, upgrade. Pure: it is told what happened and says what
//! to do.
//!
//! Never does: reconnect, which is a new session; look into messages.

mod carrier;
mod input;
mod outbox;
mod output;
mod upgrade;

use std::time::Duration;

use self::{carrier::Carrier, outbox::Outbox, upgrade::Upgrade};
pub use self::{
    input::Input,
    outbox::Outgoing,
    output::{Farewell, Message, Output},
};
use crate::{
    codec::{
        frame::{self, Handshake, Packet},
        payload,
    },
    event::{DisconnectReason, Transport},
    time::{Deadline, Now},
};

/// The longest that a transport may take while another waits for its chance.
const SHARE: Duration = Duration::from_secs(6);

/// The choices that an engine takes.
#[derive(Debug, Clone)]
pub struct Options {
    /// In the order in which they are tried.
    pub transports: Vec<Transport>,
    /// Whether a failed transport is followed by the next one.
    pub try_all_transports: bool,
    /// Whether polling is upgraded.
    pub upgrade: bool,
    /// How long all of it may take; the caller sees to that. No transport but the last gets all of it.
    pub timeout: Duration,
}

/// One session.
#[derive(Debug)]
pub struct Engine {
    options: Options,
    state: State,
    outbox: Outbox,
}

#[derive(Debug)]
enum State {
    /// Waits for the handshake over the transport at this place of the list.
    Opening {
        place: usize,
        /// When the next one gets its chance: a proxy may take a WebSocket and never answer.
        until: Option<Deadline>,
    },
    Open(Session),
    Closed,
}

#[derive(Debug)]
struct Session {
    handshake: Handshake,
    carrier: Carrier,
    silence: Deadline,
    /// While nothing is read: when to answer for the heartbeat next.
    answer: Option<Deadline>,
}

impl Engine {
    /// Begins a session.
    pub fn open(now: Now, options: Options, out: &mut Vec<Output>) -> Self {
        let mut engine = Self {
            options,
            state: State::Closed,
            outbox: Outbox::default(),
        };
        engine.try_transport(now, 0, out);
        engine
    }

    /// Queues a packet, and writes it if the transport is free.
    pub fn send(&mut self, outgoing: Outgoing, out: &mut Vec<Output>) {
        self.outbox.push(outgoing);
        self.flush(out);
    }

    /// Takes a packet back, unless something of it was given to a transport already.
    pub fn cancel(&mut self, token: u64) -> bool {
        self.outbox.cancel(token)
    }

    /// Whether a packet would be written at once.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        match &self.state {
            State::Opening { .. } | State::Closed => false,
            State::Open(session) => self.outbox.is_empty() && session.carrier.is_free(),
        }
    }

    /// What carries the session, if there is one.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        match &self.state {
            State::Opening { .. } | State::Closed => None,
            State::Open(session) => Some(session.carrier.transport()),
        }
    }

    /// Ends the session. What was queued goes out with the farewell.
    pub fn close(&mut self) -> Option<Farewell> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => None,
            State::Opening { place, .. } => {
                let transport = self.options.transports.get(place).copied()?;
                Some(Farewell {
                    sid: None,
                    transport,
                    batches: Vec::new(),
                })
            }
            State::Open(session) => {
                let transport = session.carrier.transport();
                let mut batches = Vec::new();
                match transport {
                    Transport::WebSocket => batches.push(self.outbox.take_all()),
                    Transport::Polling => {
                        self.outbox.push(Outgoing::control("1"));
                        while !self.outbox.is_empty() {
                            batches.push(self.outbox.take_payload(session.handshake.max_payload));
                        }
                    }
                }
                Some(Farewell {
                    sid: Some(session.handshake.sid),
                    transport,
                    batches,
                })
            }
        }
    }

    /// The tokens of what was never given to a transport, in order, and of what was but may not have arrived.
    pub fn take_unwritten(&mut self) -> (Vec<u64>, Vec<u64>) {
        self.outbox.take_tokens()
    }

    /// When to be told [`Input::Tick`], at the latest.
    #[must_use]
    pub fn wake_at(&self) -> Option<std::time::Instant> {
        let session = match &self.state {
            State::Closed => return None,
            State::Opening { until, .. } => return until.map(|until| until.monotonic),
            State::Open(session) => session,
        };
        let mut wake = session.silence.monotonic;
        if let Some(answer) = session.answer {
            wake = answer.monotonic;
        }
        if let Some(deadline) = session.carrier.deadline() {
            wake = wake.min(deadline.monotonic);
        }
        Some(wake)
    }

    /// Whether the computer slept past the silence after which the session is dead.
    #[must_use]
    pub fn has_overslept(&self, now: Now) -> bool {
        match &self.state {
            State::Closed | State::Opening { .. } => false,
            State::Open(session) => session.answer.is_none() && session.silence.slept_past(now),
        }
    }

    /// Takes what happened, appends what to do, and gives the message that came, if one did.
    #[inline]
    pub fn handle(&mut self, now: Now, input: Input, out: &mut Vec<Output>) -> Option<Message> {
        match input {
            Input::WebSocketFrame(frame) => match frame::decode(frame) {
                Ok(packet) => return self.packet(now, packet, Transport::WebSocket, out),
                Err(error) if self.is_probing() => self.probe_failed(&error.to_string(), out),
                Err(error) => self.fail(now, DisconnectReason::ParseError(error.to_string().into()), out),
            },
            Input::Polled(text) => match frame::decode_polled(text) {
                Ok(packet) => return self.packet(now, packet, Transport::Polling, out),
                Err(error) => self.fail(now, DisconnectReason::ParseError(error.to_string().into()), out),
            },
            Input::WebSocketOpened => self.websocket_opened(out),
            Input::WebSocketWritten => self.websocket_written(out),
            Input::WebSocketFailed(details) if self.is_probing() => self.probe_failed(&details, out),
            Input::WebSocketClosed(details) if self.is_probing() => self.probe_failed(&details, out),
            Input::WebSocketFailed(details) => self.fail(now, DisconnectReason::TransportError(details), out),
            Input::WebSocketClosed(details) => self.fail(now, DisconnectReason::TransportClose(details), out),
            Input::GetDone => self.get_done(now, out),
            Input::GetFailed(details) | Input::PostFailed(details) => {
                self.fail(now, DisconnectReason::TransportError(details), out);
            }
            Input::PostDone => self.post_done(out),
            Input::Stalled(stalled) => self.stalled(now, stalled),
            Input::Tick => self.tick(now, out),
        }
        None
    }

    #[inline]
    fn packet(&mut self, now: Now, packet: Packet, via: Transport, out: &mut Vec<Output>) -> Option<Message> {
        match &mut self.state {
            State::Closed => {}
            State::Opening { place, .. } => match packet {
                Packet::Open(handshake) => {
                    let begun = self.options.transports.get(*place).copied();
                    if begun == Some(via) {
                        self.opened(now, handshake, via, out);
                    }
                }
                Packet::Close => self.fail(
                    now,
                    DisconnectReason::TransportClose("closed by the server".into()),
                    out,
                ),
                Packet::Ping | Packet::Pong(_) | Packet::Text(_) | Packet::Binary(_) | Packet::Noop => {
                    let details = "the server's first packet is no handshake";
                    self.fail(now, DisconnectReason::ParseError(details.into()), out);
                }
            },
            State::Open(session) => {
                if via == Transport::WebSocket && session.carrier.transport() == Transport::Polling {
                    self.probed(packet, out);
                    return None;
                }
                match packet {
                    Packet::Text(text) => return Some(Message::Text(text)),
                    Packet::Binary(bytes) => return Some(Message::Binary(bytes)),
                    Packet::Ping => {
                        session.silence = Deadline::after(now, session.handshake.silence());
                        out.push(Output::Pinged);
                        self.send(Outgoing::control("3"), out);
                    }
                    Packet::Noop | Packet::Pong(_) => {}
                    Packet::Close => {
                        self.fail(
                            now,
                            DisconnectReason::TransportClose("closed by the server".into()),
                            out,
                        );
                    }
                    Packet::Open(_) => {
                        let details = "a second handshake";
                        self.fail(now, DisconnectReason::ParseError(details.into()), out);
                    }
                }
            }
        }
        None
    }

    fn opened(&mut self, now: Now, handshake: Handshake, via: Transport, out: &mut Vec<Output>) {
        let sid = handshake.sid.clone();
        let carrier = match via {
            Transport::WebSocket => Carrier::WebSocket { writing: false },
            Transport::Polling => {
                let wanted = self.options.upgrade
                    && self.options.transports.contains(&Transport::WebSocket)
                    && handshake.upgrades.iter().any(|name| name == "websocket");
                let upgrade = if wanted {
                    Upgrade::begin(now)
                } else {
                    Upgrade::None
                };
                // The GET that brought the handshake has not ended yet.
                Carrier::Polling {
                    getting: true,
                    posting: false,
                    upgrade,
                }
            }
        };
        out.push(Output::Opened {
            sid: sid.clone(),
            transport: via,
        });
        if let Carrier::Polling {
            upgrade: Upgrade::Opening { .. },
            ..
        } = &carrier
        {
            out.push(Output::OpenWebSocket(Some(sid)));
        }
        let silence = Deadline::after(now, handshake.silence());
        self.state = State::Open(Session {
            handshake,
            carrier,
            silence,
            answer: None,
        });
        self.flush(out);
    }

    fn websocket_written(&mut self, out: &mut Vec<Output>) {
        if let State::Open(Session {
            carrier: Carrier::WebSocket { writing },
            ..
        }) = &mut self.state
        {
            *writing = false;
            self.outbox.written(out);
            self.flush(out);
        }
    }

    fn get_done(&mut self, now: Now, out: &mut Vec<Output>) {
        match &mut self.state {
            State::Closed => {}
            State::Opening { .. } => {
                self.fail(
                    now,
                    DisconnectReason::TransportError("the server sent no handshake".into()),
                    out,
                );
            }
            State::Open(session) => {
                let sid = session.handshake.sid.clone();
                match &mut session.carrier {
                    Carrier::WebSocket { .. } => {}
                    Carrier::Polling { getting, upgrade, .. } => {
                        *getting = false;
                        if upgrade.pauses() {
                            self.switch(out);
                        } else {
                            *getting = true;
                            out.push(Output::Get(Some(sid)));
                        }
                    }
                }
            }
        }
    }

    fn post_done(&mut self, out: &mut Vec<Output>) {
        if let State::Open(Session {
            carrier: Carrier::Polling { posting, upgrade, .. },
            ..
        }) = &mut self.state
        {
            *posting = false;
            let pauses = upgrade.pauses();
            self.outbox.written(out);
            if pauses { self.switch(out) } else { self.flush(out) }
        }
    }

    /// Gives the transport what it can take.
    fn flush(&mut self, out: &mut Vec<Output>) {
        let State::Open(session) = &mut self.state else {
            return;
        };
        match &mut session.carrier {
            Carrier::WebSocket { writing } => {
                if !*writing && !self.outbox.is_empty() {
                    *writing = true;
                    out.push(Output::SendWebSocket(self.outbox.take_all()));
                }
            }
            Carrier::Polling { posting, upgrade, .. } => {
                if !*posting && !upgrade.pauses() && !self.outbox.is_empty() {
                    *posting = true;
                    let frames = self.outbox.take_payload(session.handshake.max_payload);
                    let sid = session.handshake.sid.clone();
                    out.push(Output::Post {
                        sid,
                        body: payload::encode(&frames),
                    });
                }
            }
        }
    }

    fn stalled(&mut self, now: Now, stalled: bool) {
        let State::Open(session) = &mut self.state else {
            return;
        };
        if stalled {
            session.answer = Some(Deadline::after(now, session.handshake.answer_interval()));
        } else if session.answer.take().is_some() {
            // The heartbeats of the meantime are still to be read.
            session.silence = Deadline::after(now, session.handshake.silence());
        }
    }

    fn tick(&mut self, now: Now, out: &mut Vec<Output>) {
        let session = match &mut self.state {
            State::Closed => return,
            State::Opening { until, .. } => {
                if until.is_some_and(|until| until.has_passed(now)) {
                    self.fail(now, DisconnectReason::TransportError("timeout".into()), out);
                }
                return;
            }
            State::Open(session) => session,
        };
        match session.answer {
            None if session.silence.has_passed(now) => {
                return self.fail(now, DisconnectReason::PingTimeout, out);
            }
            Some(answer) if answer.has_passed(now) => {
                session.answer = Some(Deadline::after(now, session.handshake.answer_interval()));
                self.send(Outgoing::control("3"), out);
            }
            None | Some(_) => {}
        }
        let late = match &self.state {
            State::Opening { .. } | State::Closed => false,
            State::Open(session) => session
                .carrier
                .deadline()
                .is_some_and(|deadline| deadline.has_passed(now)),
        };
        if late {
            self.probe_failed("timeout", out);
        }
    }

    /// The session ends; or the next transport is tried, if this one brought no session.
    fn fail(&mut self, now: Now, reason: DisconnectReason, out: &mut Vec<Output>) {
        match self.state {
            State::Closed => {}
            State::Opening { place, .. }
                if self.options.try_all_transports && place + 1 < self.options.transports.len() =>
            {
                out.push(Output::Abandon);
                self.try_transport(now, place + 1, out);
            }
            State::Opening { .. } | State::Open(_) => {
                self.state = State::Closed;
                out.push(Output::Closed(reason));
            }
        }
    }

    fn try_transport(&mut self, now: Now, place: usize, out: &mut Vec<Output>) {
        let last = place + 1 >= self.options.transports.len() || !self.options.try_all_transports;
        let share = (self.options.timeout / 3).min(SHARE);
        let until = (!last).then(|| Deadline::after(now, share));
        self.state = State::Opening { place, until };
        match self.options.transports.get(place) {
            Some(Transport::WebSocket) => out.push(Output::OpenWebSocket(None)),
            Some(Transport::Polling) => out.push(Output::Get(None)),
            None => {
                self.state = State::Closed;
                out.push(Output::Closed(DisconnectReason::TransportError(
                    "no transport".into(),
                )));
            }
        }
    }
}
