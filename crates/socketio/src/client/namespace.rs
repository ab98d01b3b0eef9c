//! A namespace: connecting it, what the server says to it, leaving it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use serde_json::Value;
use tracing::debug;

use super::{Client, NamespaceOptions, Output};
use crate::{
    codec::{encode, frame::Frame},
    engine::Outgoing,
    event::DisconnectReason,
    payload::Encoded,
    time::Now,
};

#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) socket: u64,
    pub(super) options: NamespaceOptions,
    pub(super) phase: Phase,
    /// Counts the times that it was connected.
    pub(super) connection: u64,
    /// Emits that wait for it to be connected.
    pub(super) buffer: VecDeque<u64>,
    /// Emits that are sent one at a time.
    pub(super) retrying: VecDeque<u64>,
    pub(super) next_ack: u64,
    /// From the ids on the wire to the tokens of the emits.
    pub(super) acks: BTreeMap<u64, u64>,
    pub(super) recovery: Option<Recovery>,
    /// It was left in this session, and events of the connection before may still be on their way: until it is
    /// connected again they are not heard.
    pub(super) deaf: bool,
    /// The application was asked about a refusal since it was last connected.
    pub(super) asked: bool,
}

/// How far a namespace has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// Not wanted.
    Inactive,
    /// Wanted, and there is no session.
    Waiting,
    /// The application is asked for its auth.
    Authorizing { request: u64 },
    /// CONNECT was sent.
    Connecting,
    /// CONNECT was sent, and before the reply the application changed its mind; with `again`, once more: the
    /// namespace is left first, for a second CONNECT before the reply would end the session.
    Leaving { again: bool },
    /// The server refused, and the application is asked about it.
    Refused {
        request: u64,
        message: Arc<str>,
        data: Option<Arc<str>>,
    },
    /// It is connected.
    Connected,
}

/// What connection state recovery needs.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) pid: String,
    pub(super) offset: Option<String>,
}

impl Namespace {
    pub(super) fn new(socket: u64, options: NamespaceOptions) -> Self {
        Self {
            socket,
            options,
            phase: Phase::Inactive,
            connection: 0,
            buffer: VecDeque::new(),
            retrying: VecDeque::new(),
            next_ack: 0,
            acks: BTreeMap::new(),
            recovery: None,
            deaf: false,
            asked: false,
        }
    }

    /// The reply that a namespace waits for before it leaves does not come any more.
    pub(super) fn leave_session(&mut self) {
        self.deaf = false;
        match self.phase {
            Phase::Leaving { again: false } => self.phase = Phase::Inactive,
            Phase::Leaving { again: true } => self.phase = Phase::Waiting,
            Phase::Inactive
            | Phase::Waiting
            | Phase::Authorizing { .. }
            | Phase::Connecting
            | Phase::Refused { .. }
            | Phase::Connected => {}
        }
    }

    pub(super) fn is_active(&self) -> bool {
        match self.phase {
            Phase::Inactive | Phase::Leaving { again: false } => false,
            Phase::Leaving { again: true }
            | Phase::Waiting
            | Phase::Authorizing { .. }
            | Phase::Connecting
            | Phase::Refused { .. }
            | Phase::Connected => true,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        match self.phase {
            Phase::Connected => true,
            Phase::Inactive
            | Phase::Waiting
            | Phase::Authorizing { .. }
            | Phase::Connecting
            | Phase::Leaving { .. }
            | Phase::Refused { .. } => false,
        }
    }
}

impl Client {
    pub(super) fn connect(&mut self, now: Now, socket: u64, out: &mut Vec<Output>) {
        let Some(place) = self.place(socket) else { return };
        let namespace = &self.namespaces[place];
        let taken = self.namespaces.iter().any(|other| {
            other.socket != socket
                && !matches!(other.phase, Phase::Inactive)
                && other.options.namespace == namespace.options.namespace
        });
        if taken {
            let message = "another socket of this client has the namespace".into();
            return out.push(Output::ConnectError {
                socket,
                message,
                data: None,
                active: false,
            });
        }
        match namespace.phase {
            Phase::Inactive => {
                self.namespaces[place].asked = false;
                if self.connection.is_open() {
                    self.ask_auth(place, out);
                } else {
                    self.namespaces[place].phase = Phase::Waiting;
                    self.open(now, out);
                }
            }
            Phase::Leaving { .. } => self.namespaces[place].phase = Phase::Leaving { again: true },
            // The connection may have been given up meanwhile.
            Phase::Waiting => self.open(now, out),
            Phase::Authorizing { .. } | Phase::Connecting | Phase::Refused { .. } | Phase::Connected => {}
        }
    }

