//! Edits, deletes, reactions, pins.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{Person, Team, code};

struct Scene {
    /// Kept alive for as long as the scene is.
    _team: Team,
    /// Owner of the group.
    alice: Person,
    bob: Person,
    carol: Person,
    outsider: Person,
    chat: String,
    /// Said by bob.
    message: String,
    path: String,
}

impl Scene {
    async fn new() -> Self {
        let team = Team::start().await;
        let alice = team.join("alice", "member").await;
        let bob = team.join("bob", "member").await;
        let carol = team.join("carol", "member").await;
        let outsider = team.join("outsider", "admin").await;
        let chat = alice.group(&[&bob, &carol]).await;
        let sent = bob.say(&chat, json!({"content": "first", "clientId": "c"})).await;
        let message = sent["id"].as_str().unwrap().to_owned();
        let path = format!("/chat/{chat}/messages/{message}");
        Self {
            _team: team,
            alice,
            bob,
            carol,
            outsider,
            chat,
            message,
            path,
        }
    }

    async fn seen_by(&self, person: &Person) -> Value {
        person.get(&format!("/chat/{}/messages", self.chat)).await.1["items"][0].clone()
    }
}

#[tokio::test]
async fn only_its_sender_edits_a_message() {
    let scene = Scene::new().await;
    let mut at_carol = scene.carol.socket().await;
    let (status, edited) = scene.bob.patch(&scene.path, json!({"content": "second"})).await;
    assert_eq!(
        (status, &edited["content"], &edited["clientId"]),
        (StatusCode::OK, &json!("second"), &json!("c"))
    );
    assert!(edited["editedAt"].is_string());
    let told = at_carol.expect("message_updated").await;
    assert_eq!(
        (&told["message"]["content"], &told["scope"], &told["seq"]),
        (&json!("second"), &json!("chat"), &json!(3))
    );
    assert!(told["message"].get("clientId").is_none());
    assert_eq!(scene.seen_by(&scene.carol).await, told["message"]);
    // The same clientId gives the message as it is now.
    let again = scene
        .bob
        .post(
            &format!("/chat/{}/messages", scene.chat),
            json!({"content": "first", "clientId": "c"}),
        )
        .await;
    assert_eq!(again, (StatusCode::OK, edited));

    assert_eq!(
        code(&scene.alice.patch(&scene.path, json!({"content": "x"})).await),
        (403, "forbidden")
    );
    assert_eq!(
        code(&scene.outsider.patch(&scene.path, json!({"content": "x"})).await),
        (404, "not_found")
    );
    assert_eq!(
        code(&scene.bob.patch(&scene.path, json!({"content": " "})).await),
        (422, "invalid_request")
    );
    assert_eq!(
        code(
            &scene
                .bob
                .patch(&format!("{}x", scene.path), json!({"content": "x"}))
                .await
        ),
        (404, "not_found")
    );
}

#[tokio::test]
async fn a_deleted_message_leaves_a_tombstone() {
    let scene = Scene::new().await;
    assert_eq!(
        scene
            .carol
            .put(&format!("{}/reactions/👍", scene.path), json!({}))
            .await
            .0,
        204
    );
    let mut at_carol = scene.carol.socket().await;
    assert_eq!(code(&scene.carol.delete(&scene.path).await), (403, "forbidden"));
    assert_eq!(
        code(&scene.outsider.delete(&scene.path).await),
        (404, "not_found")
    );
    for _ in 0..2 {
        assert_eq!(scene.alice.delete(&scene.path).await.0, 204);
    }
    let told = at_carol.expect("message_deleted").await;
    assert_eq!(
        (&told["messageId"], &told["seq"]),
        (&json!(scene.message), &json!(4))
    );
    let stone = scene.seen_by(&scene.carol).await;
    assert_eq!(
        (
            &stone["content"],
            stone["deletedAt"].is_string(),
            stone.get("reactions")
        ),
        (&json!(""), true, None)
    );
    assert_eq!(scene.carol.get("/chat").await.1["items"][0]["unreadCount"], 0);
    for refused in [
        scene.bob.patch(&scene.path, json!({"content": "x"})).await,
        scene
            .bob
            .put(&format!("{}/reactions/👍", scene.path), json!({}))
            .await,
        scene.alice.put(&format!("{}/pin", scene.path), json!({})).await,
    ] {
        assert_eq!(code(&refused), (409, "conflict"));
    }
    // Deleting again told nothing more.
    scene.bob.say(&scene.chat, json!({"content": "next"})).await;
    assert_eq!(at_carol.expect("new_message").await["seq"], 5);
}

