//! What the server says to a namespace.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use tracing::debug;

use super::{
    Client, Incoming, Output,
    namespace::{Phase, Recovery},
};
use crate::{
    codec::{
        encode,
        packet::{Arguments, Packet},
    },
    event::{DisconnectReason, Transport},
    time::Now,
};

/// What the official client says to a server of another major version.
const OTHER_VERSION: &str =
    "the server sent no session id: it seems to speak Socket.IO v2, and this client speaks v3 and later";

impl Client {
    #[inline]
    pub(super) fn packet(&mut self, now: Now, packet: Packet, out: &mut Vec<Output>) -> Option<Incoming> {
        let name = packet.namespace();
        let found = self.namespaces.iter().position(|namespace| {
            namespace.options.namespace == name && !matches!(namespace.phase, Phase::Inactive)
        });
        let Some(place) = found else {
            debug!(namespace = name, "a packet for a namespace that is not connected");
            return None;
        };
        match packet {
            Packet::Event { id, arguments, .. } => return self.event(place, id, arguments),
            Packet::Ack { id, arguments, .. } => self.acknowledged(now, place, id, arguments, out),
            Packet::Connect { data, .. } => self.connected(now, place, &data, out),
            Packet::ConnectError { data, .. } => self.connect_error(now, place, &data, out),
            Packet::Disconnect { .. } => self.disconnected_by_server(now, place, out),
        }
        None
    }

    #[inline]
    fn event(&mut self, place: usize, id: Option<u64>, arguments: Arguments) -> Option<Incoming> {
        let namespace = &mut self.namespaces[place];
        let connection = match namespace.phase {
            Phase::Connected => namespace.connection,
            Phase::Connecting if namespace.deaf => return None,
            // What was missed comes before the reply to CONNECT, and counts for the connection that it makes.
            Phase::Connecting => namespace.connection + 1,
            Phase::Inactive
            | Phase::Waiting
            | Phase::Authorizing { .. }
            | Phase::Leaving { .. }
            | Phase::Refused { .. } => return None,
        };
        // Only events that want no answer carry an offset.
        if let (Some(recovery), None) = (&mut namespace.recovery, id)
            && let Some(offset) = arguments.last_string()
        {
            recovery.offset = Some(offset);
        }
        Some(Incoming {
            socket: namespace.socket,
            connection,
            id,
            arguments,
        })
    }

    fn connected(&mut self, now: Now, place: usize, data: &str, out: &mut Vec<Output>) {
        #[derive(Deserialize)]
        struct Reply {
            sid: Arc<str>,
            pid: Option<String>,
        }
        let transport = self.transport().unwrap_or(Transport::Polling);
        let reply = serde_json::from_str(data);
        let namespace = &mut self.namespaces[place];
        let Reply { sid, pid } = match (&namespace.phase, reply) {
            (Phase::Connecting, Ok(reply)) => reply,
            (Phase::Leaving { .. }, _) => {
                let frame = encode::disconnect(&namespace.options.namespace);
                self.send(frame);
                return self.left(now, place, out);
            }
            // A server of that version says it unasked.
            (Phase::Connecting | Phase::Authorizing { .. }, Err(_)) => {
                return self.refuse(now, place, OTHER_VERSION.into(), None, out);
            }
            (
                Phase::Inactive
                | Phase::Waiting
                | Phase::Authorizing { .. }
                | Phase::Refused { .. }
                | Phase::Connected,
                _,
            ) => return debug!("a reply to a CONNECT that was not sent"),
        };
        let recovered = match (&namespace.recovery, &pid) {
            (Some(recovery), Some(pid)) => recovery.pid == *pid,
            (None, _) | (_, None) => false,
        };
        if !recovered {
            namespace.recovery = pid.map(|pid| Recovery { pid, offset: None });
        }
        namespace.phase = Phase::Connected;
        namespace.deaf = false;
        namespace.connection += 1;
        namespace.asked = false;
        let socket = namespace.socket;
        for token in std::mem::take(&mut namespace.buffer) {
            self.write(token, out);
        }
        self.retry_next(now, place, true, out);
        out.push(Output::Connected {
            socket,
            id: sid,
            recovered,
            transport,
        });
    }

    fn connect_error(&mut self, now: Now, place: usize, data: &str, out: &mut Vec<Output>) {
        let (message, data): (Arc<str>, Option<Arc<str>>) = match serde_json::from_str(data) {
            Ok(Value::Object(mut fields)) => {
                let message = fields
                    .get("message")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .into();
                (message, fields.remove("data").map(|data| data.to_string().into()))
            }
            Ok(Value::String(message)) => (message.into(), None),
            Ok(_) | Err(_) => ("".into(), None),
        };
        let request = self.request();
        let namespace = &mut self.namespaces[place];
        match namespace.phase {
            Phase::Connecting if namespace.options.asks_when_refused && !namespace.asked => {
                namespace.asked = true;
                namespace.phase = Phase::Refused {
                    request,
                    message: message.clone(),
                    data: data.clone(),
                };
                out.push(Output::Refused {
                    socket: namespace.socket,
                    request,
                    message,
                    data,
                });
            }
            Phase::Connecting => self.refuse(now, place, message, data, out),
            Phase::Leaving { .. } => self.left(now, place, out),
            Phase::Inactive
            | Phase::Waiting
            | Phase::Authorizing { .. }
            | Phase::Refused { .. }
            | Phase::Connected => debug!("a refusal of a CONNECT that was not sent"),
        }
    }

    fn disconnected_by_server(&mut self, now: Now, place: usize, out: &mut Vec<Output>) {
        let namespace = &mut self.namespaces[place];
        let socket = namespace.socket;
        match namespace.phase {
            Phase::Connected => {
                namespace.phase = Phase::Inactive;
                let reason = DisconnectReason::ServerDisconnect;
                out.push(Output::Disconnected { socket, reason });
                self.take_back(place, out);
                self.fail_sent(place, out);
                self.close_if_unused(now, out);
            }
            // Meant for the connection before, whose end crossed with it.
            Phase::Connecting | Phase::Leaving { .. } if namespace.deaf => {}
            Phase::Connecting => {
                let message = DisconnectReason::ServerDisconnect.as_str().into();
                self.refuse(now, place, message, None, out);
            }
            Phase::Leaving { .. } => self.left(now, place, out),
            Phase::Inactive | Phase::Waiting | Phase::Authorizing { .. } | Phase::Refused { .. } => {}
        }
    }
}
