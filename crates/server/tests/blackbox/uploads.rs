//! Uploads: what is refused and leaves nothing, and when a file goes that nobody takes.

use std::time::Duration;

use image::ImageFormat;
use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    client::{Team, answer, code},
    files::{all_in, picture, status, until, upload, uploaded},
};

#[tokio::test]
async fn what_is_no_file_is_refused_and_leaves_nothing() {
    let team = Team::start_with(|config| {
        config.file_bytes = 100_000;
        config.file_quota = 150_000;
    })
    .await;
    let ann = team.join("ann", "member").await;
    assert_eq!(
        ann.get("/.well-known/khaya").await.1["limits"]["fileBytes"],
        100_000
    );
    let post = |mime_type: Option<&str>, name: &[u8], bytes: Vec<u8>| {
        let mut request = ann
            .request(Method::POST, "/files")
            .header("X-File-Name", name)
            .body(bytes);
        if let Some(mime_type) = mime_type {
            request = request.header(header::CONTENT_TYPE, mime_type);
        }
        answer(request)
    };
    for mime_type in [
        None,
        Some(""),
        Some("text"),
        Some("text/"),
        Some("a b/c"),
        Some("multipart/form-data; boundary=x"),
    ] {
        let refused = post(mime_type, b"a", b"x".to_vec()).await;
        assert_eq!(code(&refused), (415, "unsupported_media_type"), "{mime_type:?}");
    }
    for name in [&b"%FF"[..], "naïve".as_bytes()] {
        assert_eq!(
            code(&post(Some("text/plain"), name, b"x".to_vec()).await),
            (422, "invalid_request")
        );
    }
    // Pictures that are none, not whole, or would fill the memory: 20,000 × 20,000 pixels in a few bytes.
    let whole = picture(50, 50, ImageFormat::Png);
    for bytes in [
        b"<script>".to_vec(),
        Vec::new(),
        whole[..whole.len() / 2].to_vec(),
        whole[..20].to_vec(),
    ] {
        let refused = post(Some("image/png"), b"a", bytes).await;
        assert_eq!(code(&refused), (415, "unsupported_media_type"));
    }
    let bomb = bomb();
    assert_eq!(
        code(&post(Some("image/png"), b"a", bomb.clone()).await),
        (413, "payload_too_large")
    );
    // A bomb that is called nothing in particular is kept as that, and nobody is told that it is a picture.
    let (_, kept) = post(Some("application/octet-stream"), b"a", bomb.clone()).await;
    assert_eq!(
        (&kept["mimeType"], &kept["width"]),
        (&json!("application/octet-stream"), &Value::Null)
    );

    assert_eq!(
        code(&post(Some("text/plain"), b"a", vec![0; 100_001]).await),
        (413, "payload_too_large")
    );
    assert_eq!(post(Some("text/plain"), b"a", vec![0; 100_000]).await.0, 201);
    assert_eq!(
        code(&post(Some("text/plain"), b"a", vec![0; 60_000]).await),
        (413, "payload_too_large")
    );
    let chunked = chunked(&team.url, &ann.token, 60_000).await;
    assert!(chunked.starts_with("HTTP/1.1 413"), "{chunked}");
    let anonymous = reqwest::Client::new()
        .post(format!("{}/files", team.url))
        .body("x");
    assert_eq!(code(&answer(anonymous).await), (401, "unauthorized"));
    assert_eq!(code(&ann.get("/files/nothing-like-it").await), (404, "not_found"));
    assert_eq!(code(&ann.get("/files/a%2Fb").await), (404, "not_found"));
    assert_eq!(code(&ann.delete("/files/x").await), (405, "invalid_request"));

    let folder = team.dir.path().join("data/files");
    until("only the two that were taken are there", || async {
        all_in(&folder).len() == 2
    })
    .await;
}

