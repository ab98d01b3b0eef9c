//! What carries a session, and what it is doing.

use super::upgrade::Upgrade;
use crate::{event::Transport, time::Deadline};

/// What carries a session.
#[derive(Debug)]
pub(super) enum Carrier {
    Polling {
        getting: bool,
        posting: bool,
        upgrade: Upgrade,
    },
    WebSocket {
        writing: bool,
    },
}

impl Carrier {
    pub(super) fn transport(&self) -> Transport {
        match self {
            Self::Polling { .. } => Transport::Polling,
            Self::WebSocket { .. } => Transport::WebSocket,
        }
    }

    pub(super) fn is_free(&self) -> bool {
        match self {
            Self::Polling { posting, upgrade, .. } => !posting && !upgrade.pauses(),
            Self::WebSocket { writing } => !writing,
        }
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::Polling { upgrade, .. } => upgrade.deadline(),
            Self::WebSocket { .. } => None,
        }
    }
}
