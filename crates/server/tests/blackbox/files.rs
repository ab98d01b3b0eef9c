//! Files: what is taken, how it is given, what is refused, and when it goes.

use std::{io::Cursor, path::Path, time::Duration};

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use reqwest::{Method, Response, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::client::{Answer, Person, Team, answer, code};

/// A picture in half-transparent stripes, so that its small copy has something to show.
pub(crate) fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let stripes = RgbaImage::from_fn(width, height, |x, _| {
        Rgba([
            u8::try_from(x % 256).unwrap(),
            80,
            160,
            if x % 2 == 0 { 255 } else { 120 },
        ])
    });
    let picture = DynamicImage::from(stripes);
    let picture = if format == ImageFormat::Jpeg {
        DynamicImage::from(picture.to_rgb8())
    } else {
        picture
    };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) async fn upload(
    person: &Person,
    mime_type: &str,
    name: &str,
    bytes: impl Into<reqwest::Body>,
) -> Answer {
    let request = person
        .request(Method::POST, "/files")
        .header(header::CONTENT_TYPE, mime_type)
        .header("X-File-Name", name)
        .body(bytes);
    answer(request).await
}

/// Uploads what is taken and gives its id.
pub(crate) async fn uploaded(person: &Person, mime_type: &str, bytes: impl Into<reqwest::Body>) -> String {
    let (status, file) = upload(person, mime_type, "a.bin", bytes).await;
    assert_eq!(status, 201, "{file}");
    file["id"].as_str().unwrap().to_owned()
}

async fn fetch(person: &Person, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = person.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn status(person: &Person, path: &str) -> u16 {
    fetch(person, path, &[]).await.status().as_u16()
}

fn told<'r>(response: &'r Response, name: &str) -> &'r str {
    response
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in {response:?}"))
        .to_str()
        .unwrap()
}

/// All files below a folder.
fn all_in(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_in(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Asks again until it holds.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not come true");
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_sent() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let (created, file) = upload(
        &ann,
        "Text/Plain; charset=utf-8",
        "na%C3%AFve%20plan.txt",
        "0123456789",
    )
    .await;
    assert_eq!(created, 201);
    assert_eq!(
        file,
        json!({"id": file["id"], "name": "naïve plan.txt", "mimeType": "text/plain", "size": 10})
    );
    let path = format!("/files/{}", file["id"].as_str().unwrap());
    let given = fetch(&ann, &path, &[]).await;
    assert_eq!(given.status(), 200);
    assert_eq!(told(&given, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        told(&given, "content-disposition"),
        "attachment; filename=\"na_ve plan.txt\"; filename*=UTF-8''na%C3%AFve%20plan.txt"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("cache-control", "private, no-cache"),
        ("accept-ranges", "bytes"),
        ("content-length", "10"),
    ] {
        assert_eq!(told(&given, name), value);
    }
    assert!(given.headers().get("last-modified").is_none());
    let tag = told(&given, "etag").to_owned();
    assert_eq!(given.text().await.unwrap(), "0123456789");
    let known = fetch(&ann, &path, &[("if-none-match", &format!("\"x\", W/{tag}"))]).await;
    assert_eq!(
        (known.status().as_u16(), told(&known, "etag")),
        (304, tag.as_str())
    );
    let head = ann.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), told(&head, "content-length")),
        (200, "10")
    );
    // No picture has no small copy.
    assert_eq!(
        code(&ann.get(&format!("{path}/thumbnail")).await),
        (404, "not_found")
    );

    let team = team.restart().await;
    let ann = Person::sign_in(&team.url, "ann").await;
    assert_eq!(fetch(&ann, &path, &[]).await.text().await.unwrap(), "0123456789");
}