#[tokio::test]
async fn reactions_are_kept_once_for_each_person() {
    let scene = Scene::new().await;
    let mut at_alice = scene.alice.socket().await;
    let react = |emoji: &str| format!("{}/reactions/{emoji}", scene.path);
    for person in [&scene.carol, &scene.carol, &scene.bob] {
        assert_eq!(person.put(&react("👍🏽"), json!({})).await.0, 204);
    }
    assert_eq!(
        at_alice.expect("message_updated").await["message"]["reactions"],
        json!([{"emoji": "👍🏽", "userIds": [scene.carol.id]}])
    );
    let both = json!([{"emoji": "👍🏽", "userIds": [scene.carol.id, scene.bob.id]}]);
    assert_eq!(
        at_alice.expect("message_updated").await["message"]["reactions"],
        both
    );
    assert_eq!(scene.seen_by(&scene.alice).await["reactions"], both);
    for _ in 0..2 {
        assert_eq!(scene.carol.delete(&react("👍🏽")).await.0, 204);
    }
    assert_eq!(
        at_alice.expect("message_updated").await["message"]["reactions"],
        json!([{"emoji": "👍🏽", "userIds": [scene.bob.id]}])
    );
    for bad in ["a", "%20", "%F0%9F%91%8D%0A", &"👍".repeat(17)] {
        assert_eq!(
            code(&scene.bob.put(&react(bad), json!({})).await),
            (422, "invalid_request"),
            "{bad}"
        );
    }
    assert_eq!(
        code(&scene.outsider.put(&react("👍"), json!({})).await),
        (404, "not_found")
    );
}

#[tokio::test]
async fn moderators_pin_in_a_group_and_both_in_a_direct_chat() {
    let scene = Scene::new().await;
    let pin = format!("{}/pin", scene.path);
    assert_eq!(code(&scene.bob.put(&pin, json!({})).await), (403, "forbidden"));
    assert_eq!(scene.alice.put(&pin, json!({})).await.0, 204);
    assert_eq!(scene.seen_by(&scene.bob).await["pinned"], true);
    assert_eq!(scene.alice.delete(&pin).await.0, 204);
    assert!(scene.seen_by(&scene.bob).await.get("pinned").is_none());
    let (_, direct) = scene
        .bob
        .post("/chat", json!({"kind": "direct", "memberIds": [scene.carol.id]}))
        .await;
    let direct = direct["id"].as_str().unwrap();
    let said = scene.bob.say(direct, json!({"content": "x"})).await;
    let path = format!("/chat/{direct}/messages/{}", said["id"].as_str().unwrap());
    assert_eq!(scene.carol.put(&format!("{path}/pin"), json!({})).await.0, 204);
    assert_eq!(code(&scene.carol.delete(&path).await), (403, "forbidden"));
}

#[tokio::test]
async fn what_happens_to_a_restricted_message_is_told_in_private() {
    let scene = Scene::new().await;
    let (mut at_carol, mut at_alice) = (scene.carol.socket().await, scene.alice.socket().await);
    let secret = scene
        .bob
        .say(
            &scene.chat,
            json!({"content": "secret", "visibleTo": [scene.alice.id]}),
        )
        .await;
    let path = format!("/chat/{}/messages/{}", scene.chat, secret["id"].as_str().unwrap());
    assert_eq!(
        scene
            .alice
            .put(&format!("{path}/reactions/🤫"), json!({}))
            .await
            .0,
        204
    );
    assert_eq!(scene.alice.put(&format!("{path}/pin"), json!({})).await.0, 204);
    assert_eq!(
        scene.bob.patch(&path, json!({"content": "more secret"})).await.0,
        200
    );
    for (method, body) in [("reactions/🤫", json!({})), ("pin", json!({}))] {
        let (known, unknown) = (
            scene.carol.put(&format!("{path}/{method}"), body.clone()).await,
            scene.carol.put(&format!("{path}x/{method}"), body).await,
        );
        assert_eq!(known, unknown);
        assert_eq!(code(&known), (404, "not_found"));
    }
    assert_eq!(
        code(&scene.carol.patch(&path, json!({"content": "x"})).await),
        (404, "not_found")
    );
    assert_eq!(code(&scene.carol.delete(&path).await), (404, "not_found"));
    assert_eq!(scene.bob.delete(&path).await.0, 204);
    let last = scene.bob.say(&scene.chat, json!({"content": "last"})).await;
    let told = at_carol.expect("new_message").await;
    assert_eq!((&told["message"]["id"], &told["seq"]), (&last["id"], &json!(3)));
    for (event, seq) in [
        ("new_message", 1),
        ("message_updated", 2),
        ("message_updated", 3),
        ("message_updated", 4),
        ("message_deleted", 5),
    ] {
        let told = at_alice.expect(event).await;
        assert_eq!(
            (&told["scope"], &told["seq"]),
            (&json!("private"), &json!(seq)),
            "{told}"
        );
    }
}
