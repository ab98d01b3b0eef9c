//! What an application does at random, what it hears, and what must be true in the end.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    time::Duration,
};

use super::{
    random::Random,
    server::{Arrival, Server},
};
use crate::{
    client::{Emit, Incoming, Input, NamespaceOptions, Outcome, Output},
    event::DisconnectReason,
    payload::Encoded,
};

/// `/` can be recovered; what `/retry` says is said again until it is acknowledged.
const NAMESPACES: [&str; 3] = ["/", "/plain", "/retry"];
const RETRIES: u32 = 3;

#[derive(Debug)]
pub(super) struct Application {
    sockets: [Socket; 3],
    emitted: BTreeMap<u64, Emitted>,
    todo: BinaryHeap<Reverse<(Duration, u64)>>,
    acts: BTreeMap<u64, Act>,
    order: u64,
    calm: bool,
    /// What is heard is of an input that closed the session from this side.
    pub(super) closing: bool,
}

#[derive(Debug, Default)]
struct Socket {
    connected: bool,
    /// What the server said to it since it was last connected afresh.
    heard: Vec<u64>,
    all_heard: Vec<u64>,
    connections: u64,
}

#[derive(Debug)]
struct Emitted {
    socket: u64,
    volatile: bool,
    last: Option<Last>,
    /// It was left over when the application closed the session, and goes out beside the next one, if at all.
    left_over: bool,
}

/// The last that was said of an emit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Written,
    Done,
    Acknowledged,
    TimedOut { written: bool },
    Unknown,
    Dropped,
}

#[derive(Debug)]
enum Act {
    Anything,
    Tell(Input),
    Resume,
}

/// What an act makes the others do.
#[derive(Debug, Default)]
pub(super) struct Effect {
    pub(super) inputs: Vec<Input>,
    pub(super) server_speaks: bool,
    pub(super) stalled: Option<bool>,
}

impl Application {
    pub(super) fn new() -> Self {
        let mut application = Self {
            sockets: Default::default(),
            emitted: BTreeMap::new(),
            todo: BinaryHeap::new(),
            acts: BTreeMap::new(),
            order: 0,
            calm: false,
            closing: false,
        };
        application.plan(Duration::from_millis(1), Act::Anything);
        application
    }

    pub(super) fn begin(&self) -> Vec<Input> {
        let options = |namespace: &str| NamespaceOptions {
            namespace: namespace.to_owned(),
            retries: (namespace == "/retry").then_some(RETRIES),
            ack_timeout: Some(Duration::from_secs(2)),
            asks_when_refused: namespace == "/plain",
            tells_sending: false,
        };
        let sockets = NAMESPACES.iter().zip(0..);
        let made = sockets.clone().map(|(name, socket)| Input::Socket {
            socket,
            options: options(name),
        });
        made.chain(sockets.map(|(_, socket)| Input::Connect { socket }))
            .collect()
    }

    pub(super) fn next_at(&self) -> Duration {
        self.todo.peek().map_or(Duration::MAX, |Reverse((at, _))| *at)
    }

    /// From now on it only waits for what it began.
    pub(super) fn calm(&mut self, now: Duration) {
        self.calm = true;
        self.plan(now, Act::Resume);
        for socket in 0..3 {
            self.plan(
                now + Duration::from_millis(500),
                Act::Tell(Input::Connect { socket }),
            );
        }
    }

    pub(super) fn act(&mut self, now: Duration, random: &mut Random) -> Effect {
        let mut effect = Effect::default();
        let act = self
            .todo
            .pop()
            .and_then(|Reverse((_, order))| self.acts.remove(&order));
        match act {
            None => {}
            Some(Act::Tell(input)) => effect.inputs.push(input),
            Some(Act::Resume) => effect.stalled = Some(false),
            Some(Act::Anything) if self.calm => {}
            Some(Act::Anything) => {
                self.anything(now, random, &mut effect);
                self.plan(now + Duration::from_millis(random.below(200)), Act::Anything);
            }
        }
        effect
    }

