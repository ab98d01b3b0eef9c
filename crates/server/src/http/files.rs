//! `GET /files/{id}`, whole or in part, and its thumbnail.
//!
//! What people upload is never given to a browser as something that runs: only pictures that the server itself has
//! looked at are shown, everything else is saved. What a cache may compare tells nothing but the file's own id.

use std::ops::Range;

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use khaya_wire::{FileId, Problem};

use super::body::{NOWHERE, Named};
use crate::{
    App, Error,
    files::{
        Kind,
        name::{self, Shown},
    },
    identity::Caller,
    store::files::{self, Stored},
};

/// A file, or the part that `Range` asks for
#[utoipa::path(get, path = "/files/{fileId}", operation_id = "getFile", tag = "files",
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 206, description = "A part", body = Vec<u8>, content_type = "application/octet-stream"), (status = 304, description = "`If-None-Match` names it"), (status = 416, description = "It has no such part", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn download(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<FileId>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let stored = readable(&app, &caller, &id).await?;
    let tag = format!("\"{id}\"");
    if is_known(&headers, &tag) {
        return not_modified(&tag);
    }
    let size = stored.file.size;
    let range = match asked_range(&headers, &tag) {
        Some(spec) => match resolve(spec, size) {
            Some(range) => Some(range),
            None => return Err(Error::Range { size }),
        },
        None => None,
    };
    let part = range.clone().unwrap_or(0..size);
    let length = part.end - part.start;
    let body = if length == 0 {
        Body::empty()
    } else {
        Body::from_stream(app.files.storage.part(&id, part.clone()).await?)
    };
    let shown = if stored.thumbnail_type.is_some() {
        Shown::Inline
    } else {
        Shown::Attachment
    };
    let mut response = body.into_response();
    guard(&mut response, &tag)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, value(served_type(&stored))?);
    headers.insert(
        header::CONTENT_DISPOSITION,
        value(&name::disposition(shown, &stored.file.name))?,
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if range.is_some() {
        let told = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        headers.insert(header::CONTENT_RANGE, value(&told)?);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// A small copy of a picture
#[utoipa::path(get, path = "/files/{fileId}/thumbnail", operation_id = "getThumbnail", tag = "files",
    responses((status = 200, body = Vec<u8>, content_type = "image/*"), (status = 304, description = "`If-None-Match` names it")))]
pub(super) async fn thumbnail(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<FileId>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let stored = readable(&app, &caller, &id).await?;
    let mime_type = stored.thumbnail_type.ok_or(NOWHERE)?;
    let tag = format!("\"{id}.thumbnail\"");
    if is_known(&headers, &tag) {
        return not_modified(&tag);
    }
    let mut response = app
        .files
        .storage
        .bytes(Kind::Thumbnail, &id)
        .await?
        .into_response();
    guard(&mut response, &tag)?;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, value(&mime_type)?);
    Ok(response)
}

async fn readable(app: &App, caller: &Caller, id: &FileId) -> Result<Stored, Error> {
    let (viewer, id) = (caller.viewer.clone(), id.clone());
    app.store
        .read(move |conn| files::readable(conn, &viewer, &id))
        .await?
        .ok_or(NOWHERE)
}

/// A picture that was looked at is what it is; of the rest, what no browser runs is said, and nothing of what one might.
fn served_type(stored: &Stored) -> &str {
    let said = stored.file.mime_type.as_str();
    match said {
        _ if stored.thumbnail_type.is_some() => said,
        "text/plain" => "text/plain; charset=utf-8",
        "application/pdf" | "application/zip" | "application/json" => said,
        _ if said.starts_with("audio/") || said.starts_with("video/") => said,
        _ => "application/octet-stream",
    }
}

/// What keeps a browser from running what is in a file, and everyone else from keeping it.
fn guard(response: &mut Response, tag: &str) -> Result<(), Error> {
    let headers = response.headers_mut();
    for (name, text) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        // A file may be taken away at any time: what is kept is asked for again, which costs no more than a header.
        (header::CACHE_CONTROL, "private, no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(text));
    }
    headers.insert(header::ETAG, value(tag)?);
    Ok(())
}

fn not_modified(tag: &str) -> Result<Response, Error> {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    guard(&mut response, tag)?;
    Ok(response)
}

fn value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|_| Error::Internal("a header has a bad character".to_owned()))
}

/// `If-None-Match` (RFC 9110, section 13.1.2): whether the asker has it already.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(|given| given.trim())
        .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

/// The part that is asked for, unless the asker has a part of something else (`If-Range`, section 13.1.5).
fn asked_range<'h>(headers: &'h HeaderMap, tag: &str) -> Option<&'h str> {
    let unchanged = headers
        .get(header::IF_RANGE)
        .is_none_or(|given| given.as_bytes() == tag.as_bytes());
    let text = headers.get(header::RANGE).filter(|_| unchanged)?.to_str().ok()?;
    let (unit, specs) = text.split_once('=')?;
    // Several parts at once are answered with the whole, as section 14.2 allows; so is what is no range.
    (unit.trim().eq_ignore_ascii_case("bytes") && is_spec(specs.trim())).then_some(specs.trim())
}

fn is_spec(spec: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    match spec.split_once('-') {
        Some((first, last)) if digits(first) && digits(last) => match (number(first), number(last)) {
            (Some(first), Some(last)) => first <= last,
            (Some(_), None) | (None, Some(_)) => true,
            (None, None) => false,
        },
        Some(_) | None => false,
    }
}

/// `first-last`, `first-` or `-suffix` (section 14.1.2) within a file. `None` when the file has nothing there.
fn resolve(spec: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) => first..last.saturating_add(1).min(size),
        (Some(first), None) => first..size,
        (None, Some(suffix)) => size.saturating_sub(suffix)..size,
        (None, None) => return None,
    };
    (range.start < range.end).then_some(range)
}

/// Digits as a number; more than fit are as good as the largest.
fn number(digits: &str) -> Option<u64> {
    (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_part_that_is_asked_for() {
        let part = |text: &str, size: u64| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_str(text).unwrap());
            asked_range(&headers, "\"t\"").map(|spec| resolve(spec, size))
        };
        for (text, expected) in [
            ("bytes=0-0", Some(Some(0..1))),
            ("bytes=2-4", Some(Some(2..5))),
            ("Bytes=2-", Some(Some(2..10))),
            ("bytes=-3", Some(Some(7..10))),
            ("bytes=-30", Some(Some(0..10))),
            ("bytes=5-99999999999999999999999", Some(Some(5..10))),
            ("bytes=10-", Some(None)),
            ("bytes=99999999999999999999999-", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=4-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
            ("bytes 0-1", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(part(text, 10), expected, "{text}");
        }
        assert_eq!(part("bytes=0-", 0), Some(None));
    }
}
