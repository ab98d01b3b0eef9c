//! `POST /files`: taking a file, as it is in the body, bit by bit.
//!
//! A file that is answered 201 is on the disk. One that did not come whole, is too large, or is not what it is said
//! to be, leaves nothing behind.

use std::time::Duration;

use axum::{Json as Answer, body::Body, extract::State};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use http::{HeaderMap, StatusCode, header};
use khaya_wire::{File, FileId};
use object_store::buffered::BufWriter;
use tokio::{io::AsyncWriteExt as _, time::timeout};

use crate::{
    App, Error,
    files::{Kind, UPLOAD_TIMEOUT, name, picture},
    identity::{self, Caller},
    store::files::{self, Rules, Uploaded},
};

/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);
/// For how long what comes after a refusal is read and thrown away, so that its sender reads why.
const LINGER: Duration = Duration::from_secs(2);
/// How much of the beginning of a file tells what it is, in bytes.
const HEAD: usize = 64;
/// The type of which nothing is known (RFC 2046, section 4.5.1).
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Upload a file: the body is the file itself
#[utoipa::path(post, path = "/files", operation_id = "uploadFile", tag = "files",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), params(("X-File-Name" = Option<String>, Header, description = "Percent-encoded UTF-8")), responses((status = 201, body = File)))]
pub(super) async fn upload(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Answer<File>), Error> {
    let mut body = body.into_data_stream().boxed();
    let taken = take(&app, &caller, &headers, &mut body).await;
    if taken.is_err() {
        // Whoever still writes would else be cut off before they read the answer.
        let _late = timeout(LINGER, body.for_each(|_part| std::future::ready(()))).await;
    }
    taken.map(|file| (StatusCode::CREATED, Answer(file)))
}

type Parts = BoxStream<'static, Result<Bytes, axum::Error>>;

async fn take(app: &App, caller: &Caller, headers: &HeaderMap, body: &mut Parts) -> Result<File, Error> {
    let mime_type = mime_type(headers)?;
    let name = name::from_header(headers.get("x-file-name"))?;
    let limit = app.config.file_bytes;
    let said = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
        .unwrap_or(0);
    if said > limit {
        return Err(Error::TooLarge { limit });
    }
    let _running = app.files.begin(&caller.viewer.user)?;
    let (owner, quota) = (caller.viewer.user.clone(), app.config.file_quota);
    let id = app
        .store
        .write(move |tx| files::begin(tx, &owner, said, quota))
        .await?;
    let whole = receive(app, &id, body, mime_type).await;
    let stored = match whole {
        Ok(received) => finish(app, caller, id.clone(), name, received).await,
        Err(error) => Err(error),
    };
    if stored.is_err() {
        give_up(app, id).await;
    }
    stored
}

/// What has come.
struct Received {
    mime_type: String,
    size: u64,
    picture: Option<picture::Picture>,
}

async fn receive(app: &App, id: &FileId, body: &mut Parts, said: String) -> Result<Received, Error> {
    let mut writer = app.files.storage.writer(id);
    let filled = timeout(UPLOAD_TIMEOUT, fill(&mut writer, body, app.config.file_bytes)).await;
    let (head, size) = match filled.unwrap_or_else(|_| Err(late())) {
        Ok(filled) => filled,
        Err(error) => {
            // The parts that a bucket has of it are on nobody's list, and would stay.
            if let Err(error) = writer.abort().await {
                tracing::warn!(%error, "the parts of an upload that was given up are not deleted");
            }
            return Err(error);
        }
    };
    writer.shutdown().await.map_err(not_stored)?;
    look(app, id, &head, size, said).await
}

/// Writes what comes; gives how it begins, and its size.
async fn fill(writer: &mut BufWriter, body: &mut Parts, limit: u64) -> Result<(Vec<u8>, u64), Error> {
    let mut head = Vec::with_capacity(HEAD);
    let mut size = 0_u64;
    while let Some(part) = timeout(SILENCE, body.next()).await.map_err(|_| late())? {
        let part = part.map_err(|_| Error::invalid("body", "did not come whole"))?;
        size += part.len() as u64;
        if size > limit {
            return Err(Error::TooLarge { limit });
        }
        head.extend_from_slice(&part[..part.len().min(HEAD - head.len())]);
        writer.write_all(&part).await.map_err(not_stored)?;
    }
    Ok((head, size))
}

