//! Emits: buffering, writing, acknowledgements, and what becomes of each.

use std::time::{Duration, Instant};

use super::{Client, Emit, Output, UNHEARD};
use crate::{
    codec::{encode, packet::Arguments},
    engine::Outgoing,
    payload::Encoded,
    time::{Deadline, Now},
};

/// What became of an emit. Only the first may be followed by another.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is with the operating system, or the server answered the POST; its acknowledgement is awaited.
    Written,
    /// Likewise, and that is all there is to know.
    Done,
    /// The server answered.
    Acknowledged {
        /// What it answered.
        arguments: Arguments,
        /// The time since it was written.
        round_trip: Duration,
    },
    /// The answer did not come in time.
    TimedOut {
        /// Whether the server may have it.
        written: bool,
    },
    /// The connection was lost, and the server may have it.
    Unknown,
    /// It is not sent, and nothing of it was.
    Dropped,
}

#[derive(Debug)]
pub(super) struct Emission {
    pub(super) socket: u64,
    name: Box<str>,
    body: Encoded,
    volatile: bool,
    wants_ack: bool,
    timeout: Option<Duration>,
    /// The id of its acknowledgement on the wire.
    ack: Option<u64>,
    deadline: Option<Instant>,
    pub(super) stage: Stage,
    /// How often it was tried, if it is one that is sent again.
    pub(super) tries: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for its namespace, or for its turn.
    Buffered,
    /// With the engine.
    Handed,
    /// With the operating system, or the server.
    Written(Instant),
}

impl Client {
    pub(super) fn emit(&mut self, now: Now, socket: u64, emit: Emit, out: &mut Vec<Output>) {
        // A computer that has just woken: what is written into the session that died meanwhile is lost.
        self.tick_connection(now, out);
        let token = emit.token;
        let Some(place) = self.place(socket) else {
            return out.push(Output::Settled {
                token,
                outcome: Outcome::Dropped,
            });
        };
        let namespace = &mut self.namespaces[place];
        let connected = namespace.is_connected();
        let writable = connected
            && self
                .connection
                .engine()
                .is_some_and(crate::engine::Engine::is_writable);
        if emit.volatile && !writable {
            return out.push(Output::Settled {
                token,
                outcome: Outcome::Dropped,
            });
        }
        let retried = namespace.options.retries.is_some() && !emit.volatile;
        let timeout = emit.timeout.or(namespace.options.ack_timeout);
        let emission = Emission {
            socket,
            name: emit.name,
            body: emit.body,
            volatile: emit.volatile,
            wants_ack: emit.wants_ack,
            timeout,
            ack: None,
            deadline: None,
            stage: Stage::Buffered,
            tries: retried.then_some(0),
        };
        self.emissions.insert(token, emission);
        if retried {
            self.namespaces[place].retrying.push_back(token);
            return self.retry_next(now, place, false, out);
        }
        if emit.wants_ack {
            self.expect_ack(now, place, token);
            // A time of nothing is over before anything is written.
            self.expire(now, out);
            if !self.emissions.contains_key(&token) {
                return;
            }
        }
        if connected {
            self.write(token, out);
        } else {
            self.namespaces[place].buffer.push_back(token);
        }
    }

    /// Gives an emit its id, and its time.
    pub(super) fn expect_ack(&mut self, now: Now, place: usize, token: u64) {
        let Some(emission) = self.emissions.get_mut(&token) else {
            return;
        };
        let namespace = &mut self.namespaces[place];
        let id = namespace.next_ack;
        namespace.next_ack += 1;
        namespace.acks.insert(id, token);
        emission.ack = Some(id);
        emission.deadline = emission
            .timeout
            .and_then(|timeout| now.monotonic.checked_add(timeout));
        if let Some(deadline) = emission.deadline {
            self.timeouts.insert((deadline, token));
        }
    }

