//! What joins several nodes of one server: what one of them has committed, the others tell their own sockets.
//!
//! Never stands in the way: a node serves its own sockets first and alone, whether the bus lives or not. What the
//! bus loses is found in the database and told from there ([`heal`]), so it needs to keep nothing.
//!
//! The queue to it is bounded; what does not fit is dropped, and healed by the others as any loss is.

mod heal;
mod letter;
mod nodes;
mod notices;
mod postgres;
mod redis;

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use khaya_wire::UserId;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

pub(crate) use self::letter::{Item, Told};
use self::{
    letter::{Letter, Seal},
    nodes::Nodes,
};
use crate::{
    App, Error,
    database::{Address, cause_of},
    presence,
    realtime::Outgoing,
};

/// How many letters may wait to be sent.
const QUEUE: usize = 4096;
/// How often a node says that it lives.
const BEAT: Duration = Duration::from_secs(2);
/// How many beats are between two in which it says who is there.
const BEATS_A_CENSUS: u32 = 15;
/// After how long a node that says nothing is gone, and one that does not hear itself is deaf.
const SILENCE: Duration = Duration::from_secs(8);
/// How long it takes until the bus is tried again, at first and at last.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// Where the bus is.
#[derive(Clone, PartialEq, Eq)]
pub enum BusAt {
    /// `redis://` or `rediss://`
    Redis(String),
    /// `postgres://`, which may be the database itself
    Postgres(Box<Address>),
}

impl fmt::Debug for BusAt {
    /// Without the password that may be in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(_) => f.write_str("Redis"),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

impl BusAt {
    /// From an URL.
    ///
    /// # Errors
    /// When it is none of a bus that we know.
    pub fn new(url: &str) -> Result<Self, Error> {
        let url = url.trim();
        let refused = |why: &str| Err(Error::Config(format!("bus: {why}")));
        match url.split_once("://") {
            Some(("redis" | "rediss", _)) => match ::redis::Client::open(url) {
                Ok(_) => Ok(Self::Redis(url.to_owned())),
                Err(_) => refused("this is no address of Redis; write it as redis://host:6379"),
            },
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(Box::new(Address::read(url)?))),
            Some(_) | None => refused("is redis://…, rediss://… or postgres://…"),
        }
    }
}

