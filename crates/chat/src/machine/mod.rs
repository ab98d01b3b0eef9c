//! The chat machine: everything that is decided, and nothing that takes time.
//!
//! Owns: what is in memory of the session, the chats, the open timeline, the outbox and who is typing, and every
//! decision about them. Memory follows the store: what is to be kept is written first, and shown when the store
//! has it.
//!
//! Never does: read a clock, touch a socket, a file or a thread. See [`Chat::handle`].

mod account;
mod calls;
mod changes;
mod chats;
mod connection;
mod farewell;
mod faults;
mod incoming;
mod intents;
mod io;
mod notices;
mod outbox;
mod overtaken;
mod random;
mod search;
mod session;
mod show;
mod stored;
mod sync;
mod timeline;
mod typing;
mod words;

use std::{collections::HashMap, time::Duration};

use khaya_wire::Timestamp;

pub use io::{FileRequest, Input, Now, Output, SecretsAnswer, SecretsRequest, SocketCommand, SocketEvent};

use crate::{
    intent::Quiet,
    store,
    view::{Alert, Devices, Failure, PeopleSearch},
};

/// A clock that is set right now and then does not jump this far.
const JUMP_MS: u64 = 15_000;

/// The machine. One for each profile that runs.
#[derive(Debug)]
pub struct Chat {
    now: Now,
    random: random::Random,
    out: Vec<Output>,
    next_token: u64,
    wake_at: Option<Duration>,
    /// What to do with the store's answers.
    stores: HashMap<u64, stored::Then>,
    /// What to do with the server's answers.
    calls: HashMap<u64, calls::Pending>,
    /// Sessions that are to end at their servers, by the call that is on its way for each.
    farewells: HashMap<u64, farewell::Farewell>,
    is_focused: bool,
    quiet: Quiet,
    session: session::Session,
    connection: connection::Connection,
    chats: chats::Chats,
    timeline: Option<timeline::Timeline>,
    outbox: outbox::Outbox,
    sync: sync::Sync,
    overtaken: overtaken::Overtaken,
    typing: typing::Typing,
    people: Option<PeopleSearch>,
    devices: Option<Devices>,
    search: Option<search::Search>,
    alerts: Vec<Alert>,
    next_alert: u64,
    faults: faults::Faults,
}

impl Chat {
    /// A machine that has not been started. Client ids and the spread of retries come from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: Now {
                monotonic: Duration::ZERO,
                wall: Timestamp::default(),
            },
            random: random::Random::new(seed),
            out: Vec::new(),
            next_token: 0,
            wake_at: None,
            stores: HashMap::new(),
            calls: HashMap::new(),
            farewells: HashMap::new(),
            is_focused: false,
            quiet: Quiet::default(),
            session: session::Session::default(),
            connection: connection::Connection::default(),
            chats: chats::Chats::default(),
            timeline: None,
            outbox: outbox::Outbox::default(),
            sync: sync::Sync::default(),
            overtaken: overtaken::Overtaken::default(),
            typing: typing::Typing::default(),
            people: None,
            devices: None,
            search: None,
            alerts: Vec::new(),
            next_alert: 0,
            faults: faults::Faults::default(),
        }
    }

    /// Takes in one thing that happened, and tells what is to be done. The outputs are to be begun in their order.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        let is_another_time = self.is_another_time(now);
        self.now = now;
        if is_another_time {
            self.wake_from_sleep();
        }
        match input {
            Input::Start => self.start(),
            Input::Intent { id, intent } => self.take_intent(id, intent),
            Input::Wake => {}
            Input::Store { token, result } => self.take_stored(token, result),
            Input::Call { token, result } => self.take_answer(token, result),
            Input::Progress { token, sent } => self.take_progress(token, sent),
            Input::Restore { id, drafts, unsent } => self.restore(id, drafts, unsent),
            Input::File { id, request } => self.want_file(id, request),
            Input::Socket(event) => self.take_socket_event(event),
            Input::Secrets(answer) => self.take_secrets_answer(answer),
        }
        self.do_what_is_due();
        self.forget_files();
        self.overtaken.forget(self.calls.keys().min().copied());
        self.ask_to_be_woken();
        std::mem::take(&mut self.out)
    }

    /// Tells the person that something did not work. Told again, it is not shown twice.
    pub fn alert(&mut self, failure: Failure) {
        self.alerts.retain(|alert| alert.failure.code != failure.code);
        self.alerts.push(Alert {
            id: self.next_alert,
            failure,
        });
        self.next_alert += 1;
    }

    /// Whether the clock on the wall has jumped since the last input: the computer slept, or it was set.
    fn is_another_time(&self, now: Now) -> bool {
        let passed = now.monotonic.saturating_sub(self.now.monotonic);
        let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        let expected = self.now.wall.as_millis().saturating_add(passed);
        let is_first = self.now.wall == Timestamp::default();
        !is_first && now.wall.as_millis().abs_diff(expected) > JUMP_MS
    }

    fn wake_from_sleep(&mut self) {
        tracing::trace!("the clock has jumped");
        // The server, or what is between, has long forgotten them, and a call over one would wait for its time limit.
        self.out.push(Output::ForgetConnections);
        self.renew_by_the_clock();
        self.try_now();
    }

    fn do_what_is_due(&mut self) {
        self.refresh_if_due();
        self.sync_if_due();
        self.fetch_if_due();
        self.search_if_due();
        self.end_typing_that_is_due();
        self.send_what_can_be_sent();
    }

    fn ask_to_be_woken(&mut self) {
        let next = [
            self.refresh_due(),
            self.fetch_due(),
            self.sync_due(),
            self.search_due(),
            self.typing.due(),
            self.outbox_due(),
        ]
        .into_iter()
        .flatten()
        .min();
        if next != self.wake_at {
            self.wake_at = next;
            if let Some(at) = next {
                self.out.push(Output::WakeAt(at));
            }
        }
    }

    fn store(&mut self, op: store::Op, then: stored::Then) {
        let token = self.token();
        self.stores.insert(token, then);
        self.out.push(Output::Store { token, op });
    }

    fn answer(&mut self, id: u64, result: Result<(), Failure>) {
        self.out.push(Output::Answer { id, result });
    }

    fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }
}
