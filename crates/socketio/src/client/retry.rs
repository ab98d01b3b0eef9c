//! Emits that are sent one at a time, again and again until the server acknowledges them.

use super::{
    Client, Output,
    emission::{Outcome, Stage},
};
use crate::time::Now;

impl Client {
    /// Sends the next one, if it is not on its way; with `again`, even then: the connection is a new one.
    pub(super) fn retry_next(&mut self, now: Now, place: usize, again: bool, out: &mut Vec<Output>) {
        let namespace = &self.namespaces[place];
        let Some(token) = namespace.retrying.front().copied() else {
            return;
        };
        if !namespace.is_connected() {
            return;
        }
        let Some(emission) = self.emissions.get_mut(&token) else {
            return;
        };
        if emission.stage != Stage::Buffered && !again {
            return;
        }
        emission.tries = emission.tries.map(|tries| tries + 1);
        self.forget_ack(token);
        self.expect_ack(now, place, token);
        self.write(token, out);
    }

    /// A try brought no answer.
    pub(super) fn try_failed(
        &mut self,
        now: Now,
        place: usize,
        token: u64,
        outcome: Outcome,
        out: &mut Vec<Output>,
    ) {
        self.forget_ack(token);
        // A try that still waits for the transport would otherwise go out beside the next one.
        if let Some(engine) = self.connection.engine_mut() {
            engine.cancel(token);
        }
        if self.is_exhausted(place, token) {
            self.settle(token, outcome, out);
        } else if let Some(emission) = self.emissions.get_mut(&token) {
            emission.stage = Stage::Buffered;
        }
        self.retry_next(now, place, false, out);
    }

    /// A try ended with its connection; the next one is made over the next connection.
    pub(super) fn connection_lost_while_trying(&mut self, place: usize, token: u64, out: &mut Vec<Output>) {
        self.forget_ack(token);
        if self.is_exhausted(place, token) {
            self.settle(token, Outcome::Unknown, out);
        } else if let Some(emission) = self.emissions.get_mut(&token) {
            emission.stage = Stage::Buffered;
        }
    }

    fn is_exhausted(&self, place: usize, token: u64) -> bool {
        let retries = self.namespaces[place].options.retries.unwrap_or(0);
        self.emissions
            .get(&token)
            .and_then(|emission| emission.tries)
            .is_none_or(|tries| tries > retries)
    }
}
