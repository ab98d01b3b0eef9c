//! The ids of others' things, on every route: they answer as things that do not exist.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Team, answer, code};

#[tokio::test]
async fn others_ids_are_as_good_as_none() {
    let team = Team::start().await;
    let (alice, bob, mallory) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
        team.join("mallory", "admin").await,
    );
    let chat = alice.group(&[&bob]).await;
    let message = alice.say(&chat, json!({"content": "private"})).await;
    let message = message["id"].as_str().unwrap();
    let own = mallory.group(&[]).await;
    let sessions = alice.get("/auth/sessions").await.1;
    let session = sessions["items"][0]["id"].as_str().unwrap().to_owned();
    let no = "doesnotexist";
    let paths = |chat: &str, message: &str, session: &str| -> Vec<(Method, String, Value)> {
        let text = json!({"content": "x"});
        vec![
            (Method::GET, format!("/chat/{chat}"), Value::Null),
            (Method::PATCH, format!("/chat/{chat}"), json!({"name": "x"})),
            (Method::DELETE, format!("/chat/{chat}"), Value::Null),
            (Method::POST, format!("/chat/{chat}/join"), Value::Null),
            (Method::GET, format!("/chat/{chat}/messages"), Value::Null),
            (Method::POST, format!("/chat/{chat}/messages"), text.clone()),
            (Method::PATCH, format!("/chat/{chat}/messages/{message}"), text),
            (
                Method::DELETE,
                format!("/chat/{chat}/messages/{message}"),
                Value::Null,
            ),
            (
                Method::PUT,
                format!("/chat/{chat}/messages/{message}/pin"),
                Value::Null,
            ),
            (
                Method::PUT,
                format!("/chat/{chat}/messages/{message}/reactions/%F0%9F%91%8D"),
                Value::Null,
            ),
            (
                Method::PUT,
                format!("/chat/{chat}/read"),
                json!({"messageId": message}),
            ),
            (
                Method::PUT,
                format!("/chat/{chat}/preferences"),
                json!({"muted": true}),
            ),
            (Method::PUT, format!("/chat/{chat}/members/{}", "x"), json!({})),
            (Method::DELETE, format!("/chat/{chat}/members/x"), Value::Null),
            (Method::DELETE, format!("/auth/sessions/{session}"), Value::Null),
        ]
    };
    let asked = paths(&chat, message, &session);
    for ((method, path, body), (_, unknown, _)) in asked.into_iter().zip(paths(no, no, no)) {
        let ask = |path: &str| {
            let request = mallory.request(method.clone(), path);
            answer(if body.is_null() {
                request
            } else {
                request.json(&body)
            })
        };
        let (theirs, nothing) = (ask(&path).await, ask(&unknown).await);
        assert_eq!(code(&theirs), (404, "not_found"), "{method} {path}");
        assert_eq!(theirs, nothing, "{method} {path}");
    }
    // Another chat's message, in a chat of one's own.
    let reply = json!({"content": "x", "replyTo": message});
    let reply = mallory.post(&format!("/chat/{own}/messages"), reply).await;
    assert_eq!(code(&reply), (422, "invalid_request"));
    for query in ["before", "after"] {
        let page = mallory
            .get(&format!("/chat/{own}/messages?{query}={message}"))
            .await;
        assert_eq!(code(&page), (422, "invalid_request"));
    }
    let search = mallory.get(&format!("/search?q=private&chatId={chat}")).await;
    assert_eq!(search.1["items"], json!([]));
    assert_eq!(
        alice.get(&format!("/chat/{chat}/messages")).await.1["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn paths_lead_nowhere() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    for path in [
        "/files/..%2f..%2fkhaya.db",
        "/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/files/....//khaya.db",
        "/files/%00",
        "/files/..%5c..%5ckhaya.db",
        "/files/originals%2fx",
        "/chat/..%2f..%2fusers",
        "/khaya.db",
        "/%2e%2e/khaya.db",
        "/static/../../khaya.db",
    ] {
        let answer = alice.get(path).await;
        assert_eq!(code(&answer), (404, "not_found"), "{path}");
    }
}
