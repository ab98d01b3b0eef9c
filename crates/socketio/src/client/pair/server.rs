//! A model of a server, as strict as the official one and more: what breaks the protocol is not tolerated but
//! noted, and fails the test.

mod namespaces;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use serde_json::json;

use super::random::Random;
use crate::codec::frame::Frame;

pub(super) const PING_INTERVAL: Duration = Duration::from_secs(5);
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(4);
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_PAYLOAD: usize = 400;

/// What the server does to the network.
#[derive(Debug)]
pub(super) enum Action {
    /// A frame on a WebSocket.
    Frame { websocket: u64, frame: Frame },
    /// The WebSocket is closed.
    CloseWebSocket { websocket: u64 },
    /// A GET is answered.
    Answer { request: u64, packets: Vec<String> },
    /// A request is refused, or its connection closed.
    Refuse { request: u64 },
    /// A POST is answered.
    Accept { request: u64 },
}

/// An event that came, by the number that it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) namespace: String,
    pub(super) number: u64,
}

#[derive(Debug, Default)]
pub(super) struct Server {
    sessions: BTreeMap<String, Session>,
    made: u64,
    /// By namespace and private id: what a recovered socket is sent.
    recoverable: BTreeMap<String, Vec<u64>>,
    /// The private ids of sockets whose connection was lost.
    lost: BTreeSet<String>,
    said: u64,
    pub(super) arrivals: Vec<Arrival>,
    /// What the client did against the protocol.
    pub(super) violations: Vec<String>,
    /// Refuse, ignore and disconnect now and then.
    pub(super) moody: bool,
}

#[derive(Debug)]
struct Session {
    websocket: Option<u64>,
    probing: Option<u64>,
    began: Duration,
    get: Option<u64>,
    waiting: VecDeque<Frame>,
    sockets: BTreeMap<String, Option<String>>,
    /// Namespaces that the server closed: what was on its way to them is no fault of the client's.
    left: BTreeSet<String>,
    /// The attachments that are awaited, and for which packet.
    awaited: Option<(usize, String)>,
    ping_at: Duration,
    pong_by: Option<Duration>,
}

impl Server {
    pub(super) fn moody() -> Self {
        Self {
            moody: true,
            ..Self::default()
        }
    }

