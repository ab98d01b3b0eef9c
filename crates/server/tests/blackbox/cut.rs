//! What ends at once: with a session, a token, a membership, a role. Over WebSocket and polling, also for a client
//! that reads nothing.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _, future::join_all};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Person, Team},
    polling::Polling,
};

/// How many connections of Engine.IO the server has.
async fn sockets(admin: &Person) -> u64 {
    let metrics = admin.get("/metrics").await.1;
    let mut lines = metrics.as_str().unwrap().lines();
    let line = lines.find_map(|line| line.strip_prefix("khaya_sockets "));
    line.unwrap().parse().unwrap()
}

async fn until_no_sockets(admin: &Person) -> Duration {
    let start = Instant::now();
    let gone = async {
        while sockets(admin).await > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), gone)
        .await
        .expect("the connection is still there");
    start.elapsed()
}

/// More than the system's buffers take, and fewer packets than the server's own.
async fn fill(sender: &Person, chat: &str) {
    let text = "x".repeat(16_000);
    for _ in 0..15 {
        join_all((0..60).map(|_| sender.say(chat, json!({"content": text})))).await;
    }
}

async fn end_other_session(person: &Person) {
    let sessions = person.get("/auth/sessions").await.1;
    let mut sessions = sessions["items"].as_array().unwrap().iter();
    let other = sessions.find(|session| session["current"] == false).unwrap();
    let path = format!("/auth/sessions/{}", other["id"].as_str().unwrap());
    assert_eq!(person.delete(&path).await.0, 204);
}

