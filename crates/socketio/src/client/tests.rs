//! The client under a clock that is moved by hand: what it does when, with nobody at the other end.

use std::time::{Duration, Instant, SystemTime};

use super::{Client, Emit, Input, NamespaceOptions, Options, Outcome, Output};
use crate::{
    builder::Reconnection,
    codec::frame::Frame,
    engine::{self, Input as EngineInput},
    event::{ConnectionEvent, DisconnectReason, Transport},
    payload::Encoded,
    time::Now,
};

const HELLO: &str = r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;

struct Alone {
    client: Client,
    now: Now,
    out: Vec<Output>,
}

impl Alone {
    #[expect(
        clippy::disallowed_methods,
        reason = "only the origin of time, which no result depends on"
    )]
    fn new(reconnection: Reconnection) -> Self {
        let options = Options {
            engine: engine::Options {
                transports: vec![Transport::WebSocket],
                try_all_transports: false,
                upgrade: true,
                timeout: Duration::from_secs(20),
            },
            remember_upgrade: false,
            reconnection,
            timeout: Duration::from_secs(20),
            strict: false,
            seed: 4,
        };
        let now = Now {
            monotonic: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 30),
        };
        let mut alone = Self {
            client: Client::new(options),
            now,
            out: Vec::new(),
        };
        let options = NamespaceOptions {
            namespace: "/".into(),
            retries: None,
            ack_timeout: None,
            asks_when_refused: false,
            tells_sending: false,
        };
        alone.tell(Input::Socket { socket: 1, options });
        alone.tell(Input::Connect { socket: 1 });
        alone
    }

    fn tell(&mut self, input: Input) {
        self.client.handle(self.now, input, &mut self.out);
    }

    fn engine(&mut self, input: EngineInput) {
        self.tell(Input::Engine(input));
    }

    /// Opens the session that is being opened.
    fn accept(&mut self) {
        self.engine(EngineInput::WebSocketOpened);
        self.engine(EngineInput::WebSocketFrame(Frame::Text(HELLO.into())));
        self.engine(EngineInput::WebSocketWritten);
    }

    /// Connects the namespace that asks for it.
    fn connect(&mut self) {
        let asked = self.out.iter().rev().find_map(|output| {
            if let Output::AskAuth { request, .. } = output {
                Some(*request)
            } else {
                None
            }
        });
        self.tell(Input::Auth {
            socket: 1,
            request: asked.expect("it asks for the auth"),
            data: String::new(),
        });
        self.engine(EngineInput::WebSocketWritten);
        self.engine(EngineInput::WebSocketFrame(Frame::Text(
            r#"40{"sid":"n"}"#.into(),
        )));
    }

    fn emit(&mut self, token: u64, wants_ack: bool) {
        let emit = Emit {
            token,
            name: "typed".into(),
            body: Encoded::one(&token).expect("a number is JSON"),
            volatile: false,
            timeout: None,
            wants_ack,
        };
        self.tell(Input::Emit { socket: 1, emit });
    }

    /// Lets both clocks go on until something is to be done, and tells how long that was.
    fn sleep(&mut self) -> Duration {
        let wake = self.client.wake_at(self.now).expect("it waits for something");
        let slept = wake.saturating_duration_since(self.now.monotonic);
        self.now = Now {
            monotonic: wake,
            wall: self.now.wall + slept,
        };
        self.engine(EngineInput::Tick);
        slept
    }

    /// How long it takes until a WebSocket is asked for.
    fn until_attempt(&mut self) -> Duration {
        let mut waited = Duration::ZERO;
        loop {
            let asked = self
                .out
                .drain(..)
                .any(|output| matches!(output, Output::OpenWebSocket(_)));
            if asked {
                return waited;
            }
            waited += self.sleep();
        }
    }
}

