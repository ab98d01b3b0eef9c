//! Connecting, rooms, typing, the end of a token.

use serde_json::{Value, json};

use crate::client::{Person, Socket, Team};

#[tokio::test]
async fn connects_with_a_good_token_in_auth_only() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let refused = r#"44{"message":"unauthorized","data":{"code":"unauthorized"}}"#;
    let mut socket = Socket::open(&team.url, "").await;
    for bad in [
        json!({}),
        json!({"token": "x"}),
        json!({"token": 1}),
        json!({"token": alice.refresh_token}),
    ] {
        assert_eq!(socket.connect(bad.clone()).await, refused, "{bad}");
    }
    // A refusal is no end: the same connection may try again.
    assert!(
        socket
            .connect(json!({"token": alice.token}))
            .await
            .starts_with("40{\"sid\":")
    );
    for key in ["token", "auth", "accessToken", "bearer", "%74oken", "x"] {
        let query = format!("&{key}={}", alice.token);
        let mut socket = Socket::open(&team.url, &query).await;
        assert_eq!(
            socket.connect(json!({"token": alice.token})).await,
            refused,
            "{query}"
        );
    }
}

#[tokio::test]
async fn events_are_checked_and_acknowledged() {
    let team = Team::start().await;
    let (alice, eve) = (
        team.join("alice", "member").await,
        team.join("eve", "admin").await,
    );
    let chat = alice.group(&[]).await;
    let mut socket = eve.socket().await;
    for (event, data, code) in [
        ("join_chat", json!({"chatId": chat}), "not_found"),
        ("join_chat", json!({"chatId": "made-up"}), "not_found"),
        ("join_chat", json!({"chatId": "no id"}), "invalid_request"),
        ("join_chat", json!({}), "invalid_request"),
        ("join_chat", Value::Null, "invalid_request"),
        ("join_chat", json!([chat]), "invalid_request"),
        ("leave_chat", json!([]), "invalid_request"),
        (
            "user_typing",
            json!({"chatId": chat, "userId": eve.id}),
            "not_found",
        ),
        (
            "user_typing",
            json!({"chatId": chat, "userId": alice.id}),
            "forbidden",
        ),
    ] {
        let ack = socket.ask(event, data.clone()).await;
        assert_eq!(
            (&ack["ok"], &ack["error"]["code"]),
            (&json!(false), &json!(code)),
            "{event} {data}"
        );
        assert!(ack["error"]["message"].is_string());
    }
    let mut socket = alice.socket().await;
    for event in ["join_chat", "join_chat", "leave_chat", "leave_chat"] {
        assert_eq!(
            socket.ask(event, json!({"chatId": chat})).await,
            json!({"ok": true})
        );
    }
    // What is not known is ignored.
    socket.emit("no_such_event", json!(1)).await;
    assert_eq!(
        socket.ask("join_chat", json!({"chatId": chat})).await,
        json!({"ok": true})
    );
}

async fn typist(person: &Person, chat: &str) -> Socket {
    let mut socket = person.socket().await;
    assert_eq!(
        socket.ask("join_chat", json!({"chatId": chat})).await,
        json!({"ok": true})
    );
    socket
}

#[tokio::test]
async fn typing_reaches_the_others_who_have_the_chat_open() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let (mut at_alice, mut at_bob, mut closed) = (
        typist(&alice, &chat).await,
        typist(&bob, &chat).await,
        bob.socket().await,
    );
    let typing = |is: bool| json!({"chatId": chat, "userId": alice.id, "isTyping": is});
    at_alice
        .emit("user_typing", json!({"chatId": chat, "userId": alice.id}))
        .await;
    assert_eq!(at_bob.expect("user_typing").await, typing(true));
    at_alice.emit("user_typing", typing(false)).await;
    assert_eq!(at_bob.expect("user_typing").await, typing(false));
    // A lie is dropped, and counted.
    assert_eq!(
        at_bob.ask("user_typing", typing(true)).await["error"]["code"],
        "forbidden"
    );
    let root = team.join("root", "admin").await;
    let metrics = root.get("/metrics").await.1;
    assert!(
        metrics
            .as_str()
            .unwrap()
            .contains("khaya_spoofed_typing_total 1\n"),
        "{metrics}"
    );
    // Order holds: whoever leaves after typing is done typing.
    at_alice.emit("user_typing", typing(true)).await;
    at_alice.emit("leave_chat", json!({"chatId": chat})).await;
    assert_eq!(at_bob.expect("user_typing").await, typing(true));
    assert_eq!(at_bob.expect("user_typing").await, typing(false));
    // Silence ends it, and so does the end of the connection.
    at_alice.emit("user_typing", typing(true)).await;
    assert_eq!(at_bob.expect("user_typing").await, typing(true));
    assert_eq!(at_bob.expect("user_typing").await, typing(false));
    at_alice.emit("user_typing", typing(true)).await;
    assert_eq!(at_bob.expect("user_typing").await, typing(true));
    drop(at_alice);
    assert_eq!(at_bob.expect("user_typing").await, typing(false));
    // A socket of the same person that does not have the chat open heard nothing of all that.
    alice.say(&chat, json!({"content": "done"})).await;
    assert_eq!(closed.expect("new_message").await["message"]["content"], "done");
}
