//! Names, members, roles, preferences, and the end of a chat.

use serde_json::json;

use crate::client::{Person, Team, code};

struct Scene {
    _team: Team,
    owner: Person,
    member: Person,
    other: Person,
    chat: String,
}

impl Scene {
    async fn new() -> Self {
        let team = Team::start().await;
        let owner = team.join("owner", "member").await;
        let member = team.join("member", "member").await;
        let other = team.join("other", "admin").await;
        let chat = owner.group(&[&member]).await;
        Self {
            _team: team,
            owner,
            member,
            other,
            chat,
        }
    }

    fn path(&self) -> String {
        format!("/chat/{}", self.chat)
    }

    fn of(&self, person: &Person) -> String {
        format!("/chat/{}/members/{}", self.chat, person.id)
    }

    async fn role(&self, person: &Person) -> String {
        person.get(&self.path()).await.1["myRole"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

#[tokio::test]
async fn moderators_rename_and_members_do_not() {
    let scene = Scene::new().await;
    let mut at_member = scene.member.socket().await;
    let (status, chat) = scene
        .owner
        .patch(&scene.path(), json!({"name": "New", "topic": "What for"}))
        .await;
    assert_eq!(
        (status.as_u16(), &chat["name"], &chat["topic"]),
        (200, &json!("New"), &json!("What for"))
    );
    let told = at_member.expect("chat_updated").await;
    assert_eq!((&told["chat"]["name"], &told["seq"]), (&json!("New"), &json!(2)));
    assert_eq!(
        scene
            .owner
            .patch(&scene.path(), json!({"topic": ""}))
            .await
            .1
            .get("topic"),
        None
    );
    assert_eq!(
        code(&scene.member.patch(&scene.path(), json!({"name": "Mine"})).await),
        (403, "forbidden")
    );
    assert_eq!(
        code(&scene.other.patch(&scene.path(), json!({"name": "Mine"})).await),
        (404, "not_found")
    );
    assert_eq!(
        code(&scene.owner.patch(&scene.path(), json!({"name": ""})).await),
        (422, "invalid_request")
    );
    let (_, direct) = scene
        .owner
        .post("/chat", json!({"kind": "direct", "memberIds": [scene.member.id]}))
        .await;
    let direct = format!("/chat/{}", direct["id"].as_str().unwrap());
    assert_eq!(
        code(&scene.owner.patch(&direct, json!({"name": "x"})).await),
        (403, "forbidden")
    );
    assert_eq!(code(&scene.owner.delete(&direct).await), (403, "forbidden"));
}

#[tokio::test]
async fn who_is_added_sees_the_chat_and_who_is_removed_does_not() {
    let scene = Scene::new().await;
    scene.owner.say(&scene.chat, json!({"content": "before"})).await;
    let mut at_other = scene.other.socket().await;
    assert_eq!(
        code(&scene.member.put(&scene.of(&scene.other), json!({})).await),
        (403, "forbidden")
    );
    assert_eq!(
        code(
            &scene
                .owner
                .put(&format!("{}/members/nobody", scene.path()), json!({}))
                .await
        ),
        (404, "not_found")
    );
    assert_eq!(scene.owner.put(&scene.of(&scene.other), json!({})).await.0, 200);
    let told = at_other.expect("chat_updated").await;
    assert_eq!(
        (
            &told["chat"]["unreadCount"],
            &told["chat"]["lastMessage"]["content"]
        ),
        (&json!(0), &json!("before"))
    );
    assert_eq!(
        at_other.ask("join_chat", json!({"chatId": scene.chat})).await,
        json!({"ok": true})
    );

    assert_eq!(
        code(&scene.member.delete(&scene.of(&scene.other)).await),
        (403, "forbidden")
    );
    let mut at_member = scene.member.socket().await;
    assert_eq!(scene.owner.delete(&scene.of(&scene.other)).await.0, 204);
    assert_eq!(
        at_other.expect("chat_removed").await,
        json!({"chatId": scene.chat, "scope": "private", "seq": 1})
    );
    assert_eq!(
        at_member.expect("chat_updated").await["chat"]["members"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(code(&scene.other.get(&scene.path()).await), (404, "not_found"));
    assert_eq!(
        code(&scene.owner.delete(&scene.of(&scene.other)).await),
        (404, "not_found")
    );
    // Nothing of what comes after reaches them, typing neither.
    assert_eq!(
        at_member.ask("join_chat", json!({"chatId": scene.chat})).await,
        json!({"ok": true})
    );
    assert_eq!(
        at_member
            .ask(
                "user_typing",
                json!({"chatId": scene.chat, "userId": scene.member.id})
            )
            .await,
        json!({"ok": true})
    );
    scene.owner.say(&scene.chat, json!({"content": "after"})).await;
    assert_eq!(
        at_other.ask("join_chat", json!({"chatId": scene.chat})).await["error"]["code"],
        "not_found"
    );
    let direct = scene
        .owner
        .post("/chat", json!({"kind": "direct", "memberIds": [scene.other.id]}))
        .await
        .1;
    assert_eq!(at_other.expect("chat_updated").await["chat"]["id"], direct["id"]);
}

#[tokio::test]
async fn there_is_always_an_owner() {
    let scene = Scene::new().await;
    let set = |by: &Person, whom: &Person, role: &str| {
        let (by, path, body) = (by.clone(), scene.of(whom), json!({"role": role}));
        async move { by.put(&path, body).await }
    };
    assert_eq!(
        code(&set(&scene.member, &scene.member, "owner").await),
        (403, "forbidden")
    );
    assert_eq!(
        code(&set(&scene.owner, &scene.owner, "member").await),
        (409, "conflict")
    );
    assert_eq!(
        code(&set(&scene.owner, &scene.member, "king").await),
        (422, "invalid_request")
    );
    assert_eq!(set(&scene.owner, &scene.other, "member").await.0, 200);
    assert_eq!(set(&scene.owner, &scene.other, "moderator").await.0, 200);
    assert_eq!(scene.role(&scene.other).await, "moderator");
    assert_eq!(
        code(&set(&scene.other, &scene.member, "moderator").await),
        (403, "forbidden")
    );
    assert_eq!(
        code(&scene.other.delete(&scene.of(&scene.owner)).await),
        (403, "forbidden")
    );
    // The moderator takes over from an owner who goes, and the chat ends with its last member.
    assert_eq!(scene.owner.delete(&scene.of(&scene.owner)).await.0, 204);
    assert_eq!(scene.role(&scene.other).await, "owner");
    assert_eq!(scene.other.delete(&scene.of(&scene.other)).await.0, 204);
    assert_eq!(scene.role(&scene.member).await, "owner");
    assert_eq!(scene.member.delete(&scene.of(&scene.member)).await.0, 204);
    assert_eq!(code(&scene.member.get(&scene.path()).await), (404, "not_found"));
}

#[tokio::test]
async fn owners_delete_a_chat_with_all_that_is_in_it() {
    let scene = Scene::new().await;
    let said = scene
        .owner
        .say(
            &scene.chat,
            json!({"content": "x", "visibleTo": [scene.member.id]}),
        )
        .await;
    let reaction = format!(
        "{}/messages/{}/reactions/👍",
        scene.path(),
        said["id"].as_str().unwrap()
    );
    assert_eq!(scene.member.put(&reaction, json!({})).await.0, 204);
    assert_eq!(
        code(&scene.member.delete(&scene.path()).await),
        (403, "forbidden")
    );
    let mut at_member = scene.member.socket().await;
    assert_eq!(scene.owner.delete(&scene.path()).await.0, 204);
    assert_eq!(
        at_member.expect("chat_removed").await["chatId"],
        scene.chat.as_str()
    );
    assert_eq!(code(&scene.member.get(&scene.path()).await), (404, "not_found"));
    assert_eq!(scene.owner.get("/chat").await.1["items"], json!([]));
}

#[tokio::test]
async fn preferences_are_ones_own() {
    let scene = Scene::new().await;
    let mut at_member = scene.member.socket().await;
    assert_eq!(
        scene
            .member
            .put(&format!("{}/preferences", scene.path()), json!({"muted": true}))
            .await
            .0,
        204
    );
    let told = at_member.expect("chat_updated").await;
    assert_eq!(
        (&told["chat"]["muted"], &told["chat"]["pinned"], &told["scope"]),
        (&json!(true), &json!(false), &json!("private"))
    );
    let seen = scene.owner.get(&scene.path()).await.1;
    assert_eq!((&seen["muted"], &seen["seq"]), (&json!(false), &json!(1)));
    assert_eq!(
        code(
            &scene
                .other
                .put(&format!("{}/preferences", scene.path()), json!({"pinned": true}))
                .await
        ),
        (404, "not_found")
    );
    assert_eq!(
        code(
            &scene
                .member
                .put(&format!("{}/preferences", scene.path()), json!({"pinned": 1}))
                .await
        ),
        (422, "invalid_request")
    );
}

#[tokio::test]
async fn who_is_put_out_in_the_middle_of_writing_writes_nothing_more() {
    let scene = Scene::new().await;
    let messages = format!("{}/messages", scene.path());
    let write = || {
        scene
            .member
            .post(&messages, json!({"content": "and another thing"}))
    };
    for _ in 0..3 {
        assert_eq!(write().await.0, 201);
    }
    assert_eq!(scene.owner.delete(&scene.of(&scene.member)).await.0, 204);
    assert_eq!(code(&write().await), (404, "not_found"));
    let again = scene.of(&scene.member);
    assert_eq!(scene.owner.put(&again, json!({})).await.0, 200);
    let mut at_other = scene.other.socket().await;
    for _ in 0..2 {
        assert_eq!(write().await.0, 201);
    }
    // Who is added is told from the next message on.
    let added = scene.of(&scene.other);
    assert_eq!(scene.owner.put(&added, json!({})).await.0, 200);
    at_other.expect("chat_updated").await;
    let told = write().await.1;
    assert_eq!(at_other.expect("new_message").await["message"]["id"], told["id"]);
    assert_eq!(scene.member.post("/auth/logout", json!({})).await.0, 204);
    assert_eq!(code(&write().await), (401, "unauthorized"));
}