    fn anything(&mut self, now: Duration, random: &mut Random, effect: &mut Effect) {
        let socket = random.below(3);
        let later = now + Duration::from_millis(random.below(800));
        match random.below(100) {
            0..55 => effect
                .inputs
                .extend((0..1 + random.below(4)).map(|_| self.emit(socket, random))),
            55..88 => effect.server_speaks = true,
            88..91 => {
                effect.inputs.push(Input::Disconnect { socket });
                self.sockets[socket as usize].connected = false;
                self.plan(later, Act::Tell(Input::Connect { socket }));
            }
            91..93 => effect.inputs.push(Input::NetworkChanged),
            93 => {
                effect.inputs.push(Input::SetReconnection(false));
                self.plan(later, Act::Tell(Input::SetReconnection(true)));
                self.plan(later, Act::Tell(Input::Open));
            }
            94 => {
                effect.stalled = Some(true);
                self.plan(now + Duration::from_millis(random.below(8_000)), Act::Resume);
            }
            95 => {
                effect.inputs.push(Input::Close);
                self.sockets
                    .iter_mut()
                    .for_each(|socket| socket.connected = false);
                for socket in 0..3 {
                    self.plan(later, Act::Tell(Input::Connect { socket }));
                }
            }
            _ => {
                if let Some(token) = self.emitted.keys().next_back().copied() {
                    effect.inputs.push(Input::Forget { token });
                }
            }
        }
    }

    fn emit(&mut self, socket: u64, random: &mut Random) -> Input {
        let token = self.emitted.len() as u64 + 1;
        let volatile = random.happens(100);
        let mut body = Encoded {
            json: token.to_string(),
            attachments: Vec::new(),
        };
        if random.happens(200) {
            body.json += r#",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
            body.attachments = vec![vec![1].into(), vec![2; 100].into()];
        }
        let wants_ack = random.happens(400);
        let timeout = random
            .happens(500)
            .then(|| Duration::from_millis(random.below(4_000)));
        self.emitted.insert(
            token,
            Emitted {
                socket,
                volatile,
                last: None,
                left_over: false,
            },
        );
        Input::Emit {
            socket,
            emit: Emit {
                token,
                name: "c".into(),
                body,
                volatile,
                timeout,
                wants_ack,
            },
        }
    }

    pub(super) fn hear(&mut self, now: Duration, output: Output, random: &mut Random) {
        let later = now + Duration::from_millis(random.below(400));
        match output {
            Output::AskAuth { socket, request } => {
                let data = r#"{"token":"t"}"#.to_owned();
                self.plan(
                    later,
                    Act::Tell(Input::Auth {
                        socket,
                        request,
                        data,
                    }),
                );
            }
            Output::Refused { socket, request, .. } => {
                let retry = random.happens(500);
                self.plan(
                    later,
                    Act::Tell(Input::Refreshed {
                        socket,
                        request,
                        retry,
                    }),
                );
            }
            Output::Connected {
                socket, recovered, ..
            } => {
                let mine = &mut self.sockets[socket as usize];
                assert!(!mine.connected, "connected twice");
                mine.connected = true;
                mine.connections += 1;
                if !recovered {
                    mine.heard.clear();
                }
            }
            Output::Disconnected { socket, reason } => {
                let mine = &mut self.sockets[socket as usize];
                assert!(mine.connected || !reason.reconnects(), "disconnected twice");
                mine.connected = false;
                if reason == DisconnectReason::ServerDisconnect {
                    self.plan(later, Act::Tell(Input::Connect { socket }));
                }
            }
            Output::ConnectError { socket, active, .. } => {
                assert!(
                    !self.sockets[socket as usize].connected,
                    "an error of what is connected"
                );
                if !active {
                    self.plan(later, Act::Tell(Input::Connect { socket }));
                }
            }
            Output::Event(Incoming {
                socket,
                connection,
                id,
                arguments,
            }) => {
                let number: Vec<serde_json::Value> = arguments.all().expect("the server's JSON");
                let number = number[0].as_u64().expect("a number");
                let mine = &mut self.sockets[socket as usize];
                mine.heard.push(number);
                mine.all_heard.push(number);
                if let Some(id) = id {
                    let body = Encoded {
                        json: "1".into(),
                        attachments: Vec::new(),
                    };
                    self.plan(
                        later,
                        Act::Tell(Input::Reply {
                            socket,
                            connection,
                            id,
                            body,
                        }),
                    );
                }
            }
            Output::Settled { token, outcome } => self.settled(token, &outcome),
            Output::Sending { .. } | Output::Connection(_) => {}
            Output::OpenWebSocket(_)
            | Output::SendWebSocket(_)
            | Output::DropWebSocket
            | Output::Get(_)
            | Output::Post { .. }
            | Output::Leave(_) => unreachable!("for the network"),
        }
    }

