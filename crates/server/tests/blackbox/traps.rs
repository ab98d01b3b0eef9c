//! What goes wrong with Socket.IO servers when nobody thinks of it: a test for each trap that
//! `docs/decisions/0003-socketio-on-the-engine.md` lists, as far as it is not among the attacks, the limits, what
//! is cut, or the nodes.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::{
    client::{Socket, Team},
    polling::Polling,
};

#[tokio::test]
async fn trap_1_the_events_of_one_socket_keep_their_order() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let (mut at_alice, mut at_bob) = (alice.socket().await, bob.socket().await);
    for socket in [&mut at_alice, &mut at_bob] {
        socket.ask("join_chat", json!({"chatId": chat})).await;
    }
    let typing = |is: bool| json!({"chatId": chat, "userId": alice.id, "isTyping": is});
    // None waits for the one before it; the acks tell in which order they were taken.
    for number in 0..200 {
        let event = match number % 4 {
            0 => json!(["user_typing", typing(true)]),
            1 => json!(["user_typing", typing(false)]),
            2 => json!(["leave_chat", {"chatId": chat}]),
            _ => json!(["join_chat", {"chatId": chat}]),
        };
        at_alice.write(format!("42{}{event}", 1000 + number)).await;
    }
    for number in 0..200 {
        let mut packet = at_alice.packet().await;
        // Bob's coming may be told at any time.
        while packet.starts_with("42") {
            packet = at_alice.packet().await;
        }
        assert_eq!(packet, format!(r#"43{}[{{"ok":true}}]"#, 1000 + number));
    }
    for number in 0..100 {
        assert_eq!(
            at_bob.expect("user_typing").await,
            typing(number % 2 == 0),
            "{number}"
        );
    }
}

#[tokio::test]
async fn trap_2_an_event_right_after_the_connect_is_not_lost() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let chat = alice.group(&[]).await;
    for _ in 0..20 {
        let mut socket = Socket::open(&team.url, "").await;
        socket.write(format!("40{}", json!({"token": alice.token}))).await;
        // Without waiting for the answer; the ack comes after it.
        let event = json!(["join_chat", {"chatId": chat}]);
        socket.write(format!("427{event}")).await;
        assert!(socket.packet().await.starts_with("40{"));
        assert_eq!(socket.packet().await, r#"437[{"ok":true}]"#);
    }
}

#[tokio::test]
async fn trap_3_an_event_that_cannot_be_read_is_answered() {
    let team = Team::start().await;
    let mut socket = team.join("alice", "member").await.socket().await;
    for (event, data) in [
        ("join_chat", json!("a text")),
        ("join_chat", json!({"chatId": 7})),
        ("leave_chat", json!(null)),
        ("authenticate", json!({"token": {}})),
        ("user_typing", json!({"chatId": "c"})),
    ] {
        let ack = socket.ask(event, data.clone()).await;
        assert_eq!(ack["error"]["code"], "invalid_request", "{event} {data}");
    }
}

#[tokio::test]
async fn trap_4_who_does_not_keep_up_is_cut_and_told_what_they_missed() {
    let team = Team::start_with(|config| config.limits.max_requests_per_user = 0).await;
    let (alice, bob, root) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
        team.join("root", "admin").await,
    );
    let chat = alice.group(&[&bob]).await;
    let since = bob.get("/sync").await.1["next"].as_str().unwrap().to_owned();
    let (web, poll) = (bob.socket().await, Polling::connected(&bob).await);
    let sockets = async || {
        let metrics = root.get("/metrics").await.1;
        let mut lines = metrics.as_str().unwrap().lines();
        let line = lines.find_map(|line| line.strip_prefix("khaya_sockets "));
        line.unwrap().parse::<u64>().unwrap()
    };
    // More packets than wait for anyone, and more bytes than the system takes for them.
    let (text, mut sent) = ("x".repeat(8_000), 0);
    while sockets().await > 0 {
        join_all((0..100).map(|_| alice.say(&chat, json!({"content": text})))).await;
        sent += 100;
        assert!(
            sent <= 5_000,
            "a client that reads nothing still has its connection"
        );
    }
    drop((web, poll));
    let (mut missed, mut next) = (0, since);
    loop {
        let part = bob.get(&format!("/sync?since={next}&limit=100")).await.1;
        missed += part["events"].as_array().unwrap().len();
        next = part["next"].as_str().unwrap().to_owned();
        if part["hasMore"] == false {
            break;
        }
    }
    assert_eq!(missed, sent);
}

#[tokio::test]
async fn trap_10_a_session_of_polling_stays_with_its_node() {
    let (here, there) = (Team::start().await, Team::start().await);
    let alice = here.join("alice", "member").await;
    let mut polling = Polling::connected(&alice).await;
    let elsewhere = polling.url().replace(&here.url, &there.url);
    let answer = alice.http.get(elsewhere).send().await.unwrap();
    // What makes every client begin anew, instead of waiting for what never comes.
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("Session ID unknown"));
    assert_eq!(
        polling
            .post("42[\"leave_chat\",{\"chatId\":\"x\"}]".to_owned())
            .await,
        200
    );
    alice.post("/auth/logout", json!({})).await;
    let ended = tokio::time::timeout(Duration::from_secs(15), polling.until_closed()).await;
    assert_eq!(ended.unwrap(), ["session_revoked"]);
}
