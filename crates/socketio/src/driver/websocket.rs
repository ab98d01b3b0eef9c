//! The WebSocket of a session.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Sink as _, Stream as _, StreamExt as _};
use reqwest::Upgraded;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Error, Message,
        error::ProtocolError,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};

use super::http::Http;
use crate::{codec::frame::Frame, engine::Input};

/// How long a WebSocket that the client closes may take to be written out and answered.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How much is read at once. The buffer lies there for as long as the connection, and is filled with zeros before
/// each read.
const READ_BUFFER: usize = 8 * 1024;

type Messages = WebSocketStream<Upgraded>;
type Opening = Pin<Box<dyn Future<Output = Result<Messages, Arc<str>>> + Send>>;

#[derive(Default)]
pub(crate) enum WebSocket {
    #[default]
    None,
    Opening(Opening),
    Open {
        messages: Box<Messages>,
        /// Something was given to it and not yet written.
        writing: bool,
    },
}

impl WebSocket {
    pub(crate) fn open(http: Arc<Http>, sid: Option<Arc<str>>, max_packet: usize) -> Self {
        Self::Opening(Box::pin(open(http, sid, max_packet)))
    }

    /// Gives it frames to write, or says how it ended.
    pub(crate) fn send(&mut self, frames: Vec<Frame>) -> Result<(), Input> {
        match self {
            Self::None | Self::Opening(_) => Ok(()),
            Self::Open { messages, writing } => {
                *writing = true;
                for frame in frames {
                    send(messages, frame).map_err(|error| end(&error))?;
                }
                Ok(())
            }
        }
    }

    /// Whether frames that were given to it are written now, or how it failed.
    pub(crate) fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<Input> {
        match self {
            Self::None | Self::Opening(_) | Self::Open { writing: false, .. } => Poll::Pending,
            Self::Open { messages, writing } => match Pin::new(messages).poll_flush(context) {
                Poll::Ready(Ok(())) => {
                    *writing = false;
                    Poll::Ready(Input::WebSocketWritten)
                }
                Poll::Ready(Err(error)) => {
                    *self = Self::None;
                    Poll::Ready(end(&error))
                }
                Poll::Pending => Poll::Pending,
            },
        }
    }

    /// What it brings next.
    pub(crate) fn poll_input(&mut self, context: &mut Context<'_>) -> Poll<Input> {
        match self {
            Self::None => Poll::Pending,
            Self::Opening(opening) => match opening.as_mut().poll(context) {
                Poll::Ready(Ok(messages)) => {
                    *self = Self::Open {
                        messages: Box::new(messages),
                        writing: false,
                    };
                    Poll::Ready(Input::WebSocketOpened)
                }
                Poll::Ready(Err(details)) => {
                    *self = Self::None;
                    Poll::Ready(Input::WebSocketFailed(details))
                }
                Poll::Pending => Poll::Pending,
            },
            Self::Open { messages, .. } => loop {
                let input = match Pin::new(&mut **messages).poll_next(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(Ok(Message::Text(text)))) => {
                        return Poll::Ready(Input::WebSocketFrame(Frame::Text(text)));
                    }
                    Poll::Ready(Some(Ok(Message::Binary(bytes)))) => {
                        return Poll::Ready(Input::WebSocketFrame(Frame::Binary(bytes)));
                    }
                    // tungstenite answers these itself.
                    Poll::Ready(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {
                        continue;
                    }
                    Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                        let details = frame.map(|frame| format!("code {}: {}", frame.code, frame.reason));
                        Input::WebSocketClosed(details.unwrap_or_default().into())
                    }
                    Poll::Ready(None) => Input::WebSocketClosed("".into()),
                    Poll::Ready(Some(Err(error))) => end(&error),
                };
                *self = Self::None;
                return Poll::Ready(input);
            },
        }
    }

    /// Writes what is left and closes it in an orderly way, in the background.
    pub(crate) fn farewell(self, frames: Vec<Frame>) {
        let Self::Open { mut messages, .. } = self else {
            return;
        };
        tokio::spawn(tokio::time::timeout(CLOSE_TIMEOUT, async move {
            for frame in frames {
                if send(&mut messages, frame).is_err() {
                    return;
                }
            }
            if poll_fn(|context| Pin::new(&mut messages).poll_close(context))
                .await
                .is_ok()
            {
                while let Some(Ok(_)) = messages.next().await {}
            }
        }));
    }
}

/// An open one has ended. Where its connection did, that is a close, whether or not the server said so before: the
/// official client makes no difference. What breaks the protocol is a failure.
fn end(error: &Error) -> Input {
    let details = error.to_string().into();
    let closed = matches!(
        error,
        Error::Io(_)
            | Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
    );
    if closed {
        Input::WebSocketClosed(details)
    } else {
        Input::WebSocketFailed(details)
    }
}

async fn open(http: Arc<Http>, sid: Option<Arc<str>>, max_packet: usize) -> Result<Messages, Arc<str>> {
    let key = generate_key();
    let response = http.upgrade(sid, &key).await?;
    // RFC 6455, section 4.1: the server proves that it understood.
    let accept = response.headers().get(http::header::SEC_WEBSOCKET_ACCEPT);
    if accept.is_none_or(|accept| accept.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err("the answer is not one of a WebSocket server".into());
    }
    let upgraded = response
        .upgrade()
        .await
        .map_err(|error| Arc::from(error.to_string()))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(max_packet))
        .max_frame_size(Some(max_packet));
    Ok(Messages::from_raw_socket(upgraded, Role::Client, Some(config)).await)
}

/// Takes a frame to write, which a flush does. The engine gives no more before that is done, so that there is always
/// room.
fn send(messages: &mut Messages, frame: Frame) -> tungstenite::Result<()> {
    Pin::new(messages).start_send(match frame {
        Frame::Text(text) => Message::Text(text),
        Frame::Binary(bytes) => Message::Binary(bytes),
    })
}
