//! What nodes say to each other: sealed with the server's secret, so that a bus that somebody else can write to,
//! or that serves several teams, says nothing in a node's name.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use khaya_wire::{ChatId, SessionId, UserId};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};

use crate::{
    realtime::{Frame, Outgoing},
    token::{BusKey, Keys, constant_time_eq},
};

/// How many characters a seal has: 32 bytes in base64.
const SEAL: usize = 43;

/// Something that one node says to all.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Letter {
    pub(super) node: String,
    pub(super) item: Item,
}

/// What it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Item {
    /// It lives.
    Beat,
    /// It has committed something: the events' places in the database, and what is told of them.
    Committed { positions: Vec<i64>, told: Vec<Told> },
    /// Somebody types, for those who have the chat open.
    Typing {
        chat: ChatId,
        but: UserId,
        packet: String,
    },
    /// Somebody's first socket came to it.
    Online(UserId),
    /// Somebody's last socket went from it.
    Offline(UserId),
    /// Somebody who is there does something, which is not told each time.
    Active(UserId),
    /// These have sockets on it, and nobody else.
    Here(Vec<UserId>),
    /// An attempt to sign in failed.
    Failed { account: String, address: IpAddr },
    /// It stops.
    Bye,
}

/// What is told of something committed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Told {
    Event { to: Vec<UserId>, packet: String },
    Volatile { to: Vec<UserId>, packet: String },
    Left { chat: ChatId, user: UserId },
    SessionEnded(SessionId),
}

impl From<&Outgoing> for Told {
    fn from(outgoing: &Outgoing) -> Self {
        match outgoing {
            Outgoing::Event { to, frame } => Self::Event {
                to: to.clone(),
                packet: frame.packet().to_owned(),
            },
            Outgoing::Volatile { to, frame } => Self::Volatile {
                to: to.clone(),
                packet: frame.packet().to_owned(),
            },
            Outgoing::Left { chat, user } => Self::Left {
                chat: chat.clone(),
                user: user.clone(),
            },
            Outgoing::SessionEnded(session) => Self::SessionEnded(session.clone()),
        }
    }
}

impl From<Told> for Outgoing {
    fn from(told: Told) -> Self {
        match told {
            Told::Event { to, packet } => Self::Event {
                to,
                frame: Frame::from(packet),
            },
            Told::Volatile { to, packet } => Self::Volatile {
                to,
                frame: Frame::from(packet),
            },
            Told::Left { chat, user } => Self::Left { chat, user },
            Told::SessionEnded(session) => Self::SessionEnded(session),
        }
    }
}

/// Writes and reads letters of one server.
pub(super) struct Seal(BusKey);

impl Seal {
    pub(super) fn new(keys: &Keys) -> Self {
        Self(keys.bus())
    }

    /// The name under which the nodes of this server meet.
    pub(super) fn channel(&self) -> String {
        let name = self.0.mac(b"channel");
        format!("khaya:{}", URL_SAFE_NO_PAD.encode(&name[..12]))
    }

    /// A name for a node that just began.
    pub(super) fn fresh_name(&self) -> String {
        let mut bytes = [0_u8; 12];
        rand::rng().fill_bytes(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn seal(&self, letter: &Letter) -> Option<String> {
        let text = serde_json::to_string(letter).ok()?;
        Some(URL_SAFE_NO_PAD.encode(self.0.mac(text.as_bytes())) + &text)
    }

    pub(super) fn open(&self, sealed: &str) -> Option<Letter> {
        let (seal, text) = sealed.split_at_checked(SEAL)?;
        let seal = URL_SAFE_NO_PAD.decode(seal).ok()?;
        if !constant_time_eq(&seal, &self.0.mac(text.as_bytes())) {
            return None;
        }
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_this_server_sealed_and_nothing_else() {
        let seal = |secret: &[u8]| Seal::new(&Keys::new(secret, std::time::Duration::from_secs(60)));
        let (ours, theirs) = (seal(b"ours"), seal(b"theirs"));
        let letter = Letter {
            node: "n".to_owned(),
            item: Item::Failed {
                account: "alice".to_owned(),
                address: [192, 0, 2, 1].into(),
            },
        };
        let sealed = ours.seal(&letter).unwrap();
        assert_eq!(ours.open(&sealed).unwrap().node, "n");
        assert_ne!(ours.channel(), theirs.channel());
        for bad in [
            theirs.seal(&letter).unwrap(),
            sealed.replace("alice", "mallory"),
            sealed[1..].to_owned(),
            String::new(),
            "ä".repeat(40),
        ] {
            assert!(ours.open(&bad).is_none(), "{bad}");
        }
    }
}