#[tokio::test]
async fn a_part_of_a_file_is_what_was_asked_for() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let id = uploaded(&ann, "video/mp4", "0123456789").await;
    let path = format!("/files/{id}");
    let tag = format!("\"{id}\"");
    for (range, part, content_range) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=3-5", "345", "bytes 3-5/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let given = fetch(&ann, &path, &[("range", range)]).await;
        assert_eq!(given.status(), 206, "{range}");
        assert_eq!(told(&given, "content-range"), content_range);
        assert_eq!(told(&given, "content-length"), part.len().to_string());
        assert_eq!(given.text().await.unwrap(), part);
    }
    for whole in ["bytes=5-3", "bytes=0-1,4-5", "bytes=x", "items=0-1", "bytes"] {
        let given = fetch(&ann, &path, &[("range", whole)]).await;
        assert_eq!(given.status(), 200, "{whole}");
        assert_eq!(given.text().await.unwrap().len(), 10);
    }
    for nothing in ["bytes=10-", "bytes=99-100", "bytes=-0"] {
        let refused = fetch(&ann, &path, &[("range", nothing)]).await;
        assert_eq!(refused.status(), 416, "{nothing}");
        assert_eq!(told(&refused, "content-range"), "bytes */10");
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "invalid_request");
    }
    // A part of what one has already, and the whole when it is something else.
    let again = fetch(&ann, &path, &[("range", "bytes=0-1"), ("if-range", &tag)]).await;
    assert_eq!(again.status(), 206);
    let other = fetch(&ann, &path, &[("range", "bytes=0-1"), ("if-range", "\"other\"")]).await;
    assert_eq!(other.status(), 200);

    let empty = uploaded(&ann, "text/plain", "").await;
    let given = fetch(&ann, &format!("/files/{empty}"), &[]).await;
    assert_eq!(
        (given.status().as_u16(), told(&given, "content-length")),
        (200, "0")
    );
    let refused = fetch(&ann, &format!("/files/{empty}"), &[("range", "bytes=0-")]).await;
    assert_eq!(refused.status(), 416);
}

#[tokio::test]
async fn a_picture_has_its_size_a_blur_and_a_small_copy() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    for (mime_type, format, thumbnail_type) in [
        ("image/png", ImageFormat::Png, "image/png"),
        ("image/jpeg", ImageFormat::Jpeg, "image/jpeg"),
        ("image/webp", ImageFormat::WebP, "image/png"),
    ] {
        let bytes = picture(640, 480, format);
        let (created, file) = upload(&ann, mime_type, "a", bytes.clone()).await;
        assert_eq!(created, 201, "{file}");
        assert_eq!(file["mimeType"], mime_type);
        assert_eq!((&file["width"], &file["height"]), (&json!(640), &json!(480)));
        assert_eq!(file["blurhash"].as_str().unwrap().len(), 28);
        let path = format!("/files/{}", file["id"].as_str().unwrap());
        let given = fetch(&ann, &path, &[]).await;
        assert_eq!(told(&given, "content-type"), mime_type);
        assert!(told(&given, "content-disposition").starts_with("inline;"));
        assert_eq!(given.bytes().await.unwrap(), bytes);
        let small = fetch(&ann, &format!("{path}/thumbnail"), &[]).await;
        assert_eq!(told(&small, "content-type"), thumbnail_type);
        assert_eq!(told(&small, "x-content-type-options"), "nosniff");
        let tag = told(&small, "etag").to_owned();
        let copy = image::load_from_memory(&small.bytes().await.unwrap()).unwrap();
        assert_eq!((copy.width(), copy.height()), (512, 384));
        let known = fetch(&ann, &format!("{path}/thumbnail"), &[("if-none-match", &tag)]).await;
        assert_eq!(known.status(), 304);
    }
    // Whatever it is called, a picture is what its bytes say.
    for said in ["application/octet-stream", "image/gif"] {
        let (_, file) = upload(&ann, said, "a", picture(20, 10, ImageFormat::Png)).await;
        assert_eq!(
            (&file["mimeType"], &file["width"]),
            (&json!("image/png"), &json!(20))
        );
    }
}

#[tokio::test]
async fn a_picture_stands_upright_as_its_camera_says() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let plain = picture(60, 20, ImageFormat::Jpeg);
    // After the start of the image an APP1 with one field: orientation 6, to be turned by 90 degrees.
    let exif = b"\xFF\xE1\x00\x22Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let turned = [&plain[..2], exif, &plain[2..]].concat();
    let (_, file) = upload(&ann, "image/jpeg", "a.jpg", turned).await;
    assert_eq!(
        (&file["width"], &file["height"]),
        (&json!(20), &json!(60)),
        "{file}"
    );
    let small = fetch(
        &ann,
        &format!("/files/{}/thumbnail", file["id"].as_str().unwrap()),
        &[],
    )
    .await;
    let copy = image::load_from_memory(&small.bytes().await.unwrap()).unwrap();
    assert_eq!((copy.width(), copy.height()), (20, 60));
}