#[test]
fn a_hundred_thousand_attempts_in_vain_are_spread_and_never_at_once_or_late() {
    let mut alone = Alone::new(Reconnection::default());
    assert_eq!(alone.until_attempt(), Duration::ZERO);
    let mut delays = Vec::new();
    for _ in 0..100_000 {
        alone.engine(EngineInput::WebSocketFailed("refused".into()));
        delays.push(alone.until_attempt());
    }
    assert!(delays.iter().all(|delay| *delay > Duration::from_millis(400)));
    assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(5)));
    let late = &delays[50_000..];
    let below = late
        .iter()
        .filter(|delay| **delay < Duration::from_millis(3750))
        .count();
    assert!(
        (24_000..26_000).contains(&below),
        "half of them in each half of the range, not {below}"
    );
}

#[test]
fn a_clock_that_jumps_an_hour_gives_a_fresh_connection_within_a_second() {
    let mut alone = Alone::new(Reconnection::default());
    alone.accept();
    alone.out.clear();
    alone.now.wall += Duration::from_secs(3600);
    let waited = alone.until_attempt();
    assert!(waited < Duration::from_secs(1), "{waited:?}");
}

#[test]
fn what_came_before_a_sleep_and_is_read_after_it_revives_nothing() {
    // The server's answer to an attempt, and its heartbeat.
    for is_open in [false, true] {
        let mut alone = Alone::new(Reconnection::default());
        if is_open {
            alone.accept();
        }
        alone.out.clear();
        alone.now.wall += Duration::from_secs(3600);
        if is_open {
            alone.engine(EngineInput::WebSocketFrame(Frame::Text("2".into())));
        } else {
            alone.accept();
        }
        let waited = alone.until_attempt();
        assert!(waited < Duration::from_secs(1), "{waited:?}, open: {is_open}");
    }
}

