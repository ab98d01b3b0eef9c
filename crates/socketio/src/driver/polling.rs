//! The requests of a polling session: at most one GET and one POST at a time, which the machine sees to.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::Response;

use super::http::Http;
use crate::{
    codec::{frame::Frame, payload, payload::Splitter},
    engine::Input,
};

/// How long the last requests of a session that the client closes may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

#[derive(Default)]
pub(crate) struct Polling {
    get: Get,
    post: Option<BoxFuture<Result<(), Arc<str>>>>,
}

#[derive(Default)]
enum Get {
    #[default]
    None,
    Requested(BoxFuture<Result<Response, Arc<str>>>),
    /// The answer is coming in.
    Body {
        body: Body,
        splitter: Splitter,
    },
}

impl Polling {
    pub(crate) fn get(&mut self, http: Arc<Http>, sid: Option<Arc<str>>) {
        self.get = Get::Requested(Box::pin(http.get(sid)));
    }

    pub(crate) fn post(&mut self, http: Arc<Http>, sid: Arc<str>, body: String) {
        self.post = Some(Box::pin(http.post(sid, body)));
    }

    pub(crate) fn poll_written(&mut self, context: &mut Context<'_>) -> Poll<Input> {
        let Some(post) = &mut self.post else {
            return Poll::Pending;
        };
        let Poll::Ready(result) = post.as_mut().poll(context) else {
            return Poll::Pending;
        };
        self.post = None;
        Poll::Ready(match result {
            Ok(()) => Input::PostDone,
            Err(details) => Input::PostFailed(details),
        })
    }

    /// What the GET brings next.
    pub(crate) fn poll_input(&mut self, context: &mut Context<'_>, max_packet: usize) -> Poll<Input> {
        loop {
            match &mut self.get {
                Get::None => return Poll::Pending,
                Get::Requested(request) => match request.as_mut().poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(details)) => return self.end(Input::GetFailed(details)),
                    Poll::Ready(Ok(response)) => {
                        let body = Box::pin(response.bytes_stream());
                        self.get = Get::Body {
                            body,
                            splitter: Splitter::new(max_packet),
                        };
                    }
                },
                Get::Body { body, splitter } => {
                    match splitter.next_packet() {
                        Ok(Some(packet)) => return Poll::Ready(Input::Polled(packet)),
                        Ok(None) => {}
                        Err(error) => return self.end(Input::GetFailed(error.to_string().into())),
                    }
                    match body.poll_next_unpin(context) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Some(Ok(chunk))) => {
                            if let Err(error) = splitter.push(chunk) {
                                return self.end(Input::GetFailed(error.to_string().into()));
                            }
                        }
                        Poll::Ready(Some(Err(error))) => {
                            return self.end(Input::GetFailed(error.to_string().into()));
                        }
                        Poll::Ready(None) => match splitter.finish() {
                            // The next call finds nothing left, and ends the GET.
                            Ok(Some(packet)) => return Poll::Ready(Input::Polled(packet)),
                            Ok(None) => return self.end(Input::GetDone),
                            Err(error) => return self.end(Input::GetFailed(error.to_string().into())),
                        },
                    }
                }
            }
        }
    }

    fn end(&mut self, input: Input) -> Poll<Input> {
        self.get = Get::None;
        Poll::Ready(input)
    }

    /// Sends what is left and ends the session, in the background. The GET goes on meanwhile: a server takes an
    /// aborted one for a lost connection.
    pub(crate) fn farewell(self, http: Arc<Http>, sid: Arc<str>, batches: Vec<Vec<Frame>>) {
        let Self { get, post } = self;
        let last = async move {
            if let Some(post) = post
                && post.await.is_err()
            {
                return;
            }
            for batch in batches {
                let body = payload::encode(&batch);
                if http.clone().post(sid.clone(), body).await.is_err() {
                    return;
                }
            }
        };
        tokio::spawn(tokio::time::timeout(CLOSE_TIMEOUT, async move {
            let drained = async move {
                match get {
                    Get::None => {}
                    Get::Requested(request) => drop(request.await),
                    Get::Body { mut body, .. } => while let Some(Ok(_)) = body.next().await {},
                }
            };
            tokio::join!(last, drained);
        }));
    }
}