    pub(super) fn disconnect(&mut self, now: Now, socket: u64, out: &mut Vec<Output>) {
        let Some(place) = self.place(socket) else { return };
        let was_active = self.namespaces[place].is_active();
        self.leave_namespace(place, DisconnectReason::ClientDisconnect, out);
        if was_active {
            self.close_if_unused(now, out);
        }
    }

    pub(super) fn release(&mut self, now: Now, socket: u64, out: &mut Vec<Output>) {
        self.disconnect(now, socket, out);
        let Some(place) = self.place(socket) else { return };
        for token in self.namespaces[place].buffer.clone() {
            self.drop_emission(token, out);
        }
        for token in self.namespaces[place].retrying.clone() {
            self.drop_emission(token, out);
        }
        self.namespaces.remove(place);
    }

    pub(super) fn leave_namespace(&mut self, place: usize, reason: DisconnectReason, out: &mut Vec<Output>) {
        let namespace = &mut self.namespaces[place];
        let socket = namespace.socket;
        match namespace.phase {
            Phase::Inactive => {}
            Phase::Leaving { .. } => namespace.phase = Phase::Leaving { again: false },
            Phase::Waiting | Phase::Authorizing { .. } | Phase::Refused { .. } => {
                namespace.phase = Phase::Inactive
            }
            Phase::Connecting => namespace.phase = Phase::Leaving { again: false },
            Phase::Connected => {
                let frame = encode::disconnect(&namespace.options.namespace);
                namespace.phase = Phase::Inactive;
                namespace.deaf = true;
                // A server recovers no socket that said goodbye.
                namespace.recovery = None;
                self.send(frame);
                out.push(Output::Disconnected { socket, reason });
                self.fail_sent(place, out);
            }
        }
    }

    /// The session under the namespace is gone.
    pub(super) fn lose_namespace(&mut self, place: usize, reason: &DisconnectReason, out: &mut Vec<Output>) {
        let namespace = &mut self.namespaces[place];
        let socket = namespace.socket;
        namespace.deaf = false;
        match namespace.phase {
            Phase::Inactive | Phase::Waiting => {}
            Phase::Leaving { .. } => namespace.leave_session(),
            Phase::Authorizing { .. } | Phase::Connecting => namespace.phase = Phase::Waiting,
            Phase::Refused { .. } => {
                namespace.asked = false;
                namespace.phase = Phase::Waiting;
            }
            Phase::Connected => {
                namespace.phase = Phase::Waiting;
                out.push(Output::Disconnected {
                    socket,
                    reason: reason.clone(),
                });
                self.fail_written(place, out);
            }
        }
    }

    pub(super) fn ask_auth(&mut self, place: usize, out: &mut Vec<Output>) {
        let request = self.request();
        let namespace = &mut self.namespaces[place];
        namespace.phase = Phase::Authorizing { request };
        out.push(Output::AskAuth {
            socket: namespace.socket,
            request,
        });
    }

