//! Acknowledgements, in both directions.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::oneshot;

use crate::{
    codec::packet::Arguments,
    delivery::Delivery,
    driver::command::{Command, Shared},
    error::{AckError, EmitError, PayloadError},
    payload::Encoded,
};
use std::sync::Arc;

/// The server's answer to an event.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(crate) arguments: Arguments,
}

impl Reply {
    /// The first argument. A missing one is decoded as `null`.
    ///
    /// # Errors
    /// It is no JSON of that type.
    pub fn payload<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        self.arguments.first()
    }

    /// All arguments, as a tuple or a sequence.
    ///
    /// # Errors
    /// They are no JSON of that type.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        self.arguments.all()
    }

    /// The arguments as the JSON that came, without brackets.
    #[must_use]
    pub fn json(&self) -> &str {
        self.arguments.json()
    }

    /// The binary attachments.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.arguments.attachments()
    }
}

/// Waits for an acknowledgement. The event is on its way whether this is awaited, polled or dropped; dropping
/// it only forgets the answer.
#[derive(Debug)]
pub struct Acknowledgement {
    state: State,
}

#[derive(Debug)]
enum State {
    Refused(Option<EmitError>),
    Waiting {
        answer: oneshot::Receiver<Result<Reply, AckError>>,
        delivery: Delivery,
        shared: Arc<Shared>,
        token: u64,
    },
}

impl Acknowledgement {
    pub(crate) fn refused(error: EmitError) -> Self {
        Self {
            state: State::Refused(Some(error)),
        }
    }

    pub(crate) fn waiting(
        answer: oneshot::Receiver<Result<Reply, AckError>>,
        delivery: Delivery,
        shared: Arc<Shared>,
        token: u64,
    ) -> Self {
        Self {
            state: State::Waiting {
                answer,
                delivery,
                shared,
                token,
            },
        }
    }

    /// What becomes of the event, if it was accepted.
    #[must_use]
    pub fn delivery(&self) -> Option<&Delivery> {
        match &self.state {
            State::Refused(_) => None,
            State::Waiting { delivery, .. } => Some(delivery),
        }
    }
}

impl Future for Acknowledgement {
    type Output = Result<Reply, AckError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.state {
            State::Refused(error) => Poll::Ready(Err(error.take().map_or(AckError::Dropped, AckError::Emit))),
            State::Waiting { answer, .. } => Pin::new(answer)
                .poll(context)
                .map(|answer| answer.unwrap_or(Err(AckError::Dropped))),
        }
    }
}

impl Drop for Acknowledgement {
    /// Forgets the answer, which otherwise would be kept a place for until the connection ends.
    fn drop(&mut self) {
        match &self.state {
            State::Refused(_) => {}
            State::Waiting { answer, .. } if answer.is_terminated() => {}
            State::Waiting { shared, token, .. } => {
                // A closed client has forgotten it.
                let _ = shared.control(Command::Forget { token: *token });
            }
        }
    }
}

/// Answers an event of the server, once.
#[derive(Debug)]
pub struct Responder {
    pub(crate) shared: Arc<Shared>,
    pub(crate) socket: u64,
    /// Which connection of the socket asked.
    pub(crate) connection: u64,
    pub(crate) id: u64,
}

impl Responder {
    /// Answers with one argument; `()` is none.
    ///
    /// # Errors
    /// The payload does not serialise, or the client is closed. After the connection on which the server asked
    /// is gone, the answer is dropped: nobody waits for it any more.
    pub fn reply<T: Serialize + ?Sized>(self, payload: &T) -> Result<(), EmitError> {
        let body = Encoded::one(payload)?;
        self.send(body)
    }

    /// Answers with several arguments, a tuple or a sequence.
    ///
    /// # Errors
    /// As [`reply`](Self::reply).
    pub fn reply_args<T: Serialize + ?Sized>(self, arguments: &T) -> Result<(), EmitError> {
        let body = Encoded::several(arguments)?;
        self.send(body)
    }

    fn send(self, body: Encoded) -> Result<(), EmitError> {
        self.shared.control(Command::Reply {
            socket: self.socket,
            connection: self.connection,
            id: self.id,
            body,
        })
    }
}
