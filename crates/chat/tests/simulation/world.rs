//! Virtual time, and everything that can happen between machines, disks, keyrings and the server.

mod between;
mod client;

use std::{collections::BTreeMap, time::Duration};

use khaya_chat::{
    Intent,
    intent::Secret,
    machine::{Chat, Input, Now, Output},
    shell::ShellRequest,
    view::Session,
};
use khaya_wire::Timestamp;

pub(crate) use self::client::Client;
use self::client::Event;
use crate::{
    random::Random,
    server::{EPOCH, Server},
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A view costs more than all else: it is looked at once in so many inputs, and before anybody does anything.
const BETWEEN_LOOKS: u32 = 6;

pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) random: Random,
    pub(crate) server: Server,
    pub(crate) clients: Vec<Client>,
    /// Whether things go wrong.
    pub(crate) has_faults: bool,
    queue: BTreeMap<(Duration, u64), Event>,
    next: u64,
    next_link: u64,
    pub(crate) steps: u64,
    steps_until_look: u32,
    is_told: bool,
}

impl World {
    pub(crate) fn new(seed: u64, is_full: bool, people: usize, apps: usize) -> Self {
        let mut random = Random::new(seed);
        let life = random.between(Duration::from_secs(20), Duration::from_secs(200));
        let server = Server::new(is_full, people, life);
        let clients = server.users[..apps].iter().map(Client::new).collect();
        let mut world = Self {
            now: Duration::ZERO,
            random,
            server,
            clients,
            has_faults: true,
            queue: BTreeMap::new(),
            next: 0,
            next_link: 0,
            steps: 0,
            steps_until_look: 0,
            is_told: std::env::var_os("KHAYA_SEED").is_some(),
        };
        for client in 0..apps {
            world.restart(client);
        }
        world
    }

    /// Another computer of one of the people, on which the app is started for the first time.
    pub(crate) fn start_another(&mut self, of: usize) -> usize {
        let user = self.server.users[of].clone();
        self.clients.push(Client::new(&user));
        let client = self.clients.len() - 1;
        self.restart(client);
        client
    }

    /// The computer that was added last is taken away.
    pub(crate) fn take_away(&mut self) {
        let Some(client) = self.clients.pop() else { return };
        if let Some(link) = client.link {
            self.server.disconnect(link.id);
        }
        let gone = self.clients.len();
        self.queue.retain(|_, event| event.client() != Some(gone));
    }

