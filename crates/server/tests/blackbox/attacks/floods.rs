//! Many at once.

use futures_util::{StreamExt as _, future::join_all, stream};
use reqwest::Client;
use serde_json::json;

use super::Target;
use crate::polling::Polling;

/// How many of a flood run at the same time.
const AT_ONCE: usize = 64;

#[tokio::test]
async fn ten_thousand_idle_polls_are_held_off() {
    let target = Target::start(&["--max-requests-per-address", "0"]).await;
    let http = Client::new();
    let opened: Vec<_> = stream::iter(0..10_000)
        .map(|_| Polling::open(&http, target.url()))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let refused = opened
        .iter()
        .filter(|opened| matches!(opened, Err(status) if *status == 429))
        .count();
    let sessions: Vec<Polling> = opened.into_iter().filter_map(Result::ok).collect();
    println!("{} sessions were opened, {refused} refused", sessions.len());
    assert_eq!(sessions.len() + refused, 10_000);
    assert!(refused > 0);
    target.survives("10,000 sessions that say nothing").await;
    let polls = join_all(sessions.iter().take(400).map(Polling::poll));
    let polling = async {
        target.survives("400 idle polls").await;
    };
    // They end when the sessions do, which said nothing in time.
    let (_ended, ()) = tokio::join!(polls, polling);
    target.survives("after the polls").await;
}

#[tokio::test]
async fn guesses_are_held_off() {
    let target = Target::start(&[]).await;
    let http = Client::new();
    let statuses: Vec<u16> = stream::iter(0..2_000)
        .map(|number| {
            let body =
                json!({"username": format!("user-{}", number % 500), "password": format!("guess {number}")});
            let login = http.post(format!("{}/auth/login", target.url())).json(&body);
            async move { login.send().await.unwrap().status().as_u16() }
        })
        .buffer_unordered(16)
        .collect()
        .await;
    let tried = statuses.iter().filter(|status| **status == 401).count();
    let held_off = statuses.iter().filter(|status| **status == 429).count();
    println!("of 2,000 guesses {tried} were tried and {held_off} held off");
    assert_eq!(tried + held_off, 2_000);
    // What an address may, and one more every ten seconds.
    assert!(tried < 300, "{tried}");
    // Of the 19 MiB that each hash takes the system's allocator keeps some; it does not grow with their number.
    target.survives_within("2,000 guesses", 512).await;
}
