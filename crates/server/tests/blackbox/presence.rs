//! Who is there, told to those who share a chat and to nobody else.

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
