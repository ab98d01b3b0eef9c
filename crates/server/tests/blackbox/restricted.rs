//! A restricted message leaves no trace for those it is not for: not for a member who is not listed, and not
//! for an admin.

use serde_json::{Value, json};

use crate::client::{Person, Socket, Team, code};

/// A chat of five in which alice said something before, something to bob alone, and something after.
struct Scene {
    team: Team,
    alice: Person,
    bob: Person,
    /// A member who is not listed.
    carol: Person,
    /// An admin, and a member, who is not listed.
    root: Person,
    /// A member whose role some messages are for.
    nurse: Person,
    chat: String,
}

impl Scene {
    async fn new() -> Self {
        let team = Team::start().await;
        let alice = team.join("alice", "member").await;
        let bob = team.join("bob", "member").await;
        let carol = team.join("carol", "member").await;
        let root = team.join("root", "admin").await;
        let nurse = team.join("nurse", "nurse").await;
        let chat = alice.group(&[&bob, &carol, &root, &nurse]).await;
        Self {
            team,
            alice,
            bob,
            carol,
            root,
            nurse,
            chat,
        }
    }

    fn messages(&self) -> String {
        format!("/chat/{}/messages", self.chat)
    }
}

fn id(message: &Value) -> String {
    message["id"].as_str().unwrap().to_owned()
}

