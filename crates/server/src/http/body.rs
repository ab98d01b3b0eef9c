//! Reading what is asked: JSON bodies, ids in paths, queries, cursors. What cannot be read is told by field.

use std::str::FromStr;

use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{header, request::Parts};
use serde::{Deserialize, de::DeserializeOwned};

use super::guard;
use crate::Error;

/// The largest JSON body that is read, in bytes: the largest message, all of it escaped, for a large audience.
const MAX_BODY: usize = 512 * 1024;

/// A JSON body.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Error> {
        let is_json = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| {
                let essence = value
                    .split(';')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_ascii_lowercase();
                essence == "application/json"
                    || (essence.starts_with("application/") && essence.ends_with("+json"))
            });
        if !is_json {
            return Err(Error::MediaType("application/json"));
        }
        let bytes = to_bytes(request.into_body(), MAX_BODY).await.map_err(|error| {
            if guard::is_too_slow(&error) {
                Error::invalid("body", "did not come in time")
            } else {
                Error::TooLarge {
                    limit: MAX_BODY as u64,
                }
            }
        })?;
        parse_object(&bytes).map(Self)
    }
}

/// Reads a JSON object. What is read into would take an array too, by position, which nobody may rely on.
fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::invalid("body", "is not a JSON object"));
    }
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    // Where it is wrong is looked for only then: following the path costs as much as reading.
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let detail = error.into_inner().to_string();
        match missing_field(&detail) {
            Some(field) => Error::invalid(field, "is missing"),
            // What is no JSON at all has no path.
            None if matches!(path.as_str(), "." | "?") => Error::invalid("body", detail),
            None => Error::invalid(path, detail),
        }
    })?;
    json.end()
        .map_err(|error| Error::invalid("body", error.to_string()))?;
    Ok(value)
}

/// The field that serde misses.
fn missing_field(detail: &str) -> Option<&str> {
    detail.strip_prefix("missing field `")?.split('`').next()
}

/// An id in a path. One that cannot be an id names nothing.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

impl<S: Send + Sync, T: FromStr + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| NOWHERE)?;
        text.parse().map(Self).map_err(|_| NOWHERE)
    }
}

/// Two ids in a path.
#[derive(Debug)]
pub(super) struct NamedIn<A, B>(pub(super) A, pub(super) B);

impl<S: Send + Sync, A: FromStr + Send, B: FromStr + Send> FromRequestParts<S> for NamedIn<A, B> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path((first, second)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| NOWHERE)?;
        match (first.parse(), second.parse()) {
            (Ok(first), Ok(second)) => Ok(Self(first, second)),
            (Err(_), Ok(_) | Err(_)) | (Ok(_), Err(_)) => Err(NOWHERE),
        }
    }
}

/// What a path answers that names nothing.
pub(super) const NOWHERE: Error = Error::NotFound("thing");

/// The query of a path.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Query::from_request_parts(parts, state)
            .await
            .map(|Query(value)| Self(value))
            .map_err(|error| {
                let text = error.body_text();
                let text = text
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&text);
                match (missing_field(text), text.split_once(": ")) {
                    (Some(field), _) => Error::invalid(field, "is missing"),
                    (None, Some((field, detail))) => Error::invalid(field, detail),
                    (None, None) => Error::invalid("query", text),
                }
            })
    }
}

/// `?cursor=&limit=`
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    pub(super) cursor: Option<String>,
    pub(super) limit: Option<i64>,
}

/// How many items are wanted: 50 when nothing is said, 1 to 100.
pub(super) fn limit(asked: Option<i64>) -> Result<usize, Error> {
    limit_to(100, asked)
}

/// The same, up to another number.
pub(super) fn limit_to(most: usize, asked: Option<i64>) -> Result<usize, Error> {
    match asked {
        None => Ok(50),
        Some(limit) if limit < 1 => Err(Error::invalid("limit", "is at least 1")),
        Some(limit) => Ok(usize::try_from(limit).map_or(most, |limit| limit.min(most))),
    }
}

/// Makes a cursor that says nothing to anyone but us.
pub(super) fn write_cursor(parts: &impl serde::Serialize) -> Result<String, Error> {
    let json = serde_json::to_vec(parts).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// Reads a cursor that we made.
pub(super) fn read_cursor<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, Error> {
    cursor
        .map(|cursor| {
            URL_SAFE_NO_PAD
                .decode(cursor)
                .ok()
                .and_then(|json| serde_json::from_slice(&json).ok())
                .ok_or_else(|| Error::invalid("cursor", "was not made by this server"))
        })
        .transpose()
}