#[tokio::test]
async fn nothing_that_was_uploaded_runs_in_a_browser() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    for (mime_type, bytes) in [
        ("image/svg+xml", svg),
        ("text/html", "<script>alert(1)</script>"),
        ("application/xhtml+xml", "<html/>"),
        ("text/xml", svg),
        ("text/javascript", "alert(1)"),
        ("application/octet-stream", svg),
    ] {
        let (created, file) = upload(&ann, mime_type, "a.html", bytes).await;
        assert_eq!((created.as_u16(), &file["mimeType"]), (201, &json!(mime_type)));
        assert!(file["width"].is_null(), "{file}");
        let path = format!("/files/{}", file["id"].as_str().unwrap());
        let given = fetch(&ann, &path, &[]).await;
        assert_eq!(
            told(&given, "content-type"),
            "application/octet-stream",
            "{mime_type}"
        );
        assert!(told(&given, "content-disposition").starts_with("attachment;"));
        assert_eq!(told(&given, "x-content-type-options"), "nosniff");
        assert!(told(&given, "content-security-policy").contains("sandbox"));
        assert_eq!(status(&ann, &format!("{path}/thumbnail")).await, 404);
    }
    // A picture that is a page as well is given as the picture alone, and its small copy is only that.
    let page = b"<script>alert(1)</script>";
    let both = [&picture(30, 30, ImageFormat::Png)[..], page].concat();
    let id = uploaded(&ann, "image/png", both).await;
    let given = fetch(&ann, &format!("/files/{id}"), &[]).await;
    assert_eq!(told(&given, "content-type"), "image/png");
    assert_eq!(told(&given, "x-content-type-options"), "nosniff");
    let small = fetch(&ann, &format!("/files/{id}/thumbnail"), &[])
        .await
        .bytes()
        .await
        .unwrap();
    assert!(!small.windows(page.len()).any(|part| part == page));
}

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

async fn raw(url: &str, token: &str, headers: &str) -> TcpStream {
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

#[tokio::test]
async fn a_message_has_its_files_wherever_it_is_shown() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let ben = team.join("ben", "member").await;
    let chat = ann.group(&[&ben]).await;
    let since = ben.get("/sync").await.1["next"].as_str().unwrap().to_owned();
    let mut socket = ben.socket().await;
    let (_, first) = upload(&ann, "image/png", "one.png", picture(8, 6, ImageFormat::Png)).await;
    let (_, second) = upload(&ann, "text/plain", "two.txt", "two").await;
    let body = json!({"content": "look", "clientId": "c1", "attachmentIds": [second["id"], first["id"]]});
    let sent = ann.say(&chat, body.clone()).await;
    let files = json!([second, first]);
    assert_eq!(sent["attachments"], files);
    assert_eq!(
        socket.expect("new_message").await["message"]["attachments"],
        files
    );
    let list = ben.get(&format!("/chat/{chat}/messages")).await.1;
    assert_eq!(list["items"][0]["attachments"], files);
    assert_eq!(
        ben.get(&format!("/chat/{chat}")).await.1["lastMessage"]["attachments"],
        files
    );
    assert_eq!(
        ben.get("/search?q=look").await.1["items"][0]["attachments"],
        files
    );
    let missed = ben.get(&format!("/sync?since={since}")).await.1;
    assert_eq!(missed["events"][0]["data"]["message"]["attachments"], files);
    for file in [&first, &second] {
        let path = format!("/files/{}", file["id"].as_str().unwrap());
        assert_eq!(status(&ben, &path).await, 200);
    }

    // The same again is the same; with other files, or in another order, it is another message.
    let path = format!("/chat/{chat}/messages");
    let again = ann.post(&path, body).await;
    assert_eq!((again.0.as_u16(), &again.1["id"]), (200, &sent["id"]));
    for other in [
        json!([first["id"], second["id"]]),
        json!([first["id"]]),
        json!([]),
        Value::Null,
    ] {
        let body = json!({"content": "look", "clientId": "c1", "attachmentIds": other});
        assert_eq!(code(&ann.post(&path, body).await), (409, "conflict"));
    }
    // One file may be in several messages, and a message may have nothing but files.
    let bare = ann
        .say(&chat, json!({"content": "", "attachmentIds": [first["id"]]}))
        .await;
    let edited = ann
        .patch(
            &format!("{path}/{}", bare["id"].as_str().unwrap()),
            json!({"content": "now with words"}),
        )
        .await;
    assert_eq!(edited.1["attachments"], json!([first]));
    let wordless = ann
        .patch(
            &format!("{path}/{}", bare["id"].as_str().unwrap()),
            json!({"content": ""}),
        )
        .await;
    assert_eq!(wordless.1["content"], "");

    // What is not one's own, not there, or named twice is refused, all alike.
    let theirs = uploaded(&ben, "text/plain", "mine").await;
    let own = uploaded(&ann, "text/plain", "mine").await;
    for bad in [
        json!([theirs]),
        json!(["nothing"]),
        json!([own, own]),
        json!(["a/b"]),
        json!("x"),
    ] {
        let refused = ann
            .post(&path, json!({"content": "x", "attachmentIds": bad}))
            .await;
        assert_eq!(code(&refused), (422, "invalid_request"), "{bad}");
    }
    let many: Vec<&str> = std::iter::repeat_n(own.as_str(), 21).collect();
    let refused = ann
        .post(&path, json!({"content": "x", "attachmentIds": many}))
        .await;
    assert_eq!(code(&refused), (422, "invalid_request"));
}

