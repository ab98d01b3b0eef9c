//! Finding messages by words, and nothing that one may not see.

use std::time::Duration;

use serde_json::json;

use crate::{
    client::{Person, Team, code},
    database,
};

async fn found(person: &Person, query: &str) -> Vec<String> {
    let (status, page) = person.get(&format!("/search?{query}")).await;
    assert_eq!(status, 200, "{page}");
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["content"].as_str().unwrap().to_owned())
        .collect()
}

/// Fails for as long as the index has not come to all messages, and changes nothing.
const ALL_FILED: &str = "INSERT INTO search_progress (filed_to)
    SELECT NULL FROM search_progress WHERE filed_to < (SELECT MAX(number) FROM messages)";

#[tokio::test]
async fn a_message_is_found_before_and_after_its_words_are_filed() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let elsewhere = bob.group(&[]).await;
    let say = |number: usize| {
        let (alice, chat) = (&alice, &chat);
        async move {
            let body = json!({"content": format!("apple w{number}w")});
            let message = alice.say(chat, body).await;
            message["id"].as_str().unwrap().to_owned()
        }
    };
    let mut ids = Vec::new();
    // More than are filed at once, so that some are when others are not.
    for number in 0..700 {
        ids.push(say(number).await);
        if number % 100 == 0 {
            assert_eq!(
                found(&bob, &format!("q=w{number}w")).await,
                [format!("apple w{number}w")]
            );
        }
    }
    bob.say(&elsewhere, json!({"content": "apple of bob"})).await;
    bob.say(&chat, json!({"content": "apple for bob", "visibleTo": [bob.id]}))
        .await;
    // The newest are hardly filed, the oldest are.
    for number in [0, 699] {
        let path = format!("/chat/{chat}/messages/{}", ids[number]);
        let changed = alice
            .patch(&path, json!({"content": format!("pear p{number}p")}))
            .await;
        assert_eq!(changed.0, 200, "{}", changed.1);
    }
    for number in [1, 698] {
        let path = format!("/chat/{chat}/messages/{}", ids[number]);
        assert_eq!(alice.delete(&path).await.0, 204);
    }
    for _before_and_after in 0..2 {
        for number in [0, 699] {
            assert_eq!(
                found(&bob, &format!("q=p{number}p")).await,
                [format!("pear p{number}p")]
            );
        }
        for gone in ["q=w0w", "q=w1w", "q=w698w", "q=w699w"] {
            assert_eq!(found(&alice, gone).await, Vec::<String>::new(), "{gone}");
        }
        for number in [2, 511, 512, 697] {
            assert_eq!(
                found(&alice, &format!("q=apple+w{number}w")).await,
                [format!("apple w{number}w")]
            );
        }
        let newest = found(&alice, "q=app&limit=3").await;
        assert_eq!(newest, ["apple w697w", "apple w696w", "apple w695w"]);
        let newest = found(&bob, "q=app&limit=3").await;
        assert_eq!(newest, ["apple for bob", "apple of bob", "apple w697w"]);
        while let Err(behind) = database::tamper(&team.dir.path().join("data"), ALL_FILED) {
            assert!(behind.to_lowercase().contains("null"), "{behind}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn words_are_found_in_every_script() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let (chat, other) = (alice.group(&[&bob]).await, alice.group(&[]).await);
    for text in [
        "Release notes are ready",
        "明日の会議は10時です",
        "صباح الخير يا جماعة",
        "Café Gonçalves",
        "100% sure, really?",
    ] {
        alice.say(&chat, json!({"content": text})).await;
    }
    bob.say(&chat, json!({"content": "the release is mine"})).await;
    alice.say(&other, json!({"content": "release elsewhere"})).await;
    assert_eq!(
        found(&alice, "q=RELEASE").await,
        [
            "release elsewhere",
            "the release is mine",
            "Release notes are ready"
        ]
    );
    assert_eq!(
        found(&bob, "q=rel").await,
        ["the release is mine", "Release notes are ready"]
    );
    assert_eq!(found(&bob, "q=ready+notes").await, ["Release notes are ready"]);
    assert_eq!(found(&alice, "q=会議").await, ["明日の会議は10時です"]);
    assert_eq!(found(&alice, "q=議会").await, Vec::<String>::new());
    assert_eq!(found(&alice, "q=الخير").await, ["صباح الخير يا جماعة"]);
    assert_eq!(found(&alice, "q=cafe+goncalves").await, ["Café Gonçalves"]);
    assert_eq!(
        found(&alice, &format!("q=release&chatId={other}")).await,
        ["release elsewhere"]
    );
    assert_eq!(
        found(&alice, &format!("q=release&senderId={}", bob.id)).await,
        ["the release is mine"]
    );
    assert_eq!(
        found(&bob, &format!("q=release&chatId={other}")).await,
        Vec::<String>::new()
    );
    // Nothing of the database's own language gets through.
    for query in [
        "\"release",
        "release*",
        "NOT release",
        "words:release",
        "release OR x",
        "(release)",
    ] {
        let (status, page) = alice
            .get(&format!(
                "/search?q={}",
                query.replace(' ', "+").replace('"', "%22")
            ))
            .await;
        assert_eq!(status, 200, "{query}: {page}");
    }
    for bad in [
        "",
        "q=",
        "q=%20%22",
        &format!("q={}", "x".repeat(201)),
        "q=x&cursor=made-up",
        "q=x&chatId=a%20b",
    ] {
        assert_eq!(
            code(&alice.get(&format!("/search?{bad}")).await),
            (422, "invalid_request"),
            "{bad}"
        );
    }
}

#[tokio::test]
async fn comes_in_pages_and_follows_edits_and_deletes() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let chat = alice.group(&[]).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(
            alice.say(&chat, json!({"content": format!("apple {n}")})).await["id"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    let (_, page) = alice.get("/search?q=apple&limit=3").await;
    let cursor = page["nextCursor"].as_str().unwrap();
    assert_eq!(
        found(&alice, &format!("q=apple&limit=3&cursor={cursor}")).await,
        ["apple 1", "apple 0"]
    );
    let path = |n: usize| format!("/chat/{chat}/messages/{}", ids[n]);
    assert_eq!(alice.patch(&path(0), json!({"content": "pear"})).await.0, 200);
    assert_eq!(alice.delete(&path(1)).await.0, 204);
    assert_eq!(found(&alice, "q=apple").await, ["apple 4", "apple 3", "apple 2"]);
    assert_eq!(found(&alice, "q=pear").await, ["pear"]);
    assert_eq!(alice.delete(&format!("/chat/{chat}")).await.0, 204);
    assert_eq!(found(&alice, "q=apple").await, Vec::<String>::new());
}

#[tokio::test]
async fn restricted_messages_are_found_by_those_they_are_for() {
    let team = Team::start().await;
    let (alice, bob, carol, root) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
        team.join("carol", "member").await,
        team.join("root", "admin").await,
    );
    let chat = alice.group(&[&bob, &carol, &root]).await;
    alice.say(&chat, json!({"content": "a plum for all"})).await;
    alice
        .say(&chat, json!({"content": "a secret plum", "visibleTo": [bob.id]}))
        .await;
    let last = alice
        .say(
            &chat,
            json!({"content": "plum for members", "visibleToRoles": ["member"]}),
        )
        .await;
    assert_eq!(
        found(&bob, "q=plum").await,
        ["plum for members", "a secret plum", "a plum for all"]
    );
    assert_eq!(found(&alice, "q=plum+secret").await, ["a secret plum"]);
    assert_eq!(
        found(&carol, "q=plum").await,
        ["plum for members", "a plum for all"]
    );
    assert_eq!(found(&root, "q=plum").await, ["a plum for all"]);
    assert_eq!(found(&root, "q=secret").await, Vec::<String>::new());
    let path = format!("/chat/{chat}/messages/{}", last["id"].as_str().unwrap());
    assert_eq!(alice.patch(&path, json!({"content": "apricot"})).await.0, 200);
    assert_eq!(found(&root, "q=apricot").await, Vec::<String>::new());
    assert_eq!(found(&carol, "q=apricot").await, ["apricot"]);
}
