//! The server is killed, and its disk is full, while people write. What was answered 201 is there once, in order,
//! and everyone comes to the same by `/sync`.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, Result, bail, ensure};
use khaya_tests::{artifacts::Artifacts, rest::Account, team::Team, wait::PATIENCE};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::timeout,
};

#[tokio::test]
async fn nothing_answered_is_lost_when_the_server_is_killed() {
    kill_under_load("chaos_kill", 4).await.unwrap();
}

#[tokio::test]
#[ignore = "long: a hundred kills"]
async fn nothing_answered_is_lost_when_the_server_is_killed_a_hundred_times() {
    kill_under_load("chaos_kill_long", 100).await.unwrap();
}

/// How many messages everybody writes at the same time.
const PENS: usize = 3;
/// At most so many messages are answered between two kills.
const BETWEEN_KILLS: u64 = 60;

async fn kill_under_load(name: &str, kills: usize) -> Result<()> {
    let seed = RandomState::new().hash_one(name);
    kill_at(name, kills, Random(seed))
        .await
        .with_context(|| format!("with the seed {seed}"))
}

async fn kill_at(name: &str, kills: usize, mut random: Random) -> Result<()> {
    let artifacts = Artifacts::new(name)?;
    let mut team = Team::start(&artifacts, &[]).await?;
    let people = [&team.ada, &team.bob, &team.cem, &team.dora];
    let mut readers = Vec::new();
    for person in people {
        readers.push(Reader::begin(person).await?);
    }
    let scene = Arc::new(Scene::default());
    let (started, starts) = watch::channel(0);
    let mut writers = JoinSet::new();
    for person in people {
        for pen in 0..PENS {
            let writer = Writer {
                person: person.clone(),
                chat: team.garden.clone(),
                name: format!("{}-{pen}", person.username),
            };
            writers.spawn(writer.write(Arc::clone(&scene), starts.clone()));
        }
    }
    for kill in 1..=kills {
        scene
            .answered_more(1 + random.below(BETWEEN_KILLS) as usize)
            .await?;
        team.server.kill();
        team.server.restart().await?;
        started.send(kill)?;
        // Somebody asks for a part of what they missed, while more comes; all of it at the end.
        let at = kill % readers.len();
        readers[at].catch_up_once().await?;
    }
    scene.answered_more(20).await?;
    scene.over.store(true, Ordering::Relaxed);
    let mut answered = BTreeMap::new();
    while let Some(written) = writers.join_next().await {
        let (name, messages) = written??;
        answered.insert(name, messages);
    }

    let history = history(&team.ada, &team.garden).await?;
    check_history(&history, &answered)?;
    let summary = format!("{} messages and {kills} kills\n", history.len());
    std::fs::write(artifacts.path("summary.txt"), summary)?;
    for mut reader in readers {
        reader.catch_up().await?;
        reader.ensure_sees(&team.garden, &history)?;
    }
    Ok(())
}

/// How far everybody is.
#[derive(Debug, Default)]
struct Scene {
    answered: AtomicUsize,
    more: Notify,
    over: AtomicBool,
}

impl Scene {
    fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.more.notify_one();
    }

    /// Waits until so many messages more have been answered.
    async fn answered_more(&self, count: usize) -> Result<()> {
        let goal = self.answered.load(Ordering::Relaxed) + count;
        let reached = async {
            while self.answered.load(Ordering::Relaxed) < goal {
                self.more.notified().await;
            }
        };
        timeout(PATIENCE, reached).await.context("nobody gets an answer")
    }
}

/// Somebody who writes one message after the other, and each again until it is answered.
struct Writer {
    person: Account,
    chat: String,
    name: String,
}

