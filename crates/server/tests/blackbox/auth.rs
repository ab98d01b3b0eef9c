//! Signing in, refreshing, signing out.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::client::{Answer, PASSWORD, Person, Team, answer, code};

async fn post(team: &Team, path: &str, body: Value) -> Answer {
    answer(Client::new().post(format!("{}{path}", team.url)).json(&body)).await
}

async fn refresh(team: &Team, token: &str) -> Answer {
    post(team, "/auth/refresh", json!({"refreshToken": token})).await
}

fn text(value: &Value, field: &str) -> String {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
        .to_owned()
}

#[tokio::test]
async fn signs_in_with_the_right_password_only() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let (status, me) = alice.get("/auth/me").await;
    assert_eq!(status, 200);
    assert_eq!(
        (
            me["username"].as_str(),
            me["role"].as_str(),
            me["privateSeq"].as_u64()
        ),
        (Some("alice"), Some("member"), Some(0))
    );
    assert!(me.get("passwordHash").is_none());

    let login = |username: &str, password: &str| {
        post(
            &team,
            "/auth/login",
            json!({"username": username, "password": password}),
        )
    };
    let wrong = login("alice", "wrong").await;
    assert_eq!(code(&wrong), (401, "invalid_credentials"));
    // Nothing tells a wrong password from a name that nobody has.
    assert_eq!(wrong, login("nobody", "wrong").await);
    assert_eq!(wrong, login("", "").await);
    assert_eq!(login("ALICE", PASSWORD).await.0, 200);
    let malformed = post(&team, "/auth/login", json!({"username": 1})).await;
    assert_eq!(code(&malformed), (422, "invalid_request"));
    assert_eq!(malformed.1["errors"][0]["field"], "username");
}

/// An answer without the work of a hash comes in a fraction of the time, in every pair. What else the machine does makes
/// single pairs uneven, to either side, and small differences are no news: so it takes both, nearly all pairs on one side
/// and a large difference, to say that the time tells.
#[tokio::test]
async fn how_long_a_refusal_takes_does_not_tell_whether_there_is_such_a_person() {
    const NAMES: usize = 4;
    // As often as one account may be tried from one address, but for one.
    const TIMES: usize = 9;
    let team = Team::start().await;
    for name in 0..NAMES {
        team.join(&format!("known{name}"), "member").await;
    }
    let client = Client::new();
    let took = async |username: String| {
        let body = json!({"username": username, "password": "wrong"});
        let begin = std::time::Instant::now();
        let refused = answer(client.post(format!("{}/auth/login", team.url)).json(&body)).await;
        assert_eq!(code(&refused), (401, "invalid_credentials"));
        begin.elapsed().as_secs_f64()
    };
    let mut pairs = Vec::new();
    for round in 0..TIMES {
        for name in 0..NAMES {
            let (known, unknown) = (format!("known{name}"), format!("nobody{name}"));
            // Which of them is first changes, as the second may find the machine warm.
            pairs.push(if (round + name) % 2 == 0 {
                let first = took(known).await;
                (first, took(unknown).await)
            } else {
                let first = took(unknown).await;
                (took(known).await, first)
            });
        }
    }
    let longer = pairs.iter().filter(|(known, unknown)| known > unknown).count();
    let middle = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let difference = middle(pairs.iter().map(|(known, unknown)| known - unknown).collect()).abs();
    let usual = middle(pairs.iter().map(|(known, _)| *known).collect());
    // With no difference the first happens once in millions of times.
    let one_sided = longer <= pairs.len() / 10 || longer >= pairs.len() - pairs.len() / 10;
    assert!(
        !(one_sided && difference > usual / 4.0),
        "known took longer in {longer} of {} pairs, by {difference} s of {usual} s",
        pairs.len()
    );
}

#[tokio::test]
async fn who_guesses_passwords_is_slowed_down() {
    let team = Team::start().await;
    let _alice = team.join("alice", "member").await;
    let login = |username: &str, password: &str| {
        post(
            &team,
            "/auth/login",
            json!({"username": username, "password": password}),
        )
    };
    for _ in 0..10 {
        assert_eq!(code(&login("alice", "guess").await), (401, "invalid_credentials"));
    }
    // One is forgiven every ten seconds, which a busy machine may need for a few guesses: until there is time left.
    loop {
        let body = json!({"username": "alice", "password": "guess"});
        let url = format!("{}/auth/login", team.url);
        let response = Client::new().post(url).json(&body).send().await.unwrap();
        if response.status() == 401 {
            continue;
        }
        assert_eq!(response.status(), 429);
        let told = response.headers()["retry-after"].to_str().unwrap();
        let seconds: u64 = told.parse().unwrap();
        assert!((1..=10).contains(&seconds), "{seconds}");
        if seconds >= 5 {
            break;
        }
    }
    // The right one too, so that nothing is learned.
    assert_eq!(code(&login("alice", PASSWORD).await), (429, "rate_limited"));
    let bob = team.join("bob", "member").await;
    assert_eq!(bob.get("/auth/me").await.0, 200);
}

