//! What everybody may have of the server, and what happens beyond it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Client, Method};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    client::{PASSWORD, Person, Socket, Team, answer, code},
    polling::Polling,
};

#[tokio::test]
async fn one_person_asks_no_more_than_their_share() {
    let team = Team::start_with(|config| config.limits.max_requests_per_user = 1).await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    for _ in 0..10 {
        assert_eq!(alice.get("/auth/me").await.0, 200);
    }
    let refused = loop {
        let response = alice.request(Method::GET, "/auth/me").send().await.unwrap();
        if response.status() != 200 {
            break response;
        }
    };
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=11).contains(&seconds), "{seconds}");
    assert_eq!(bob.get("/auth/me").await.0, 200);
}

#[tokio::test]
async fn one_address_asks_no_more_than_its_share() {
    let team = Team::start_with(|config| {
        config.limits.max_requests_per_address = 1;
        config.proxies = proxies();
    })
    .await;
    let ask = |from: &'static str| {
        answer(
            Client::new()
                .get(format!("{}/healthz", team.url))
                .header("X-Forwarded-For", from),
        )
    };
    for _ in 0..10 {
        assert_eq!(ask("192.0.2.1").await.0, 200);
    }
    let refused = loop {
        let answer = ask("192.0.2.1").await;
        if answer.0 != 200 {
            break answer;
        }
    };
    assert_eq!(code(&refused), (429, "rate_limited"));
    assert_eq!(ask("192.0.2.2").await.0, 200);
}

#[tokio::test]
async fn guesses_are_counted_for_the_address_that_a_trusted_proxy_names() {
    let guess = async |team: &Team, from: &str| {
        let body = json!({"username": "alice", "password": "guess"});
        let login = Client::new().post(format!("{}/auth/login", team.url)).json(&body);
        answer(login.header("X-Forwarded-For", from)).await
    };
    let behind = Team::start_with(|config| config.proxies = proxies()).await;
    let _alice = behind.join("alice", "member").await;
    for _ in 0..10 {
        assert_eq!(guess(&behind, "6.6.6.6, 192.0.2.1").await.0, 401);
    }
    assert_eq!(guess(&behind, "7.7.7.7, 192.0.2.1").await.0, 429);
    assert_eq!(guess(&behind, "192.0.2.2").await.0, 401);

    // Whoever is no proxy writes what they like, and is counted for where they are.
    let open = Team::start().await;
    for number in 0..10 {
        assert_eq!(guess(&open, &format!("192.0.2.{number}")).await.0, 401);
    }
    assert_eq!(guess(&open, "192.0.2.99").await.0, 429);
}

#[tokio::test]
async fn guesses_at_once_get_no_further_than_one_after_the_other() {
    let team = Team::start().await;
    let _alice = team.join("alice", "member").await;
    let body = json!({"username": "alice", "password": "guess"});
    let guesses = (0..40).map(|_| answer(Client::new().post(format!("{}/auth/login", team.url)).json(&body)));
    let answers = join_all(guesses).await;
    let tried = answers.iter().filter(|(status, _)| *status == 401).count();
    // One is forgiven every ten seconds, which a slow machine may take.
    assert!((10..=12).contains(&tried), "{tried} were tried");
}

#[tokio::test]
async fn a_stolen_token_is_no_way_to_guess_the_password() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let guess = |password: &str| {
        let body = json!({"currentPassword": password, "newPassword": "another horse"});
        let alice = alice.clone();
        async move { alice.put("/auth/password", body).await }
    };
    for _ in 0..10 {
        assert_eq!(code(&guess("guess").await), (401, "invalid_credentials"));
    }
    assert_eq!(code(&guess(PASSWORD).await), (429, "rate_limited"));
}

#[tokio::test]
async fn one_person_has_no_more_sockets_than_their_share() {
    let team = Team::start_with(|config| config.limits.max_sockets_per_user = 2).await;
    let (alice, bob) = (
        team.join("alice", "member").await,
        team.join("bob", "member").await,
    );
    let (first, _second) = (alice.socket().await, alice.socket().await);
    let mut third = Socket::open(&team.url, "").await;
    let refused = r#"44{"message":"too many connections","data":{"code":"rate_limited"}}"#;
    assert_eq!(third.connect(json!({"token": alice.token})).await, refused);
    let _bobs = bob.socket().await;
    drop(first);
    while third.connect(json!({"token": alice.token})).await == refused {
        third = Socket::open(&team.url, "").await;
    }
}

#[tokio::test]
async fn one_address_has_no_more_sockets_that_say_nothing_than_its_share() {
    let team = Team::start_with(|config| {
        config.limits.max_unconnected_per_address = 3;
        config.limits.connect_timeout = 3600;
    })
    .await;
    let alice = team.join("alice", "member").await;
    let http = Client::new();
    let (_first, _second) = (
        Polling::open(&http, &team.url).await,
        Socket::open(&team.url, "").await,
    );
    let third = Polling::connected(&alice).await;
    // Who has said who they are is not among them.
    let _fourth = Polling::open(&http, &team.url).await.unwrap();
    assert_eq!(Polling::open(&http, &team.url).await.err().unwrap(), 429);
    drop(third);
    let silent = Team::start_with(|config| config.limits.connect_timeout = 1).await;
    let mut socket = Socket::open(&silent.url, "").await;
    assert_eq!(socket.until_closed().await, Vec::<String>::new());
}

#[tokio::test]
async fn one_address_has_no_more_connections_than_its_share() {
    let team = Team::start_with(|config| config.limits.max_connections_per_address = 2).await;
    let address = team.server.address();
    let (mut first, _second) = (
        TcpStream::connect(address).await.unwrap(),
        TcpStream::connect(address).await.unwrap(),
    );
    let mut third = TcpStream::connect(address).await.unwrap();
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0);
    first
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    first.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    // The place of the first is free again.
    let http = Client::new();
    while http.get(format!("{}/healthz", team.url)).send().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_socket_that_says_too_much_is_slowed_down() {
    let team = Team::start_with(|config| config.limits.max_events_per_socket = 5).await;
    let alice = team.join("alice", "member").await;
    let bob = Person::sign_in(&team.url, "alice").await;
    let chat = alice.group(&[]).await;
    let room = json!({"chatId": chat});
    let mut slowed = alice.socket().await;
    let start = Instant::now();
    for _ in 0..60 {
        assert_eq!(slowed.ask("join_chat", room.clone()).await, json!({"ok": true}));
    }
    // Fifty at once, and the other ten at five a second: faster it cannot be on any machine.
    assert!(
        start.elapsed() >= Duration::from_millis(1900),
        "{:?}",
        start.elapsed()
    );
    let mut flooding = bob.socket().await;
    let packet = format!("42{}", json!(["join_chat", room]));
    let flood = tokio::spawn(async move { while flooding.try_write(packet.clone()).await {} });
    // The others are none the worse for it.
    assert_eq!(slowed.ask("join_chat", room).await, json!({"ok": true}));
    flood.abort();
}

fn proxies() -> khaya_server::config::Proxies {
    let header = khaya_server::config::ProxyHeader::default();
    khaya_server::config::Proxies::new(["127.0.0.1"].into_iter(), header).unwrap()
}
