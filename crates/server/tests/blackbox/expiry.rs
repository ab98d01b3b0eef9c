//! What ends with time: tokens on a live socket, and fresh ones that keep it; what is kept for those who come back.

use std::time::Duration;

use serde_json::json;

use crate::{
    client::{Person, Socket, Team, code},
    database,
    wire::PATIENCE,
};

#[tokio::test]
async fn an_expired_token_is_told_as_such() {
    let team = Team::start_with(|config| config.token_ttl = Duration::from_secs(1)).await;
    let alice = team.join("alice", "member").await;
    let mut live = alice.socket().await;
    assert_eq!(live.until_closed().await, Vec::<String>::new());
    let mut socket = Socket::open(&team.url, "").await;
    let answer = socket.connect(json!({"token": alice.token})).await;
    assert_eq!(
        answer,
        r#"44{"message":"unauthorized","data":{"code":"token_expired"}}"#
    );
}

#[tokio::test]
async fn a_fresh_token_keeps_a_socket_alive() {
    let team = Team::start_with(|config| config.token_ttl = Duration::from_secs(2)).await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let (mut kept, mut left) = (alice.socket().await, alice.socket().await);
    let refused = kept.ask("authenticate", json!({"token": bob.token})).await;
    assert_eq!(
        (&refused["ok"], &refused["error"]["code"]),
        (&json!(false), &json!("forbidden"))
    );
    assert_eq!(
        kept.ask("authenticate", json!({"token": "x"})).await["error"]["code"],
        "unauthorized"
    );
    // Refreshed until the socket that was not told of it is closed.
    let closed = tokio::spawn(async move { left.until_closed().await });
    let mut refresh_token = alice.refresh_token.clone();
    while !closed.is_finished() {
        let (status, fresh) = alice
            .post("/auth/refresh", json!({"refreshToken": refresh_token}))
            .await;
        assert_eq!(status, 200, "{fresh}");
        refresh_token = fresh["refreshToken"].as_str().unwrap().to_owned();
        assert_eq!(
            kept.ask("authenticate", json!({"token": fresh["token"]})).await,
            json!({"ok": true})
        );
    }
    assert_eq!(
        kept.ask("authenticate", json!({})).await["error"]["code"],
        "invalid_request"
    );
}

#[tokio::test]
async fn a_device_that_nobody_uses_is_signed_out_in_the_end() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let elsewhere = Person::sign_in(&team.url, "alice").await;
    let refresh = json!({"refreshToken": elsewhere.refresh_token});
    let day = 86_400_000;
    let ago = async |days: i64| {
        let sql = format!("UPDATE sessions SET last_seen_at = last_seen_at - {}", days * day);
        database::tamper(&team.dir.path().join("data"), &sql).unwrap();
    };
    ago(89).await;
    let listed = alice.get("/auth/sessions").await.1;
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let (status, fresh) = alice.post("/auth/refresh", refresh).await;
    assert_eq!(status, 200, "{fresh}");
    ago(91).await;
    let refresh = json!({"refreshToken": fresh["refreshToken"]});
    let refused = alice.post("/auth/refresh", refresh.clone()).await;
    assert_eq!(code(&refused), (401, "unauthorized"));
    assert_eq!(alice.get("/auth/sessions").await.1["items"], json!([]));
    // A clock that was wrong and is put right has signed out nobody.
    ago(-91).await;
    assert_eq!(alice.post("/auth/refresh", refresh).await.0, 200);
}

#[tokio::test]
async fn what_is_too_old_is_forgotten_while_the_server_runs() {
    // As often as an upload that nobody takes is looked for.
    let team = Team::start_with(|config| config.upload_ttl = Duration::from_secs(1)).await;
    let alice = team.join("alice", "member").await;
    let long_ago = alice.get("/sync").await.1["next"].as_str().unwrap().to_owned();
    let chat = alice.group(&[]).await;
    let path = format!("/sync?since={long_ago}");
    let missed = alice.get(&path).await.1;
    assert_eq!(missed["events"][0]["data"]["chat"]["id"], chat.as_str());
    database::tamper(&team.dir.path().join("data"), "UPDATE events SET at = 1").unwrap();
    let forgotten = async {
        while alice.get(&path).await.0 != 410 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, forgotten).await.unwrap();
    assert_eq!(alice.get("/sync").await.0, 200);
    alice.say(&chat, json!({"content": "goes on"})).await;
}
