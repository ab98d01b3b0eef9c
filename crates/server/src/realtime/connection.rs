//! One connection from its CONNECT to its end: who it is, which chats it has open, whom it tells that somebody
//! types. Handles its packets one after the other.
//!
//! Trusts nothing that was true earlier: the session, the role and the membership are asked for at every event.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use engineioxide::socket::Sid;
use khaya_wire::{
    ChatId, Code, Timestamp, UserId,
    event::{Ack, Authenticate, ConnectRefused, Room, Typing, name},
};
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};

use super::{
    frame::Frame,
    hub::Peer,
    line::{Incoming, Line, Next},
    outbox::Loss,
    packet::{Packet, argument},
};
use crate::{
    App, Error, clock, identity,
    limits::{Bucket, Held, Unconnected},
    listen, presence,
    store::members,
    token::Access,
};

/// How many packets a connection may send before it has said who it is.
const MAX_ATTEMPTS: usize = 16;
/// How long a connection may take to say who it is when that is not limited.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);
/// How many chats one socket has open. A client has one; a few more do no harm.
const MAX_OPEN: usize = 100;
/// How long somebody types who says nothing more (contract, "Socket.IO").
const TYPING_TIMEOUT: Duration = Duration::from_secs(6);

/// What a connection was opened with.
#[derive(Debug)]
pub(super) struct Opened<'q> {
    /// The query of its URL.
    pub(super) query: Option<&'q str>,
    /// Its place among those that have not said yet who they are.
    pub(super) place: Option<Unconnected>,
}

/// Serves one connection until it ends.
pub(super) async fn run(app: App, line: Line, opened: Opened<'_>, mut incoming: impl Incoming) {
    let refused = token_in_query(opened.query.unwrap_or_default());
    let connection = connect(&app, &line, refused, &mut incoming).await;
    if let Some(place) = opened.place {
        place.leave();
    }
    if let Some(mut connection) = connection {
        connection.serve(&mut incoming).await;
        connection.end();
    }
    line.close();
}

/// Waits for a CONNECT with a good token. One with a bad token is refused and may be tried again.
async fn connect(app: &App, line: &Line, refused: bool, incoming: &mut impl Incoming) -> Option<Connection> {
    let timeout = listen::seconds(app.config.limits.connect_timeout);
    let deadline = Instant::now() + timeout.unwrap_or(LONG);
    for _attempt in 0..MAX_ATTEMPTS {
        let Next::Packet(text) = incoming.next(deadline).await else {
            return None;
        };
        match Packet::parse(&text) {
            Ok(Packet::Connect(auth)) => {
                let admitted = if refused {
                    Err(Error::Unauthorized)
                } else {
                    incoming.during(Box::pin(admit(app, auth))).await
                };
                match admitted {
                    Ok((access, place)) => return Connection::begin(app, line, &access, place),
                    Err(error) => {
                        let data = ConnectRefused { code: error.code() };
                        let message = if data.code == Code::RateLimited {
                            "too many connections"
                        } else if data.code == Code::Unavailable {
                            "unavailable"
                        } else {
                            "unauthorized"
                        };
                        let frame = Frame::refused(message, Some(&data)).ok()?;
                        line.send(&frame, Loss::Ends).ok()?;
                    }
                }
            }
            Ok(Packet::ConnectElsewhere(namespace)) => {
                line.send(&Frame::no_namespace(namespace), Loss::Ends).ok()?;
            }
            Ok(Packet::Ignored) => {}
            Ok(Packet::Event { .. } | Packet::Disconnect) | Err(_) => return None,
        }
    }
    None
}

/// Who a CONNECT is from, and their place among the sockets that they may have.
async fn admit(app: &App, auth: Option<&RawValue>) -> Result<(Access, Held<UserId>), Error> {
    let auth: Authenticate = argument(auth).map_err(|_| Error::Unauthorized)?;
    let (access, _viewer) = identity::check(app, &auth.token).await?;
    let place = app.quotas.socket_of(&access.user)?;
    Ok((access, place))
}

