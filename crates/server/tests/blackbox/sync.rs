//! What was missed comes by `/sync`, complete, in order, and nothing of what one may not see.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{Person, Team, code};

async fn place(person: &Person) -> String {
    let (status, answer) = person.get("/sync").await;
    assert_eq!(
        (status, &answer["events"], &answer["hasMore"]),
        (StatusCode::OK, &json!([]), &json!(false))
    );
    answer["next"].as_str().unwrap().to_owned()
}

/// Everything after a place, asked for in small parts.
async fn missed(person: &Person, since: &str) -> Vec<Value> {
    let (mut since, mut events) = (since.to_owned(), Vec::new());
    loop {
        let (status, answer) = person.get(&format!("/sync?limit=3&since={since}")).await;
        assert_eq!(status, 200, "{answer}");
        events.extend(answer["events"].as_array().unwrap().iter().cloned());
        answer["next"].as_str().unwrap().clone_into(&mut since);
        if answer["hasMore"] == false {
            return events;
        }
    }
}

fn numbers(events: &[Value]) -> Vec<(String, String, u64)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    events
        .iter()
        .map(|event| {
            (
                text(&event["event"]),
                text(&event["data"]["scope"]),
                event["data"]["seq"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn gives_what_a_socket_would_have_got() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let since = place(&bob).await;
    let mut at_bob = bob.socket().await;
    let chat = alice.group(&[&bob]).await;
    for n in 0..5 {
        alice.say(&chat, json!({"content": n.to_string()})).await;
        alice
            .say(&chat, json!({"content": "private", "visibleTo": [bob.id]}))
            .await;
    }
    let events = missed(&bob, &since).await;
    assert_eq!(events.len(), 11);
    for event in &events {
        let (name, mut data) = at_bob.next().await;
        let mut given = event["data"].clone();
        if name == "chat_updated" {
            // A chat is told as it is now.
            (data["chat"], given["chat"]) = (Value::Null, Value::Null);
        }
        assert_eq!((name.as_str(), data), (event["event"].as_str().unwrap(), given));
    }
    assert_eq!(missed(&bob, &place(&bob).await).await, Vec::<Value>::new());
}

#[tokio::test]
async fn tells_things_as_they_are_now_with_every_number() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let since = place(&bob).await;
    let path = |message: &Value| format!("/chat/{chat}/messages/{}", message["id"].as_str().unwrap());
    let edited = alice.say(&chat, json!({"content": "first"})).await;
    let gone = alice.say(&chat, json!({"content": "gone"})).await;
    assert_eq!(
        alice.patch(&path(&edited), json!({"content": "second"})).await.0,
        200
    );
    assert_eq!(alice.delete(&path(&gone)).await.0, 204);
    let events = missed(&bob, &since).await;
    let chat_scope = |event: &str, seq| (event.to_owned(), "chat".to_owned(), seq);
    assert_eq!(
        numbers(&events),
        [
            chat_scope("new_message", 2),
            chat_scope("new_message", 3),
            chat_scope("message_updated", 4),
            chat_scope("message_deleted", 5)
        ]
    );
    assert_eq!(events[0]["data"]["message"]["content"], "second");
    assert!(events[1]["data"]["message"]["deletedAt"].is_string());
    assert_eq!(events[3]["data"]["messageId"], gone["id"]);

    // A chat that one is not in any more is told as removed.
    assert_eq!(
        alice.delete(&format!("/chat/{chat}/members/{}", bob.id)).await.0,
        204
    );
    let events = missed(&bob, &since).await;
    assert_eq!(
        events,
        [json!({"event": "chat_removed", "data": {"chatId": chat, "scope": "private", "seq": 1}})]
    );
}

#[tokio::test]
async fn places_are_opaque_and_old_or_foreign_ones_are_gone() {
    let (team, other) = (Team::start().await, Team::start().await);
    let mut alice = team.join("alice", "member").await;
    let foreign = place(&other.join("eve", "member").await).await;
    let (one, two) = (place(&alice).await, place(&alice).await);
    assert_ne!(one, two);
    for gone in [foreign.as_str(), "made-up", ""] {
        let answer = alice.get(&format!("/sync?since={gone}")).await;
        assert_eq!(code(&answer), (410, "not_found"), "{gone}");
    }
    let team = team.restart().await;
    alice = team.reached_by(&alice);
    let chat = alice.group(&[]).await;
    assert_eq!(missed(&alice, &one).await[0]["data"]["chat"]["id"], chat.as_str());
}

#[tokio::test]
async fn a_part_is_bounded_in_bytes_too() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let chat = alice.group(&[]).await;
    let since = place(&alice).await;
    let content = "x".repeat(16_000);
    for _ in 0..140 {
        alice.say(&chat, json!({"content": content})).await;
    }
    let (_, first) = alice.get(&format!("/sync?since={since}&limit=2000")).await;
    let first_part = first["events"].as_array().unwrap().len();
    assert_eq!(first["hasMore"], true);
    assert!((100..140).contains(&first_part), "{first_part}");
    let rest = missed(&alice, first["next"].as_str().unwrap()).await;
    let all = first["events"].as_array().unwrap().iter().chain(&rest);
    let seqs: Vec<u64> = all.map(|event| event["data"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (2..=141).collect::<Vec<u64>>());
}
