//! Files in a bucket: the server against something that speaks as much of S3 as is needed to keep objects.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::{HeaderMap, StatusCode, header};
use image::ImageFormat;
use serde_json::json;

use crate::{
    client::{PASSWORD, Person, code},
    files::{picture, upload, uploaded},
    program::{Serving, program, run},
};

/// What is in the bucket, and the parts of what is on its way into it.
#[derive(Clone, Default)]
struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
    parts: Arc<Mutex<BTreeMap<(String, u32), Bytes>>>,
}

impl Bucket {
    fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    async fn serve(&self) -> (String, tokio::task::JoinHandle<()>) {
        let router = Router::new()
            .route("/team", post(delete))
            .route("/team/{*key}", get(give).put(put).post(multipart))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (url, served)
    }
}

async fn put(
    State(bucket): State<Bucket>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let signed = headers.get(header::AUTHORIZATION).unwrap().to_str().unwrap();
    assert!(signed.starts_with("AWS4-HMAC-SHA256 "), "{signed}");
    let part = query.unwrap_or_default();
    let part = part.split('&').find_map(|pair| pair.strip_prefix("partNumber="));
    match part {
        Some(number) => {
            let mut parts = bucket.parts.lock().unwrap();
            parts.insert((key, number.parse().unwrap()), body);
        }
        None => {
            bucket.objects.lock().unwrap().insert(key, body);
        }
    }
    [(header::ETAG, "\"e\"")].into_response()
}

/// Begins an upload in parts, or ends it.
async fn multipart(
    State(bucket): State<Bucket>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
) -> String {
    if query.unwrap_or_default().starts_with("uploads") {
        return "<InitiateMultipartUploadResult><Bucket>team</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>".to_owned();
    }
    let mut parts = bucket.parts.lock().unwrap();
    let whole: Vec<u8> = std::mem::take(&mut *parts)
        .into_values()
        .flat_map(|part| part.to_vec())
        .collect();
    bucket.objects.lock().unwrap().insert(key, whole.into());
    "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>".to_owned()
}

async fn give(State(bucket): State<Bucket>, Path(key): Path<String>, headers: HeaderMap) -> Response {
    let Some(whole) = bucket.objects.lock().unwrap().get(&key).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kept = [
        (header::ETAG, "\"e\""),
        (header::LAST_MODIFIED, "Sun, 22 Nov 2026 15:00:00 GMT"),
    ];
    let Some(range) = headers.get(header::RANGE) else {
        return (kept, whole).into_response();
    };
    let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let told = format!("bytes {first}-{last}/{}", whole.len());
    let part = whole.slice(first..=last);
    (
        StatusCode::PARTIAL_CONTENT,
        kept,
        [(header::CONTENT_RANGE, told)],
        part,
    )
        .into_response()
}

/// Deletes what a list names.
async fn delete(State(bucket): State<Bucket>, body: String) -> &'static str {
    for key in body.split("<Key>").skip(1) {
        let key = key.split("</Key>").next().unwrap();
        bucket.objects.lock().unwrap().remove(key);
    }
    "<DeleteResult></DeleteResult>"
}

#[tokio::test]
async fn files_lie_in_a_bucket() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::default();
    let (url, served) = bucket.serve().await;
    let mut command = program(dir.path());
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--files", "s3://team/khaya"])
        .env("AWS_ACCESS_KEY_ID", "name")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "somewhere")
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_ALLOW_HTTP", "true");
    let serving = Serving::begin(command);
    let add = [
        "user",
        "add",
        "ann",
        "--name",
        "Ann",
        "--role",
        "member",
        "--password-stdin",
    ];
    assert!(run(dir.path(), &add, PASSWORD).status.success());
    let ann = Person::sign_in(&serving.url, "ann").await;
    let chat = ann.group(&[]).await;

    let small = uploaded(&ann, "image/png", picture(30, 20, ImageFormat::Png)).await;
    let large: Vec<u8> = (0..12_000_000_u32)
        .map(|n| u8::try_from(n % 251).unwrap())
        .collect();
    let large_id = uploaded(&ann, "application/octet-stream", large.clone()).await;
    ann.say(
        &chat,
        json!({"content": "both", "attachmentIds": [small, large_id]}),
    )
    .await;
    let mut expected = vec![
        format!("khaya/originals/{small}"),
        format!("khaya/originals/{large_id}"),
        format!("khaya/thumbnails/{small}"),
    ];
    expected.sort();
    assert_eq!(bucket.keys(), expected);
    let path = format!("/files/{large_id}");
    let whole = ann.request(reqwest::Method::GET, &path).send().await.unwrap();
    assert!(whole.bytes().await.unwrap() == large);
    let part = ann
        .request(reqwest::Method::GET, &path)
        .header("range", "bytes=9000000-9000009");
    assert_eq!(
        part.send().await.unwrap().bytes().await.unwrap(),
        &large[9_000_000..9_000_010]
    );
    let thumbnail = ann.request(reqwest::Method::GET, &format!("/files/{small}/thumbnail"));
    assert_eq!(thumbnail.send().await.unwrap().status(), 200);

    // What is refused once it has come goes from there too.
    let damaged = upload(
        &ann,
        "image/png",
        "a",
        picture(30, 20, ImageFormat::Png)[..99].to_vec(),
    )
    .await;
    assert_eq!(code(&damaged), (415, "unsupported_media_type"));
    assert_eq!(bucket.keys(), expected);

    // Without the bucket there are no files, and all else goes on.
    served.abort();
    let _stopped = served.await;
    assert_eq!(
        code(&upload(&ann, "text/plain", "a", "x").await),
        (503, "unavailable")
    );
    assert_eq!(code(&ann.get(&path).await), (503, "unavailable"));
    ann.say(&chat, json!({"content": "still here"})).await;
}
