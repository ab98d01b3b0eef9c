//! What lies between the two machines: delay on everything, and in bad times loss, silence, and ends at every
//! step. Within one WebSocket order is kept, as TCP keeps it; requests overtake each other and the WebSocket.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::Arc,
    time::Duration,
};

use super::{
    random::Random,
    server::{Action, Server},
};
use crate::{
    client::Output,
    codec::{frame::Frame, payload},
    engine::{Farewell, Input},
    event::Transport,
};

/// Something on its way.
#[derive(Debug)]
pub(super) enum Flight {
    /// To the server.
    Open {
        websocket: u64,
        sid: Option<Arc<str>>,
    },
    FrameUp {
        websocket: u64,
        frame: Frame,
    },
    GoneUp {
        websocket: u64,
    },
    Get {
        request: u64,
        sid: Option<Arc<str>>,
    },
    Post {
        request: u64,
        sid: Arc<str>,
        body: String,
    },
    RequestGone {
        request: u64,
    },
    /// To the client, if the WebSocket or the request still matters to it.
    FromWebSocket {
        websocket: u64,
        input: Input,
    },
    FromGet {
        request: u64,
        inputs: Vec<Input>,
    },
    FromPost {
        request: u64,
        input: Input,
    },
}

#[derive(Debug)]
pub(super) struct Network {
    queue: BinaryHeap<Reverse<(Duration, u64)>>,
    flights: BTreeMap<u64, Flight>,
    order: u64,
    ids: u64,
    websocket: Option<WebSocket>,
    get: Option<u64>,
    post: Option<u64>,
    /// Requests and WebSockets the client waits for in vain.
    pub(super) bad: bool,
}

/// The WebSocket that the client has.
#[derive(Debug)]
struct WebSocket {
    id: u64,
    /// Not before what was sent before.
    up: Duration,
    down: Duration,
    cut: bool,
}

impl Network {
    pub(super) fn new() -> Self {
        Self {
            queue: BinaryHeap::new(),
            flights: BTreeMap::new(),
            order: 0,
            ids: 0,
            websocket: None,
            get: None,
            post: None,
            bad: true,
        }
    }

    pub(super) fn next_at(&self) -> Option<Duration> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Does what the client says.
    pub(super) fn do_for_client(&mut self, now: Duration, output: Output, random: &mut Random) {
        match output {
            Output::OpenWebSocket(sid) => {
                self.ids += 1;
                let websocket = self.ids;
                assert!(self.websocket.is_none(), "one WebSocket at a time");
                self.websocket = Some(WebSocket {
                    id: websocket,
                    up: now,
                    down: now,
                    cut: false,
                });
                match self.fate(random) {
                    Fate::Arrives => self.send(now, random, Flight::Open { websocket, sid }),
                    Fate::Fails => {
                        let input = Input::WebSocketFailed("refused".into());
                        self.send(now, random, Flight::FromWebSocket { websocket, input });
                    }
                    Fate::IsLost => {}
                }
            }
            Output::SendWebSocket(frames) => self.frames_up(now, frames, random),
            Output::DropWebSocket => self.drop_websocket(now, random),
            Output::Get(sid) => {
                assert!(self.get.is_none(), "one GET at a time");
                self.ids += 1;
                let request = self.ids;
                self.get = Some(request);
                match self.fate(random) {
                    Fate::Arrives => self.send(now, random, Flight::Get { request, sid }),
                    Fate::Fails => {
                        let inputs = vec![Input::GetFailed("refused".into())];
                        self.send(now, random, Flight::FromGet { request, inputs });
                    }
                    Fate::IsLost => {}
                }
            }
            Output::Post { sid, body } => {
                assert!(self.post.is_none(), "one POST at a time");
                self.ids += 1;
                let request = self.ids;
                self.post = Some(request);
                match self.fate(random) {
                    Fate::Arrives => self.send(now, random, Flight::Post { request, sid, body }),
                    Fate::Fails => {
                        let input = Input::PostFailed("refused".into());
                        self.send(now, random, Flight::FromPost { request, input });
                    }
                    Fate::IsLost => {}
                }
            }
            Output::Leave(farewell) => {
                if let Some(farewell) = farewell {
                    self.farewell(now, farewell, random);
                }
                self.drop_websocket(now, random);
                for request in self.get.take().into_iter().chain(self.post.take()) {
                    self.send(now, random, Flight::RequestGone { request });
                }
            }
            Output::AskAuth { .. }
            | Output::Refused { .. }
            | Output::Connected { .. }
            | Output::Disconnected { .. }
            | Output::ConnectError { .. }
            | Output::Event { .. }
            | Output::Settled { .. }
            | Output::Sending { .. }
            | Output::Connection(_) => unreachable!("not for the network"),
        }
    }

