//! The WebSocket of a session.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use reqwest::Upgraded;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};

use super::http::Http;
use crate::{codec::frame::Frame, engine::Input};

/// How long a WebSocket that the client closes may take to be written out and answered.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

type Stream = WebSocketStream<Upgraded>;
type Opening = Pin<Box<dyn Future<Output = Result<Stream, Arc<str>>> + Send>>;

#[derive(Default)]
pub(crate) enum WebSocket {
    #[default]
    None,
    Opening(Opening),
    Open {
        stream: Box<Stream>,
        /// Something was given to it and not yet written.
        writing: bool,
    },
}

impl WebSocket {
    pub(crate) fn open(http: Arc<Http>, sid: Option<Arc<str>>, max_packet: usize) -> Self {
        Self::Opening(Box::pin(open(http, sid, max_packet)))
    }

    /// Gives it frames to write.
    pub(crate) fn send(&mut self, frames: Vec<Frame>) -> Result<(), Arc<str>> {
        match self {
            Self::None | Self::Opening(_) => Ok(()),
            Self::Open { stream, writing } => {
                *writing = true;
                for frame in frames {
                    stream
                        .start_send_unpin(message(frame))
                        .map_err(|error| Arc::from(error.to_string()))?;
                }
                Ok(())
            }
        }
    }

    /// Whether frames that were given to it are written now, or how it failed.
    pub(crate) fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<Input> {
        match self {
            Self::None | Self::Opening(_) | Self::Open { writing: false, .. } => Poll::Pending,
            Self::Open { stream, writing } => match stream.poll_flush_unpin(context) {
                Poll::Ready(Ok(())) => {
                    *writing = false;
                    Poll::Ready(Input::WebSocketWritten)
                }
                Poll::Ready(Err(error)) => {
                    let details = error.to_string().into();
                    *self = Self::None;
                    Poll::Ready(Input::WebSocketFailed(details))
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
                Poll::Ready(Ok(stream)) => {
                    *self = Self::Open {
                        stream: Box::new(stream),
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
            Self::Open { stream, .. } => loop {
                let input = match stream.poll_next_unpin(context) {
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
                    Poll::Ready(Some(Err(error))) => Input::WebSocketFailed(error.to_string().into()),
                };
                *self = Self::None;
                return Poll::Ready(input);
            },
        }
    }

    /// Writes what is left and closes it in an orderly way, in the background.
    pub(crate) fn farewell(self, frames: Vec<Frame>) {
        let Self::Open { mut stream, .. } = self else {
            return;
        };
        tokio::spawn(tokio::time::timeout(CLOSE_TIMEOUT, async move {
            for frame in frames {
                if stream.feed(message(frame)).await.is_err() {
                    return;
                }
            }
            if SinkExt::close(&mut stream).await.is_ok() {
                while let Some(Ok(_)) = stream.next().await {}
            }
        }));
    }
}

async fn open(http: Arc<Http>, sid: Option<Arc<str>>, max_packet: usize) -> Result<Stream, Arc<str>> {
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
        .max_message_size(Some(max_packet))
        .max_frame_size(Some(max_packet));
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await)
}

fn message(frame: Frame) -> Message {
    match frame {
        Frame::Text(text) => Message::Text(text),
        Frame::Binary(bytes) => Message::Binary(bytes),
    }
}