    /// When something happens by itself next.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        let due = |session: &Session| {
            let ping = session.pong_by.unwrap_or(session.ping_at);
            if session.probing.is_some() {
                ping.min(session.began + UPGRADE_TIMEOUT)
            } else {
                ping
            }
        };
        self.sessions.values().map(due).min()
    }

    pub(super) fn tick(&mut self, now: Duration, out: &mut Vec<Action>) {
        let sids: Vec<String> = self.sessions.keys().cloned().collect();
        for sid in sids {
            let Some(session) = self.sessions.get_mut(&sid) else {
                continue;
            };
            if session.pong_by.is_some_and(|by| by <= now) {
                self.close(&sid, out);
                continue;
            }
            if session.pong_by.is_none() && session.ping_at <= now {
                session.pong_by = Some(now + PING_TIMEOUT);
                self.send(&sid, Frame::Text("2".into()), out);
            }
            let Some(session) = self.sessions.get_mut(&sid) else {
                continue;
            };
            if session.began + UPGRADE_TIMEOUT <= now
                && let Some(websocket) = session.probing.take()
            {
                out.push(Action::CloseWebSocket { websocket });
            }
        }
    }

    pub(super) fn get(&mut self, now: Duration, request: u64, sid: Option<&str>, out: &mut Vec<Action>) {
        let Some(sid) = sid else {
            let (_, handshake) = self.make(now, None);
            return out.push(Action::Answer {
                request,
                packets: vec![handshake],
            });
        };
        let Some(session) = self.sessions.get_mut(sid) else {
            return out.push(Action::Refuse { request });
        };
        if session.websocket.is_some() {
            self.violations
                .push("a GET of a session that is on a WebSocket".into());
            return out.push(Action::Refuse { request });
        }
        if session.get.is_some() {
            self.violations.push("a GET while another is under way".into());
        }
        session.get = Some(request);
        self.flush(sid, out);
    }

    pub(super) fn post(
        &mut self,
        now: Duration,
        request: u64,
        sid: &str,
        body: &str,
        random: &mut Random,
        out: &mut Vec<Action>,
    ) {
        let Some(session) = self.sessions.get(sid) else {
            return out.push(Action::Refuse { request });
        };
        if session.websocket.is_some() {
            self.violations
                .push("a POST of a session that is on a WebSocket".into());
        }
        let packets: Vec<&str> = body.split('\u{1e}').collect();
        if packets.len() > 16 || (body.len() > MAX_PAYLOAD && packets.len() > 1) {
            self.violations.push(format!(
                "a payload of {} packets and {} bytes",
                packets.len(),
                body.len()
            ));
        }
        out.push(Action::Accept { request });
        for packet in packets {
            match packet.strip_prefix('b') {
                Some(_) => self.binary(now, sid, random, out),
                None => self.text(now, sid, packet, random, out),
            }
        }
    }

    /// A WebSocket is opened; `false` if it is refused.
    pub(super) fn open(
        &mut self,
        now: Duration,
        websocket: u64,
        sid: Option<&str>,
        out: &mut Vec<Action>,
    ) -> bool {
        match sid {
            None => {
                let (_, handshake) = self.make(now, Some(websocket));
                out.push(Action::Frame {
                    websocket,
                    frame: Frame::Text(handshake.into()),
                });
                true
            }
            Some(sid) => match self.sessions.get_mut(sid) {
                Some(session) if session.websocket.is_none() => {
                    session.probing = Some(websocket);
                    session.began = now;
                    true
                }
                Some(_) | None => false,
            },
        }
    }

    pub(super) fn frame(
        &mut self,
        now: Duration,
        websocket: u64,
        frame: &Frame,
        random: &mut Random,
        out: &mut Vec<Action>,
    ) {
        let found = self
            .sessions
            .iter()
            .find(|(_, session)| session.websocket == Some(websocket) || session.probing == Some(websocket));
        let Some((sid, session)) = found else { return };
        let (sid, probing) = (sid.clone(), session.probing == Some(websocket));
        match frame {
            Frame::Text(text) if probing => self.probe(&sid, websocket, text, out),
            Frame::Text(text) => self.text(now, &sid, text, random, out),
            Frame::Binary(_) => self.binary(now, &sid, random, out),
        }
    }

    /// The client's end of a WebSocket is gone.
    pub(super) fn websocket_gone(&mut self, websocket: u64, out: &mut Vec<Action>) {
        let found = self
            .sessions
            .iter_mut()
            .find(|(_, session)| session.websocket == Some(websocket) || session.probing == Some(websocket));
        let Some((sid, session)) = found else { return };
        if session.probing == Some(websocket) {
            session.probing = None;
        } else {
            let sid = sid.clone();
            self.close(&sid, out);
        }
    }

    /// A request was cut off while it waited.
    pub(super) fn request_gone(&mut self, request: u64, out: &mut Vec<Action>) {
        let found = self
            .sessions
            .iter()
            .find(|(_, session)| session.get == Some(request));
        if let Some(sid) = found.map(|(sid, _)| sid.clone()) {
            self.close(&sid, out);
        }
    }

    fn make(&mut self, now: Duration, websocket: Option<u64>) -> (String, String) {
        self.made += 1;
        let sid = format!("session{}", self.made);
        let upgrades: &[&str] = if websocket.is_none() { &["websocket"] } else { &[] };
        let handshake = json!({
            "sid": sid, "upgrades": upgrades, "pingInterval": PING_INTERVAL.as_millis() as u64,
            "pingTimeout": PING_TIMEOUT.as_millis() as u64, "maxPayload": MAX_PAYLOAD,
        });
        let session = Session {
            websocket,
            probing: None,
            began: now,
            get: None,
            waiting: VecDeque::new(),
            sockets: BTreeMap::new(),
            left: BTreeSet::new(),
            awaited: None,
            ping_at: now + PING_INTERVAL,
            pong_by: None,
        };
        self.sessions.insert(sid.clone(), session);
        (sid, format!("0{handshake}"))
    }

    fn probe(&mut self, sid: &str, websocket: u64, text: &str, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(sid) else {
            return;
        };
        match text {
            "2probe" => {
                out.push(Action::Frame {
                    websocket,
                    frame: Frame::Text("3probe".into()),
                });
                // Ends the GET that waits, so that polling can fall silent.
                if let Some(request) = session.get.take() {
                    out.push(Action::Answer {
                        request,
                        packets: vec!["6".into()],
                    });
                }
            }
            "5" => {
                if session.get.is_some() {
                    self.violations.push("upgraded while a GET was under way".into());
                }
                session.probing = None;
                session.websocket = Some(websocket);
                self.flush(sid, out);
            }
            other => self
                .violations
                .push(format!("{other} on a WebSocket that is being probed")),
        }
    }

    fn text(&mut self, now: Duration, sid: &str, text: &str, random: &mut Random, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(sid) else {
            return;
        };
        match text.as_bytes().first() {
            Some(b'3') => {
                session.pong_by = None;
                session.ping_at = now + PING_INTERVAL;
            }
            Some(b'1') => self.close(sid, out),
            Some(b'4') => self.message(sid, &text[1..], random, out),
            Some(_) | None => self.violations.push(format!("packet {text:?}")),
        }
    }

    fn binary(&mut self, _now: Duration, sid: &str, random: &mut Random, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(sid) else {
            return;
        };
        match session.awaited.take() {
            None => self
                .violations
                .push("an attachment that nothing announced".into()),
            Some((1, packet)) => self.packet(sid, &packet, random, out),
            Some((missing, packet)) => session.awaited = Some((missing - 1, packet)),
        }
    }

    fn send(&mut self, sid: &str, frame: Frame, out: &mut Vec<Action>) {
        if let Some(session) = self.sessions.get_mut(sid) {
            session.waiting.push_back(frame);
        }
        self.flush(sid, out);
    }

    fn flush(&mut self, sid: &str, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(sid) else {
            return;
        };
        if let Some(websocket) = session.websocket {
            out.extend(
                session
                    .waiting
                    .drain(..)
                    .map(|frame| Action::Frame { websocket, frame }),
            );
        } else if !session.waiting.is_empty()
            && let Some(request) = session.get.take()
        {
            let packets = session.waiting.drain(..).map(|frame| match frame {
                Frame::Text(text) => text.to_string(),
                Frame::Binary(_) => "bAQID".to_owned(),
            });
            out.push(Action::Answer {
                request,
                packets: packets.collect(),
            });
        }
    }

    fn close(&mut self, sid: &str, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.remove(sid) else {
            return;
        };
        self.lost.extend(session.sockets.into_values().flatten());
        out.extend(
            session
                .websocket
                .into_iter()
                .chain(session.probing)
                .map(|websocket| Action::CloseWebSocket { websocket }),
        );
        out.extend(session.get.map(|request| Action::Refuse { request }));
    }
}
