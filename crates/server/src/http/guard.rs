//! What holds for every request, whatever it asks: how many come from one address, how its body is written and
//! how long that may take, how many sockets wait to say who they are.

use std::{
    error::Error as StdError,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, header};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::origin;
use crate::{App, Error, listen, realtime};

/// How many bytes of a body have a second more to come.
const BYTES_A_SECOND: u64 = 16 * 1024;

/// Looks at a request before anything else does. Whatever panics, its client gets an answer.
pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(answer(app, request, next)).catch_unwind().await;
    let mut response =
        answer.unwrap_or_else(|_panic| Error::Internal("a handler panicked".to_owned()).into_response());
    // No answer is a page or a script, whatever somebody stored.
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

async fn answer(app: App, request: Request, next: Next) -> Response {
    let request = match admit(&app, request) {
        Ok(request) => request,
        Err(error) => return error.into_response(),
    };
    let origin = match origin::check(&app, &request) {
        Ok(origin) => origin,
        Err(error) => return error.into_response(),
    };
    match origin {
        None => realtime::upgrade(app, request, next).await,
        Some(origin) if origin.is_preflight => origin.allow(().into_response()),
        Some(origin) => origin.allow(realtime::upgrade(app, request, next).await),
    }
}

fn admit(app: &App, mut request: Request) -> Result<Request, Error> {
    let address = request.extensions().get::<listen::Address>().copied();
    let listen::Address(address) = address.ok_or_else(|| Error::Internal("no address".to_owned()))?;
    app.quotas.request_from(address)?;
    // A small body may unpack to a large one, so none is unpacked (RFC 9110, section 8.4).
    let packed = request
        .headers()
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if packed {
        return Err(Error::MediaType("it is, without a Content-Encoding"));
    }
    if realtime::is_handshake(request.uri()) {
        let place = app.quotas.unconnected(address)?;
        request.extensions_mut().insert(place);
    }
    match listen::seconds(app.config.limits.body_timeout) {
        Some(timeout) if !request.body().is_end_stream() => {
            Ok(request.map(|body| Body::new(Timed::new(body, timeout))))
        }
        Some(_) | None => Ok(request),
    }
}

/// Whether a body could not be read because it took too long.
pub(super) fn is_too_slow(error: &(dyn StdError + 'static)) -> bool {
    error.is::<TooSlow>() || error.source().is_some_and(is_too_slow)
}

/// A body that has to come in time.
struct Timed {
    body: Body,
    deadline: Pin<Box<Sleep>>,
}

/// A body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
struct TooSlow;

impl Timed {
    fn new(body: Body, timeout: Duration) -> Self {
        Self {
            body,
            deadline: Box::pin(tokio::time::sleep(timeout)),
        }
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            let more = Duration::from_millis(bytes.len() as u64 * 1000 / BYTES_A_SECOND);
            let later: Instant = self.deadline.deadline() + more;
            self.deadline.as_mut().reset(later);
        }
        if polled.is_pending() {
            return self
                .deadline
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(axum::Error::new(TooSlow))));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
