//! Files, which are not JSON: sent from a copy on the disk, fetched into memory, or saved to the disk.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::stream;
use khaya_wire::{File, FileId};
use reqwest::{Client, RequestBuilder, header};
use tokio::{fs, io::AsyncWriteExt as _, time::timeout};

use super::{
    ApiError, Call, Request, Response,
    http::{classify, refusal_of},
};
use crate::files::{Outgoing, StagedFile, part_of};

/// How long nothing may come or go.
const SILENCE: Duration = Duration::from_secs(30);

/// What is fetched into memory to be shown is no larger; whoever wants more saves it.
const LARGEST_SHOWN: usize = 64 * 1024 * 1024;

/// A file as it is fetched to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// As the server says it.
    pub mime_type: String,
    pub bytes: Arc<[u8]>,
}

/// Performs a call about a file; `None` for other calls. `progress` is told how much of a file has been sent.
///
/// # Errors
/// See [`ApiError`].
pub async fn perform_with_file(
    client: &Client,
    outgoing: &Outgoing,
    call: &Call,
    progress: impl Fn(u64) + Send + Sync + 'static,
) -> Option<Result<Response, ApiError>> {
    if let Request::Upload { file } = &call.request {
        Some(upload(client, outgoing, call, file, progress).await)
    } else if let Request::File { file, thumbnail } = &call.request {
        Some(fetch(client, call, file, *thumbnail).await)
    } else if let Request::SaveFile { file, to } = &call.request {
        Some(save(client, call, file, to).await)
    } else {
        None
    }
}

async fn upload(
    client: &Client,
    outgoing: &Outgoing,
    call: &Call,
    staged: &StagedFile,
    progress: impl Fn(u64) + Send + Sync + 'static,
) -> Result<Response, ApiError> {
    let local = |error: std::io::Error| ApiError::LocalFile(error.to_string());
    let copy = outgoing.open(&staged.id).await.map_err(local)?;
    let size = copy.size();
    let progress = Arc::new(progress);
    let pieces = stream::try_unfold((copy, 0_u64), move |(mut copy, sent)| {
        let progress = Arc::clone(&progress);
        async move {
            let piece = copy.next().await?;
            let sent = sent + piece.as_ref().map_or(0, Vec::len) as u64;
            progress(sent);
            std::io::Result::Ok(piece.map(|piece| (piece, (copy, sent))))
        }
    });
    let name = url::form_urlencoded::byte_serialize(staged.name.as_bytes())
        .collect::<String>()
        .replace('+', "%20");
    let response = authorised(client.post(call.server.join("/files")), call)
        .header(header::CONTENT_TYPE, &staged.mime_type)
        .header(header::CONTENT_LENGTH, size)
        .header("X-File-Name", name)
        .body(reqwest::Body::wrap_stream(pieces))
        .send()
        .await
        .map_err(|error| classify(&error))?;
    let body = read_good(call, response).await?;
    let file: File = serde_json::from_slice(&body).map_err(|_| ApiError::NotKhaya)?;
    Ok(Response::Uploaded(Box::new(file)))
}

async fn fetch(client: &Client, call: &Call, file: &FileId, thumbnail: bool) -> Result<Response, ApiError> {
    let path = if thumbnail {
        format!("/files/{file}/thumbnail")
    } else {
        format!("/files/{file}")
    };
    let response = begin(client, call, &path).await?;
    let mime_type = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("application/octet-stream")
        .to_owned();
    let bytes = read_good(call, response).await?.into();
    Ok(Response::File(Content { mime_type, bytes }))
}

async fn save(client: &Client, call: &Call, file: &FileId, to: &Path) -> Result<Response, ApiError> {
    let mut response = begin(client, call, &format!("/files/{file}")).await?;
    if !response.status().is_success() {
        read_good(call, response).await?;
        return Err(ApiError::NotKhaya);
    }
    let local = |error: std::io::Error| ApiError::LocalFile(error.to_string());
    let part = part_of(to);
    let saved = async {
        let mut target = fs::File::create(&part).await.map_err(local)?;
        while let Some(piece) = next_piece(&mut response).await? {
            target.write_all(&piece).await.map_err(local)?;
        }
        // What the last writing failed with is told by nothing else.
        target.flush().await.map_err(local)?;
        target.sync_all().await.map_err(local)?;
        fs::rename(&part, to).await.map_err(local)
    };
    let saved: Result<(), ApiError> = saved.await;
    if saved.is_err() {
        // Half a file looks like a whole one to whoever opens it.
        fs::remove_file(&part).await.ok();
    }
    saved.map(|()| Response::Done)
}

async fn begin(client: &Client, call: &Call, path: &str) -> Result<reqwest::Response, ApiError> {
    let request = authorised(client.get(call.server.join(path)), call);
    timeout(SILENCE, request.send())
        .await
        .map_err(|_| ApiError::Timeout)?
        .map_err(|error| classify(&error))
}

fn authorised(request: RequestBuilder, call: &Call) -> RequestBuilder {
    match &call.token {
        Some(token) => request.bearer_auth(token.expose()),
        None => request,
    }
}

/// The whole body of an answer that is a good one.
async fn read_good(call: &Call, mut response: reqwest::Response) -> Result<Vec<u8>, ApiError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(piece) = next_piece(&mut response).await? {
        if body.len() + piece.len() > LARGEST_SHOWN {
            return Err(ApiError::LocalFile("it is too large to be shown".to_owned()));
        }
        body.extend_from_slice(&piece);
    }
    if status.is_success() {
        Ok(body)
    } else {
        Err(refusal_of(&call.request, status, &headers, &body))
    }
}

async fn next_piece(response: &mut reqwest::Response) -> Result<Option<Vec<u8>>, ApiError> {
    let piece = timeout(SILENCE, response.chunk())
        .await
        .map_err(|_| ApiError::Timeout)?
        .map_err(|error| classify(&error))?;
    Ok(piece.map(|piece| piece.to_vec()))
}