    /// Takes the next flight and lands it. What it brings the client is returned.
    pub(super) fn land(&mut self, now: Duration, server: &mut Server, random: &mut Random) -> Vec<Input> {
        let Some(Reverse((_, order))) = self.queue.pop() else {
            return Vec::new();
        };
        let Some(flight) = self.flights.remove(&order) else {
            return Vec::new();
        };
        let mut actions = Vec::new();
        match flight {
            Flight::Open { websocket, sid } => {
                let opened = server.open(now, websocket, sid.as_deref(), &mut actions);
                let input = match opened {
                    true => Input::WebSocketOpened,
                    false => Input::WebSocketFailed("status 400".into()),
                };
                self.down(now, websocket, input, random);
            }
            Flight::FrameUp { websocket, frame } => {
                server.frame(now, websocket, &frame, random, &mut actions)
            }
            Flight::GoneUp { websocket } => server.websocket_gone(websocket, &mut actions),
            Flight::Get { request, sid } => server.get(now, request, sid.as_deref(), &mut actions),
            Flight::Post { request, sid, body } => {
                server.post(now, request, &sid, &body, random, &mut actions)
            }
            Flight::RequestGone { request } => server.request_gone(request, &mut actions),
            Flight::FromWebSocket { websocket, input } => {
                if self.websocket.as_ref().is_none_or(|mine| mine.id != websocket) {
                    return Vec::new();
                }
                if matches!(input, Input::WebSocketFailed(_) | Input::WebSocketClosed(_)) {
                    self.websocket = None;
                }
                return vec![input];
            }
            Flight::FromGet { request, inputs } => {
                if self.get == Some(request) {
                    self.get = None;
                    return inputs;
                }
            }
            Flight::FromPost { request, input } => {
                if self.post == Some(request) {
                    self.post = None;
                    return vec![input];
                }
            }
        }
        self.do_for_server(now, actions, random);
        Vec::new()
    }

    /// Does what the server says.
    pub(super) fn do_for_server(&mut self, now: Duration, actions: Vec<Action>, random: &mut Random) {
        for action in actions {
            match action {
                Action::Frame { websocket, frame } => {
                    self.down(now, websocket, Input::WebSocketFrame(frame), random);
                }
                Action::CloseWebSocket { websocket } => {
                    self.down(now, websocket, Input::WebSocketClosed("".into()), random);
                }
                Action::Answer { request, packets } => {
                    let mut inputs: Vec<Input> = packets
                        .into_iter()
                        .map(|packet| Input::Polled(packet.into()))
                        .collect();
                    match self.fate(random) {
                        Fate::Arrives => inputs.push(Input::GetDone),
                        Fate::Fails => {
                            // Torn somewhere.
                            inputs.truncate(random.below(inputs.len() as u64 + 1) as usize);
                            inputs.push(Input::GetFailed("torn".into()));
                        }
                        Fate::IsLost => continue,
                    }
                    self.send(now, random, Flight::FromGet { request, inputs });
                }
                Action::Accept { request } => {
                    let input = match self.fate(random) {
                        Fate::Arrives => Input::PostDone,
                        Fate::Fails => Input::PostFailed("torn".into()),
                        Fate::IsLost => continue,
                    };
                    self.send(now, random, Flight::FromPost { request, input });
                }
                Action::Refuse { request } => {
                    let inputs = vec![Input::GetFailed("status 400".into())];
                    let input = Input::PostFailed("status 400".into());
                    self.send(now, random, Flight::FromGet { request, inputs });
                    self.send(now, random, Flight::FromPost { request, input });
                }
            }
        }
    }

