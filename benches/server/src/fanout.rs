//! From one message to everyone who can see it.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::{sync::Mutex, task::spawn_local, time::sleep_until};

use crate::{
    crowd,
    http::Http,
    machine,
    sockets::{Board, Socket},
    subject::{Place, Server, Subject},
    world::World,
};

/// How many messages go out before the measurement begins.
const WARM_UP: usize = 20;
/// How many messages are under way at once when as many are sent as can be.
const AT_ONCE: usize = 16;

/// What a stretch of deliveries came to.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) per_second: f64,
    /// CPU seconds of the server for 100,000 deliveries.
    pub(crate) cpu: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// How busy the load was: near 1 it is what was measured.
    pub(crate) load: f64,
}

/// People at their sockets, in chats of one size, and connections to send on.
pub(crate) struct Hall {
    server: Server,
    world: World,
    /// How many hear each message.
    size: usize,
    board: Rc<Board>,
    sockets: Vec<Socket>,
    senders: Vec<Rc<Mutex<Http>>>,
    next: usize,
}

impl Hall {
    pub(crate) async fn open(place: &Place, subject: Subject, people: usize, size: usize) -> Result<Self> {
        let mut world = World::new(people, size);
        let server = place.start(subject, &mut world).await?;
        let board = Rc::new(Board::default());
        let sockets = crowd::connect(&server, &world, 0..people, &board).await?;
        server.settle().await?;
        let mut senders = Vec::new();
        for at in 0..world.chats().max(AT_ONCE) {
            let token = world.token(world.speaker(at % world.chats()));
            senders.push(Rc::new(Mutex::new(Http::connect(&server.address, &token).await?)));
        }
        let mut hall = Self {
            server,
            world,
            size,
            board,
            sockets,
            senders,
            next: 0,
        };
        hall.flat_out(WARM_UP).await?;
        Ok(hall)
    }

    /// Sends so many messages, a few always under way.
    pub(crate) async fn flat_out(&mut self, messages: usize) -> Result<Flow> {
        let first = self.next;
        self.next += messages;
        let left = Rc::new(std::cell::Cell::new(first));
        let stretch = self.begin()?;
        let mut tasks = Vec::new();
        for (at, sender) in self.senders.iter().take(AT_ONCE).enumerate() {
            let (left, board, sender) = (Rc::clone(&left), Rc::clone(&self.board), Rc::clone(sender));
            let chat = self.world.chat(at % self.world.chats()).to_owned();
            let end = self.next;
            tasks.push(spawn_local(async move {
                let mut sender = sender.lock().await;
                loop {
                    let number = left.get();
                    if number == end {
                        return Ok(());
                    }
                    left.set(number + 1);
                    board.sends(number);
                    sender.must_send(&chat, number).await?;
                }
            }));
        }
        self.end(stretch, messages, tasks).await
    }

    /// Sends messages at a steady rate, whether or not those before have been answered.
    pub(crate) async fn paced(&mut self, per_second: f64, time: Duration) -> Result<Flow> {
        let messages = (per_second * time.as_secs_f64()) as usize;
        let first = self.next;
        self.next += messages;
        let stretch = self.begin()?;
        let begin = tokio::time::Instant::now();
        let mut tasks = Vec::new();
        for at in 0..messages {
            sleep_until(begin + Duration::from_secs_f64(at as f64 / per_second)).await;
            let number = first + at;
            let sender = Rc::clone(&self.senders[at % self.senders.len()]);
            let chat = self
                .world
                .chat(at % self.senders.len() % self.world.chats())
                .to_owned();
            self.board.sends(number);
            tasks.push(spawn_local(async move {
                sender.lock().await.must_send(&chat, number).await
            }));
        }
        self.end(stretch, messages, tasks).await
    }

    fn begin(&self) -> Result<Stretch> {
        self.board.clear();
        Ok(Stretch {
            begin: Instant::now(),
            server: self.server.cpu()?,
            load: machine::cpu_of(std::process::id())?,
        })
    }

    async fn end(
        &self,
        stretch: Stretch,
        messages: usize,
        tasks: Vec<tokio::task::JoinHandle<Result<()>>>,
    ) -> Result<Flow> {
        for task in tasks {
            task.await??;
        }
        let deliveries = messages * self.size;
        let (last, mut latencies) = self.board.delivered(deliveries).await?;
        let server = (self.server.cpu()? - stretch.server).as_secs_f64();
        let load = (machine::cpu_of(std::process::id())? - stretch.load).as_secs_f64();
        let wall = (last - stretch.begin).as_secs_f64();
        self.board.ensure_each_came(self.size)?;
        anyhow::ensure!(
            self.board.lost() == 0,
            "{} of {} sockets ended",
            self.board.lost(),
            self.sockets.len()
        );
        Ok(Flow {
            per_second: deliveries as f64 / wall,
            cpu: server / deliveries as f64 * 100_000.0,
            p50: latencies.at(0.5),
            p99: latencies.at(0.99),
            load: load / wall,
        })
    }
}

struct Stretch {
    begin: Instant,
    server: Duration,
    load: Duration,
}
