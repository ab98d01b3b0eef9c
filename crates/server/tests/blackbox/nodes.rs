//! Several nodes of one server: what is done on one is told on the others, over a bus that may go and come back.

use khaya_server::{Server, config::BusAt};
use serde_json::json;

#[cfg(target_os = "linux")]
use crate::postgres::Postgres;
use crate::{
    client::{PASSWORD, Person, Socket, metric, serve, until},
    polling::Polling,
    redis::Redis,
};

/// What joins the nodes of a test.
enum Bus {
    Redis(Redis),
    /// Not the one that holds the database.
    #[cfg(target_os = "linux")]
    Postgres(Postgres),
}

impl Bus {
    fn redis() -> Self {
        Self::Redis(Redis::start())
    }

    #[cfg(target_os = "linux")]
    fn postgres() -> Self {
        Self::Postgres(Postgres::start())
    }

    fn kill(&mut self) {
        match self {
            Self::Redis(redis) => redis.kill(),
            #[cfg(target_os = "linux")]
            Self::Postgres(postgres) => postgres.tell("stop"),
        }
    }

    fn restart(&mut self) {
        match self {
            Self::Redis(redis) => redis.restart(),
            #[cfg(target_os = "linux")]
            Self::Postgres(postgres) => postgres.tell("start"),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Redis(redis) => redis.url(),
            #[cfg(target_os = "linux")]
            Self::Postgres(postgres) => postgres.address("postgres"),
        }
    }
}

/// Has tests run over each bus there is.
macro_rules! over_each_bus {
    ($($test:ident)*) => {
        mod over_redis {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Bus::redis()).await;
            })*
        }

        #[cfg(target_os = "linux")]
        mod over_postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Bus::postgres()).await;
            })*
        }
    };
}

over_each_bus! {
    what_is_done_on_one_node_is_told_on_the_other
    guesses_are_counted_on_all_nodes_together
    a_dead_bus_stops_nobody_and_the_nodes_hear_again
    what_a_node_committed_and_told_nobody_comes_to_light
}

/// Two nodes on one database.
struct Cluster {
    bus: Bus,
    nodes: [Server; 2],
    dir: tempfile::TempDir,
}

impl Cluster {
    async fn start(bus: Bus) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = BusAt::new(&bus.url()).unwrap();
        let node = || {
            serve(dir.path(), |config| {
                config.bus = Some(at.clone());
                config.limits.max_requests_per_user = 0;
                config.limits.max_requests_per_address = 0;
            })
        };
        let nodes = [node().await, node().await];
        let cluster = Self { bus, nodes, dir };
        cluster.until("khaya_bus_nodes", 1).await;
        cluster
    }

    /// Adds somebody, signed in on one of the nodes.
    async fn join(&self, username: &str, node: usize) -> Person {
        let name = format!("{} Testperson", username.to_uppercase());
        self.nodes[0]
            .add_user(username, &name, "member", PASSWORD)
            .await
            .unwrap();
        Person::sign_in(self.nodes[node].url(), username).await
    }

    async fn metric(&self, node: usize, name: &str) -> u64 {
        metric(&self.nodes[node], name).await
    }

    /// Waits until both nodes say so.
    async fn until(&self, name: &str, value: u64) {
        until([&self.nodes[0], &self.nodes[1]], name, value).await;
    }
}

/// Waits until these sockets have heard what was told before: a letter may come after the socket that it is for.
async fn settle<const N: usize>(teller: &Person, chat: &str, sockets: [&mut Socket; N]) {
    teller.say(chat, json!({"content": "settled"})).await;
    for socket in sockets {
        while socket.next().await.1["message"]["content"] != "settled" {}
    }
}

