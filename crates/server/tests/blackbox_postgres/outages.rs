//! Two nodes while the bus and the database are killed and come back, over and over, and people write on both: what was
//! answered is there once, in order, and every socket hears of all of it once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use khaya_server::config::BusAt;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet, time::timeout};

use crate::{
    client::{PASSWORD, Person, Socket, serve, until},
    postgres::{Postgres, make_folder},
    redis::Redis,
};

/// How many write at the same time, one message after the other.
const WRITERS: usize = 6;
/// How long anything may take that has to happen, on a busy machine and with an outage in between.
const PATIENCE: Duration = Duration::from_secs(120);
/// How large the database's disk is that gets full: what is there at the beginning, and some.
const DISK: u64 = 128 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_of_redis_and_of_postgres() {
    let seed = rand::random();
    println!("the seed is {seed}");
    let redis = Some(Redis::start());
    let messages = outages(redis, Postgres::start(), Outage::Restart, 4, seed).await;
    println!("{messages} messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_where_the_database_is_the_bus() {
    let seed = rand::random();
    println!("the seed is {seed}");
    let messages = outages(None, Postgres::start(), Outage::Restart, 2, seed).await;
    println!("{messages} messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: a hundred outages"]
async fn a_hundred_of_redis_and_of_postgres() {
    let seed = rand::random();
    println!("the seed is {seed}");
    let redis = Some(Redis::start());
    let messages = outages(redis, Postgres::start(), Outage::Restart, 100, seed).await;
    println!("{messages} messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: a hundred outages"]
async fn a_hundred_where_the_database_is_the_bus() {
    let seed = rand::random();
    println!("the seed is {seed}");
    let messages = outages(None, Postgres::start(), Outage::Restart, 100, seed).await;
    println!("{messages} messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_the_database_refuses_and_heals() {
    let seed = rand::random();
    println!("the seed is {seed}");
    let disk = tempfile::tempdir().unwrap();
    let options = "-c listen_addresses= -c min_wal_size=32MB -c max_wal_size=48MB";
    let postgres = Postgres::begin(make_folder(), 5432, options, Some((disk.path(), DISK)));
    let redis = Some(Redis::start());
    let messages = outages(redis, postgres, Outage::FullDisk, 2, seed).await;
    println!("{messages} messages");
}

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Outage {
    /// The bus or the database is killed and comes back.
    Restart,
    /// The database's disk is full, and is not any more.
    FullDisk,
}

/// How far everybody is.
#[derive(Default)]
struct Scene {
    answered: AtomicUsize,
    refused: AtomicUsize,
    more: Notify,
    over: AtomicBool,
    /// How many messages there are at the end; 0 until that is known.
    total: AtomicUsize,
}

impl Scene {
    /// Waits until so many messages more have been answered.
    async fn answered_more(&self, count: usize) {
        let goal = self.answered.load(Ordering::Relaxed) + count;
        let reached = async {
            while self.answered.load(Ordering::Relaxed) < goal {
                self.more.notified().await;
            }
        };
        timeout(PATIENCE, reached).await.expect("nobody gets an answer");
    }

    /// Waits until so many have been refused.
    async fn refused_more(&self, count: usize) {
        let goal = self.refused.load(Ordering::Relaxed) + count;
        let reached = async {
            while self.refused.load(Ordering::Relaxed) < goal {
                self.more.notified().await;
            }
        };
        timeout(PATIENCE, reached).await.expect("nobody is refused");
    }
}

/// Gives how many messages were written.
async fn outages(
    mut redis: Option<Redis>,
    postgres: Postgres,
    outage: Outage,
    count: usize,
    seed: u64,
) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    let database = postgres.create("khaya");
    let bus = BusAt::new(&redis.as_ref().map_or_else(|| database.clone(), Redis::url)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let node = || {
        serve(dir.path(), |config| {
            config.database = Some(database.parse().unwrap());
            config.bus = Some(bus.clone());
            config.limits.max_requests_per_user = 0;
            config.limits.max_requests_per_address = 0;
        })
    };
    let nodes = [node().await, node().await];
    let both = [&nodes[0], &nodes[1]];
    for name in ["alice", "bob"] {
        nodes[0].add_user(name, name, "member", PASSWORD).await.unwrap();
    }
    let alice = Person::sign_in(nodes[0].url(), "alice").await;
    let bob = Person::sign_in(nodes[0].url(), "bob").await;
    let chat = alice.group(&[&bob]).await;
    until(both, "khaya_bus_nodes", 1).await;
    let scene = Arc::new(Scene::default());
    let (mut listeners, mut writers) = (JoinSet::new(), JoinSet::new());
    for node in both {
        listeners.spawn(listen(bob.at(node).socket().await, Arc::clone(&scene)));
    }
    for writer in 0..WRITERS {
        let at = alice.at(both[writer % 2]);
        writers.spawn(write(at, chat.clone(), writer, Arc::clone(&scene)));
    }
    for _outage in 0..count {
        scene.answered_more(random.random_range(1..40)).await;
        match (outage, &mut redis) {
            (Outage::FullDisk, _) => {
                postgres.tell("fill");
                scene.refused_more(3 * WRITERS).await;
                postgres.tell("empty");
                // Where there was no room for its log it has ended.
                postgres.tell("start");
            }
            (Outage::Restart, Some(redis)) if random.random() => {
                redis.kill();
                // A dead bus stops nobody.
                scene.answered_more(random.random_range(1..40)).await;
                redis.restart();
            }
            (Outage::Restart, Some(_) | None) => {
                postgres.tell("stop");
                postgres.tell("start");
            }
        }
        until(both, "khaya_bus_up", 1).await;
        until(both, "khaya_bus_nodes", 1).await;
    }
    scene.answered_more(20).await;
    scene.over.store(true, Ordering::Relaxed);
    let answered: BTreeMap<usize, Vec<String>> = writers.join_all().await.into_iter().collect();
    let total = 1 + answered.values().map(Vec::len).sum::<usize>();
    scene.total.store(total, Ordering::Relaxed);
    alice.say(&chat, json!({"content": "the end"})).await;

    let history = history(&alice, &chat).await;
    assert_eq!(history.len(), total);
    for (writer, ids) in &answered {
        let theirs: Vec<&str> = history
            .iter()
            .filter(|(_, content)| content.starts_with(&format!("{writer}-")))
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(theirs, *ids, "what writer {writer} was answered, in their order");
    }
    let all = timeout(PATIENCE, listeners.join_all())
        .await
        .expect("a socket has not heard of all of it");
    for heard in all {
        // Under the numbers that came: what two nodes tell at once may come in another order.
        let numbers: Vec<u64> = heard.keys().copied().collect();
        let expected: Vec<u64> = (2..).take(total).collect();
        assert_eq!(numbers, expected);
        assert!(heard.values().eq(history.iter().map(|(id, _)| id)));
    }
    total
}

/// Writes one message after the other, each again until it is answered; gives the ids of what was answered.
async fn write(alice: Person, chat: String, writer: usize, scene: Arc<Scene>) -> (usize, Vec<String>) {
    let path = format!("/chat/{chat}/messages");
    let mut ids = Vec::new();
    while !scene.over.load(Ordering::Relaxed) {
        let name = format!("{writer}-{}", ids.len());
        let body = json!({"content": name, "clientId": name});
        let message = loop {
            let (status, answer) = alice.post(&path, body.clone()).await;
            match status.as_u16() {
                200 | 201 => break answer,
                503 => {
                    scene.refused.fetch_add(1, Ordering::Relaxed);
                    scene.more.notify_one();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                _ => panic!("{status} {answer}"),
            }
        };
        ids.push(message["id"].as_str().unwrap().to_owned());
        scene.answered.fetch_add(1, Ordering::Relaxed);
        scene.more.notify_one();
    }
    (writer, ids)
}

/// The messages that a socket hears of, by their number, until it has heard of all; nothing twice.
async fn listen(mut socket: Socket, scene: Arc<Scene>) -> BTreeMap<u64, String> {
    let mut heard = BTreeMap::new();
    loop {
        let event = socket.expect("new_message").await;
        let id = event["message"]["id"].as_str().unwrap().to_owned();
        let twice = heard.insert(event["seq"].as_u64().unwrap(), id);
        assert_eq!(twice, None, "{event}");
        if heard.len() == scene.total.load(Ordering::Relaxed) {
            return heard;
        }
    }
}

/// All messages of the chat with their texts, oldest first.
async fn history(person: &Person, chat: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (mut pages, mut before) = (Vec::new(), String::new());
    loop {
        let path = format!("/chat/{chat}/messages?limit=100{before}");
        let page = person.get(&path).await.1;
        let items = page["items"].as_array().unwrap().iter();
        pages.push(
            items
                .map(|item| (text(&item["id"]), text(&item["content"])))
                .collect::<Vec<_>>(),
        );
        match page["nextCursor"].as_str() {
            Some(cursor) => before = format!("&before={cursor}"),
            None => return pages.into_iter().rev().flatten().collect(),
        }
    }
}