impl Writer {
    /// Writes until it is over; gives the ids of what was answered, in order.
    async fn write(
        self,
        scene: Arc<Scene>,
        mut starts: watch::Receiver<usize>,
    ) -> Result<(String, Vec<String>)> {
        let path = format!("/chat/{}/messages", self.chat);
        let mut answered = Vec::new();
        while !scene.over.load(Ordering::Relaxed) {
            let content = format!("{} {}", self.name, answered.len());
            let client_id = format!("{}-{}", self.name, answered.len());
            let body = json!({ "content": content, "clientId": client_id });
            let answer = loop {
                let start = *starts.borrow_and_update();
                match self.person.rest.call("POST", &path, body.clone()).await {
                    Ok(answer) => break answer,
                    Err(error) => {
                        // The server was killed: wait for the next.
                        let restarted = timeout(PATIENCE, starts.wait_for(|now| *now > start)).await;
                        restarted.with_context(|| format!("no answer, and no kill: {error}"))??;
                    }
                }
            };
            ensure!(
                matches!(answer.status, 200 | 201),
                "{} {}",
                answer.status,
                answer.text
            );
            ensure!(answer.body["content"] == *content, "{}", answer.text);
            answered.push(id_of(&answer.body)?);
            scene.answered();
        }
        Ok((self.name, answered))
    }
}

/// Every message of a chat, page after page, oldest first.
async fn history(person: &Account, chat: &str) -> Result<Vec<Value>> {
    let mut pages = Vec::new();
    let mut before = String::new();
    loop {
        let path = format!("/chat/{chat}/messages?limit=100{before}");
        let page = person.rest.get(&path).await?;
        pages.push(page["items"].as_array().context("items")?.clone());
        match page["nextCursor"].as_str() {
            Some(cursor) => before = format!("&before={cursor}"),
            None => break,
        }
    }
    Ok(pages.into_iter().rev().flatten().collect())
}

/// Everything that was answered is there, once, and everybody's messages are in their order.
fn check_history(history: &[Value], answered: &BTreeMap<String, Vec<String>>) -> Result<()> {
    let mut places = HashMap::new();
    for (at, message) in history.iter().enumerate() {
        let content = message["content"].as_str().context("a content")?;
        if let Some(first) = places.insert(content, at) {
            bail!("{content} is there at {first} and at {at}");
        }
    }
    for (name, ids) in answered {
        let mut last = None;
        for (number, id) in ids.iter().enumerate() {
            let content = format!("{name} {number}");
            let at = *places
                .get(content.as_str())
                .with_context(|| format!("{content} was answered and is lost"))?;
            ensure!(
                history[at]["id"] == **id,
                "{content} was answered as {id}: {}",
                history[at]
            );
            ensure!(
                last < Some(at),
                "{content} stands before what was answered earlier"
            );
            last = Some(at);
        }
    }
    let order = |message: &Value| {
        Some((
            message["createdAt"].as_str()?.to_owned(),
            message["id"].as_str()?.to_owned(),
        ))
    };
    ensure!(
        history.windows(2).all(|pair| order(&pair[0]) < order(&pair[1])),
        "the history is not in order"
    );
    Ok(())
}

/// Somebody who learns of everything by `/sync` alone.
struct Reader {
    person: Account,
    since: String,
    /// What came of each chat, in the order in which it came.
    timelines: HashMap<String, Vec<Value>>,
    /// The last number of each chat's stream.
    numbers: HashMap<String, u64>,
}

impl Reader {
    async fn begin(person: &Account) -> Result<Self> {
        let now = person.rest.get("/sync").await?;
        Ok(Self {
            person: person.clone(),
            since: now["next"].as_str().context("next")?.to_owned(),
            timelines: HashMap::new(),
            numbers: HashMap::new(),
        })
    }

    /// Asks until there is nothing more.
    async fn catch_up(&mut self) -> Result<()> {
        while self.catch_up_once().await? {}
        Ok(())
    }

    /// Asks for the next part; whether there is more.
    async fn catch_up_once(&mut self) -> Result<bool> {
        let path = format!("/sync?since={}&limit=100", self.since);
        let part = self.person.rest.get(&path).await?;
        for event in part["events"].as_array().context("events")? {
            self.take(event)?;
        }
        self.since = part["next"].as_str().context("next")?.to_owned();
        part["hasMore"].as_bool().context("hasMore")
    }

