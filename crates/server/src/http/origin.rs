//! Which pages of browsers may call: none but those whose `Origin` is allowed, over HTTP and on connect.

use axum::{extract::Request, response::Response};
use http::{HeaderValue, Method, StatusCode, header};

use crate::{App, Error};

/// The page that a request comes from, which may call.
pub(super) struct Origin {
    name: HeaderValue,
    /// The browser asks whether the page may.
    pub(super) is_preflight: bool,
}

/// Refuses a request from a page that is not allowed. None when it comes from no page.
pub(super) fn check(app: &App, request: &Request) -> Result<Option<Origin>, Error> {
    let headers = request.headers();
    let Some(name) = headers.get(header::ORIGIN).cloned() else {
        return Ok(None);
    };
    let mut allowed = app.config.allow_origin.iter();
    if !allowed.any(|allowed| allowed.as_bytes() == name.as_bytes()) {
        return Err(Error::Forbidden("this origin may not call"));
    }
    Ok(Some(Origin {
        name,
        is_preflight: request.method() == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD),
    }))
}

impl Origin {
    /// Lets the page read the answer (Fetch, section 3.2).
    pub(super) fn allow(self, mut response: Response) -> Response {
        if self.is_preflight {
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.name);
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        for (name, value) in [
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                "GET, POST, PUT, PATCH, DELETE",
            ),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "Authorization, Content-Type, Idempotency-Key, X-File-Name, Range",
            ),
            (
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                "Retry-After, Content-Range",
            ),
            (header::ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
