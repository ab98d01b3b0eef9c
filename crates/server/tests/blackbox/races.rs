//! What two do at the same moment, or while something long is under way: one of them counts, and what has ended stays
//! ended.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::future::join_all;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    client::{Answer, PASSWORD, Person, Team, answer, code},
    files::all_in,
    uploads::raw,
};

async fn login(team: &Team, password: &str) -> Answer {
    let body = json!({"username": "alice", "password": password});
    answer(Client::new().post(format!("{}/auth/login", team.url)).json(&body)).await
}

async fn change_password(person: &Person, from: &str, to: &str) -> Answer {
    let body = json!({"currentPassword": from, "newPassword": to});
    answer(person.request(Method::PUT, "/auth/password").json(&body)).await
}

async fn sessions(person: &Person) -> usize {
    let sessions = person.get("/auth/sessions").await.1;
    sessions["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_began_with_the_password_before_opens_nothing() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    for round in 0..3 {
        let (before, after) = if round % 2 == 0 {
            (PASSWORD, "another horse")
        } else {
            ("another horse", PASSWORD)
        };
        let over = AtomicBool::new(false);
        let thief = async || {
            while !over.load(Ordering::Relaxed) {
                login(&team, before).await;
            }
        };
        let change = async {
            let changed = change_password(&alice, before, after).await;
            over.store(true, Ordering::Relaxed);
            changed
        };
        let (changed, ..) = tokio::join!(change, thief(), thief(), thief());
        assert_eq!(changed.0, 204, "{}", changed.1);
        assert_eq!(sessions(&alice).await, 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_new_passwords_at_once_one_counts_and_ends_the_other_session() {
    let team = Team::start().await;
    let here = team.join("alice", "member").await;
    let there = Person::sign_in(&team.url, "alice").await;
    let (one, other) = tokio::join!(
        change_password(&here, PASSWORD, "chosen here"),
        change_password(&there, PASSWORD, "chosen there"),
    );
    let (winner, password, lost) = match (one.0.as_u16(), other.0.as_u16()) {
        (204, 401) => (&here, "chosen here", "chosen there"),
        (401, 204) => (&there, "chosen there", "chosen here"),
        both => panic!("{both:?}"),
    };
    assert_eq!(sessions(winner).await, 1);
    assert_eq!(code(&login(&team, lost).await), (401, "invalid_credentials"));
    assert_eq!(login(&team, password).await.0, 200);
}

#[tokio::test]
async fn an_upload_whose_session_ends_meanwhile_is_refused_and_leaves_nothing() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let mut upload = raw(
        &team.url,
        &alice.token,
        "Content-Length: 600000\r\nConnection: close",
    )
    .await;
    upload.write_all(&vec![b'x'; 599_999]).await.unwrap();
    let folder = team.dir.path().join("data/files");
    let begun = async {
        while all_in(&folder).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::wire::PATIENCE, begun).await.unwrap();
    assert_eq!(alice.post("/auth/logout", json!({})).await.0, 204);
    upload.write_all(b"x").await.unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(all_in(&folder), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn an_invite_that_many_use_at_once_lets_in_as_many_as_it_is_for() {
    let team = Team::start().await;
    let root = team.join("root", "admin").await;
    let (status, invite) = root.post("/invites", json!({"uses": 2})).await;
    assert_eq!(status, 201);
    let register = |number: usize| {
        let body = json!({
            "username": format!("guest{number}"), "name": "Guest", "password": PASSWORD, "invite": invite["code"],
        });
        answer(
            Client::new()
                .post(format!("{}/auth/register", team.url))
                .json(&body),
        )
    };
    let answers = join_all((0..8).map(register)).await;
    let let_in = answers.iter().filter(|(status, _)| *status == 201).count();
    let refused = answers.iter().filter(|answer| answer.0 == 403).count();
    assert_eq!((let_in, refused), (2, 6), "{answers:?}");
    let people = root.get("/users?query=guest").await.1;
    assert_eq!(people["items"].as_array().unwrap().len(), 2);
    assert_eq!(root.get("/invites").await.1["items"], json!([]));
}

fn owners(chat: &Value, people: &[&Person]) -> usize {
    assert_eq!(chat["members"].as_array().unwrap().len(), people.len(), "{chat}");
    usize::from(chat["myRole"] == "owner")
}

#[tokio::test]
async fn a_chat_whose_owners_all_go_or_demote_each_other_at_once_has_one() {
    let team = Team::start().await;
    let (alice, bob, carol) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
        team.join("carol", "member").await,
    );
    let set = async |by: &Person, chat: &str, of: &Person, role: &str| {
        let path = format!("/chat/{chat}/members/{}", of.id);
        answer(by.request(Method::PUT, &path).json(&json!({"role": role}))).await
    };
    for _ in 0..10 {
        let chat = alice.group(&[&bob, &carol]).await;
        assert_eq!(set(&alice, &chat, &bob, "owner").await.0, 200);
        let (one, other) = tokio::join!(
            set(&alice, &chat, &bob, "member"),
            set(&bob, &chat, &alice, "member")
        );
        let answers = BTreeSet::from([one.0.as_u16(), other.0.as_u16()]);
        assert_eq!(answers, BTreeSet::from([200, 403]), "{one:?} {other:?}");
        let path = format!("/chat/{chat}");
        let views = [alice.get(&path).await.1, bob.get(&path).await.1];
        let found: usize = views
            .iter()
            .map(|chat| owners(chat, &[&alice, &bob, &carol]))
            .sum();
        assert_eq!(found, 1, "{views:?}");
        // Both go at once, and somebody is left who owns it.
        let leave = async |who: &Person| who.delete(&format!("{path}/members/{}", who.id)).await;
        let (one, other) = tokio::join!(leave(&alice), leave(&bob));
        assert_eq!((one.0.as_u16(), other.0.as_u16()), (204, 204));
        assert_eq!(owners(&carol.get(&path).await.1, &[&carol]), 1);
        // The last one takes it with them.
        assert_eq!(leave(&carol).await.0, 204);
        assert_eq!(code(&carol.get(&path).await), (404, "not_found"));
    }
}

#[tokio::test]
async fn a_role_that_changes_between_two_pages_of_what_was_missed_counts_from_the_next_page_on() {
    let team = Team::start().await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "auditor").await,
    );
    let chat = alice.group(&[&bob]).await;
    let mut since = bob.get("/sync").await.1["next"].as_str().unwrap().to_owned();
    for number in 0..6 {
        let (open, hidden) = (format!("open {number}"), format!("hidden {number}"));
        alice.say(&chat, json!({"content": open})).await;
        alice
            .say(&chat, json!({"content": hidden, "visibleToRoles": ["auditor"]}))
            .await;
    }
    let mut seen = Vec::new();
    for page in 0.. {
        let role = if page % 2 == 0 { "auditor" } else { "member" };
        team.server.set_role("bob", role).await.unwrap();
        let part = bob.get(&format!("/sync?since={since}&limit=2")).await.1;
        for missed in part["events"].as_array().unwrap() {
            let content = missed["data"]["message"]["content"].as_str();
            // What is not for the role of now is told as a message that there is not, and nothing of it.
            assert!(
                role == "auditor" || content.is_none_or(|content| content.starts_with("open")),
                "{missed}"
            );
            seen.extend(content.map(str::to_owned));
        }
        since = part["next"].as_str().unwrap().to_owned();
        if part["hasMore"] == false {
            break;
        }
    }
    let open = seen.iter().filter(|content| content.starts_with("open")).count();
    assert_eq!(open, 6, "{seen:?}");
    assert!(
        seen.iter().any(|content| content.starts_with("hidden")),
        "{seen:?}"
    );
    assert!(seen.len() < 12, "{seen:?}");
}
