//! Sending exactly once, order, history.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Person, Team, answer, code};

async fn history(person: &Person, chat: &str, query: &str) -> (Vec<String>, Value) {
    let (status, page) = person.get(&format!("/chat/{chat}/messages{query}")).await;
    assert_eq!(status, 200, "{page}");
    let texts = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect();
    (texts, page)
}

#[tokio::test]
async fn a_message_is_answered_told_and_listed() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let (mut at_alice, mut at_bob) = (alice.socket().await, bob.socket().await);
    let sent = alice
        .say(
            &chat,
            json!({"content": "héllo 👋\nשלום", "clientId": "c-1", "unknown": 1}),
        )
        .await;
    assert_eq!(
        (sent["senderId"].as_str(), sent["clientId"].as_str()),
        (Some(alice.id.as_str()), Some("c-1"))
    );
    let told = at_alice.expect("new_message").await;
    assert_eq!(told["message"], sent);
    assert_eq!(told["chatId"], chat.as_str());
    // The sender's own id for it is told to the sender alone.
    let mut for_others = sent.clone();
    for_others.as_object_mut().unwrap().remove("clientId");
    let told = at_bob.expect("new_message").await;
    assert_eq!(told["message"], for_others);
    assert_eq!(
        (told["scope"].as_str(), told["seq"].as_u64()),
        (Some("chat"), Some(2))
    );
    assert_eq!(history(&alice, &chat, "").await.1["items"], json!([sent]));
    assert_eq!(history(&bob, &chat, "").await.1["items"], json!([for_others]));
    assert_eq!(bob.get("/chat").await.1["items"][0]["lastMessage"], for_others);
    assert_eq!(
        bob.get("/chat").await.1["items"][0]["updatedAt"],
        sent["createdAt"]
    );
}

#[tokio::test]
async fn the_same_client_id_stores_one_message_for_ever() {
    let team = Team::start().await;
    let (mut alice, mut bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let path = format!("/chat/{chat}/messages");
    let body = json!({"content": "once", "clientId": "c-1", "visibleTo": [bob.id, alice.id]});
    let (first, message) = alice.post(&path, body.clone()).await;
    assert_eq!(first, 201);
    let reordered = json!({"content": "once", "clientId": "c-1", "visibleTo": [alice.id, bob.id]});
    for again in [body.clone(), reordered] {
        assert_eq!(
            alice.post(&path, again).await,
            (reqwest::StatusCode::OK, message.clone())
        );
    }
    let by_header = alice
        .request(Method::POST, &path)
        .header("Idempotency-Key", "c-1")
        .json(&json!({"content": "once", "visibleTo": [bob.id, alice.id]}));
    assert_eq!(answer(by_header).await.1, message);
    for other in [
        json!({"content": "other", "clientId": "c-1", "visibleTo": [bob.id, alice.id]}),
        json!({"content": "once", "clientId": "c-1"}),
        json!({"content": "once", "clientId": "c-1", "visibleTo": [bob.id, alice.id], "replyTo": message["id"]}),
    ] {
        assert_eq!(code(&alice.post(&path, other).await), (409, "conflict"));
    }
    for other in [
        json!({"content": "", "clientId": "c-1"}),
        json!({"content": "x".repeat(20_000), "clientId": "c-1"}),
        json!({"content": "once", "clientId": "c-1", "attachmentIds": ["x"]}),
    ] {
        assert_eq!(code(&alice.post(&path, other).await), (409, "conflict"));
    }
    let elsewhere = alice.group(&[&bob]).await;
    assert_eq!(
        code(
            &alice
                .post(&format!("/chat/{elsewhere}/messages"), body.clone())
                .await
        ),
        (409, "conflict")
    );
    // It is unique for its sender; another may choose the same.
    assert_eq!(
        bob.post(&path, json!({"content": "mine", "clientId": "c-1"}))
            .await
            .0,
        201
    );

    let team = team.restart().await;
    alice = team.reached_by(&alice);
    bob = team.reached_by(&bob);
    assert_eq!(alice.post(&path, body).await, (reqwest::StatusCode::OK, message));
    assert_eq!(history(&bob, &chat, "").await.0, ["once", "mine"]);
}

#[tokio::test]
async fn many_at_once_are_stored_once_each_in_one_order_for_all() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let mut at_bob = bob.socket().await;
    let sends: Vec<_> = (0..200)
        .map(|n| {
            // Every message is sent twice, as if the first answer had been lost.
            let (sender, chat) = (if n % 4 < 2 { alice.clone() } else { bob.clone() }, chat.clone());
            let body = json!({"content": format!("m{}", n / 2), "clientId": format!("c{}", n / 2)});
            tokio::spawn(async move {
                sender
                    .post(&format!("/chat/{chat}/messages"), body)
                    .await
                    .0
                    .as_u16()
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for send in sends {
        statuses.push(send.await.unwrap());
    }
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 100);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 100);
    let (texts, page) = history(&alice, &chat, "?limit=100").await;
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), 100);
    let times: Vec<&str> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["createdAt"].as_str().unwrap())
        .collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    for (expected, seq) in texts.iter().zip(2..) {
        let told = at_bob.expect("new_message").await;
        assert_eq!(
            (told["message"]["content"].as_str(), told["seq"].as_u64()),
            (Some(expected.as_str()), Some(seq))
        );
    }
}

