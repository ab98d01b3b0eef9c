//! What the machine says, done.

use serde_json::Value;
use tracing::debug;

use super::Task;
use crate::{
    ack::{Reply, Responder},
    client::{Incoming, Input, Outcome, Output},
    delivery::DeliveryStatus,
    driver::websocket::WebSocket,
    error::AckError,
    event::{ConnectionEvent, DisconnectReason, Event, SocketEvent, Transport},
    socket::{Auth, Refresh},
};

impl Task {
    #[inline]
    pub(super) fn deliver(&mut self, event: Incoming) {
        let Incoming {
            socket,
            connection,
            id,
            arguments,
        } = event;
        let responder = id.map(|id| {
            Box::new(Responder {
                shared: self.shared.clone(),
                socket,
                connection,
                id,
            })
        });
        self.outlets
            .say(socket, SocketEvent::Event(Event { arguments, responder }));
    }

    pub(super) fn heed(&mut self, output: Output) {
        match output {
            Output::Event(event) => self.deliver(event),
            Output::OpenWebSocket(sid) => {
                self.begun = true;
                self.websocket = WebSocket::open(self.http.clone(), sid, self.max_packet);
            }
            Output::SendWebSocket(frames) => {
                self.begun = true;
                self.moderation.frame_written();
                self.metrics.packets_written += frames.len() as u64;
                self.metrics.bytes_written += frames.iter().map(|frame| frame.len() as u64).sum::<u64>();
                if let Err(end) = self.websocket.send(frames) {
                    self.websocket = WebSocket::None;
                    self.answers.push_back(Input::Engine(end));
                }
            }
            Output::DropWebSocket => self.websocket = WebSocket::None,
            Output::Get(sid) => {
                self.begun = true;
                self.polling.get(self.http.clone(), sid);
            }
            Output::Post { sid, body } => {
                self.begun = true;
                self.metrics.packets_written += body.split('\u{1e}').count() as u64;
                self.metrics.bytes_written += body.len() as u64;
                self.polling.post(self.http.clone(), sid, body);
            }
            Output::Leave(farewell) => {
                let websocket = std::mem::take(&mut self.websocket);
                let polling = std::mem::take(&mut self.polling);
                if let Some(farewell) = farewell
                    && let Some(sid) = farewell.sid
                {
                    match farewell.transport {
                        Transport::WebSocket => websocket.farewell(farewell.batches.concat()),
                        Transport::Polling => polling.farewell(self.http.clone(), sid, farewell.batches),
                    }
                }
            }
            Output::AskAuth { socket, request } => self.ask_auth(socket, request),
            Output::Refused {
                socket,
                request,
                message,
                data,
            } => {
                let Some(decide) = self.local(socket).and_then(|local| local.on_refused.clone()) else {
                    return;
                };
                self.begun = true;
                let decision = decide(message, data);
                self.questions.push(Box::pin(async move {
                    Input::Refreshed {
                        socket,
                        request,
                        retry: decision.await == Refresh::Retry,
                    }
                }));
            }
            Output::Connected {
                socket,
                id,
                recovered,
                transport,
            } => {
                self.outlets.say(
                    socket,
                    SocketEvent::Connected {
                        id,
                        recovered,
                        transport,
                    },
                );
            }
            Output::Disconnected { socket, reason } => {
                self.outlets.say(socket, SocketEvent::Disconnected { reason })
            }
            Output::ConnectError {
                socket,
                message,
                data,
                active,
            } => {
                self.outlets.say(
                    socket,
                    SocketEvent::ConnectError {
                        message,
                        data,
                        active,
                    },
                );
            }
            Output::Settled { token, outcome } => self.settle(token, outcome),
            Output::Sending { socket, name, json } => {
                if let Some(hear) = self.local(socket).and_then(|local| local.on_outgoing.clone()) {
                    hear(&name, &json);
                }
            }
            Output::Connection(event) => {
                self.note(&event);
                self.outlets.say_all(&event);
            }
        }
    }

    /// Counts and traces; never a session's id, which is all that it takes to speak in its name.
    fn note(&mut self, event: &ConnectionEvent) {
        match event {
            ConnectionEvent::Opened { transport, .. } => {
                self.metrics.sessions += 1;
                debug!(?transport, "opened");
            }
            ConnectionEvent::TransportChanged(transport) => debug!(?transport, "upgraded"),
            ConnectionEvent::Closed { reason } => {
                debug!(?reason, "closed");
                // Where nothing came over one connection, nothing may over those that are kept beside it.
                if *reason == DisconnectReason::PingTimeout {
                    self.http.forget_connections();
                }
            }
            ConnectionEvent::Error { message } => debug!(%message, "cannot connect"),
            ConnectionEvent::ReconnectScheduled { attempt, delay } => {
                debug!(attempt, ?delay, "reconnects later")
            }
            ConnectionEvent::ReconnectAttempt { attempt } => {
                self.metrics.reconnect_attempts += 1;
                debug!(attempt, "reconnects");
            }
            ConnectionEvent::Reconnected { .. } => self.metrics.reconnects += 1,
            ConnectionEvent::ReconnectFailed => debug!("gives up reconnecting"),
            ConnectionEvent::ReconnectError { .. } | ConnectionEvent::Ping => {}
        }
    }

    fn ask_auth(&mut self, socket: u64, request: u64) {
        self.begun = true;
        let Some(local) = self.local(socket) else { return };
        let answer = move |value: &Value| Input::Auth {
            socket,
            request,
            data: auth_data(value),
        };
        match &local.auth {
            Auth::None => self.answers.push_back(answer(&Value::Null)),
            Auth::Value(value) => {
                let input = answer(value);
                self.answers.push_back(input);
            }
            Auth::Provider(provider) => {
                let provided = provider();
                self.questions
                    .push(Box::pin(async move { answer(&provided.await) }));
            }
        }
    }

    fn settle(&mut self, token: u64, outcome: Outcome) {
        let status = match &outcome {
            Outcome::Written | Outcome::Done => DeliveryStatus::Written,
            Outcome::Acknowledged { .. } => DeliveryStatus::Acknowledged,
            Outcome::TimedOut { written: true } | Outcome::Unknown => DeliveryStatus::Unknown,
            Outcome::TimedOut { written: false } | Outcome::Dropped => DeliveryStatus::Dropped,
        };
        let answer = match outcome {
            Outcome::Written => {
                if let Some(pending) = self.emits.get(&token) {
                    pending.delivery.set(status);
                }
                return;
            }
            Outcome::Acknowledged {
                arguments,
                round_trip,
            } => {
                self.metrics.round_trip = Some(round_trip);
                Ok(Reply { arguments })
            }
            Outcome::TimedOut { written } => Err(AckError::Timeout { written }),
            Outcome::Unknown => Err(AckError::Disconnected),
            Outcome::Done | Outcome::Dropped => Err(AckError::Dropped),
        };
        if let Some(pending) = self.emits.remove(&token) {
            self.shared.settled();
            pending.delivery.set(status);
            if let Some(waiting) = pending.answer {
                // Whoever waited may be gone.
                let _ = waiting.send(answer);
            }
        }
    }
}

/// A CONNECT's data: a JSON object, or nothing.
fn auth_data(value: &Value) -> String {
    match value {
        Value::Object(_) => value.to_string(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            tracing::warn!("auth is no JSON object, and is not sent");
            String::new()
        }
    }
}