#[test]
fn what_is_emitted_right_after_a_sleep_waits_for_the_fresh_session() {
    let mut alone = Alone::new(Reconnection::default());
    alone.accept();
    alone.connect();
    alone.out.clear();
    alone.now.wall += Duration::from_secs(3600);
    alone.emit(7, false);
    let asleep = Output::Disconnected {
        socket: 1,
        reason: DisconnectReason::PingTimeout,
    };
    let told = |out: &[Output], wanted: &Output| {
        out.iter()
            .any(|output| format!("{output:?}") == format!("{wanted:?}"))
    };
    assert!(told(&alone.out, &asleep), "{:?}", alone.out);
    let written = Output::SendWebSocket(vec![Frame::Text(r#"42["typed",7]"#.into())]);
    assert!(!told(&alone.out, &written), "{:?}", alone.out);
    alone.until_attempt();
    alone.accept();
    alone.connect();
    assert!(told(&alone.out, &written), "{:?}", alone.out);
}

#[test]
fn a_wait_for_the_next_attempt_ends_when_the_computer_wakes_or_the_network_changes() {
    let long = Reconnection {
        delay: Duration::from_secs(60),
        delay_max: Duration::from_secs(60),
        ..Reconnection::default()
    };
    let mut alone = Alone::new(long.clone());
    alone.engine(EngineInput::WebSocketFailed("refused".into()));
    alone.out.clear();
    alone.sleep();
    alone.now.wall += Duration::from_secs(20);
    assert!(alone.until_attempt() < Duration::from_secs(1), "woken");

    let mut alone = Alone::new(long);
    alone.engine(EngineInput::WebSocketFailed("refused".into()));
    alone.out.clear();
    alone.tell(Input::NetworkChanged);
    assert!(alone.until_attempt() < Duration::from_secs(1), "another network");
}

#[test]
fn a_clock_that_is_set_back_changes_nothing() {
    let mut alone = Alone::new(Reconnection::default());
    alone.accept();
    alone.out.clear();
    alone.now.wall -= Duration::from_secs(3600);
    let waited = alone.until_attempt();
    assert!(
        waited > Duration::from_secs(45) && waited < Duration::from_secs(47),
        "{waited:?}"
    );
}

#[test]
fn another_network_replaces_the_session() {
    let mut alone = Alone::new(Reconnection::default());
    alone.accept();
    alone.out.clear();
    alone.tell(Input::NetworkChanged);
    let closed = ConnectionEvent::Closed {
        reason: DisconnectReason::NetworkChanged,
    };
    assert!(
        alone
            .out
            .iter()
            .any(|output| matches!(output, Output::Connection(event) if *event == closed))
    );
    assert!(alone.until_attempt() <= Duration::from_millis(200));
}

/// Whatever is not read, the server hears a heartbeat in time, and the session is not given up.
#[test]
fn an_application_that_does_not_keep_up_misses_no_heartbeat() {
    let mut alone = Alone::new(Reconnection::default());
    alone.accept();
    alone.out.clear();
    alone.engine(EngineInput::Stalled(true));
    let mut silent = Duration::ZERO;
    let mut answered = 0;
    for _ in 0..2_000 {
        silent += alone.sleep();
        for output in std::mem::take(&mut alone.out) {
            let Output::SendWebSocket(frames) = output else {
                panic!("{output:?}")
            };
            assert_eq!(frames, [Frame::Text("3".into())]);
            alone.engine(EngineInput::WebSocketWritten);
            silent = Duration::ZERO;
            answered += 1;
        }
        assert!(silent < Duration::from_secs(20), "the server would have given up");
    }
    assert!(answered > 50, "{answered} answers in a thousand seconds");
    alone.engine(EngineInput::Stalled(false));
    alone.engine(EngineInput::WebSocketFrame(Frame::Text("2".into())));
    let waited = alone.until_attempt();
    assert!(
        waited > Duration::from_secs(45),
        "{waited:?}: it lives as long as any that hears no heartbeat"
    );
}

#[test]
fn no_attempt_begins_while_the_application_does_not_keep_up() {
    let mut alone = Alone::new(Reconnection::default());
    alone.engine(EngineInput::Stalled(true));
    alone.engine(EngineInput::WebSocketFailed("refused".into()));
    alone.out.clear();
    assert_eq!(alone.client.wake_at(alone.now), None);
    alone.now.monotonic += Duration::from_secs(60);
    alone.now.wall += Duration::from_secs(60);
    alone.engine(EngineInput::Tick);
    assert!(alone.out.is_empty());
    alone.engine(EngineInput::Stalled(false));
    assert_eq!(alone.until_attempt(), Duration::ZERO);
}

/// Each would otherwise keep its place in the queue until the connection ends.
#[test]
fn an_answer_that_is_forgotten_before_its_event_is_written_is_not_awaited() {
    let mut alone = Alone::new(Reconnection::default());
    alone.accept();
    alone.connect();
    alone.emit(7, true);
    alone.tell(Input::Forget { token: 7 });
    assert!(alone.client.has_unsettled(), "it is still to be written");
    alone.out.clear();
    alone.engine(EngineInput::WebSocketWritten);
    assert!(!alone.client.has_unsettled());
    let done = Output::Settled {
        token: 7,
        outcome: Outcome::Done,
    };
    assert_eq!(format!("{:?}", alone.out), format!("{:?}", [done]));
}

#[test]
fn answers_are_not_awaited_for_ever_while_nothing_is_read() {
    let mut alone = Alone::new(Reconnection::default());
    alone.accept();
    alone.connect();
    alone.emit(7, true);
    alone.engine(EngineInput::WebSocketWritten);
    alone.out.clear();
    assert!(alone.client.has_unsettled());
    alone.engine(EngineInput::Stalled(true));
    let mut waited = Duration::ZERO;
    while alone.client.has_unsettled() {
        waited += alone.sleep();
    }
    assert_eq!(waited, Duration::from_secs(20));
    let given_up = alone.out.iter().any(|output| {
        let outcome = Outcome::TimedOut { written: true };
        format!("{output:?}") == format!("{:?}", Output::Settled { token: 7, outcome })
    });
    assert!(given_up, "{:?}", alone.out);
}