#[tokio::test]
async fn a_file_is_for_those_who_see_a_message_with_it() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let ben = team.join("ben", "member").await;
    let eve = team.join("eve", "member").await;
    let root = team.join("root", "admin").await;
    let chat = ann.group(&[&ben, &root]).await;
    let id = uploaded(&ann, "image/png", picture(9, 9, ImageFormat::Png)).await;
    let paths = [format!("/files/{id}"), format!("/files/{id}/thumbnail")];
    let nowhere = ann.get("/files/nothing").await;
    // Not yet in a message: for the uploader alone. Nothing that is asked for tells others that it is there.
    for path in &paths {
        assert_eq!(status(&ann, path).await, 200);
        for other in [&ben, &eve, &root] {
            assert_eq!(other.get(path).await, nowhere);
            let with = fetch(other, path, &[("if-none-match", "*"), ("range", "bytes=99999-")]).await;
            assert_eq!(with.status(), 404);
            assert!(with.headers().get("etag").is_none());
        }
    }
    // In a message for Ben: for him, and not for the admin, who is in the chat.
    let secret = ann
        .say(
            &chat,
            json!({"content": "psst", "visibleTo": [ben.id], "attachmentIds": [id]}),
        )
        .await;
    for path in &paths {
        assert_eq!(status(&ben, path).await, 200);
        assert_eq!(root.get(path).await, nowhere);
        assert_eq!(eve.get(path).await, nowhere);
    }
    // In one for everyone as well.
    let open = ann
        .say(&chat, json!({"content": "all", "attachmentIds": [id]}))
        .await;
    assert_eq!(status(&root, &paths[0]).await, 200);
    assert_eq!(eve.get(&paths[0]).await, nowhere);
    // Deleted there, it is as before; deleted everywhere, it is the uploader's alone.
    let message = |message: &Value| format!("/chat/{chat}/messages/{}", message["id"].as_str().unwrap());
    assert_eq!(ann.delete(&message(&open)).await.0, 204);
    let tombstone = &ben.get(&format!("/chat/{chat}/messages")).await.1["items"][1];
    assert!(tombstone["attachments"].is_null(), "{tombstone}");
    assert_eq!(
        (status(&root, &paths[0]).await, status(&ben, &paths[0]).await),
        (404, 200)
    );
    assert_eq!(ann.delete(&message(&secret)).await.0, 204);
    for path in &paths {
        assert_eq!(ben.get(path).await, nowhere);
        assert_eq!(status(&ann, path).await, 200);
    }
    // Who leaves a chat leaves its files; who comes back finds them.
    ann.say(&chat, json!({"content": "again", "attachmentIds": [id]}))
        .await;
    assert_eq!(status(&ben, &paths[0]).await, 200);
    ann.delete(&format!("/chat/{chat}/members/{}", ben.id)).await;
    assert_eq!(ben.get(&paths[0]).await, nowhere);
    ann.put(&format!("/chat/{chat}/members/{}", ben.id), json!({}))
        .await;
    assert_eq!(status(&ben, &paths[0]).await, 200);
    // With a chat go its files, but for the uploader.
    assert_eq!(ann.delete(&format!("/chat/{chat}")).await.0, 204);
    assert_eq!(ben.get(&paths[0]).await, nowhere);
    assert_eq!(status(&ann, &paths[0]).await, 200);
}