/// Looks at what may be a picture. Who says that something is a picture of a type that is looked at has to be right.
async fn look(app: &App, id: &FileId, head: &[u8], size: u64, said: String) -> Result<Received, Error> {
    let said_picture = picture::is_known_type(&said);
    let guess = said.starts_with("image/") || said == UNKNOWN_TYPE;
    let plain = |mime_type| Received {
        mime_type,
        size,
        picture: None,
    };
    if !guess || !picture::may_be(head) || size > picture::MAX_BYTES {
        return match said_picture {
            true if size > picture::MAX_BYTES => Err(Error::TooLarge {
                limit: picture::MAX_BYTES,
            }),
            true => Err(NO_PICTURE),
            false => Ok(plain(said)),
        };
    }
    let bytes = app.files.storage.bytes(Kind::Original, id).await?;
    match app.files.look(bytes).await {
        Ok(picture) => Ok(Received {
            mime_type: picture.mime_type.to_owned(),
            size,
            picture: Some(picture),
        }),
        Err(picture::Unseen::Damaged) if said_picture => Err(NO_PICTURE),
        Err(picture::Unseen::TooLarge) if said_picture => Err(Error::TooManyPixels {
            limit: picture::MAX_PIXELS,
        }),
        // What nobody has seen is not called a picture, so that nobody unpacks it for the first time.
        Err(picture::Unseen::Damaged | picture::Unseen::TooLarge) => Ok(plain(UNKNOWN_TYPE.to_owned())),
    }
}

const NO_PICTURE: Error = Error::MediaType("a whole picture of the type that it is said to be");

async fn finish(
    app: &App,
    caller: &Caller,
    id: FileId,
    name: String,
    received: Received,
) -> Result<File, Error> {
    let Received {
        mime_type,
        size,
        mut picture,
    } = received;
    if let Some(picture) = &mut picture {
        let thumbnail = std::mem::take(&mut picture.thumbnail);
        app.files.storage.put(Kind::Thumbnail, &id, thumbnail).await?;
    }
    let uploaded = Uploaded {
        id,
        name,
        mime_type,
        size,
        picture,
    };
    let rules = Rules {
        quota: app.config.file_quota,
        wait_ms: i64::try_from(app.config.upload_ttl.as_millis()).unwrap_or(i64::MAX),
    };
    let (owner, session) = (caller.viewer.user.clone(), caller.session.clone());
    app.store
        .write(move |tx| {
            // It may have ended while the file came.
            identity::still(tx.read(), &session, &owner)?;
            files::finish(tx, &owner, uploaded, rules)
        })
        .await
}

/// Leaves nothing of an upload. What cannot be deleted now is found later.
async fn give_up(app: &App, id: FileId) {
    let given_up = app
        .store
        .write(move |tx| {
            files::give_up(tx, &id)?;
            Ok(id)
        })
        .await;
    let deleted = match given_up {
        Ok(id) => match app.files.storage.delete(&id).await {
            Ok(()) => app.store.write(move |tx| files::forget(tx, &[id])).await,
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    if let Err(error) = deleted {
        tracing::warn!(%error, "an upload that was given up is not deleted yet");
    }
}

/// The type that the sender names (RFC 9110, section 8.3), without its parameters.
fn mime_type(headers: &HeaderMap) -> Result<String, Error> {
    let refused = || Error::MediaType("it is, with a Content-Type that says what it is");
    let value = headers.get(header::CONTENT_TYPE).ok_or_else(refused)?;
    let text = value.to_str().map_err(|_| refused())?;
    let essence = text
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    match essence.split_once('/') {
        // A form is not a file, and nobody means to send one here.
        Some(("multipart", _)) => Err(refused()),
        Some((kind, sub)) if is_token(kind) && is_token(sub) && essence.len() <= 127 => Ok(essence),
        Some(_) | None => Err(refused()),
    }
}

fn late() -> Error {
    Error::invalid("body", "did not come in time")
}

fn not_stored(source: std::io::Error) -> Error {
    Error::io("cannot store a file", source)
}