    /// Hands an emit to the engine.
    pub(super) fn write(&mut self, token: u64, out: &mut Vec<Output>) {
        let Some(emission) = self.emissions.get_mut(&token) else {
            return;
        };
        let Some(namespace) = self
            .namespaces
            .iter()
            .find(|namespace| namespace.socket == emission.socket)
        else {
            return;
        };
        emission.stage = Stage::Handed;
        let frame = encode::event(
            &namespace.options.namespace,
            emission.ack,
            &emission.name,
            &emission.body,
        );
        let attachments = emission.body.attachments.clone();
        if namespace.options.tells_sending {
            let (name, json) = (emission.name.clone(), emission.body.json.clone());
            out.push(Output::Sending {
                socket: emission.socket,
                name,
                json,
            });
        }
        self.send_packet(Outgoing {
            frame,
            attachments,
            token: Some(token),
        });
    }

    pub(super) fn written(&mut self, now: Now, token: u64, out: &mut Vec<Output>) {
        let Some(emission) = self.emissions.get_mut(&token) else {
            return;
        };
        emission.stage = Stage::Written(now.monotonic);
        if emission.wants_ack || emission.tries.is_some() {
            out.push(Output::Settled {
                token,
                outcome: Outcome::Written,
            });
        } else {
            self.settle(token, Outcome::Done, out);
        }
    }

    pub(super) fn acknowledged(
        &mut self,
        now: Now,
        place: usize,
        id: u64,
        arguments: Arguments,
        out: &mut Vec<Output>,
    ) {
        let Some(token) = self.namespaces[place].acks.remove(&id) else {
            return tracing::debug!(id, "an acknowledgement that nobody awaits");
        };
        let Some(emission) = self.emissions.get(&token) else {
            return;
        };
        let round_trip = match emission.stage {
            Stage::Written(at) => now.monotonic.saturating_duration_since(at),
            Stage::Buffered | Stage::Handed => Duration::ZERO,
        };
        let retried = emission.tries.is_some();
        self.settle(
            token,
            Outcome::Acknowledged {
                arguments,
                round_trip,
            },
            out,
        );
        if retried {
            self.retry_next(now, place, false, out);
        }
    }

    /// Ends the emits whose time is over.
    pub(super) fn expire(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some((deadline, token)) = self.timeouts.first().copied() {
            if deadline > now.monotonic {
                break;
            }
            self.timeouts.remove(&(deadline, token));
            self.time_out(now, token, out);
        }
    }

    /// Ends the waits for answers that cannot be read, for the application takes no events: perhaps because it waits.
    pub(super) fn give_up_unheard(&mut self, now: Now, out: &mut Vec<Output>) {
        if !self.stalled.is_some_and(|until| until.has_passed(now)) {
            return;
        }
        self.stalled = Some(Deadline::after(now, UNHEARD));
        let awaited = |(token, emission): (&u64, &Emission)| emission.ack.map(|_| *token);
        let tokens: Vec<u64> = self.emissions.iter().filter_map(awaited).collect();
        for token in tokens {
            self.time_out(now, token, out);
        }
    }

    /// The time of an emit, or of one try of it, is over.
    fn time_out(&mut self, now: Now, token: u64, out: &mut Vec<Output>) {
        let Some(emission) = self.emissions.get(&token) else {
            return;
        };
        let place = self.place(emission.socket);
        if let (Some(_), Some(place)) = (emission.tries, place) {
            return self.try_failed(now, place, token, Outcome::TimedOut { written: true }, out);
        }
        let written = match emission.stage {
            Stage::Buffered => false,
            Stage::Handed => !self
                .connection
                .engine_mut()
                .is_some_and(|engine| engine.cancel(token)),
            Stage::Written(_) => true,
        };
        self.settle(token, Outcome::TimedOut { written }, out);
    }

    pub(super) fn forget(&mut self, token: u64, out: &mut Vec<Output>) {
        let Some(emission) = self.emissions.get_mut(&token) else {
            return;
        };
        match emission.stage {
            // It is still to be sent.
            Stage::Buffered | Stage::Handed => emission.wants_ack = false,
            Stage::Written(_) if emission.tries.is_some() => emission.wants_ack = false,
            Stage::Written(_) => self.settle(token, Outcome::Done, out),
        }
    }

    /// The session is gone, and the acknowledgements of what was written over it will not come. What the engine
    /// still had is told apart by [`Self::requeue`] and [`Self::unknown`].
    pub(super) fn fail_written(&mut self, place: usize, out: &mut Vec<Output>) {
        self.fail_acks(place, |stage| matches!(stage, Stage::Written(_)), out);
    }

