//! `GET /.well-known/khaya/updates/{file}`: releases of the app that a team hands out itself, from a folder that
//! `--updates` names: what announces them, and what those announcements name. To everyone, as who has no app yet has
//! no token either.
//!
//! Never lists the folder, never leaves it, never gives what no announcement names, never writes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    body::Body,
    extract::{Path as Named, State},
    response::Response,
    routing::get,
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use url::Url;

use crate::{App, Error};

/// What announces releases: a file for each channel.
const CHANNELS: [&str; 2] = ["stable.json", "beta.json"];
/// The longest announcement, in bytes: the app reads no longer one.
const MAX_ANNOUNCEMENT: u64 = 64 * 1024;
/// How much of a file is in memory at a time.
const PIECE: u64 = 64 * 1024;

/// Adds the call, where there is a folder.
pub(super) fn add(router: Router<App>, app: &App) -> Router<App> {
    if app.config.updates.is_some() {
        router.route("/.well-known/khaya/updates/{file}", get(give))
    } else {
        router
    }
}

/// As Tauri's updater announces releases; what the app alone needs to know stays unread.
#[derive(Deserialize)]
struct Announcement {
    platforms: std::collections::BTreeMap<String, Platform>,
}

#[derive(Deserialize)]
struct Platform {
    url: Url,
}

async fn give(State(app): State<App>, Named(name): Named<String>) -> Result<Response, Error> {
    let folder: PathBuf = app.config.updates.clone().unwrap_or_default();
    let is_announcement = CHANNELS.contains(&name.as_str());
    let opened = tokio::task::spawn_blocking(move || open(&folder, &name)).await;
    let found = opened.map_err(|error| Error::Internal(error.to_string()))?;
    let found = found.map_err(|source| Error::io("cannot read an update", source))?;
    let (file, size) = found.ok_or(Error::NotFound("file"))?;
    let mut response = Response::new(body(file, size));
    let headers = response.headers_mut();
    let kind = if is_announcement {
        "application/json"
    } else {
        headers.insert(
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment"),
        );
        "application/octet-stream"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// A file that is there to be given, and how large it is.
fn open(folder: &Path, name: &str) -> io::Result<Option<(fs::File, u64)>> {
    if !CHANNELS.contains(&name) && !is_announced(folder, name)? {
        return Ok(None);
    }
    plain(folder, name)
}

/// Whether an announcement names it.
fn is_announced(folder: &Path, name: &str) -> io::Result<bool> {
    for channel in CHANNELS {
        let Some((file, size)) = plain(folder, channel)? else {
            continue;
        };
        if size > MAX_ANNOUNCEMENT {
            continue;
        }
        // One that makes no sense announces nothing; the app says so where it matters.
        let announced: Result<Announcement, _> = serde_json::from_reader(io::BufReader::new(file));
        let named = announced.is_ok_and(|announced| {
            let mut urls = announced.platforms.values().map(|platform| &platform.url);
            urls.any(|url| url.path_segments().and_then(|mut path| path.next_back()) == Some(name))
        });
        if named {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A file of the folder itself. Links are not followed: they may lead anywhere.
fn plain(folder: &Path, name: &str) -> io::Result<Option<(fs::File, u64)>> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
    if name.starts_with('.') || name.len() > 255 || !name.bytes().all(allowed) {
        return Ok(None);
    }
    let path = folder.join(name);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_file() => fs::File::open(&path).map(|file| Some((file, found.len()))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a file holds, and no more than it was said to. One that became shorter breaks off, which its reader sees.
fn body(file: fs::File, size: u64) -> Body {
    let file = tokio::fs::File::from_std(file).take(size);
    Body::from_stream(stream::try_unfold(file, async |mut file| {
        let mut piece = Vec::with_capacity(PIECE as usize);
        let read = (&mut file).take(PIECE).read_to_end(&mut piece).await?;
        Ok::<_, io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
    }))
}