#[tokio::test]
async fn history_is_read_in_both_directions() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let chat = alice.group(&[]).await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(
            alice.say(&chat, json!({"content": n.to_string()})).await["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let (texts, page) = history(&alice, &chat, "?limit=3").await;
    assert_eq!(texts, ["4", "5", "6"]);
    let (texts, page) = history(
        &alice,
        &chat,
        &format!("?limit=3&before={}", page["nextCursor"].as_str().unwrap()),
    )
    .await;
    assert_eq!(texts, ["1", "2", "3"]);
    let (texts, page) = history(
        &alice,
        &chat,
        &format!("?limit=3&before={}", page["nextCursor"].as_str().unwrap()),
    )
    .await;
    assert_eq!((texts, &page["nextCursor"]), (vec!["0".to_owned()], &Value::Null));
    let (texts, page) = history(&alice, &chat, &format!("?limit=4&after={}", ids[0])).await;
    assert_eq!(texts, ["1", "2", "3", "4"]);
    let (texts, page) = history(
        &alice,
        &chat,
        &format!("?limit=4&after={}", page["nextCursor"].as_str().unwrap()),
    )
    .await;
    assert_eq!(
        (texts, &page["nextCursor"]),
        (vec!["5".to_owned(), "6".to_owned()], &Value::Null)
    );
    for bad in [
        "?before=nothing",
        "?after=nothing",
        "?limit=0",
        "?limit=x",
        "?before=a%20b",
    ] {
        assert_eq!(
            code(&alice.get(&format!("/chat/{chat}/messages{bad}")).await),
            (422, "invalid_request"),
            "{bad}"
        );
    }
    let both = format!("/chat/{chat}/messages?before={}&after={}", ids[3], ids[1]);
    assert_eq!(code(&alice.get(&both).await), (422, "invalid_request"));
}

#[tokio::test]
async fn messages_that_make_no_sense_are_refused() {
    let team = Team::start().await;
    let (alice, eve) = (
        team.join("alice", "member").await,
        team.join("eve", "admin").await,
    );
    let chat = alice.group(&[]).await;
    let other = alice.group(&[]).await;
    let elsewhere = alice.say(&other, json!({"content": "x"})).await;
    let path = format!("/chat/{chat}/messages");
    for bad in [
        json!({}),
        json!({"content": ""}),
        json!({"content": " \n\t "}),
        json!({"content": 7}),
        json!({"content": "nul \u{0}"}),
        json!({"content": "x", "clientId": "no id"}),
        json!({"content": "x", "clientId": "y".repeat(65)}),
        json!({"content": "x", "replyTo": "nothing"}),
        json!({"content": "x", "replyTo": elsewhere["id"]}),
        json!({"content": "x", "visibleTo": [eve.id]}),
        json!({"content": "x", "visibleToRoles": [""]}),
        json!({"content": "x", "visibleToRoles": ["  "]}),
        json!({"content": "x", "attachmentIds": ["nothing"]}),
    ] {
        assert_eq!(
            code(&alice.post(&path, bad.clone()).await),
            (422, "invalid_request"),
            "{bad}"
        );
    }
    let differing = alice
        .request(Method::POST, &path)
        .header("Idempotency-Key", "a")
        .json(&json!({"content": "x", "clientId": "b"}));
    assert_eq!(code(&answer(differing).await), (422, "invalid_request"));
    assert_eq!(
        code(&alice.post(&path, json!({"content": "x".repeat(16_385)})).await),
        (413, "payload_too_large")
    );
    assert_eq!(
        code(&alice.post(&path, json!({"content": "ä".repeat(8_193)})).await),
        (413, "payload_too_large")
    );
    assert_eq!(
        code(&eve.post(&path, json!({"content": "x"})).await),
        (404, "not_found")
    );
    assert_eq!(history(&alice, &chat, "").await.0, Vec::<String>::new());
    assert_eq!(
        alice
            .post(&path, json!({"content": "\u{1}".repeat(16_384)}))
            .await
            .0,
        201
    );
}
