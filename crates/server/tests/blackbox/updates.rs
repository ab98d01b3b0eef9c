//! The app's releases, handed out from a folder: what is announced and nothing else.

use std::{fs, path::Path};

use reqwest::{Client, Method, Response};
use serde_json::json;

use crate::{
    client::{Team, answer, code},
    files::told,
    program::run,
};

const AT: &str = "/.well-known/khaya/updates";

async fn ask(team: &Team, method: Method, name: &str) -> Response {
    let url = format!("{}{AT}{name}", team.url);
    Client::new().request(method, url).send().await.unwrap()
}

async fn status(team: &Team, name: &str) -> u16 {
    ask(team, Method::GET, name).await.status().as_u16()
}

/// What announces one version, in the form that the app reads.
fn announce(folder: &Path, channel: &str, package: &str) -> String {
    let url = format!("https://chat.example{AT}/{package}");
    let announced = json!({
        "version": "1.3.0",
        "notes": "What is new.",
        "platforms": {"linux-x86_64": {"url": url, "signature": "c2lnbmVk"}},
    });
    fs::write(folder.join(channel), announced.to_string()).unwrap();
    announced.to_string()
}

#[tokio::test]
async fn what_is_announced_is_given_to_everyone_and_nothing_else_to_anyone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let team = Team::start_with(|config| config.updates = Some(folder.to_owned())).await;
    assert_eq!(status(&team, "/stable.json").await, 404);
    let package: Vec<u8> = (0..3_000_000_u32)
        .map(|n| u8::try_from(n % 251).unwrap())
        .collect();
    fs::write(folder.join("Khaya_1.3.0+a.AppImage"), &package).unwrap();
    fs::write(folder.join("khaya.key"), "secret").unwrap();
    fs::write(folder.join("other.json"), "{}").unwrap();
    fs::write(folder.join(".hidden"), "x").unwrap();
    fs::create_dir(folder.join("older")).unwrap();
    fs::write(folder.join("older/stable.json"), "{}").unwrap();

    // A package is there from the moment that it is announced.
    assert_eq!(status(&team, "/Khaya_1.3.0+a.AppImage").await, 404);
    let announced = announce(folder, "stable.json", "Khaya_1.3.0+a.AppImage");
    let manifest = ask(&team, Method::GET, "/stable.json").await;
    assert_eq!(manifest.status(), 200);
    assert_eq!(told(&manifest, "content-type"), "application/json");
    assert_eq!(told(&manifest, "cache-control"), "no-cache");
    assert_eq!(manifest.text().await.unwrap(), announced);
    let given = ask(&team, Method::GET, "/Khaya_1.3.0+a.AppImage").await;
    assert_eq!(told(&given, "content-type"), "application/octet-stream");
    assert_eq!(told(&given, "x-content-type-options"), "nosniff");
    assert_eq!(told(&given, "content-disposition"), "attachment");
    assert!(given.bytes().await.unwrap() == package);
    let head = ask(&team, Method::HEAD, "/Khaya_1.3.0+a.AppImage").await;
    assert_eq!(told(&head, "content-length"), "3000000");

    for name in [
        "",
        "/",
        "/khaya.key",
        "/other.json",
        "/beta.json",
        "/older",
        "/older/stable.json",
        "/older%2Fstable.json",
        "/.hidden",
        "/.",
        "/..",
        "/%2e%2e",
        "/..%2Fstable.json",
        "/%2Fetc%2Fpasswd",
        "/stable.json%00",
        "/stable.json/",
        "/STABLE.JSON",
    ] {
        assert_eq!(status(&team, name).await, 404, "{name}");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let refused = ask(&team, method.clone(), "/stable.json").await;
        assert_eq!(refused.status(), 405, "{method}");
    }
    let url = format!("{}{AT}/khaya.key", team.url);
    assert_eq!(code(&answer(Client::new().get(url)).await), (404, "not_found"));

    // What is withdrawn is gone, and what is announced may be nothing of the folder's.
    for package in [
        "..",
        "../data/khaya.db",
        "%2e%2e",
        ".hidden",
        "older",
        "",
        "?",
        "no-such",
    ] {
        announce(folder, "stable.json", package);
        let last = package.rsplit('/').next().unwrap();
        assert_eq!(status(&team, &format!("/{last}")).await, 404, "{package}");
        assert_eq!(status(&team, "/Khaya_1.3.0+a.AppImage").await, 404, "{package}");
    }
    for nonsense in [
        "",
        "[]",
        "{\"platforms\":{\"x\":{\"url\":\"Khaya_1.3.0+a.AppImage\"}}}",
    ] {
        fs::write(folder.join("stable.json"), nonsense).unwrap();
        assert_eq!(status(&team, "/Khaya_1.3.0+a.AppImage").await, 404, "{nonsense}");
    }
    announce(folder, "beta.json", "Khaya_1.3.0+a.AppImage");
    assert_eq!(status(&team, "/Khaya_1.3.0+a.AppImage").await, 200);
    #[cfg(unix)]
    {
        // A link may lead anywhere, so it is not followed.
        std::os::unix::fs::symlink("khaya.key", folder.join("link")).unwrap();
        announce(folder, "beta.json", "link");
        assert_eq!(status(&team, "/link").await, 404);
    }
}

#[tokio::test]
async fn without_the_option_there_is_nothing() {
    let team = Team::start().await;
    for name in ["", "/", "/stable.json"] {
        assert_eq!(status(&team, name).await, 404, "{name}");
    }
    let dir = tempfile::tempdir().unwrap();
    let ended = run(
        dir.path(),
        &["serve", "--listen", "127.0.0.1:0", "--updates", "/no/such/folder"],
        "",
    );
    assert_eq!(
        String::from_utf8_lossy(&ended.stderr).trim(),
        "khaya-server: updates: /no/such/folder is no folder"
    );
}