    fn take(&mut self, event: &Value) -> Result<()> {
        ensure!(
            event["event"] == "new_message",
            "only messages are written here: {event}"
        );
        let data = &event["data"];
        let chat = data["chatId"].as_str().context("chatId")?;
        let seq = data["seq"].as_u64().context("seq")?;
        if let Some(last) = self.numbers.insert(chat.to_owned(), seq) {
            ensure!(seq == last + 1, "after number {last} of a chat comes {seq}");
        }
        self.timelines
            .entry(chat.to_owned())
            .or_default()
            .push(data["message"].clone());
        Ok(())
    }

    /// The same messages in the same order as who fetches them all.
    fn ensure_sees(&self, chat: &str, history: &[Value]) -> Result<()> {
        let seen = self.timelines.get(chat).map(Vec::as_slice).unwrap_or_default();
        let ids = |messages: &[Value]| messages.iter().map(id_of).collect::<Result<Vec<_>>>();
        let (seen, fetched) = (ids(seen)?, ids(history)?);
        ensure!(
            seen == fetched,
            "{} saw {} messages by /sync, and {} are there",
            self.person.username,
            seen.len(),
            fetched.len()
        );
        Ok(())
    }
}

fn id_of(message: &Value) -> Result<String> {
    Ok(message["id"].as_str().context("an id")?.to_owned())
}

/// Numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Of a server on a disk of its own.
#[cfg(target_os = "linux")]
const DISK: u64 = 24 * 1024 * 1024;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_refuses_clearly_and_heals() {
    full_disk().await.unwrap();
}

#[cfg(target_os = "linux")]
async fn full_disk() -> Result<()> {
    use khaya_tests::{
        disk::fill,
        server::{PASSWORD, Server},
    };

    let artifacts = Artifacts::new("chaos_full_disk")?;
    let server = Server::start_on_disk(&artifacts, DISK, &["--registration", "open"]).await?;
    let register = json!({ "username": "ada", "password": PASSWORD, "name": "Ada" });
    server.rest()?.ok("POST", "/auth/register", register).await?;
    let ada = server.rest()?.sign_in("ada", PASSWORD).await?;
    let chat = ada.start_group("Alone", &[]).await?;
    let path = format!("/chat/{chat}/messages");
    let mut reader = Reader::begin(&ada).await?;
    let body = |number: usize| {
        let content = format!("ada {number}");
        json!({ "content": content, "clientId": format!("ada-{number}") })
    };
    let mut answered = Vec::new();
    for number in 0..10 {
        answered.push(id_of(&ada.rest.ok("POST", &path, body(number)).await?)?);
    }

    let filler = server.data_seen_by_server().join("filler");
    fill(&filler)?;
    // There may be room left inside the files that there are.
    let refused = loop {
        let answer = ada.rest.call("POST", &path, body(answered.len())).await?;
        if answer.status != 201 {
            break answer;
        }
        answered.push(id_of(&answer.body)?);
    };
    let problem = refused.headers.get("content-type").context("a content type")?;
    ensure!(problem == "application/problem+json", "{refused:?}");
    ensure!(
        refused.status == 503 && refused.body["code"] == "unavailable",
        "{refused:?}"
    );
    // What is there can still be read, and nothing else is refused in another way.
    let there = history(&ada, &chat).await?;
    check_history(&there, &BTreeMap::from([("ada".to_owned(), answered.clone())]))?;
    ensure!(there.len() == answered.len(), "what was refused is there");
    let again = ada.rest.call("POST", &path, body(answered.len())).await?;
    ensure!(again.body["code"] == "unavailable", "{again:?}");

    std::fs::remove_file(&filler)?;
    for _ in 0..10 {
        let answer = ada.rest.call("POST", &path, body(answered.len())).await?;
        ensure!(answer.status == 201, "there is room again: {answer:?}");
        answered.push(id_of(&answer.body)?);
    }
    let there = history(&ada, &chat).await?;
    check_history(&there, &BTreeMap::from([("ada".to_owned(), answered)]))?;
    reader.catch_up().await?;
    reader.ensure_sees(&chat, &there)
}
