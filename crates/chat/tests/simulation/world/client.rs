//! One of the computers: what it has and what is about to happen to it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use khaya_chat::{
    View,
    api::{ApiError, Call, Response},
    intent::Secret,
    machine::{Chat, SecretsRequest, SocketEvent},
    store::{self, Op, Store, StoreError},
};
use khaya_wire::{ChatId, User, UserId};
use serde_json::Value;

/// One person's computer.
pub(crate) struct Client {
    pub(crate) user: UserId,
    pub(crate) username: String,
    pub(crate) machine: Option<Chat>,
    /// Counts runs of the app.
    pub(super) life: u64,
    pub(super) store: Store,
    pub(super) keyring: Option<Secret>,
    /// Whether the keyring once did not do what it was asked.
    pub(crate) keyring_failed: bool,
    pub(super) link: Option<Link>,
    /// Until when there is no network.
    pub(crate) cut_until: Duration,
    pub(super) wake_at: Option<Duration>,
    pub(super) last_store: Duration,
    pub(super) last_event: Duration,
    pub(super) wall_skew: i64,
    pub(super) next_intent: u64,
    pub(super) sends: HashMap<u64, (ChatId, String)>,
    /// What was answered `Ok`, or was on its way to the disk when the app ended.
    pub(crate) accepted: Vec<(ChatId, String)>,
    pub(crate) maybe: Vec<(ChatId, String)>,
    pub(crate) discarded: HashSet<String>,
    pub(crate) view: View,
    pub(crate) notified: HashSet<String>,
    /// How often a failed message was sent again, and so out of its order.
    pub(crate) retries: u64,
}

pub(super) struct Link {
    pub(super) id: u64,
    pub(super) is_up: bool,
    pub(super) token: Secret,
    pub(super) failures: u32,
}

pub(super) enum Event {
    Store {
        client: usize,
        life: u64,
        token: u64,
        op: Op,
    },
    Stored {
        client: usize,
        life: u64,
        token: u64,
        result: Result<store::Answer, StoreError>,
    },
    Request {
        client: usize,
        life: u64,
        token: u64,
        call: Call,
        twice: bool,
    },
    Response {
        client: usize,
        life: u64,
        token: u64,
        result: Result<Response, ApiError>,
    },
    Attempt {
        client: usize,
        link: u64,
    },
    Socket {
        client: usize,
        link: u64,
        event: SocketEvent,
    },
    Emit {
        link: u64,
        name: &'static str,
        data: Value,
    },
    Secrets {
        client: usize,
        life: u64,
        request: SecretsRequest,
    },
    Wake {
        client: usize,
        life: u64,
        at: Duration,
    },
    Restart {
        client: usize,
    },
    LinkGone {
        link: u64,
    },
    /// A connection is given up.
    Lost {
        link: u64,
    },
}

impl Client {
    pub(super) fn new(user: &User) -> Self {
        Self {
            user: user.id.clone(),
            username: user.username.clone(),
            machine: None,
            life: 0,
            store: store::open_in_memory().unwrap(),
            keyring: None,
            keyring_failed: false,
            link: None,
            cut_until: Duration::ZERO,
            wake_at: None,
            last_store: Duration::ZERO,
            last_event: Duration::ZERO,
            wall_skew: 0,
            next_intent: 0,
            sends: HashMap::new(),
            accepted: Vec::new(),
            maybe: Vec::new(),
            discarded: HashSet::new(),
            view: View::default(),
            notified: HashSet::new(),
            retries: 0,
        }
    }

    /// The connection that is up.
    pub(crate) fn up(&self) -> Option<u64> {
        self.link.as_ref().filter(|link| link.is_up).map(|link| link.id)
    }

    /// Asks the disk, while the app does not.
    pub(crate) fn run(&mut self, op: Op) -> store::Answer {
        self.store.run(op).unwrap()
    }
}

impl Event {
    /// Whose it is.
    pub(super) fn client(&self) -> Option<usize> {
        match self {
            Self::Store { client, .. }
            | Self::Stored { client, .. }
            | Self::Request { client, .. }
            | Self::Response { client, .. }
            | Self::Attempt { client, .. }
            | Self::Socket { client, .. }
            | Self::Secrets { client, .. }
            | Self::Wake { client, .. }
            | Self::Restart { client } => Some(*client),
            Self::Emit { .. } | Self::LinkGone { .. } | Self::Lost { .. } => None,
        }
    }
}
