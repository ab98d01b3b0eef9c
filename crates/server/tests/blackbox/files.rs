//! Files: how they are given. What is taken is in [`crate::uploads`], what messages do with them in [`crate::attachments`].

use std::{io::Cursor, path::Path, time::Duration};

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use reqwest::{Method, Response, header};
use serde_json::{Value, json};

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

pub(crate) async fn fetch(person: &Person, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = person.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

pub(crate) async fn status(person: &Person, path: &str) -> u16 {
    fetch(person, path, &[]).await.status().as_u16()
}

pub(crate) fn told<'r>(response: &'r Response, name: &str) -> &'r str {
    response
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in {response:?}"))
        .to_str()
        .unwrap()
}

/// All files below a folder.
pub(crate) fn all_in(folder: &Path) -> Vec<std::path::PathBuf> {
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
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
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