async fn contents(person: &Person, path: &str) -> Vec<String> {
    let (status, page) = person.get(path).await;
    assert_eq!(status, 200, "{page}");
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

/// All that somebody can read of their chats.
async fn everything(person: &Person, chat: &str) -> Value {
    json!([
        person.get("/chat").await.1,
        person.get(&format!("/chat/{chat}")).await.1,
        person.post(&format!("/chat/{chat}/join"), json!({})).await.1,
        person.get(&format!("/chat/{chat}/messages")).await.1,
        person.get("/auth/me").await.1,
    ])
}

/// The texts of the messages told until one with `last`.
async fn told_until(socket: &mut Socket, last: &str) -> Vec<(String, String, u64)> {
    let mut told = Vec::new();
    loop {
        let event = socket.expect("new_message").await;
        let text = event["message"]["content"].as_str().unwrap().to_owned();
        let scope = event["scope"].as_str().unwrap().to_owned();
        let done = text == last;
        told.push((text, scope, event["seq"].as_u64().unwrap()));
        if done {
            return told;
        }
    }
}

#[tokio::test]
async fn outsiders_and_admins_find_no_trace() {
    let scene = Scene::new().await;
    let Scene {
        alice,
        bob,
        carol,
        root,
        chat,
        ..
    } = &scene;
    let before = id(&alice.say(chat, json!({"content": "before"})).await);
    let mut sockets = [carol.socket().await, root.socket().await];
    let mut at_bob = bob.socket().await;
    let views = [everything(carol, chat).await, everything(root, chat).await];

    let secret = alice
        .say(
            chat,
            json!({"content": "secret", "visibleTo": [bob.id], "clientId": "c"}),
        )
        .await;
    assert_eq!(secret["visibleTo"], json!([bob.id]));
    let secret = id(&secret);
    let reply = alice
        .say(
            chat,
            json!({"content": "reply", "visibleTo": [bob.id], "replyTo": secret}),
        )
        .await;
    assert_eq!(
        bob.put(&format!("/chat/{chat}/read"), json!({"messageId": id(&reply)}))
            .await
            .0,
        204
    );

    // Who may see it does, everywhere.
    assert_eq!(
        contents(bob, &scene.messages()).await,
        ["before", "secret", "reply"]
    );
    assert_eq!(
        bob.get("/chat").await.1["items"][0]["lastMessage"]["content"],
        "reply"
    );
    // For the others the world stands still, but for bob's marker on what they can see.
    for (person, view) in [carol, root].into_iter().zip(&views) {
        let mut now = everything(person, chat).await;
        for at in ["/0/items/0", "/1", "/2"] {
            let reads = &mut now.pointer_mut(at).unwrap()["reads"];
            assert_eq!(reads, &json!([{"userId": bob.id, "messageId": before}]));
            *reads = json!([]);
        }
        assert_eq!(&now, view);
    }
    // Its id is worth as much as a made-up one.
    for person in [carol, root] {
        for ask in ["before", "after"] {
            let with = |id: &str| format!("{}?{ask}={id}", scene.messages());
            assert_eq!(
                person.get(&with(&secret)).await,
                person.get(&with("made-up")).await
            );
        }
        let marker = format!("/chat/{chat}/read");
        let read = |id: &str| person.put(&marker, json!({"messageId": id}));
        let (known, unknown) = (read(&secret).await, read("made-up").await);
        assert_eq!(known, unknown);
        let messages = scene.messages();
        let reply = |id: &str| person.post(&messages, json!({"content": "x", "replyTo": id}));
        let (known, unknown) = (reply(&secret).await, reply("made-up").await);
        assert_eq!(known, unknown);
    }

    let after = alice.say(chat, json!({"content": "after"})).await;
    for (socket, person) in sockets.iter_mut().zip([carol, root]) {
        assert_eq!(socket.expect("read_updated").await["messageId"], before.as_str());
        // No number is missing between what came before and what came after.
        assert_eq!(
            told_until(socket, "after").await,
            [("after".to_owned(), "chat".to_owned(), 3)]
        );
        assert_eq!(contents(person, &scene.messages()).await, ["before", "after"]);
        assert_eq!(person.get(&format!("/chat/{chat}")).await.1["unreadCount"], 2);
        let next = format!("{}?after={before}", scene.messages());
        assert_eq!(contents(person, &next).await, ["after"]);
        let page = person
            .get(&format!("{}?limit=1&before={}", scene.messages(), id(&after)))
            .await
            .1;
        assert_eq!(
            (page["items"][0]["id"].as_str(), &page["nextCursor"]),
            (Some(before.as_str()), &Value::Null)
        );
    }
    let told = told_until(&mut at_bob, "secret").await;
    assert_eq!(told, [("secret".to_owned(), "private".to_owned(), 1)]);
    assert_eq!(bob.get("/auth/me").await.1["privateSeq"], 2);
    assert_eq!(carol.get("/auth/me").await.1["privateSeq"], 0);
}

#[tokio::test]
async fn reading_what_is_restricted_is_told_only_where_something_moves() {
    let scene = Scene::new().await;
    let Scene {
        alice,
        bob,
        carol,
        chat,
        ..
    } = &scene;
    let first = id(&alice.say(chat, json!({"content": "first"})).await);
    let secret = id(&alice
        .say(chat, json!({"content": "secret", "visibleTo": [bob.id]}))
        .await);
    let read = async |id: &str| {
        assert_eq!(
            bob.put(&format!("/chat/{chat}/read"), json!({"messageId": id}))
                .await
                .0,
            204
        )
    };
    read(&first).await;
    let (mut at_carol, mut at_alice) = (carol.socket().await, alice.socket().await);
    read(&secret).await;
    assert_eq!(
        at_alice.expect("read_updated").await["messageId"],
        secret.as_str()
    );
    let last = id(&alice.say(chat, json!({"content": "last"})).await);
    read(&last).await;
    assert_eq!(
        at_carol.expect("new_message").await["message"]["id"],
        last.as_str()
    );
    assert_eq!(at_carol.expect("read_updated").await["messageId"], last.as_str());
}

#[tokio::test]
async fn a_role_sees_what_is_for_it_and_a_new_role_counts_at_once() {
    let scene = Scene::new().await;
    let Scene {
        team,
        alice,
        nurse,
        carol,
        root,
        chat,
        ..
    } = &scene;
    let mut at_nurse = nurse.socket().await;
    let mut at_root = root.socket().await;
    alice
        .say(
            chat,
            json!({"content": "for nurses", "visibleToRoles": ["nurse"]}),
        )
        .await;
    assert_eq!(
        told_until(&mut at_nurse, "for nurses").await,
        [("for nurses".to_owned(), "private".to_owned(), 1)]
    );
    assert_eq!(contents(nurse, &scene.messages()).await, ["for nurses"]);
    assert_eq!(contents(alice, &scene.messages()).await, ["for nurses"]);
    assert_eq!(contents(root, &scene.messages()).await, Vec::<String>::new());

    team.server.set_role("nurse", "member").await.unwrap();
    team.server.set_role("carol", "nurse").await.unwrap();
    assert_eq!(contents(nurse, &scene.messages()).await, Vec::<String>::new());
    assert_eq!(contents(carol, &scene.messages()).await, ["for nurses"]);
    alice
        .say(chat, json!({"content": "again", "visibleToRoles": ["nurse"]}))
        .await;
    alice.say(chat, json!({"content": "for all"})).await;
    assert_eq!(
        told_until(&mut at_nurse, "for all").await,
        [("for all".to_owned(), "chat".to_owned(), 2)]
    );
    assert_eq!(
        told_until(&mut at_root, "for all").await,
        [("for all".to_owned(), "chat".to_owned(), 2)]
    );
}

#[tokio::test]
async fn a_reply_reaches_no_further_than_what_it_answers() {
    let scene = Scene::new().await;
    let Scene {
        alice,
        bob,
        carol,
        nurse,
        chat,
        ..
    } = &scene;
    let to_bob = id(&alice
        .say(
            chat,
            json!({"content": "for bob and nurses", "visibleTo": [bob.id], "visibleToRoles": ["nurse"]}),
        )
        .await);
    let path = scene.messages();
    let reply = |sender: &Person, mut body: Value| {
        body["replyTo"] = json!(to_bob);
        body["content"] = json!("reply");
        let (sender, path) = (sender.clone(), path.clone());
        async move { sender.post(&path, body).await }
    };
    for wide in [
        json!({}),
        json!({"visibleTo": []}),
        json!({"visibleTo": [carol.id]}),
        json!({"visibleTo": [alice.id, carol.id]}),
        json!({"visibleToRoles": ["member"]}),
    ] {
        assert_eq!(
            code(&reply(bob, wide.clone()).await),
            (422, "invalid_request"),
            "{wide}"
        );
    }
    for narrow in [
        json!({"visibleTo": [alice.id]}),
        json!({"visibleTo": [nurse.id]}),
        json!({"visibleToRoles": ["nurse"]}),
    ] {
        assert_eq!(reply(bob, narrow.clone()).await.0, 201, "{narrow}");
    }
}
