//! Somebody who can write to the bus, and has heard what was said there: they say it again, and say something else.

use futures_util::StreamExt as _;
use khaya_server::config::BusAt;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    client::{PASSWORD, Person, metric, serve, until},
    redis::Redis,
    wire::PATIENCE,
};

#[tokio::test]
async fn what_somebody_repeats_or_makes_up_on_the_bus_is_told_to_nobody() {
    let redis = Redis::start();
    let dir = tempfile::tempdir().unwrap();
    let node = || {
        serve(dir.path(), |config| {
            config.bus = Some(BusAt::new(&redis.url()).unwrap());
            config.limits.max_requests_per_address = 0;
        })
    };
    let (here, there) = (node().await, node().await);
    until([&here, &there], "khaya_bus_nodes", 1).await;
    for name in ["alice", "bob"] {
        here.add_user(name, name, "member", PASSWORD).await.unwrap();
    }
    let alice = Person::sign_in(here.url(), "alice").await;
    let bob = Person::sign_in(there.url(), "bob").await;
    let chat = alice.group(&[&bob]).await;
    let mut at_bob = bob.socket().await;

    let client = ::redis::Client::open(redis.url()).unwrap();
    let mut listener = client.get_async_pubsub().await.unwrap();
    listener.psubscribe("khaya:*").await.unwrap();
    let mut heard = listener.into_on_message();
    for content in ["one", "two", "three"] {
        alice.say(&chat, json!({"content": content})).await;
    }
    let mut letters: Vec<(String, String)> = Vec::new();
    while !letters.last().is_some_and(|(_, said)| said.contains("three")) {
        let letter = timeout(PATIENCE, heard.next()).await.unwrap().unwrap();
        letters.push((
            letter.get_channel_name().to_owned(),
            letter.get_payload().unwrap(),
        ));
    }
    let mut bus = client.get_multiplexed_async_connection().await.unwrap();
    for (channel, said) in &letters {
        for again in [
            said.clone(),
            said.replace("three", "forged"),
            said[1..].to_owned(),
        ] {
            let mut publish = ::redis::cmd("PUBLISH");
            let _hearers: i64 = publish
                .arg(channel)
                .arg(again)
                .query_async(&mut bus)
                .await
                .unwrap();
        }
    }
    alice.say(&chat, json!({"content": "last"})).await;

    let (mut told, mut numbers) = (Vec::new(), Vec::new());
    while told.last().is_none_or(|content| content != "last") {
        let (event, data) = at_bob.next().await;
        if event == "new_message" {
            told.push(data["message"]["content"].as_str().unwrap().to_owned());
            numbers.push(data["seq"].as_u64().unwrap());
        }
    }
    assert_eq!(told, ["one", "two", "three", "last"]);
    assert!(
        numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{numbers:?}"
    );
    assert_eq!(metric(&there, "khaya_bus_nodes").await, 1);
    here.stop().await;
    there.stop().await;
}