/// Why a connection to the bus ended.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("redis: {0}")]
    Redis(#[from] ::redis::RedisError),
    #[error("postgres: {}", cause_of(.0))]
    Postgres(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Address(#[from] Error),
    #[error("it took too long")]
    TooSlow(#[from] tokio::time::error::Elapsed),
    #[error("the subscription ended")]
    Closed,
    #[error("what is said there is not heard")]
    Deaf,
}

/// This node's end of the bus.
pub(crate) struct Bus {
    /// The name of this node, for as long as it runs.
    node: String,
    seal: Seal,
    outbox: mpsc::Sender<String>,
    up: AtomicBool,
    heard_self: Mutex<Instant>,
    nodes: Mutex<Nodes>,
    told: Mutex<Places>,
    healed: AtomicU64,
    dropped: AtomicU64,
}

/// What of the events in the database this node's sockets have been told.
#[derive(Debug, Default)]
struct Places {
    /// Everything up to here.
    settled: i64,
    /// And of what comes after it this.
    positions: HashSet<i64>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// Joins the bus, and stays with it until `stop`.
pub(crate) async fn start(app: &App, at: BusAt, stop: CancellationToken) -> Result<(), Error> {
    let (outbox, queue) = mpsc::channel(QUEUE);
    let seal = Seal::new(&app.keys);
    let settled = app.store.read(crate::store::sync::now).await?;
    let bus = Bus {
        node: seal.fresh_name(),
        seal,
        outbox,
        up: AtomicBool::new(false),
        heard_self: Mutex::new(Instant::now()),
        nodes: Mutex::default(),
        told: Mutex::new(Places {
            settled,
            positions: HashSet::new(),
        }),
        healed: AtomicU64::new(0),
        dropped: AtomicU64::new(0),
    };
    app.hub.join_bus(bus);
    let tasks = [
        tokio::spawn(
            stop.clone()
                .run_until_cancelled_owned(link(app.clone(), at, queue)),
        ),
        tokio::spawn(stop.clone().run_until_cancelled_owned(beat(app.clone()))),
        tokio::spawn(stop.run_until_cancelled_owned(heal::run(app.clone()))),
    ];
    drop(tasks);
    Ok(())
}

impl Bus {
    /// Whether what is said is heard.
    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// The text that Prometheus reads.
    pub(crate) fn to_prometheus(&self) -> String {
        let up = u8::from(self.is_up());
        let nodes = self.nodes().count();
        let healed = self.healed.load(Ordering::Relaxed);
        let dropped = self.dropped.load(Ordering::Relaxed);
        format!(
            "# HELP khaya_bus_up Whether this node hears itself on the bus.\n\
             # TYPE khaya_bus_up gauge\n\
             khaya_bus_up {up}\n\
             # HELP khaya_bus_nodes Other nodes that are heard.\n\
             # TYPE khaya_bus_nodes gauge\n\
             khaya_bus_nodes {nodes}\n\
             # HELP khaya_bus_healed_total Events that were told from the database.\n\
             # TYPE khaya_bus_healed_total counter\n\
             khaya_bus_healed_total {healed}\n\
             # HELP khaya_bus_dropped_total Letters that were not sent.\n\
             # TYPE khaya_bus_dropped_total counter\n\
             khaya_bus_dropped_total {dropped}\n"
        )
    }

    /// Whether somebody has a socket on another node.
    pub(crate) fn is_online(&self, user: &UserId) -> bool {
        self.nodes().has(user)
    }

    /// Says something to the other nodes.
    pub(crate) fn say(&self, item: Item) {
        if !self.is_up() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let letter = Letter {
            node: self.node.clone(),
            item,
        };
        let sealed = self.seal.seal(&letter);
        if sealed.is_none_or(|sealed| self.outbox.try_send(sealed).is_err()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes what this node's sockets have been told.
    pub(crate) fn note(&self, positions: &[i64]) {
        self.told().positions.extend(positions);
    }

    /// Notes what they are about to be told. `false` when they have been told something of it before.
    fn note_fresh(&self, positions: &[i64]) -> bool {
        let mut told = self.told();
        let known = positions
            .iter()
            .any(|position| *position <= told.settled || told.positions.contains(position));
        if !known {
            told.positions.extend(positions);
        }
        !known
    }

    fn connected(&self) {
        *self.heard_self() = Instant::now();
        self.up.store(true, Ordering::Relaxed);
    }

    fn is_deaf(&self) -> bool {
        self.heard_self().elapsed() > SILENCE
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> MutexGuard<'_, Places> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard_self(&self) -> MutexGuard<'_, Instant> {
        self.heard_self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the connection to the bus.
async fn link(app: App, at: BusAt, mut queue: mpsc::Receiver<String>) {
    let Some(bus) = app.hub.bus() else { return };
    let (first, last) = RETRY;
    let mut wait = first;
    loop {
        let ended = match &at {
            BusAt::Redis(url) => redis::session(&app, bus, url, &mut queue).await,
            BusAt::Postgres(address) => postgres::session(&app, bus, address, &mut queue).await,
        };
        let (Ok(ended) | Err(ended)) = ended;
        if bus.up.swap(false, Ordering::Relaxed) {
            wait = first;
            tracing::warn!(why = %ended, "the bus is lost; other nodes are heard by way of the database");
        } else {
            tracing::debug!(why = %ended, "the bus does not answer");
        }
        while queue.try_recv().is_ok() {
            bus.dropped.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(last);
    }
}

/// Says that this node lives and who is there, and notices which nodes do not.
async fn beat(app: App) {
    let Some(bus) = app.hub.bus() else { return };
    let mut ticks = tokio::time::interval(BEAT);
    for count in 0_u32.. {
        ticks.tick().await;
        bus.say(if count.is_multiple_of(BEATS_A_CENSUS) {
            Item::Here(app.hub.people())
        } else {
            Item::Beat
        });
        // Who is not heard because the bus is down may well be there.
        if bus.is_up() {
            let gone = bus.nodes().forget_silent(SILENCE);
            lost(&app, gone);
        }
    }
}

/// A letter has come.
fn receive(app: &App, bus: &Bus, sealed: &str) {
    let Some(Letter { node, item }) = bus.seal.open(sealed) else {
        tracing::warn!("a letter on the bus is none of this server's");
        return;
    };
    if node == bus.node {
        *bus.heard_self() = Instant::now();
        return;
    }
    let is_new = bus.nodes().heard(&node);
    if is_new {
        bus.say(Item::Here(app.hub.people()));
    }
    match item {
        Item::Beat => {}
        Item::Committed { positions, told } => {
            let outgoing: Vec<Outgoing> = told.into_iter().map(Outgoing::from).collect();
            app.hub.cut_off(&outgoing);
            if bus.note_fresh(&positions) {
                app.hub.deliver(&outgoing);
            }
        }
        Item::Typing { chat, but, packet } => app.hub.to_room_here(&chat, &but, &packet.into()),
        // What is known of the nodes is let go before anybody is told: telling asks for it again.
        Item::Active(user) => presence::active_elsewhere(app, user),
        Item::Online(user) => {
            let came = bus.nodes().came(&node, [user]);
            arrived(app, came);
        }
        Item::Offline(user) => {
            let went = bus.nodes().went(&node, &user);
            lost_at_once(app, went);
        }
        Item::Here(users) => {
            let (came, went) = bus.nodes().census(&node, users);
            arrived(app, came);
            lost(app, went);
        }
        Item::Failed { account, address } => {
            app.throttle.failed(&account, address, std::time::Instant::now());
        }
        Item::Bye => {
            let gone = bus.nodes().forget(&node);
            lost(app, gone);
        }
    }
}

/// Tells this node's sockets of people who are on no node but now on another.
fn arrived(app: &App, users: Vec<UserId>) {
    for user in users {
        if !app.hub.is_online_here(&user) {
            app.activity.came(&user, std::time::Instant::now());
            presence::tell_online(app.clone(), user);
        }
    }
}

/// Of people whose last socket there was went a while ago.
fn lost_at_once(app: &App, user: Option<UserId>) {
    if let Some(user) = user.filter(|user| !app.hub.is_online(user)) {
        presence::tell_offline(app.clone(), user);
    }
}

/// Of people whose node went: they may come back on another.
fn lost(app: &App, users: Vec<UserId>) {
    for user in users {
        if !app.hub.is_online(&user) {
            presence::lost(app.clone(), user);
        }
    }
}
