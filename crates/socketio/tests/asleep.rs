//! A computer that sleeps: its monotonic clock stands still meanwhile, and only the wall clock tells.

#![expect(
    clippy::disallowed_methods,
    reason = "the origin of time, which no result depends on"
)]

use std::time::{Duration, Instant, SystemTime};

use khaya_socketio::{
    DisconnectReason, Transport,
    codec::frame::Frame,
    engine::{Engine, Input, Options, Output},
    time::Now,
};

/// A session whose heartbeats come every 25 s, and which is dead 45 s after the last.
fn open(now: Now) -> Engine {
    let mut out = Vec::new();
    let options = Options {
        transports: vec![Transport::WebSocket],
        try_all_transports: false,
        upgrade: true,
        timeout: Duration::from_secs(20),
    };
    let mut engine = Engine::open(now, options, &mut out);
    engine.handle(now, Input::WebSocketOpened, &mut out);
    let hello = r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    engine.handle(now, Input::WebSocketFrame(Frame::Text(hello.into())), &mut out);
    assert!(matches!(out.last(), Some(Output::Opened { .. })), "{out:?}");
    engine
}

#[test]
fn a_session_is_dead_when_either_clock_has_passed_its_heartbeat() {
    let start = Now {
        monotonic: Instant::now(),
        wall: SystemTime::now(),
    };
    let hour = Duration::from_secs(3600);
    let cases = [
        (
            "nothing happened",
            Duration::from_secs(1),
            Duration::from_secs(1),
            false,
        ),
        (
            "it waited",
            Duration::from_secs(46),
            Duration::from_secs(46),
            true,
        ),
        ("it slept", Duration::from_secs(1), hour, true),
        (
            "the wall clock was set back",
            Duration::from_secs(46),
            Duration::ZERO,
            true,
        ),
    ];
    for (case, monotonic, wall, dead) in cases {
        let mut engine = open(start);
        let now = Now {
            monotonic: start.monotonic + monotonic,
            wall: start.wall + wall,
        };
        let mut out = Vec::new();
        engine.handle(now, Input::Tick, &mut out);
        let closed = out
            .iter()
            .any(|output| matches!(output, Output::Closed(DisconnectReason::PingTimeout)));
        assert_eq!(closed, dead, "{case}: {out:?}");
        // Told once.
        out.clear();
        engine.handle(now, Input::Tick, &mut out);
        assert!(
            !out.iter().any(|output| matches!(output, Output::Closed(_))),
            "{case}: {out:?}"
        );
    }
}
