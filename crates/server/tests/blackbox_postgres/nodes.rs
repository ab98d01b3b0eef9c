//! Two nodes on one database: whoever asks whichever finds one truth.

use khaya_server::{Config, Server};
use serde_json::{Value, json};

use crate::{client::Person, client::Team, database};

/// A second node on the database of a team's.
async fn second(team: &Team) -> Server {
    let data = team.dir.path().join("data");
    let config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        database: database::of(&data).map(|address| address.parse().unwrap()),
        data,
        ..Config::default()
    };
    Server::start(config).await.unwrap()
}

#[tokio::test]
async fn what_two_nodes_store_at_once_is_one_history() {
    let team = Team::start().await;
    let node = second(&team).await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let chat = alice.group(&[&bob]).await;
    let path = format!("/chat/{chat}/messages");
    let mut sends = tokio::task::JoinSet::new();
    for n in 0..40 {
        // Each message is sent twice, to one node and to the other.
        for person in [alice.clone(), alice.at(&node)] {
            let path = path.clone();
            sends.spawn(async move {
                let body = json!({"content": format!("message {n}"), "clientId": format!("id-{n}")});
                let (status, message) = person.post(&path, body).await;
                (n, status.as_u16(), message["id"].as_str().unwrap().to_owned())
            });
        }
    }
    let mut answers = sends.join_all().await;
    answers.sort();
    for pair in answers.chunks(2) {
        let [first, second] = pair else { panic!("{pair:?}") };
        assert_eq!((first.1, second.1), (200, 201), "{pair:?}");
        assert_eq!(first.2, second.2);
    }
    let (_, here) = bob.get(&format!("{path}?limit=100")).await;
    let (_, there) = bob.at(&node).get(&format!("{path}?limit=100")).await;
    assert_eq!(here, there);
    let items = here["items"].as_array().unwrap();
    assert_eq!(items.len(), 40);
    let places: Vec<(&str, &str)> = items
        .iter()
        .map(|message| {
            (
                message["createdAt"].as_str().unwrap(),
                message["id"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(places.is_sorted_by(|left, right| left < right), "{places:?}");
    let (_, seen) = bob.at(&node).get(&format!("/chat/{chat}")).await;
    assert_eq!((&seen["seq"], &seen["unreadCount"]), (&json!(41), &json!(40)));
    node.stop().await;
}

#[tokio::test]
async fn sessions_and_keys_are_those_of_the_database() {
    let team = Team::start().await;
    let node = second(&team).await;
    let alice = team.join("alice", "member").await;
    let there = alice.at(&node);
    assert_eq!(there.get("/auth/me").await.0, 200);

    // The same refresh token, at both at once: both get a pair that works.
    let ask = |person: Person| async move {
        person
            .post("/auth/refresh", json!({"refreshToken": person.refresh_token}))
            .await
    };
    let (one, other) = tokio::join!(ask(alice.clone()), ask(there.clone()));
    let token = |answer: &(reqwest::StatusCode, Value)| {
        assert_eq!(answer.0, 200, "{}", answer.1);
        answer.1["token"].as_str().unwrap().to_owned()
    };
    for (token, person) in [(token(&one), &there), (token(&other), &alice)] {
        let person = Person {
            token,
            ..person.clone()
        };
        assert_eq!(person.get("/auth/me").await.0, 200);
    }

    assert_eq!(alice.post("/auth/logout", json!({})).await.0, 204);
    assert_eq!(there.get("/auth/me").await.0, 401);
    node.stop().await;
}