    /// Goes on until this time.
    pub(crate) fn run_until(&mut self, end: Duration) {
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= end
        {
            self.now = entry.key().0;
            let event = entry.remove();
            self.steps += 1;
            assert!(self.steps < 2_000_000, "the world does not come to rest");
            self.happen(event);
        }
        self.now = end;
        self.look_at_all();
        for socket in self.server.expired(self.now) {
            self.lose_link_of(socket);
        }
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.run_until((self.now + SECOND).min(end));
        }
    }

    /// Takes what each window shows now, and checks it.
    pub(crate) fn look_at_all(&mut self) {
        for client in 0..self.clients.len() {
            self.look_at(client);
        }
    }

    fn look_at(&mut self, client: usize) {
        self.steps_until_look = BETWEEN_LOOKS;
        if let Some(machine) = &self.clients[client].machine {
            self.clients[client].view = machine.view();
            crate::check::at_any_time(self, client);
        }
    }

    pub(crate) fn intent(&mut self, client: usize, intent: Intent) {
        let this = &mut self.clients[client];
        if this.machine.is_none() {
            return;
        }
        this.next_intent += 1;
        let id = this.next_intent;
        if let Intent::Send { chat_id, text, .. } = &intent {
            this.sends.insert(id, (chat_id.clone(), text.clone()));
        }
        self.feed(client, Input::Intent { id, intent });
    }

    pub(crate) fn is_signed_in(&self, client: usize) -> bool {
        matches!(self.clients[client].view.session, Session::SignedIn { .. })
    }

    pub(crate) fn sign_in(&mut self, client: usize) {
        let username = self.clients[client].username.clone();
        self.intent(
            client,
            Intent::SignIn {
                server: "chat.example.org".to_owned(),
                username,
                password: Secret::new("password"),
            },
        );
    }

    /// The app ends at once, with whatever was on its way.
    pub(crate) fn crash(&mut self, client: usize) {
        let this = &mut self.clients[client];
        if this.machine.take().is_none() {
            return;
        }
        self.tell(|| format!("{client} crashes"));
        let this = &mut self.clients[client];
        this.life += 1;
        this.wake_at = None;
        // Whether these got to the disk is not known.
        let unanswered = std::mem::take(&mut this.sends).into_values();
        this.maybe.extend(unanswered);
        if let Some(link) = this.link.take() {
            let wait = self.random.between(MS, 3 * SECOND);
            self.at(wait, Event::LinkGone { link: link.id });
        }
        let wait = self.random.between(MS, 5 * SECOND);
        self.at(wait, Event::Restart { client });
    }

    /// The server goes away and comes back, with all that it has on disk.
    pub(crate) fn restart_server(&mut self) {
        let links: Vec<_> = self
            .clients
            .iter()
            .filter_map(|client| client.link.as_ref().map(|link| link.id))
            .collect();
        for link in links {
            self.lose_link_of(link);
        }
    }

    pub(crate) fn cut(&mut self, client: usize, time: Duration) {
        self.clients[client].cut_until = self.now + time;
        if let Some(link) = self.clients[client].link.as_ref().map(|link| link.id) {
            self.lose_link_of(link);
        }
    }

    pub(crate) fn skew(&mut self, client: usize, by: i64) {
        self.clients[client].wall_skew = by;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Store {
                client,
                life,
                token,
                op,
            } => self.run_store(client, life, token, op),
            Event::Stored {
                client,
                life,
                token,
                result,
            } => {
                self.feed_life(client, life, Input::Store { token, result });
            }
            Event::Request {
                client,
                life,
                token,
                call,
                twice,
            } => self.serve(client, life, token, &call, twice),
            Event::Response {
                client,
                life,
                token,
                result,
            } => {
                self.feed_life(client, life, Input::Call { token, result });
            }
            Event::Attempt { client, link } => self.attempt(client, link),
            Event::Socket { client, link, event } => {
                if self.clients[client]
                    .link
                    .as_ref()
                    .is_some_and(|current| current.id == link && current.is_up)
                {
                    self.feed(client, Input::Socket(event));
                }
            }
            Event::Emit { link, name, data } => {
                let sent = self.server.event(self.now, link, name, data);
                self.deliver(sent);
            }
            Event::Secrets {
                client,
                life,
                request,
            } => self.run_secrets(client, life, request),
            Event::Wake { client, life, at } => {
                if self.clients[client].wake_at == Some(at) {
                    self.clients[client].wake_at = None;
                    self.feed_life(client, life, Input::Wake);
                }
            }
            Event::Restart { client } => self.restart(client),
            Event::LinkGone { link } => self.server.disconnect(link),
            Event::Lost { link } => self.lose_link_of(link),
        }
    }

    fn restart(&mut self, client: usize) {
        let seed = self.random.next();
        let this = &mut self.clients[client];
        this.machine = Some(Chat::new(seed));
        this.last_store = self.now;
        self.feed(client, Input::Start);
    }

    fn feed_life(&mut self, client: usize, life: u64, input: Input) {
        if self.clients[client].life == life {
            self.feed(client, input);
        }
    }

    fn feed(&mut self, client: usize, input: Input) {
        let wall = EPOCH + i64::try_from(self.now.as_millis()).unwrap() + self.clients[client].wall_skew;
        let now = Now {
            monotonic: self.now,
            wall: Timestamp::from_millis(wall),
        };
        if self.clients[client].machine.is_none() {
            return;
        }
        self.tell(|| format!("{client} ← {input:?}"));
        let Some(machine) = &mut self.clients[client].machine else {
            return;
        };
        let outputs = machine.handle(now, input);
        self.steps_until_look = self.steps_until_look.saturating_sub(1);
        if self.steps_until_look == 0 {
            self.look_at(client);
        }
        for output in outputs {
            if self.has_faults && self.random.happens(1) {
                // Between two outputs: the ones before are done, the ones after are not.
                return self.crash(client);
            }
            self.tell(|| format!("{client} → {output:?}"));
            self.execute(client, output);
        }
    }

    /// In a run of one seed, what happens is written down.
    fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            let what: String = what().chars().take(400).collect();
            println!("{:>9.3} {what}", self.now.as_secs_f64());
        }
    }

    fn execute(&mut self, client: usize, output: Output) {
        let life = self.clients[client].life;
        match output {
            Output::Store { token, op } => {
                let at = (self.now + self.random.between(Duration::ZERO, 3 * MS))
                    .max(self.clients[client].last_store);
                self.clients[client].last_store = at;
                self.push(
                    at,
                    Event::Store {
                        client,
                        life,
                        token,
                        op,
                    },
                );
            }
            Output::Call { token, call } => {
                let wait = self.delay();
                let twice = self.server.is_full
                    && self.has_faults
                    && self.random.happens(20)
                    && matches!(call.request, khaya_chat::api::Request::Send { .. });
                self.at(
                    wait,
                    Event::Request {
                        client,
                        life,
                        token,
                        call,
                        twice,
                    },
                );
            }
            Output::Cancel { .. }
            | Output::ForgetConnections
            | Output::ForgetFiles(_)
            | Output::File { .. } => {}
            Output::Socket(command) => self.command(client, command),
            Output::Secrets(request) => {
                self.at(
                    5 * MS,
                    Event::Secrets {
                        client,
                        life,
                        request,
                    },
                );
            }
            Output::Shell(ShellRequest::Notify(notice)) => {
                assert!(
                    self.clients[client].notified.insert(notice.key.clone()),
                    "notified twice of {}",
                    notice.key
                );
            }
            Output::Shell(ShellRequest::Withdraw { .. } | ShellRequest::WithdrawAll) => {}
            Output::Answer { id, result } => {
                let this = &mut self.clients[client];
                if let Some(sent) = this.sends.remove(&id)
                    && result.is_ok()
                {
                    this.accepted.push(sent);
                }
            }
            Output::WakeAt(at) => {
                let at = at.max(self.now);
                self.clients[client].wake_at = Some(at);
                self.push(at, Event::Wake { client, life, at });
            }
        }
    }

    fn at(&mut self, wait: Duration, event: Event) {
        self.push(self.now + wait, event);
    }

    fn push(&mut self, at: Duration, event: Event) {
        self.next += 1;
        self.queue.insert((at, self.next), event);
    }
}