#[tokio::test]
async fn refuses_calls_without_a_good_token() {
    let team = Team::start().await;
    let mut alice = team.join("alice", "member").await;
    let bare = answer(Client::new().get(format!("{}/chat", team.url))).await;
    assert_eq!(code(&bare), (401, "unauthorized"));
    alice.token.push('x');
    assert_eq!(code(&alice.get("/chat").await), (401, "unauthorized"));
    let in_query = answer(Client::new().get(format!("{}/chat?token={}", team.url, alice.token))).await;
    assert_eq!(code(&in_query), (401, "unauthorized"));
}

#[tokio::test]
async fn an_access_token_ends_without_leeway() {
    let team = Team::start_with(|config| config.token_ttl = std::time::Duration::from_secs(1)).await;
    let alice = team.join("alice", "member").await;
    loop {
        let answer = alice.get("/auth/me").await;
        // Who asks this often is slowed down, whatever the token.
        if answer.0 != 200 && answer.0 != 429 {
            assert_eq!(code(&answer), (401, "token_expired"));
            return;
        }
    }
}

#[tokio::test]
async fn a_lost_answer_to_a_refresh_locks_nobody_out() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    alice.get("/auth/me").await;
    let (status, lost) = refresh(&team, &alice.refresh_token).await;
    assert_eq!(status, 200, "{lost}");
    let (status, again) = refresh(&team, &alice.refresh_token).await;
    assert_eq!(status, 200, "{again}");

    // The newest access token is used: the refresh token before it is dead, and whoever brings it is a thief.
    let fresh = Person {
        token: text(&again, "token"),
        ..alice.clone()
    };
    assert_eq!(fresh.get("/auth/me").await.0, 200);
    assert_eq!(
        code(&refresh(&team, &alice.refresh_token).await),
        (401, "unauthorized")
    );
    assert_eq!(
        code(&refresh(&team, &text(&again, "refreshToken")).await),
        (401, "unauthorized")
    );
    assert_eq!(code(&fresh.get("/auth/me").await), (401, "unauthorized"));
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_session_and_its_sockets() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let other_device = Person::sign_in(&team.url, "alice").await;
    let mut socket = alice.socket().await;
    let (_, second) = refresh(&team, &alice.refresh_token).await;
    let (status, third) = refresh(&team, &text(&second, "refreshToken")).await;
    assert_eq!(status, 200, "{third}");
    assert_eq!(
        code(&refresh(&team, &alice.refresh_token).await),
        (401, "unauthorized")
    );
    assert_eq!(
        code(&refresh(&team, &text(&third, "refreshToken")).await),
        (401, "unauthorized")
    );
    assert_eq!(socket.until_closed().await, ["session_revoked"]);
    assert_eq!(other_device.get("/auth/me").await.0, 200);
}

#[tokio::test]
async fn made_up_refresh_tokens_are_refused() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let next = alice.refresh_token.replace(".1.", ".2.");
    for bad in ["", "x", "a.1.b", &next, &alice.token] {
        assert_eq!(code(&refresh(&team, bad).await), (401, "unauthorized"), "{bad}");
    }
    assert_eq!(refresh(&team, &alice.refresh_token).await.0, 200);
    assert_eq!(
        code(&post(&team, "/auth/refresh", json!({})).await),
        (422, "invalid_request")
    );
}

#[tokio::test]
async fn signing_out_ends_the_token_the_refresh_token_and_the_socket() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let mut socket = alice.socket().await;
    let (status, _) = answer(alice.request(Method::POST, "/auth/logout")).await;
    assert_eq!(status, 204);
    assert_eq!(socket.until_closed().await, ["session_revoked"]);
    assert_eq!(code(&alice.get("/auth/me").await), (401, "unauthorized"));
    assert_eq!(
        code(&refresh(&team, &alice.refresh_token).await),
        (401, "unauthorized")
    );
}

#[tokio::test]
async fn sessions_survive_a_restart() {
    let team = Team::start().await;
    let mut alice = team.join("alice", "member").await;
    let team = team.restart().await;
    alice = team.reached_by(&alice);
    assert_eq!(alice.get("/auth/me").await.0, 200);
    assert_eq!(refresh(&team, &alice.refresh_token).await.0, 200);
}