async fn what_is_done_on_one_node_is_told_on_the_other(bus: Bus) {
    let cluster = Cluster::start(bus).await;
    let (alice, bob) = (cluster.join("alice", 0).await, cluster.join("bob", 1).await);
    let (chat, _other) = (alice.group(&[&bob]).await, alice.group(&[&bob]).await);
    let mut at_alice = alice.socket().await;
    let (mut at_bob, mut polling) = (bob.socket().await, Polling::connected(&bob).await);
    settle(&alice, &chat, [&mut at_bob]).await;
    // Who is there.
    assert_eq!(
        at_alice.next_presence().await,
        json!({"userId": bob.id, "status": "online"})
    );
    let bob_now = alice.get("/users?query=bob").await.1["items"][0].clone();
    assert_eq!(bob_now["presence"]["status"], "online");
    // Messages, those for some alone for them.
    alice.say(&chat, json!({"content": "to all"})).await;
    alice
        .say(&chat, json!({"content": "to myself", "visibleTo": [alice.id]}))
        .await;
    alice
        .say(&chat, json!({"content": "to bob", "visibleTo": [bob.id]}))
        .await;
    for expected in ["to all", "to bob"] {
        assert_eq!(at_bob.expect("new_message").await["message"]["content"], expected);
        let packet = loop {
            let packet = polling.read().await.unwrap();
            if packet.contains("new_message") && !packet.contains("settled") {
                break packet;
            }
        };
        assert!(packet.contains(expected), "{packet}");
    }
    // Typing.
    for socket in [&mut at_alice, &mut at_bob] {
        assert_eq!(
            socket.ask("join_chat", json!({"chatId": chat})).await,
            json!({"ok": true})
        );
    }
    let typing = json!({"chatId": chat, "userId": alice.id, "isTyping": true});
    at_alice.emit("user_typing", typing.clone()).await;
    assert_eq!(at_bob.expect("user_typing").await, typing);
    // The end of a membership, and of a session.
    assert_eq!(
        alice.delete(&format!("/chat/{chat}/members/{}", bob.id)).await.0,
        204
    );
    assert_eq!(at_bob.expect("chat_removed").await["chatId"], chat);
    let desk = Person::sign_in(cluster.nodes[0].url(), "bob").await;
    let sessions = desk.get("/auth/sessions").await.1;
    let other = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|session| session["current"] == false);
    let path = format!("/auth/sessions/{}", other.unwrap()["id"].as_str().unwrap());
    assert_eq!(desk.delete(&path).await.0, 204);
    assert_eq!(at_bob.until_closed().await.last().unwrap(), "session_revoked");
    // Who has gone, told once they are on no node.
    let again = desk.socket().await;
    drop(again);
    loop {
        let presence = at_alice.next_presence().await;
        if presence["status"] == "offline" {
            assert_eq!(presence["userId"], bob.id);
            break;
        }
    }
    assert_eq!(cluster.metric(0, "khaya_bus_healed_total").await, 0);
}

async fn guesses_are_counted_on_all_nodes_together(bus: Bus) {
    let cluster = Cluster::start(bus).await;
    let alice = cluster.join("alice", 0).await;
    let guess = async |node: usize| {
        let body = json!({"username": "alice", "password": "guess"});
        let login = alice
            .http
            .post(format!("{}/auth/login", cluster.nodes[node].url()));
        login.json(&body).send().await.unwrap().status()
    };
    for _ in 0..10 {
        assert_eq!(guess(0).await, 401);
    }
    assert_eq!(guess(0).await, 429);
    // The letters are on their way.
    let mut tried = 0;
    while guess(1).await == 401 {
        tried += 1;
    }
    assert!(tried < 10, "the other node let {tried} more pass");

    // The same for who has somebody's token and guesses their password with it.
    let bob = cluster.join("bob", 0).await;
    let guess = async |node: usize| {
        let body = json!({"currentPassword": "guess", "newPassword": "of the thief"});
        let there = bob.at(&cluster.nodes[node]);
        let change = there.request(reqwest::Method::PUT, "/auth/password").json(&body);
        change.send().await.unwrap().status()
    };
    for _ in 0..10 {
        assert_eq!(guess(0).await, 401);
    }
    let mut tried = 0;
    while guess(1).await == 401 {
        tried += 1;
    }
    assert!(tried < 10, "the other node let {tried} more pass");
}