#[tokio::test]
async fn somebodys_picture_is_for_those_who_see_them() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    let ben = team.join("ben", "member").await;
    let guest = team.join("gus", "guest").await;
    let id = uploaded(&ann, "image/png", picture(9, 9, ImageFormat::Png)).await;
    let plain = uploaded(&ann, "text/plain", "no picture").await;
    let theirs = uploaded(&ben, "image/png", picture(9, 9, ImageFormat::Png)).await;
    for bad in [
        json!(plain),
        json!(theirs),
        json!("nothing"),
        json!("a/b"),
        json!(7),
    ] {
        let refused = ann.patch("/auth/me", json!({"avatarFileId": bad})).await;
        assert_eq!(code(&refused), (422, "invalid_request"), "{bad}");
    }
    let path = format!("/files/{id}");
    assert_eq!(status(&ben, &path).await, 404);
    let me = ann.patch("/auth/me", json!({"avatarFileId": id})).await;
    assert_eq!((me.0.as_u16(), &me.1["avatarFileId"]), (200, &json!(id)));
    // A change of something else leaves it as it is.
    ann.patch("/auth/me", json!({"name": "Ann"})).await;
    assert_eq!(
        ben.get("/users?query=ann").await.1["items"][0]["avatarFileId"],
        json!(id)
    );
    assert_eq!(status(&ben, &path).await, 200);
    assert_eq!(status(&ben, &format!("{path}/thumbnail")).await, 200);
    assert_eq!(status(&guest, &path).await, 404);
    ann.group(&[&guest]).await;
    assert_eq!(status(&guest, &path).await, 200);
    let me = ann.patch("/auth/me", json!({"avatarFileId": null})).await;
    assert!(me.1["avatarFileId"].is_null(), "{me:?}");
    assert_eq!(status(&ben, &path).await, 404);
    assert_eq!(status(&ann, &path).await, 200);
}

#[tokio::test]
async fn a_name_is_only_a_name() {
    let team = Team::start().await;
    let ann = team.join("ann", "member").await;
    for (given, kept) in [
        ("..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("..", "file"),
        ("a%00b%0D%0Ac.txt", "abc.txt"),
        ("photo%E2%80%AEgpj.exe", "photogpj.exe"),
        ("%D7%AA%D7%9E%D7%95%D7%A0%D7%94.png", "תמונה.png"),
        ("%22%3B%20filename%3Devil.exe", "\"; filename=evil.exe"),
    ] {
        let (_, file) = upload(&ann, "text/plain", given, "x").await;
        assert_eq!(file["name"], kept, "{given}");
        let path = format!("/files/{}", file["id"].as_str().unwrap());
        let given = fetch(&ann, &path, &[]).await;
        let disposition = told(&given, "content-disposition");
        assert_eq!(disposition.matches('"').count(), 2, "{disposition}");
    }
    let (_, file) = upload(&ann, "text/plain", &format!("{}.txt", "x".repeat(400)), "x").await;
    assert_eq!(file["name"].as_str().unwrap().len(), 255);
    let unnamed = ann
        .request(Method::POST, "/files")
        .header(header::CONTENT_TYPE, "text/plain")
        .body("x");
    assert_eq!(answer(unnamed).await.1["name"], "file");
}
