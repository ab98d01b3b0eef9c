//! A database that goes away and comes back: what is asked meanwhile is refused as something to try again, nothing
//! that was answered is lost, and nobody has to start anything afresh.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    client::{Team, code},
    postgres::{Postgres, ask},
};

async fn on(postgres: &Postgres) -> Team {
    let address = postgres.create("khaya");
    Team::start_with(|config| config.database = Some(address.parse().unwrap())).await
}

#[tokio::test]
async fn while_it_is_away_calls_are_refused_and_after_that_they_are_not() {
    let postgres = Postgres::start();
    let team = on(&postgres).await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let path = format!("/chat/{chat}/messages");
    alice.say(&chat, json!({"content": "before"})).await;
    let mut at_bob = bob.socket().await;
    postgres.tell("stop");
    let body = json!({"content": "meanwhile", "clientId": "one"});
    let refused = alice.post(&path, body.clone()).await;
    assert_eq!(code(&refused), (503, "unavailable"));
    let refused = alice.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(alice.get("/readyz").await.0, 503);
    assert_eq!(alice.get("/healthz").await.0, 200);

    postgres.tell("start");
    assert_eq!(alice.post(&path, body).await.0, 201);
    assert_eq!(
        at_bob.expect("new_message").await["message"]["content"],
        "meanwhile"
    );
    let (_, page) = bob.get(&path).await;
    let contents: Vec<&Value> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["content"])
        .collect();
    assert_eq!(contents, ["before", "meanwhile"]);
    team.server.stop().await;
}

#[tokio::test]
async fn connections_that_are_ended_are_opened_again_without_a_word() {
    let postgres = Postgres::start();
    let team = on(&postgres).await;
    let alice = team.join("alice", "member").await;
    let chat = alice.group(&[]).await;
    for n in 0..3 {
        alice.say(&chat, json!({"content": n.to_string()})).await;
        ask(
            &postgres.address("khaya"),
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'khaya-server'",
        )
        .unwrap();
    }
    alice.say(&chat, json!({"content": "after"})).await;
    let (status, page) = alice.get(&format!("/chat/{chat}/messages")).await;
    assert_eq!(
        (status.as_u16(), page["items"].as_array().unwrap().len()),
        (200, 4)
    );
    team.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_under_load_loses_nothing_and_tells_everything_once() {
    const SENDERS: usize = 8;
    const EACH: usize = 30;
    let postgres = Postgres::start();
    let team = on(&postgres).await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let mut at_bob = bob.socket().await;
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let (alice, path) = (alice.clone(), format!("/chat/{chat}/messages"));
        senders.spawn(async move {
            for n in 0..EACH {
                let id = format!("{sender}-{n}");
                let body = json!({"content": id, "clientId": id});
                loop {
                    match alice.post(&path, body.clone()).await.0.as_u16() {
                        200 | 201 => break,
                        503 => tokio::time::sleep(Duration::from_millis(20)).await,
                        other => panic!("{other}"),
                    }
                }
            }
        });
    }
    // It goes in the middle of it, three times.
    let mut told = Vec::new();
    let mut seqs = Vec::new();
    while told.len() < SENDERS * EACH {
        if [20, 90, 160].contains(&told.len()) {
            postgres.tell("stop");
            postgres.tell("start");
        }
        let event = at_bob.expect("new_message").await;
        told.push(event["message"]["content"].as_str().unwrap().to_owned());
        seqs.push(event["seq"].as_u64().unwrap());
    }
    senders.join_all().await;
    let expected: Vec<u64> = (2..).take(SENDERS * EACH).collect();
    assert_eq!(seqs, expected);
    let mut page = bob.get(&format!("/chat/{chat}/messages?limit=100")).await.1;
    let mut kept: Vec<Value> = page["items"].as_array().unwrap().clone();
    while let Some(before) = page["nextCursor"].as_str().map(str::to_owned) {
        page = bob
            .get(&format!("/chat/{chat}/messages?limit=100&before={before}"))
            .await
            .1;
        kept.splice(0..0, page["items"].as_array().unwrap().iter().cloned());
    }
    let kept: Vec<&str> = kept
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect();
    assert_eq!(kept, told);
    team.server.stop().await;
}
