//! Who is there, told to those who share a chat and to nobody else.

use std::time::Duration;

use serde_json::json;

use crate::client::Team;

#[tokio::test]
async fn coming_and_going_is_told_to_those_who_share_a_chat() {
    let team = Team::start().await;
    let (alice, bob, eve) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
        team.join("eve", "admin").await,
    );
    let chat = alice.group(&[&bob]).await;
    let shown = async || {
        let members = alice.get(&format!("/chat/{chat}")).await.1["members"].clone();
        let bob = members
            .as_array()
            .unwrap()
            .iter()
            .find(|user| user["id"] == bob.id.as_str())
            .unwrap()
            .clone();
        bob["presence"].clone()
    };
    assert_eq!(shown().await, json!({"status": "offline"}));
    let (mut at_alice, mut at_eve) = (alice.socket().await, eve.socket().await);
    let (phone, desk) = (bob.socket().await, bob.socket().await);
    assert_eq!(
        at_alice.next_presence().await,
        json!({"userId": bob.id, "status": "online"})
    );
    assert_eq!(shown().await, json!({"status": "online"}));
    assert_eq!(
        alice.get("/users?query=bob").await.1["items"][0]["presence"]["status"],
        "online"
    );
    // One device less is no going.
    drop(phone);
    let again = bob.socket().await;
    drop(desk);
    drop(again);
    let gone = at_alice.next_presence().await;
    assert_eq!(
        (&gone["userId"], &gone["status"]),
        (&json!(bob.id), &json!("offline"))
    );
    assert_eq!(
        shown().await,
        json!({"status": "offline", "lastSeen": shown().await["lastSeen"]})
    );
    assert!(gone["lastSeen"].is_string() && shown().await["lastSeen"].is_string());
    // A stranger heard nothing: what comes to them first is of the chat that they come to share.
    alice
        .put(&format!("/chat/{chat}/members/{}", eve.id), json!({}))
        .await;
    let back = bob.socket().await;
    let first = at_eve.next_presence().await;
    assert_eq!(first, json!({"userId": bob.id, "status": "online"}));
    drop(back);
}

#[tokio::test]
async fn who_does_nothing_is_away_until_they_do_something() {
    let team = Team::start_with(|config| config.away_after = Some(Duration::from_secs(2))).await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let shown = async || {
        let bob = alice.get("/users?query=bob").await.1["items"][0].take();
        bob["presence"]["status"].as_str().unwrap().to_owned()
    };
    let mut at_alice = alice.socket().await;
    let mut at_bob = bob.socket().await;
    let mut told = async || {
        loop {
            let told = at_alice.next_presence().await;
            if told["userId"] == bob.id.as_str() {
                return told["status"].as_str().unwrap().to_owned();
            }
        }
    };
    assert_eq!(told().await, "online");
    for what in ["says something", "types"] {
        assert_eq!(told().await, "away");
        // What an app does by itself is nothing that somebody did.
        assert_eq!(bob.get("/sync").await.0, 200);
        assert_eq!(bob.post(&format!("/chat/{chat}/join"), json!({})).await.0, 200);
        at_bob.ask("join_chat", json!({"chatId": chat})).await;
        assert_eq!(shown().await, "away", "before he {what}");
        if what == "types" {
            let typing = json!({"chatId": chat, "userId": bob.id});
            assert_eq!(at_bob.ask("user_typing", typing).await, json!({"ok": true}));
        } else {
            bob.say(&chat, json!({"content": "back"})).await;
        }
        assert_eq!(told().await, "online", "once he {what}");
    }
    drop(at_bob);
    loop {
        match told().await.as_str() {
            // The machine may have taken long with all that.
            "away" => {}
            status => {
                assert_eq!(status, "offline");
                return;
            }
        }
    }
}