async fn a_dead_bus_stops_nobody_and_the_nodes_hear_again(bus: Bus) {
    let mut cluster = Cluster::start(bus).await;
    let (alice, ama, bob) = (
        cluster.join("alice", 0).await,
        cluster.join("ama", 0).await,
        cluster.join("bob", 1).await,
    );
    let chat = alice.group(&[&ama, &bob]).await;
    let (mut at_ama, mut at_bob) = (ama.socket().await, bob.socket().await);
    settle(&alice, &chat, [&mut at_ama, &mut at_bob]).await;
    alice.say(&chat, json!({"content": "before"})).await;
    assert_eq!(at_ama.expect("new_message").await["message"]["content"], "before");
    assert_eq!(at_bob.expect("new_message").await["message"]["content"], "before");

    cluster.bus.kill();
    for number in 0..20 {
        alice
            .say(&chat, json!({"content": format!("during {number}")}))
            .await;
        let heard = at_ama.expect("new_message").await;
        assert_eq!(heard["message"]["content"], format!("during {number}"));
    }
    // The other node tells them from the database, each once and in order.
    for number in 0..20 {
        let heard = at_bob.expect("new_message").await;
        assert_eq!(heard["message"]["content"], format!("during {number}"));
    }
    cluster.until("khaya_bus_up", 0).await;
    // The end of a session is heard there too.
    let desk = Person::sign_in(cluster.nodes[1].url(), "ama").await;
    let mut there = desk.socket().await;
    let far = desk.at(&cluster.nodes[0]);
    let (status, _) = crate::client::answer(far.request(reqwest::Method::POST, "/auth/logout")).await;
    assert_eq!(status, 204);
    assert_eq!(there.until_closed().await, ["session_revoked"]);

    cluster.bus.restart();
    cluster.until("khaya_bus_up", 1).await;
    cluster.until("khaya_bus_nodes", 1).await;
    let healed = cluster.metric(1, "khaya_bus_healed_total").await;
    assert!(healed >= 1, "{healed}");
    for number in 0..20 {
        alice
            .say(&chat, json!({"content": format!("after {number}")}))
            .await;
        for socket in [&mut at_ama, &mut at_bob] {
            let heard = socket.expect("new_message").await;
            assert_eq!(heard["message"]["content"], format!("after {number}"));
        }
    }
    assert_eq!(cluster.metric(1, "khaya_bus_healed_total").await, healed);
}

async fn what_a_node_committed_and_told_nobody_comes_to_light(bus: Bus) {
    let cluster = Cluster::start(bus).await;
    let (alice, bob) = (cluster.join("alice", 0).await, cluster.join("bob", 1).await);
    let chat = alice.group(&[&bob]).await;
    let mut at_bob = bob.socket().await;
    settle(&alice, &chat, [&mut at_bob]).await;
    // A node that ends between its commit and its letter is one that has no bus.
    let mute = serve(cluster.dir.path(), |_| {}).await;
    let alice_there = alice.at(&mute);
    alice_there.say(&chat, json!({"content": "lost"})).await;
    alice_there
        .say(&chat, json!({"content": "lost too", "visibleTo": [bob.id]}))
        .await;
    alice_there
        .say(&chat, json!({"content": "never his", "visibleTo": [alice.id]}))
        .await;
    assert_eq!(at_bob.expect("new_message").await["message"]["content"], "lost");
    assert_eq!(
        at_bob.expect("new_message").await["message"]["content"],
        "lost too"
    );
    alice.say(&chat, json!({"content": "fence"})).await;
    assert_eq!(at_bob.expect("new_message").await["message"]["content"], "fence");
    mute.stop().await;
}
