//! Emitting with options.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::sync::oneshot;

use crate::{
    ack::Acknowledgement,
    codec::decode::is_reserved,
    delivery::{Cell, Delivery},
    driver::command::{Command, Emission},
    error::EmitError,
    payload::Encoded,
    socket::Socket,
};

/// Emits on a socket with options set. See [`Socket::volatile`] and [`Socket::with_timeout`].
#[derive(Debug, Clone)]
#[must_use = "nothing is emitted yet"]
pub struct Emitter<'a> {
    socket: &'a Socket,
    volatile: bool,
    timeout: Option<Duration>,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(socket: &'a Socket) -> Self {
        Self {
            socket,
            volatile: false,
            timeout: None,
        }
    }

    /// Drop it if it cannot be written at once.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// How long to wait for an acknowledgement, from now, the time in the queue included. One that is still
    /// queued then is never sent.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Emits an event with one argument; `()` is none.
    ///
    /// # Errors
    /// The event was not accepted; nothing of it is sent.
    pub fn emit<T: Serialize + ?Sized>(&self, name: &str, payload: &T) -> Result<Delivery, EmitError> {
        Ok(self.send(name, Encoded::one(payload)?, None)?.0)
    }

    /// Emits an event with several arguments, a tuple or a sequence.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_args<T: Serialize + ?Sized>(&self, name: &str, arguments: &T) -> Result<Delivery, EmitError> {
        Ok(self.send(name, Encoded::several(arguments)?, None)?.0)
    }

    /// Emits an event with one argument, and waits for the server's answer.
    pub fn emit_with_ack<T: Serialize + ?Sized>(&self, name: &str, payload: &T) -> Acknowledgement {
        self.acknowledged(name, Encoded::one(payload))
    }

    /// Emits an event with several arguments, and waits for the server's answer.
    pub fn emit_args_with_ack<T: Serialize + ?Sized>(&self, name: &str, arguments: &T) -> Acknowledgement {
        self.acknowledged(name, Encoded::several(arguments))
    }

    fn acknowledged(&self, name: &str, body: Result<Encoded, EmitError>) -> Acknowledgement {
        let (sender, receiver) = oneshot::channel();
        match body.and_then(|body| self.send(name, body, Some(sender))) {
            Ok((delivery, token)) => {
                Acknowledgement::waiting(receiver, delivery, self.socket.shared().clone(), token)
            }
            Err(error) => Acknowledgement::refused(error),
        }
    }

    fn send(
        &self,
        name: &str,
        body: Encoded,
        answer: Option<oneshot::Sender<Result<crate::Reply, crate::AckError>>>,
    ) -> Result<(Delivery, u64), EmitError> {
        if is_reserved(name) {
            return Err(EmitError::ReservedName(name.to_owned()));
        }
        let token = self.socket.shared().next_token();
        let cell = Arc::new(Cell::default());
        self.socket.shared().emit(Command::Emit {
            socket: self.socket.id(),
            emission: Emission {
                token,
                name: name.into(),
                body,
                volatile: self.volatile,
                timeout: self.timeout,
                delivery: cell.clone(),
                answer,
            },
        })?;
        Ok((Delivery { cell }, token))
    }
}