#[tokio::test]
async fn a_revoked_session_closes_its_sockets_of_either_transport() {
    let team = Team::start().await;
    let (alice, root) = (
        team.join("alice", "member").await,
        team.join("root", "admin").await,
    );
    let desk = Person::sign_in(&team.url, "alice").await;
    let chat = root.group(&[&alice]).await;
    let (mut web, mut poll) = (alice.socket().await, Polling::connected(&alice).await);
    end_other_session(&desk).await;
    // Closing takes a moment, in which nothing more is heard.
    root.say(&chat, json!({"content": "secret"})).await;
    for heard in [web.until_closed().await, poll.until_closed().await] {
        assert_eq!(heard, ["session_revoked"]);
    }
    let taken = until_no_sockets(&root).await;
    println!("sockets of a revoked session were gone after {taken:?}");
    assert_eq!(alice.get("/auth/me").await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_while_its_socket_is_upgraded_is_told_so() {
    let team = Team::start().await;
    team.join("alice", "member").await;
    let url = team.url.replace("http", "ws");
    for round in 0..24_u64 {
        let alice = Person::sign_in(&team.url, "alice").await;
        let polling = Polling::connected(&alice).await;
        let (_, query) = polling.url().split_once('?').unwrap();
        let query = query.replace("transport=polling", "transport=websocket");
        let (mut socket, _) = tokio_tungstenite::connect_async(format!("{url}/socket.io/?{query}"))
            .await
            .unwrap();
        socket.send(Message::text("2probe")).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("3probe"));
        let upgrade = async {
            // A little later each time: the moment at which its end was not told is a short one.
            tokio::time::sleep(Duration::from_micros(400 * round)).await;
            socket.send(Message::text("5")).await.unwrap();
        };
        let (answer, ()) = tokio::join!(alice.post("/auth/logout", json!({})), upgrade);
        assert_eq!(answer.0, 204);
        let mut heard = Vec::new();
        let heard_all = async {
            while let Some(Ok(message)) = socket.next().await {
                heard.extend(message.to_text().map(str::to_owned));
            }
        };
        tokio::time::timeout(crate::wire::PATIENCE, heard_all)
            .await
            .unwrap();
        assert!(
            heard.iter().any(|packet| packet.contains("session_revoked")),
            "{round}: {heard:?}"
        );
    }
}

#[tokio::test]
async fn an_expired_token_closes_its_sockets_of_either_transport() {
    let team = Team::start_with(|config| config.token_ttl = Duration::from_secs(2)).await;
    let alice = team.join("alice", "member").await;
    let (mut web, mut poll) = (alice.socket().await, Polling::connected(&alice).await);
    assert_eq!(web.until_closed().await, Vec::<String>::new());
    assert_eq!(poll.until_closed().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_with_its_session() {
    let team = Team::start().await;
    let (alice, bob, root) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
        team.join("root", "admin").await,
    );
    let desk = Person::sign_in(&team.url, "bob").await;
    let chat = alice.group(&[&bob]).await;
    let (web, poll) = (bob.socket().await, Polling::connected(&bob).await);
    fill(&alice, &chat).await;
    // On a machine so busy that this took longer than a client may be silent there are none any more.
    let there = sockets(&root).await;
    end_other_session(&desk).await;
    let taken = until_no_sockets(&root).await;
    println!("{there} sockets that read nothing were gone after {taken:?}");
    drop((web, poll));
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off_with_its_token() {
    let team = Team::start_with(|config| {
        config.token_ttl = Duration::from_secs(4);
        // For asking without a pause.
        config.limits.max_requests_per_address = 0;
        config.limits.max_requests_per_user = 0;
    })
    .await;
    let (bob, alice) = (
        team.join("bob", "member").await,
        team.join("alice", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let (web, poll) = (bob.socket().await, Polling::connected(&bob).await);
    // Until the token of the one who sends has ended too.
    let (path, text) = (format!("/chat/{chat}/messages"), "x".repeat(16_000));
    let mut fitting = 0;
    while fitting < 900 && alice.post(&path, json!({"content": text})).await.0 == 201 {
        fitting += 1;
    }
    while bob.get("/auth/me").await.0 == 200 {
        tokio::task::yield_now().await;
    }
    let root = team.join("root", "admin").await;
    let taken = until_no_sockets(&root).await;
    println!("after {fitting} messages sockets that read nothing were gone {taken:?} after their token");
    drop((web, poll));
}

/// What came before the message that says `fence`.
async fn before_fence(mut next: impl AsyncFnMut() -> (String, Value)) -> Vec<String> {
    let mut events = Vec::new();
    loop {
        let (name, data) = next().await;
        let content = data["message"]["content"].as_str().unwrap_or_default().to_owned();
        if content == "fence" {
            return events;
        }
        if name != "presence" {
            events.push(format!("{name} {content}").trim().to_owned());
        }
    }
}

async fn heard(web: &mut crate::client::Socket, poll: &mut Polling) -> [Vec<String>; 2] {
    let over_web = before_fence(async || web.next().await).await;
    let over_poll = before_fence(async || {
        let packet = poll.read().await.unwrap();
        let mut event: Value = serde_json::from_str(packet.strip_prefix("42").unwrap()).unwrap();
        (event[0].as_str().unwrap().to_owned(), event[1].take())
    })
    .await;
    [over_web, over_poll]
}

#[tokio::test]
async fn who_is_removed_from_a_chat_hears_nothing_more_of_it() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let (chat, other) = (alice.group(&[&bob]).await, alice.group(&[&bob]).await);
    let (mut web, mut poll) = (bob.socket().await, Polling::connected(&bob).await);
    assert_eq!(
        web.ask("join_chat", json!({"chatId": chat})).await,
        json!({"ok": true})
    );
    poll.post(format!("42{}", json!(["join_chat", {"chatId": chat}])))
        .await;
    let mut at_alice = alice.socket().await;
    at_alice.ask("join_chat", json!({"chatId": chat})).await;
    assert_eq!(
        alice.delete(&format!("/chat/{chat}/members/{}", bob.id)).await.0,
        204
    );
    let typing = json!({"chatId": chat, "userId": alice.id});
    assert_eq!(at_alice.ask("user_typing", typing).await, json!({"ok": true}));
    alice.say(&chat, json!({"content": "secret"})).await;
    alice.say(&other, json!({"content": "fence"})).await;
    for events in heard(&mut web, &mut poll).await {
        assert_eq!(events, ["chat_removed"]);
    }
    // Nor do they say anything there.
    let typing = json!({"chatId": chat, "userId": bob.id});
    assert_eq!(web.ask("user_typing", typing).await["error"]["code"], "not_found");
}

#[tokio::test]
async fn who_has_another_role_hears_what_is_for_it_and_nothing_for_the_one_before() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "auditor").await,
    );
    let chat = alice.group(&[&bob]).await;
    let (mut web, mut poll) = (bob.socket().await, Polling::connected(&bob).await);
    let say = async |content: &str, role: &str| {
        let body = json!({"content": content, "visibleToRoles": [role]});
        alice.say(&chat, body).await;
    };
    say("audit 1", "auditor").await;
    team.server.set_role("bob", "cook").await.unwrap();
    say("audit 2", "auditor").await;
    say("kitchen", "cook").await;
    alice.say(&chat, json!({"content": "fence"})).await;
    for events in heard(&mut web, &mut poll).await {
        assert_eq!(events, ["new_message audit 1", "new_message kitchen"]);
    }
}