    pub(super) fn authorized(&mut self, socket: u64, request: u64, data: &str) {
        let Some(place) = self.place(socket) else { return };
        let namespace = &mut self.namespaces[place];
        match namespace.phase {
            Phase::Authorizing { request: asked } if asked == request => {}
            Phase::Authorizing { .. }
            | Phase::Inactive
            | Phase::Waiting
            | Phase::Connecting
            | Phase::Leaving { .. }
            | Phase::Refused { .. }
            | Phase::Connected => return,
        }
        namespace.phase = Phase::Connecting;
        let data = match &namespace.recovery {
            Some(recovery) => recovery.beside(data),
            None => data.to_owned(),
        };
        let frame = encode::connect(&namespace.options.namespace, &data);
        self.send(frame);
    }

    pub(super) fn refreshed(
        &mut self,
        now: Now,
        socket: u64,
        request: u64,
        retry: bool,
        out: &mut Vec<Output>,
    ) {
        let Some(place) = self.place(socket) else { return };
        let namespace = &mut self.namespaces[place];
        match &namespace.phase {
            Phase::Refused {
                request: asked,
                message,
                data,
            } if *asked == request => {
                let (message, data) = (message.clone(), data.clone());
                if retry {
                    self.ask_auth(place, out);
                } else {
                    self.refuse(now, place, message, data, out);
                }
            }
            Phase::Refused { .. }
            | Phase::Authorizing { .. }
            | Phase::Inactive
            | Phase::Waiting
            | Phase::Connecting
            | Phase::Leaving { .. }
            | Phase::Connected => {}
        }
    }

    pub(super) fn reply(&mut self, socket: u64, connection: u64, id: u64, body: &Encoded) {
        let Some(place) = self.place(socket) else { return };
        let namespace = &self.namespaces[place];
        if !namespace.is_connected() || namespace.connection != connection {
            return debug!(id, "nobody waits for this answer any more");
        }
        let frame = encode::ack(&namespace.options.namespace, id, body);
        self.send_packet(Outgoing {
            frame,
            attachments: body.attachments.clone(),
            token: None,
        });
    }

    pub(super) fn refuse(
        &mut self,
        now: Now,
        place: usize,
        message: Arc<str>,
        data: Option<Arc<str>>,
        out: &mut Vec<Output>,
    ) {
        let namespace = &mut self.namespaces[place];
        namespace.phase = Phase::Inactive;
        out.push(Output::ConnectError {
            socket: namespace.socket,
            message,
            data,
            active: false,
        });
        self.close_if_unused(now, out);
    }

    /// A namespace that was to be left as soon as it was connected is left.
    pub(super) fn left(&mut self, now: Now, place: usize, out: &mut Vec<Output>) {
        let namespace = &mut self.namespaces[place];
        namespace.leave_session();
        namespace.deaf = true;
        namespace.recovery = None;
        if namespace.is_active() {
            self.ask_auth(place, out);
        } else {
            self.close_if_unused(now, out);
        }
    }

    pub(super) fn close_if_unused(&mut self, now: Now, out: &mut Vec<Output>) {
        if !self.namespaces.iter().any(Namespace::is_active) {
            self.close_connection(now, out);
        }
    }

    /// Sends a packet that nobody asks after.
    pub(super) fn send(&mut self, frame: Frame) {
        self.send_packet(Outgoing {
            frame,
            attachments: Vec::new(),
            token: None,
        });
    }

    pub(super) fn send_packet(&mut self, outgoing: Outgoing) {
        if let Some(engine) = self.connection.engine_mut() {
            engine.send(outgoing, &mut self.said);
        }
    }
}

impl Recovery {
    /// Puts itself beside the application's auth, which wins where names are the same.
    fn beside(&self, auth: &str) -> String {
        let mut fields = serde_json::Map::new();
        fields.insert("pid".to_owned(), Value::from(self.pid.as_str()));
        if let Some(offset) = &self.offset {
            fields.insert("offset".to_owned(), Value::from(offset.as_str()));
        }
        if let Ok(Value::Object(auth)) = serde_json::from_str(auth) {
            fields.extend(auth);
        }
        Value::Object(fields).to_string()
    }
}