    /// The namespace is left while the session goes on: what the engine has is still written, and nothing of it
    /// will be answered.
    pub(super) fn fail_sent(&mut self, place: usize, out: &mut Vec<Output>) {
        self.fail_acks(place, |stage| stage != Stage::Buffered, out);
    }

    fn fail_acks(&mut self, place: usize, fails: impl Fn(Stage) -> bool, out: &mut Vec<Output>) {
        let mut tokens: Vec<u64> = self.namespaces[place].acks.values().copied().collect();
        tokens.sort_unstable();
        for token in tokens {
            let Some(emission) = self
                .emissions
                .get(&token)
                .filter(|emission| fails(emission.stage))
            else {
                continue;
            };
            if emission.tries.is_some() {
                self.connection_lost_while_trying(place, token, out);
            } else {
                self.settle(token, Outcome::Unknown, out);
            }
        }
    }

    /// Takes back what the engine has not given to a transport: the server closed the namespace, and takes what
    /// comes for it now as a breach of the protocol.
    pub(super) fn take_back(&mut self, place: usize, out: &mut Vec<Output>) {
        let socket = self.namespaces[place].socket;
        let mut tokens: Vec<u64> = self
            .emissions
            .iter()
            .filter(|(_, emission)| emission.socket == socket && emission.stage == Stage::Handed)
            .map(|(token, _)| *token)
            .collect();
        tokens.retain(|token| {
            self.connection
                .engine_mut()
                .is_some_and(|engine| engine.cancel(*token))
        });
        self.requeue(tokens, out);
    }

    /// These were never given to a transport: they wait for the next connection, in order.
    pub(super) fn requeue(&mut self, tokens: Vec<u64>, out: &mut Vec<Output>) {
        for token in tokens.into_iter().rev() {
            let Some(emission) = self.emissions.get_mut(&token) else {
                continue;
            };
            let socket = emission.socket;
            emission.stage = Stage::Buffered;
            if emission.volatile {
                self.settle(token, Outcome::Dropped, out);
            } else if let Some(tries) = &mut emission.tries {
                *tries = tries.saturating_sub(1);
                self.forget_ack(token);
            } else if let Some(place) = self.place(socket) {
                self.namespaces[place].buffer.push_front(token);
            }
        }
    }

    /// These were given to a transport that failed, or closed, before it said that they were written.
    pub(super) fn unknown(&mut self, tokens: Vec<u64>, out: &mut Vec<Output>) {
        for token in tokens {
            let Some(emission) = self.emissions.get(&token) else {
                continue;
            };
            match (emission.tries, self.place(emission.socket)) {
                (Some(_), Some(place)) => self.connection_lost_while_trying(place, token, out),
                (_, _) => self.settle(token, Outcome::Unknown, out),
            }
        }
    }

    pub(super) fn drop_emission(&mut self, token: u64, out: &mut Vec<Output>) {
        self.settle(token, Outcome::Dropped, out);
    }

    /// The last that is said of an emit.
    pub(super) fn settle(&mut self, token: u64, outcome: Outcome, out: &mut Vec<Output>) {
        self.forget_ack(token);
        let Some(emission) = self.emissions.remove(&token) else {
            return;
        };
        if let Some(place) = self.place(emission.socket) {
            let namespace = &mut self.namespaces[place];
            if emission.stage == Stage::Buffered {
                namespace.buffer.retain(|other| *other != token);
            }
            if emission.tries.is_some() {
                namespace.retrying.retain(|other| *other != token);
            }
        }
        out.push(Output::Settled { token, outcome });
    }

    /// An answer under the id that an emit has now is no longer awaited.
    pub(super) fn forget_ack(&mut self, token: u64) {
        let Some(emission) = self.emissions.get_mut(&token) else {
            return;
        };
        let (ack, deadline, socket) = (emission.ack.take(), emission.deadline.take(), emission.socket);
        if let Some(deadline) = deadline {
            self.timeouts.remove(&(deadline, token));
        }
        if let (Some(ack), Some(place)) = (ack, self.place(socket)) {
            self.namespaces[place].acks.remove(&ack);
        }
    }
}