    fn settled(&mut self, token: u64, outcome: &Outcome) {
        let emitted = self.emitted.get_mut(&token).expect("it was emitted");
        assert!(
            matches!(emitted.last, None | Some(Last::Written)),
            "{token}: {outcome:?} after {emitted:?}"
        );
        emitted.last = Some(match outcome {
            Outcome::Written => Last::Written,
            Outcome::Done => Last::Done,
            Outcome::Acknowledged { .. } => Last::Acknowledged,
            Outcome::TimedOut { written } => Last::TimedOut { written: *written },
            Outcome::Unknown => Last::Unknown,
            Outcome::Dropped => Last::Dropped,
        });
        emitted.left_over = self.closing && emitted.last == Some(Last::Unknown);
    }

    fn plan(&mut self, at: Duration, act: Act) {
        self.order += 1;
        self.todo.push(Reverse((at, self.order)));
        self.acts.insert(self.order, act);
    }

    pub(super) fn check(&self, server: &Server) {
        assert_eq!(server.violations, Vec::<String>::new());
        let mut arrivals: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for Arrival { namespace, number } in &server.arrivals {
            arrivals.entry(*number).or_default().push(namespace);
        }
        for (token, emitted) in &self.emitted {
            check_emitted(*token, emitted, arrivals.get(token).map_or(&[], Vec::as_slice));
        }
        for (socket, name) in NAMESPACES.iter().enumerate() {
            assert!(
                self.sockets[socket].connected,
                "{name} is not connected in the end"
            );
            let mut first: Vec<u64> = Vec::new();
            let mut seen = BTreeSet::new();
            for Arrival { namespace, number } in &server.arrivals {
                // A volatile one does not wait for those that are sent one at a time.
                let emitted = &self.emitted[number];
                let overtakes = (*name == "/retry" && emitted.volatile) || emitted.left_over;
                if namespace == name && !overtakes && seen.insert(*number) {
                    first.push(*number);
                }
            }
            assert!(first.is_sorted(), "out of order at the server: {first:?}");
            let heard = &self.sockets[socket].all_heard;
            assert!(
                heard.is_sorted_by(|a, b| a < b),
                "doubled or out of order at the client: {heard:?}"
            );
        }
        assert_eq!(
            Some(&self.sockets[0].heard),
            server.said_to("/").or(Some(&Vec::new())),
            "missed"
        );
    }
}

fn check_emitted(token: u64, emitted: &Emitted, arrivals: &[&str]) {
    let namespace = NAMESPACES[emitted.socket as usize];
    assert!(
        arrivals.iter().all(|arrival| *arrival == namespace),
        "{token} came to another namespace"
    );
    let arrived = arrivals.len();
    let retried = namespace == "/retry" && !emitted.volatile;
    let last = emitted
        .last
        .unwrap_or_else(|| panic!("{token} waits in the end: {emitted:?}"));
    let right = match (last, retried) {
        (Last::Written, _) => false,
        (Last::Dropped | Last::TimedOut { written: false }, _) => arrived == 0,
        (Last::Acknowledged, false) => arrived == 1,
        (Last::Done | Last::Unknown | Last::TimedOut { written: true }, false) => arrived <= 1,
        (Last::Acknowledged, true) => (1..=1 + RETRIES as usize).contains(&arrived),
        (Last::Done | Last::Unknown | Last::TimedOut { written: true }, true) => {
            arrived <= 1 + RETRIES as usize
        }
    };
    assert!(right, "{token} arrived {arrived} times: {emitted:?}");
}