/// A URL ends up in logs, so a token has no place in it, whatever it is called there.
fn token_in_query(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes()).any(|(key, value)| {
        let key = key.to_ascii_lowercase();
        let named = ["token", "auth", "jwt", "bearer"]
            .iter()
            .any(|word| key.contains(word));
        named || (value.starts_with("eyJ") && value.matches('.').count() == 2)
    })
}

struct Connection {
    app: App,
    peer: Arc<Peer>,
    expires_at: Timestamp,
    /// The chats that this socket has open.
    open: HashSet<ChatId>,
    /// The chats in which this socket's person is said to type, and until when.
    typing: HashMap<ChatId, Instant>,
    /// How often this socket may say something.
    allowance: Bucket,
    _place: Held<UserId>,
}

impl Connection {
    fn begin(app: &App, line: &Line, access: &Access, place: Held<UserId>) -> Option<Self> {
        let peer = Arc::new(Peer {
            user: access.user.clone(),
            session: access.session.clone(),
            line: line.clone(),
        });
        // Of its own: the engine's is known to whoever can open connections in this one's name.
        let frame = Frame::connected(&Sid::new().to_string()).ok()?;
        line.send(&frame, Loss::Ends).ok()?;
        if app.hub.add(&peer) {
            let (app, user) = (app.clone(), peer.user.clone());
            tokio::spawn(async move { presence::came(&app, &user).await });
        }
        Some(Self {
            app: app.clone(),
            peer,
            expires_at: access.expires_at,
            open: HashSet::new(),
            typing: HashMap::new(),
            allowance: Bucket::new(app.config.limits.max_events_per_socket),
            _place: place,
        })
    }