    fn farewell(&mut self, now: Duration, farewell: Farewell, random: &mut Random) {
        match (farewell.transport, farewell.sid) {
            (Transport::WebSocket, _) => self.frames_up(now, farewell.batches.concat(), random),
            (Transport::Polling, None) => {}
            // The driver waits for the POST, which here may never end.
            (Transport::Polling, Some(_)) if self.post.is_some() => {}
            (Transport::Polling, Some(sid)) => {
                for (place, batch) in (1..).zip(farewell.batches) {
                    self.ids += 1;
                    let at = now + Duration::from_millis(50 * place);
                    let flight = Flight::Post {
                        request: self.ids,
                        sid: sid.clone(),
                        body: payload::encode(&batch),
                    };
                    schedule(&mut self.queue, &mut self.flights, &mut self.order, at, flight);
                }
            }
        }
    }

    fn frames_up(&mut self, now: Duration, frames: Vec<Frame>, random: &mut Random) {
        let bad = self.bad;
        let Some(mine) = &mut self.websocket else { return };
        let websocket = mine.id;
        for frame in frames {
            if mine.cut {
                break;
            }
            // Cut in the middle: what was sent before arrives, and the rest does not.
            if bad && random.happens(20) {
                mine.cut = true;
                break;
            }
            mine.up = mine.up.max(now + delay(random));
            let at = mine.up;
            schedule(
                &mut self.queue,
                &mut self.flights,
                &mut self.order,
                at,
                Flight::FrameUp { websocket, frame },
            );
        }
        let cut = mine.cut;
        if !cut {
            return self.send(
                now,
                random,
                Flight::FromWebSocket {
                    websocket,
                    input: Input::WebSocketWritten,
                },
            );
        }
        // Either end may notice, late or never.
        if random.happens(600) {
            let input = Input::WebSocketFailed("reset".into());
            self.send(now, random, Flight::FromWebSocket { websocket, input });
        } else if random.happens(500) {
            self.send(
                now,
                random,
                Flight::FromWebSocket {
                    websocket,
                    input: Input::WebSocketWritten,
                },
            );
        }
        if random.happens(600) {
            self.send(now, random, Flight::GoneUp { websocket });
        }
    }

    fn down(&mut self, now: Duration, websocket: u64, input: Input, random: &mut Random) {
        let bad = self.bad;
        let Some(mine) = self.websocket.as_mut().filter(|mine| mine.id == websocket) else {
            return;
        };
        if bad && random.happens(10) {
            mine.cut = true;
        }
        if mine.cut {
            return;
        }
        mine.down = mine.down.max(now + delay(random));
        let at = mine.down;
        let flight = Flight::FromWebSocket { websocket, input };
        schedule(&mut self.queue, &mut self.flights, &mut self.order, at, flight);
    }

    fn drop_websocket(&mut self, now: Duration, random: &mut Random) {
        if let Some(mine) = self.websocket.take() {
            let at = mine.up.max(now + delay(random));
            let flight = Flight::GoneUp { websocket: mine.id };
            schedule(&mut self.queue, &mut self.flights, &mut self.order, at, flight);
        }
    }

    fn send(&mut self, now: Duration, random: &mut Random, flight: Flight) {
        let at = now + delay(random);
        schedule(&mut self.queue, &mut self.flights, &mut self.order, at, flight);
    }

    fn fate(&self, random: &mut Random) -> Fate {
        if !self.bad {
            return Fate::Arrives;
        }
        match random.below(100) {
            0..3 => Fate::Fails,
            3 => Fate::IsLost,
            _ => Fate::Arrives,
        }
    }
}

/// Whether the client says this to the network; the rest is for the application.
pub(super) fn concerns(output: &Output) -> bool {
    match output {
        Output::OpenWebSocket(_)
        | Output::SendWebSocket(_)
        | Output::DropWebSocket
        | Output::Get(_)
        | Output::Post { .. }
        | Output::Leave(_) => true,
        Output::AskAuth { .. }
        | Output::Refused { .. }
        | Output::Connected { .. }
        | Output::Disconnected { .. }
        | Output::ConnectError { .. }
        | Output::Event { .. }
        | Output::Settled { .. }
        | Output::Sending { .. }
        | Output::Connection(_) => false,
    }
}

enum Fate {
    Arrives,
    Fails,
    /// Nobody is told.
    IsLost,
}

fn delay(random: &mut Random) -> Duration {
    Duration::from_micros(1 + random.below(40_000))
}

fn schedule(
    queue: &mut BinaryHeap<Reverse<(Duration, u64)>>,
    flights: &mut BTreeMap<u64, Flight>,
    order: &mut u64,
    at: Duration,
    flight: Flight,
) {
    *order += 1;
    queue.push(Reverse((at, *order)));
    flights.insert(*order, flight);
}
