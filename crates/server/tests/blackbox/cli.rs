//! The program: its command lines, its output, its exit codes.

use reqwest::Client;
use serde_json::json;

use crate::{
    client::{Socket, answer},
    program::{Serving, run},
};

pub(crate) async fn login(url: &str, username: &str, password: &str) -> (u16, serde_json::Value) {
    let body = json!({"username": username, "password": password});
    let (status, answer) = answer(Client::new().post(format!("{url}/auth/login")).json(&body)).await;
    (status.as_u16(), answer)
}

#[tokio::test]
async fn people_are_added_and_changed_beside_a_running_server() {
    let dir = tempfile::tempdir().unwrap();
    let serving = Serving::start(dir.path(), &["--listen", "127.0.0.1:0"]);
    let add = |name: &str| {
        run(
            dir.path(),
            &[
                "user",
                "add",
                "zoe",
                "--name",
                name,
                "--role",
                "member",
                "--password-stdin",
            ],
            "öffne dich!\nrest",
        )
    };
    let added = add("Zoë");
    assert!(added.status.success(), "{added:?}");
    let (status, signed_in) = login(&serving.url, "zoe", "öffne dich!").await;
    assert_eq!((status, signed_in["user"]["name"].as_str()), (200, Some("Zoë")));
    let again = add("Zoë");
    assert_eq!(again.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("this username is taken"),
        "{again:?}"
    );

    let promoted = run(dir.path(), &["user", "role", "zoe", "admin"], "");
    assert!(promoted.status.success(), "{promoted:?}");
    let token = signed_in["token"].as_str().unwrap();
    let me = answer(
        Client::new()
            .get(format!("{}/auth/me", serving.url))
            .bearer_auth(token),
    )
    .await
    .1;
    assert_eq!(me["role"], "admin");
    for bad in [
        ["user", "role", "nobody", "admin"],
        ["user", "role", "zoe", "two words"],
    ] {
        assert_eq!(run(dir.path(), &bad, "").status.code(), Some(1), "{bad:?}");
    }
    let empty = run(
        dir.path(),
        &[
            "user",
            "add",
            "max",
            "--name",
            "Max",
            "--role",
            "member",
            "--password-stdin",
        ],
        "\n",
    );
    assert_eq!(empty.status.code(), Some(1), "{empty:?}");
    assert_eq!(
        run(dir.path(), &["user", "add", "max"], "").status.code(),
        Some(2)
    );
}

#[test]
fn a_folder_that_is_not_there_is_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("typo");
    let refused = run(&nowhere, &["user", "role", "zoe", "admin"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("there is no database in"),
        "{refused:?}"
    );
    assert!(!nowhere.exists());
}

#[tokio::test]
async fn an_invite_is_printed_as_a_link_that_lets_somebody_in() {
    let dir = tempfile::tempdir().unwrap();
    let serving = Serving::start(dir.path(), &["--listen", "127.0.0.1:0"]);
    let made = run(dir.path(), &["invite", "--uses", "1", "--expires", "2"], "");
    let link = String::from_utf8(made.stdout).unwrap();
    let code = link
        .trim()
        .strip_prefix("khaya://invite/")
        .unwrap_or_else(|| panic!("{link}"));
    let body = json!({"username": "zoe", "password": "long enough", "name": "Zoë", "invite": code});
    let register = Client::new()
        .post(format!("{}/auth/register", serving.url))
        .json(&body);
    assert_eq!(answer(register).await.0, 201);
}

#[cfg(unix)]
#[test]
fn what_it_keeps_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("deep").join("data");
    let database = format!("sqlite:{}", data.display());
    let _serving = Serving::start(&data, &["--listen", "127.0.0.1:0", "--database", &database]);
    assert_eq!(data.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    for entry in data.read_dir().unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let mode = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{entry:?}");
    }
}

#[tokio::test]
async fn the_demo_fills_an_empty_database_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let filled = run(dir.path(), &["demo"], "");
    assert!(filled.status.success(), "{filled:?}");
    let told = String::from_utf8(filled.stdout).unwrap();
    let password = told
        .lines()
        .find_map(|line| line.strip_prefix("password of everyone: "))
        .unwrap()
        .to_owned();
    let again = run(dir.path(), &["demo"], "");
    assert_eq!(again.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("has people in it already"),
        "{again:?}"
    );

    let serving = Serving::start(dir.path(), &["--listen", "127.0.0.1:0"]);
    let mut messages = 0;
    for username in ["thandi", "amina"] {
        let (status, signed_in) = login(&serving.url, username, &password).await;
        assert_eq!(status, 200);
        let token = signed_in["token"].as_str().unwrap();
        let get = |path: String| {
            answer(
                Client::new()
                    .get(format!("{}{path}", serving.url))
                    .bearer_auth(token),
            )
        };
        let chats = get("/chat".to_owned()).await.1;
        assert_eq!(chats["items"].as_array().unwrap().len(), 4);
        for chat in chats["items"].as_array().unwrap() {
            let id = chat["id"].as_str().unwrap();
            let page = get(format!("/chat/{id}/messages?limit=100")).await.1;
            messages += page["items"].as_array().unwrap().len();
        }
    }
    assert!(messages > 500, "{messages}");
}

#[test]
fn a_file_of_options_is_read_and_a_bad_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("khaya.toml");
    std::fs::write(
        &file,
        "listen = \"127.0.0.1:0\"\nname = \"From a file\"\ntoken-ttl = 60\n",
    )
    .unwrap();
    let serving = Serving::start(&dir.path().join("data"), &["--config", file.to_str().unwrap()]);
    assert!(!serving.url.ends_with(":4000"));
    std::fs::write(&file, "listne = \"127.0.0.1:0\"\n").unwrap();
    let refused = run(
        &dir.path().join("data"),
        &["serve", "--config", file.to_str().unwrap()],
        "",
    );
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("listne"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let dir = tempfile::tempdir().unwrap();
    let (add, password) = (
        [
            "user",
            "add",
            "zoe",
            "--name",
            "Zoe",
            "--role",
            "admin",
            "--password-stdin",
        ],
        "s3cret horse",
    );
    assert!(run(dir.path(), &add, password).status.success());
    let serving = Serving::start_with(
        dir.path(),
        &["--listen", "127.0.0.1:0"],
        &[("KHAYA_LOG", "trace")],
    );
    let (status, signed_in) = login(&serving.url, "zoe", password).await;
    assert_eq!(status, 200);
    let text = |field: &str| signed_in[field].as_str().unwrap().to_owned();
    let (token, refresh_token) = (text("token"), text("refreshToken"));
    let mut socket = Socket::open(&serving.url, &format!("&token={token}")).await;
    socket.connect(json!({"token": token})).await;
    let mut socket = Socket::open(&serving.url, "").await;
    socket.connect(json!({"token": token})).await;
    socket.ask("authenticate", json!({"token": token})).await;
    let refreshed = Client::new()
        .post(format!("{}/auth/refresh?token={token}", serving.url))
        .json(&json!({"refreshToken": refresh_token}));
    assert_eq!(answer(refreshed).await.0, 200);
    login(&serving.url, "zoe", "wr0ng horse").await;
    let log = serving.log();
    assert!(log.contains("khaya"), "nothing was logged");
    let signature = token.rsplit('.').next().unwrap();
    for secret in [signature, &refresh_token, password, "wr0ng horse"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}