    async fn serve(&mut self, incoming: &mut impl Incoming) {
        // The session may have ended between the check of its token and now, when its end is told to this socket.
        if self.check_session().await.is_err() {
            self.peer.disconnect();
            return;
        }
        loop {
            let goes_on = match incoming.next(self.next_deadline()).await {
                Next::Packet(text) => {
                    // Whoever says too much waits, and what they say meanwhile with them, where there is a bound.
                    while let Err(wait) = self.allowance.take(Instant::now().into_std()) {
                        incoming.during(Box::pin(sleep(wait))).await;
                    }
                    incoming.during(Box::pin(self.handle(&text))).await
                }
                Next::Deadline => self.on_deadline(),
                Next::Closed => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    fn end(mut self) {
        let chats: Vec<ChatId> = self.typing.drain().map(|(chat, _)| chat).collect();
        self.app.hub.remove(&self.peer, self.open.iter());
        for chat in chats {
            self.tell_typing(&chat, false);
        }
        if !self.app.hub.is_online(&self.peer.user) {
            presence::went(self.app.clone(), self.peer.user.clone());
        }
    }

    fn next_deadline(&self) -> Instant {
        let left = self
            .expires_at
            .as_millis()
            .saturating_sub(clock::now().as_millis());
        // Asked again after an hour at the latest: the wall clock may be set.
        let expiry = Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(Duration::from_secs(3600));
        let expiry = Instant::now() + expiry;
        self.typing
            .values()
            .copied()
            .min()
            .map_or(expiry, |typing| typing.min(expiry))
    }

    /// Whether the connection goes on.
    fn on_deadline(&mut self) -> bool {
        if self.expires_at <= clock::now() {
            self.peer.disconnect();
            return false;
        }
        let now = Instant::now();
        let silent: Vec<ChatId> = self
            .typing
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(chat, _)| chat.clone())
            .collect();
        for chat in silent {
            self.stop_typing(&chat);
        }
        true
    }

    /// Whether the connection goes on.
    async fn handle(&mut self, text: &str) -> bool {
        let (event, data, ack) = match Packet::parse(text) {
            Ok(Packet::Event { name, data, ack }) => (name, data, ack),
            Ok(Packet::Ignored) => return true,
            Ok(Packet::ConnectElsewhere(namespace)) => {
                self.peer.send(&Frame::no_namespace(namespace));
                return true;
            }
            // A second CONNECT breaks the protocol.
            Ok(Packet::Connect(_) | Packet::Disconnect) | Err(_) => {
                return false;
            }
        };
        // An app that comes back opens its chat by itself; who types or goes to another is there.
        if matches!(event.as_str(), name::LEAVE_CHAT | name::USER_TYPING) {
            presence::active(&self.app, &self.peer.user);
        }
        let done = match event.as_str() {
            name::JOIN_CHAT => match argument::<Room>(data) {
                Ok(room) => self.join(&room.chat_id).await,
                Err(error) => Err(error),
            },
            name::LEAVE_CHAT => argument::<Room>(data).map(|room| self.leave(&room.chat_id)),
            name::AUTHENTICATE => match argument::<Authenticate>(data) {
                Ok(fresh) => self.authenticate(&fresh.token).await,
                Err(error) => Err(error),
            },
            name::USER_TYPING => match argument::<Typing>(data) {
                Ok(typing) => self.typing(&typing).await,
                Err(error) => Err(error),
            },
            // Either side ignores events that it does not know.
            _unknown => return true,
        };
        if matches!(done, Err(Error::Unauthorized | Error::TokenExpired)) && event != name::AUTHENTICATE {
            self.peer.disconnect();
            return false;
        }
        if let Some(id) = ack {
            let answer = match done {
                Ok(()) => Ack::ok(),
                Err(error) => Ack::refused(error.code(), error.public_detail()),
            };
            if let Ok(frame) = Frame::ack(id, &answer) {
                self.peer.send(&frame);
            }
        }
        true
    }

    async fn join(&mut self, chat: &ChatId) -> Result<(), Error> {
        self.check_member(chat).await?;
        if self.open.len() >= MAX_OPEN && !self.open.contains(chat) {
            return Err(Error::Conflict("too many chats are open"));
        }
        self.open.insert(chat.clone());
        self.app.hub.join(&self.peer, chat);
        // They may have been removed between the check and now, when a removal takes this socket out.
        let still = self.check_member(chat).await;
        if still.is_err() {
            self.leave(chat);
        }
        still
    }

    fn leave(&mut self, chat: &ChatId) {
        self.stop_typing(chat);
        self.open.remove(chat);
        self.app.hub.leave(&self.peer, chat);
    }

    /// Takes a fresh token of the same session, so that a refresh costs no reconnect.
    async fn authenticate(&mut self, token: &str) -> Result<(), Error> {
        let (access, _viewer) = identity::check(&self.app, token).await?;
        if access.user != self.peer.user || access.session != self.peer.session {
            return Err(Error::Forbidden("this token belongs to another session"));
        }
        self.expires_at = self.expires_at.max(access.expires_at);
        Ok(())
    }

    async fn typing(&mut self, typing: &Typing) -> Result<(), Error> {
        if typing.user_id != self.peer.user {
            self.app.counters.spoofed_typing();
            return Err(Error::Forbidden("this is somebody else"));
        }
        self.check_member(&typing.chat_id).await?;
        if typing.is_typing() {
            self.typing
                .insert(typing.chat_id.clone(), Instant::now() + TYPING_TIMEOUT);
            self.tell_typing(&typing.chat_id, true);
        } else {
            self.stop_typing(&typing.chat_id);
        }
        Ok(())
    }

    fn stop_typing(&mut self, chat: &ChatId) {
        if self.typing.remove(chat).is_some() {
            self.tell_typing(chat, false);
        }
    }

    fn tell_typing(&self, chat: &ChatId, is_typing: bool) {
        let user: &UserId = &self.peer.user;
        let event = Typing {
            chat_id: chat.clone(),
            user_id: user.clone(),
            is_typing: Some(is_typing),
        };
        if let Ok(frame) = Frame::event(name::USER_TYPING, &event) {
            self.app.hub.to_room(chat, user, &frame);
        }
    }

    async fn check_session(&self) -> Result<(), Error> {
        let peer = Arc::clone(&self.peer);
        self.app
            .store
            .read(move |conn| identity::still(conn, &peer.session, &peer.user).map(|_viewer| ()))
            .await
    }

    async fn check_member(&self, chat: &ChatId) -> Result<(), Error> {
        let (peer, chat) = (Arc::clone(&self.peer), chat.clone());
        self.app
            .store
            .snapshot(move |conn| {
                let viewer = identity::still(conn, &peer.session, &peer.user)?;
                members::role_of(conn, &chat, &viewer).map(|_role| ())
            })
            .await
    }
}
