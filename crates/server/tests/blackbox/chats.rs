//! Making chats, listing them, finding people, read markers.

use serde_json::json;

use crate::client::{Team, code};

#[tokio::test]
async fn a_group_is_made_and_told_to_its_members() {
    let team = Team::start().await;
    let (alice, bob, eve) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
        team.join("eve", "admin").await,
    );
    let (mut at_bob, mut at_alice) = (bob.socket().await, alice.socket().await);
    let chat = alice.group(&[&bob]).await;
    let told = at_bob.expect("chat_updated").await;
    assert_eq!(told["chat"]["id"], chat.as_str());
    assert_eq!(
        (
            told["scope"].as_str(),
            told["seq"].as_u64(),
            told["chat"]["seq"].as_u64()
        ),
        (Some("chat"), Some(1), Some(1))
    );
    assert_eq!(told["chat"]["myRole"], "member");
    assert_eq!(at_alice.expect("chat_updated").await["chat"]["myRole"], "owner");

    let (_, seen) = bob.get(&format!("/chat/{chat}")).await;
    assert_eq!(
        (seen["name"].as_str(), seen["kind"].as_str()),
        (Some("Test"), Some("group"))
    );
    assert_eq!(seen["members"].as_array().unwrap().len(), 2);
    assert!(seen["lastMessage"].is_null());
    // For somebody outside it, an admin too, the chat is like one that there is not.
    for path in [format!("/chat/{chat}"), format!("/chat/{chat}/messages")] {
        assert_eq!(
            eve.get(&path).await,
            eve.get(&path.replace(&chat, "nothing")).await
        );
        assert_eq!(code(&eve.get(&path).await), (404, "not_found"));
    }
    assert_eq!(
        code(&eve.post(&format!("/chat/{chat}/join"), json!({})).await),
        (404, "not_found")
    );
    assert_eq!(eve.get("/chat").await.1["items"], json!([]));
    assert_eq!(bob.post(&format!("/chat/{chat}/join"), json!({})).await.0, 200);
}

#[tokio::test]
async fn two_people_have_one_direct_chat() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let (first, chat) = alice
        .post("/chat", json!({"kind": "direct", "memberIds": [bob.id]}))
        .await;
    let (second, same) = bob
        .post(
            "/chat",
            json!({"kind": "direct", "memberIds": [alice.id, bob.id]}),
        )
        .await;
    assert_eq!((first.as_u16(), second.as_u16()), (201, 200));
    assert_eq!(chat["id"], same["id"]);
    assert_eq!(
        (chat["name"].as_str(), same["name"].as_str()),
        (Some("BOB Testperson"), Some("ALICE Testperson"))
    );
}

#[tokio::test]
async fn chats_that_make_no_sense_are_refused() {
    let team = Team::start().await;
    let (alice, guest) = (
        team.join("alice", "member").await,
        team.join("gast", "guest").await,
    );
    let made = |body| alice.post("/chat", body);
    assert_eq!(
        code(&made(json!({"kind": "direct", "memberIds": []})).await),
        (422, "invalid_request")
    );
    assert_eq!(
        code(&made(json!({"kind": "direct", "memberIds": [alice.id]})).await),
        (422, "invalid_request")
    );
    assert_eq!(
        code(&made(json!({"kind": "direct", "memberIds": ["nobody"]})).await),
        (422, "invalid_request")
    );
    assert_eq!(
        code(&made(json!({"kind": "group", "memberIds": [guest.id]})).await),
        (422, "invalid_request")
    );
    assert_eq!(
        code(&made(json!({"kind": "group", "name": " ", "memberIds": []})).await),
        (422, "invalid_request")
    );
    assert_eq!(
        code(&made(json!({"kind": "channel", "name": "x", "memberIds": []})).await),
        (422, "invalid_request")
    );
    let by_guest = guest
        .post("/chat", json!({"kind": "direct", "memberIds": [alice.id]}))
        .await;
    assert_eq!(code(&by_guest), (403, "forbidden"));
}

#[tokio::test]
async fn the_list_comes_in_pages_latest_activity_first() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let mut chats = Vec::new();
    for _ in 0..5 {
        chats.push(alice.group(&[]).await);
    }
    alice
        .say(&chats[1], json!({"content": "now this is the latest"}))
        .await;
    let mut seen = Vec::new();
    let mut path = "/chat?limit=2".to_owned();
    loop {
        let (_, page) = alice.get(&path).await;
        let ids = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|chat| chat["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        match page["nextCursor"].as_str() {
            Some(cursor) => path = format!("/chat?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[0], chats[1]);
    assert_eq!(
        code(&alice.get("/chat?cursor=made-up").await),
        (422, "invalid_request")
    );
    assert_eq!(code(&alice.get("/chat?limit=0").await), (422, "invalid_request"));
}

#[tokio::test]
async fn people_are_found_and_guests_see_only_those_they_share_a_chat_with() {
    let team = Team::start().await;
    let (alice, _bob) = (
        team.join("alice", "member").await,
        team.join("bob_100", "member").await,
    );
    let guest = team.join("gast", "guest").await;
    let found = async |person: &crate::client::Person, query: &str| {
        let (status, page) = person.get(&format!("/users?query={query}")).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|user| user["username"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&alice, "").await, ["alice", "bob_100", "gast"]);
    assert_eq!(found(&alice, "b_1").await, ["bob_100"]);
    assert_eq!(found(&alice, "BOB").await, ["bob_100"]);
    assert_eq!(found(&alice, "%25").await, Vec::<String>::new());
    assert_eq!(found(&guest, "").await, ["gast"]);
    alice.group(&[&guest]).await;
    assert_eq!(found(&guest, "").await, ["alice", "gast"]);
}

#[tokio::test]
async fn a_read_marker_moves_forward_only_and_is_told() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let mut at_alice = alice.socket().await;
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        ids.push(
            alice.say(&chat, json!({"content": text})).await["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
        at_alice.expect("new_message").await;
    }
    let unread = async || {
        bob.get(&format!("/chat/{chat}")).await.1["unreadCount"]
            .as_u64()
            .unwrap()
    };
    let read = async |id: &str| {
        bob.put(&format!("/chat/{chat}/read"), json!({"messageId": id}))
            .await
    };
    assert_eq!(unread().await, 3);
    assert_eq!(read(&ids[1]).await.0, 204);
    assert_eq!(
        at_alice.expect("read_updated").await,
        json!({"chatId": chat, "userId": bob.id, "messageId": ids[1]})
    );
    assert_eq!(unread().await, 1);
    assert_eq!(read(&ids[0]).await.0, 204);
    assert_eq!(unread().await, 1);
    assert_eq!(read(&ids[2]).await.0, 204);
    // What moved nothing was not told.
    assert_eq!(
        at_alice.expect("read_updated").await["messageId"],
        ids[2].as_str()
    );
    let (_, seen) = alice.get(&format!("/chat/{chat}")).await;
    assert_eq!(seen["reads"], json!([{"userId": bob.id, "messageId": ids[2]}]));
    assert_eq!(code(&read("nothing").await), (404, "not_found"));
    assert_eq!(
        code(&bob.put("/chat/nothing/read", json!({"messageId": ids[0]})).await),
        (404, "not_found")
    );
}
