//! The upgrade from polling to WebSocket.
//!
//! <https://socket.io/docs/v4/engine-io-protocol/>, "Upgrade": the WebSocket opens beside polling, is probed,
//! polling falls silent, and only then the session moves.

use std::time::Duration;

use super::{Carrier, Engine, Output, Session, State};
use crate::{
    codec::frame::{Frame, Packet},
    time::{Deadline, Now},
};

/// How long the server waits for an upgrade to be completed; the official default.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) enum Upgrade {
    /// Not wanted, not offered, or failed.
    None,
    /// The WebSocket is being opened.
    Opening { deadline: Deadline },
    /// `2probe` was sent.
    Probing { deadline: Deadline },
    /// `3probe` came: no new request begins, and the GET and the POST under way are waited for.
    Pausing { deadline: Deadline },
}

impl Upgrade {
    pub(super) fn begin(now: Now) -> Self {
        Self::Opening {
            deadline: Deadline::after(now, TIMEOUT),
        }
    }

    pub(super) fn pauses(&self) -> bool {
        match self {
            Self::Pausing { .. } => true,
            Self::None | Self::Opening { .. } | Self::Probing { .. } => false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::None => None,
            Self::Opening { deadline } | Self::Probing { deadline } | Self::Pausing { deadline } => {
                Some(*deadline)
            }
        }
    }
}

impl Engine {
    pub(super) fn is_probing(&self) -> bool {
        self.transport() == Some(crate::event::Transport::Polling)
    }

    pub(super) fn websocket_opened(&mut self, out: &mut Vec<Output>) {
        if let State::Open(Session {
            carrier: Carrier::Polling { upgrade, .. },
            ..
        }) = &mut self.state
            && let Upgrade::Opening { deadline } = *upgrade
        {
            *upgrade = Upgrade::Probing { deadline };
            out.push(Output::SendWebSocket(vec![Frame::Text("2probe".into())]));
        }
    }

    /// A packet came over the WebSocket while polling carries the session.
    pub(super) fn probed(&mut self, packet: Packet, out: &mut Vec<Output>) {
        let State::Open(Session {
            carrier: Carrier::Polling { upgrade, .. },
            ..
        }) = &mut self.state
        else {
            return;
        };
        match (&*upgrade, packet) {
            (Upgrade::Probing { deadline }, Packet::Pong(data)) if data.as_str() == "3probe" => {
                *upgrade = Upgrade::Pausing { deadline: *deadline };
                self.switch(out);
            }
            (_, packet) => self.probe_failed(&format!("unexpected {packet:?} instead of an answer"), out),
        }
    }

    /// Moves the session, once polling has fallen silent.
    pub(super) fn switch(&mut self, out: &mut Vec<Output>) {
        let State::Open(session) = &mut self.state else {
            return;
        };
        if let Carrier::Polling {
            getting: false,
            posting: false,
            upgrade: Upgrade::Pausing { .. },
        } = session.carrier
        {
            let mut frames = vec![Frame::Text("5".into())];
            frames.extend(self.outbox.take_all());
            session.carrier = Carrier::WebSocket { writing: true };
            out.push(Output::SendWebSocket(frames));
            out.push(Output::Upgraded);
        }
    }

    /// Polling goes on as if nothing had been tried.
    pub(super) fn probe_failed(&mut self, details: &str, out: &mut Vec<Output>) {
        let State::Open(session) = &mut self.state else {
            return;
        };
        let Carrier::Polling { getting, upgrade, .. } = &mut session.carrier else {
            return;
        };
        match std::mem::replace(upgrade, Upgrade::None) {
            Upgrade::None => {}
            Upgrade::Opening { .. } | Upgrade::Probing { .. } => {
                tracing::debug!(details, "the upgrade failed; polling goes on");
                out.push(Output::DropWebSocket);
            }
            Upgrade::Pausing { .. } => {
                tracing::debug!(details, "the upgrade failed at its end; polling goes on");
                out.push(Output::DropWebSocket);
                if !*getting {
                    *getting = true;
                    out.push(Output::Get(Some(session.handshake.sid.clone())));
                }
                self.flush(out);
            }
        }
    }
}