/// The head of a picture that is very large, and no more.
fn bomb() -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(20_000_u32.to_be_bytes());
    header.extend(20_000_u32.to_be_bytes());
    header.extend([8, 6, 0, 0, 0]);
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0D".to_vec();
    bomb.extend(&header);
    bomb.extend(crc32(&header).to_be_bytes());
    bomb.extend(b"\0\0\0\0IDAT");
    bomb.extend(crc32(b"IDAT").to_be_bytes());
    bomb
}

/// PNG, annex D.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                0xEDB8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            }
        })
    })
}

pub(crate) async fn raw(url: &str, token: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let head = format!(
        "POST /files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: text/plain\r\n{headers}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Sends a body that does not say how long it is; gives what is answered.
async fn chunked(url: &str, token: &str, bytes: usize) -> String {
    let mut stream = raw(url, token, "Transfer-Encoding: chunked\r\nConnection: close").await;
    stream
        .write_all(format!("{bytes:x}\r\n").as_bytes())
        .await
        .unwrap();
    stream.write_all(&vec![b'x'; bytes]).await.unwrap();
    stream.write_all(b"\r\n0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn an_upload_that_is_torn_leaves_nothing() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let folder = team.dir.path().join("data/files");
    let half = vec![b'x'; 600_000];
    for headers in ["Content-Length: 2000000", "Transfer-Encoding: chunked"] {
        let mut stream = raw(&team.url, &ann.token, headers).await;
        if headers.starts_with("Transfer") {
            stream.write_all(b"1e8480\r\n").await.unwrap();
        }
        stream.write_all(&half).await.unwrap();
        until("a part is written", || async { !all_in(&folder).is_empty() }).await;
        drop(stream);
        until("nothing is left", || async { all_in(&folder).is_empty() }).await;
    }
}

#[tokio::test]
async fn somebody_uploads_a_few_files_at_once_and_others_go_on() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let ben = team.join("ben", "member").await;
    let part = vec![b'x'; 600_000];
    let mut running = Vec::new();
    for _ in 0..4 {
        let mut stream = raw(
            &team.url,
            &ann.token,
            "Content-Length: 600003\r\nConnection: close",
        )
        .await;
        stream.write_all(&part).await.unwrap();
        running.push(stream);
    }
    let folder = team.dir.path().join("data/files");
    until("all four are under way", || async { all_in(&folder).len() == 4 }).await;
    let refused = upload(&ann, "text/plain", "a", "x").await;
    assert_eq!(code(&refused), (429, "rate_limited"));
    uploaded(&ben, "text/plain", "x").await;
    let mut ids = std::collections::BTreeSet::new();
    for mut stream in running {
        stream.write_all(b"end").await.unwrap();
        let mut answered = String::new();
        stream.read_to_string(&mut answered).await.unwrap();
        assert!(answered.starts_with("HTTP/1.1 201"), "{answered}");
        ids.insert(answered);
    }
    assert_eq!(ids.len(), 4);
    uploaded(&ann, "text/plain", "x").await;
}

#[tokio::test]
async fn a_file_that_no_message_takes_goes() {
    let team = Team::start_with(|config| config.upload_ttl = Duration::from_secs(1)).await;
    let ann = team.join("ann", "member").await;
    let chat = ann.group(&[]).await;
    // A machine that is busy may be too slow to take it in time.
    let kept = loop {
        let kept = uploaded(&ann, "text/plain", "kept").await;
        let body = json!({"content": "", "attachmentIds": [kept]});
        if ann.post(&format!("/chat/{chat}/messages"), body).await.0 == 201 {
            break kept;
        }
    };
    let lonely = format!(
        "/files/{}",
        uploaded(&ann, "image/png", picture(9, 9, ImageFormat::Png)).await
    );
    until("it is gone", || async { status(&ann, &lonely).await == 404 }).await;
    let folder = team.dir.path().join("data/files");
    until("its bytes too", || async { all_in(&folder).len() == 1 }).await;
    assert_eq!(status(&ann, &format!("/files/{kept}")).await, 200);
}
