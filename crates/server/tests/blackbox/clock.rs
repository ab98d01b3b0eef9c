//! A clock that is set back: what was said under the clock before stays before what is said after.

use std::{fs, path::Path};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{PASSWORD, Person},
    program::{Serving, program, run},
};

/// Where distributions put the library that lies about the time.
const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

/// A server whose clock is ahead by so much.
fn ahead(data: &Path, by: &str) -> Serving {
    let library = LIBRARIES.iter().find(|library| fs::exists(library).unwrap());
    let mut command = program(data);
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("LD_PRELOAD", library.expect("libfaketime is installed"))
        .env("FAKETIME", by)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Serving::begin(command)
}

fn contents(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["content"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_clock_that_is_set_back_changes_no_order_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["ann", "ben"] {
        let add = [
            "user",
            "add",
            name,
            "--name",
            name,
            "--role",
            "member",
            "--password-stdin",
        ];
        assert!(run(dir.path(), &add, PASSWORD).status.success());
    }
    let serving = ahead(dir.path(), "+3d");
    let ann = Person::sign_in(&serving.url, "ann").await;
    let ben = Person::sign_in(&serving.url, "ben").await;
    let (chat, other) = (ann.group(&[&ben]).await, ann.group(&[&ben]).await);
    let since = ben.get("/sync").await.1["next"].as_str().unwrap().to_owned();
    let first = ann
        .say(&chat, json!({"content": "word one", "clientId": "one"}))
        .await;
    let read = json!({"messageId": first["id"]});
    assert_eq!(ben.put(&format!("/chat/{chat}/read"), read).await.0, 204);
    drop(serving);

    let serving = Serving::start(dir.path(), &["--listen", "127.0.0.1:0"]);
    let (ann, ben) = [ann, ben]
        .map(|person| Person {
            url: serving.url.clone(),
            reads: serving.url.clone(),
            ..person
        })
        .into();
    // The same message is still the same.
    let again = json!({"content": "word one", "clientId": "one"});
    let path = format!("/chat/{chat}/messages");
    assert_eq!(ann.post(&path, again).await.0, 200);
    let mut socket = ben.socket().await;
    let second = ann.say(&chat, json!({"content": "word two"})).await;
    assert_eq!(socket.expect("new_message").await["message"]["id"], second["id"]);
    assert!(
        second["createdAt"].as_str() > first["createdAt"].as_str(),
        "{second}"
    );
    ann.say(&other, json!({"content": "word three"})).await;

    let page = ben.get(&path).await.1;
    assert_eq!(contents(&page), ["word one", "word two"]);
    let after = format!("{path}?after={}", first["id"].as_str().unwrap());
    assert_eq!(contents(&ben.get(&after).await.1), ["word two"]);
    let seen = ben.get(&format!("/chat/{chat}")).await.1;
    assert_eq!(
        (&seen["unreadCount"], &seen["lastMessage"]["id"]),
        (&json!(1), &second["id"])
    );
    let edited = ann
        .patch(
            &format!("{path}/{}", second["id"].as_str().unwrap()),
            json!({"content": "word 2"}),
        )
        .await;
    assert_eq!(edited.0, 200, "{}", edited.1);
    let missed = ben.get(&format!("/sync?since={since}")).await.1;
    let told: Vec<&Value> = missed["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event"] == "new_message" && event["data"]["chatId"] == chat.as_str())
        .map(|event| &event["data"]["message"]["id"])
        .collect();
    assert_eq!(told, [&first["id"], &second["id"]]);
    // Who signs in, refreshes and leaves does so as ever.
    let fresh = Person::sign_in(&serving.url, "ben").await;
    let refreshed = fresh
        .post("/auth/refresh", json!({"refreshToken": fresh.refresh_token}))
        .await;
    assert_eq!(refreshed.0, 200, "{}", refreshed.1);
    let left = crate::client::answer(fresh.request(Method::POST, "/auth/logout")).await;
    assert_eq!(left.0, 204);
    assert!(run(dir.path(), &["check"], "").status.success());
}
