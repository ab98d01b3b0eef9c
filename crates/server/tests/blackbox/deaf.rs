//! A bus that is there and from which nothing comes any more: the subscription of a node is lost, and its connection is not.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use khaya_server::config::BusAt;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
};

use crate::{
    client::{PASSWORD, Person, metric, serve, until},
    redis::Redis,
    wire::PATIENCE,
};

/// Stands before a Redis, and can have the subscriptions that there are hear nothing more.
struct Between {
    url: String,
    /// How many connections were made before nothing more was to be heard.
    deaf: Arc<AtomicUsize>,
    made: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Between {
    async fn start(redis: &Redis) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let redis = redis.url().strip_prefix("redis://").unwrap().to_owned();
        let (deaf, made) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        let (silent, count) = (Arc::clone(&deaf), Arc::clone(&made));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::Relaxed);
                let server = TcpStream::connect(&redis).await.unwrap();
                connections.spawn(pass(client, server, number, Arc::clone(&silent)));
            }
        });
        Self {
            url,
            deaf,
            made,
            _tasks: tasks,
        }
    }

    fn deafen(&self) {
        self.deaf
            .store(self.made.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

async fn pass(client: TcpStream, server: TcpStream, number: usize, deaf: Arc<AtomicUsize>) {
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let subscribes = Arc::new(AtomicUsize::new(0));
    let noted = Arc::clone(&subscribes);
    let there = copy(from_client, to_server, move |said| {
        if said.windows(9).any(|word| word == b"SUBSCRIBE") {
            noted.store(1, Ordering::Relaxed);
        }
        true
    });
    let back = copy(from_server, to_client, move |_said| {
        subscribes.load(Ordering::Relaxed) == 0 || number >= deaf.load(Ordering::Relaxed)
    });
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}

/// Passes on what `passes`, until one end is gone.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut passes: impl FnMut(&[u8]) -> bool) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if passes(&bytes[..read]) && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_node_whose_subscription_is_lost_hears_again() {
    let redis = Redis::start();
    let between = Between::start(&redis).await;
    let dir = tempfile::tempdir().unwrap();
    let node = || {
        serve(dir.path(), |config| {
            config.bus = Some(BusAt::new(&between.url).unwrap());
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
    between.deafen();
    let hears = async {
        for number in 0.. {
            let healed = metric(&there, "khaya_bus_healed_total").await;
            let content = format!("message {number}");
            alice.say(&chat, json!({"content": content})).await;
            // What is not heard is found in the database.
            while at_bob.next().await.1["message"]["content"] != content.as_str() {}
            if number > 0 && metric(&there, "khaya_bus_healed_total").await == healed {
                return number;
            }
        }
        unreachable!("it goes on until it hears");
    };
    let heard = tokio::time::timeout(4 * PATIENCE, hears).await;
    assert!(heard.is_ok(), "the node stays deaf");
    assert!(metric(&there, "khaya_bus_healed_total").await > 0);
    here.stop().await;
    there.stop().await;
}
