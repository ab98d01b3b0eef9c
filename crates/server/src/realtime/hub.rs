//! Who is connected, and who has which chat open. Hands events to sockets.
//!
//! Never waits: a socket whose buffer is full is closed, so that its client comes back and asks for what it
//! missed, instead of missing it without knowing.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
};

use engineioxide::Socket;
use khaya_wire::{ChatId, SessionId, UserId, event::name};

use super::{
    engine::Slot,
    frame::Frame,
    line::Line,
    outbox::{Loss, Refused, WRITE},
    round::Round,
};
use crate::bus::{Bus, Item, Told};

/// Something to tell once the change that it tells of is on the disk.
#[derive(Debug, Clone)]
pub(crate) enum Outgoing {
    /// An event for every socket of some people.
    Event { to: Vec<UserId>, frame: Frame },
    /// The same, of something that may get lost on the way to a client that does not keep up.
    Volatile { to: Vec<UserId>, frame: Frame },
    /// Somebody is no member of a chat any more: none of their sockets has it open.
    Left { chat: ChatId, user: UserId },
    /// A session has ended: its sockets are closed.
    SessionEnded(SessionId),
}

/// One connected and authenticated socket.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) user: UserId,
    pub(super) session: SessionId,
    pub(super) line: Line,
}

impl Peer {
    /// Sends something to this one alone, or cuts the connection when its client does not keep up.
    pub(super) fn send(&self, frame: &Frame) {
        self.keep_or_cut(self.line.send(frame, Loss::Ends));
    }

    /// Sends what others are told too, or cuts.
    fn send_in(&self, round: &mut Round, frame: &Frame) {
        self.keep_or_cut(round.send(&self.line, frame, Loss::Ends));
    }

    fn keep_or_cut(&self, sent: Result<(), Refused>) {
        if sent.is_err() {
            tracing::debug!(user = %self.user, "socket does not keep up");
            self.line.cut();
        }
    }

    /// Ends the connection; what was sent before still goes out to a client that reads.
    pub(super) fn disconnect(&self) {
        let _lost_when_full = self.line.send(&Frame::disconnect(), Loss::Harmless);
        self.line.close();
    }
}

/// All sockets of this node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hub {
    state: Arc<RwLock<State>>,
    /// The way to the other nodes, when there may be some.
    bus: Arc<OnceLock<Bus>>,
}

#[derive(Debug, Default)]
struct State {
    people: HashMap<UserId, Vec<Arc<Peer>>>,
    rooms: HashMap<ChatId, Vec<Arc<Peer>>>,
    /// Who is said to be there: everyone with a socket, and who had one a moment ago.
    here: HashSet<UserId>,
    /// What came by polling, authenticated or not, by its id.
    sockets: HashMap<String, Weak<Socket<Slot>>>,
    /// How many came as a WebSocket, authenticated or not.
    websockets: usize,
}

/// A WebSocket that is counted while this value lives.
#[derive(Debug)]
pub(super) struct Counted(Hub);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.write().websockets -= 1;
    }
}

impl Hub {
    /// Has everything told to other nodes too.
    pub(crate) fn join_bus(&self, bus: Bus) {
        let _set_once = self.bus.set(bus);
    }

    pub(crate) fn bus(&self) -> Option<&Bus> {
        self.bus.get()
    }

    /// Says something to the other nodes.
    pub(crate) fn say(&self, item: impl FnOnce() -> Item) {
        if let Some(bus) = self.bus() {
            bus.say(item());
        }
    }

    /// Hands over what was committed, in order, after [`Hub::cut_off`]: here first, then to the other nodes.
    /// `positions` are the places of its events in the database.
    pub(crate) fn committed(&self, outgoing: &[Outgoing], positions: Vec<i64>) {
        let Some(bus) = self.bus().filter(|_| !outgoing.is_empty()) else {
            self.deliver(outgoing);
            return;
        };
        bus.note(&positions);
        let told = outgoing.iter().map(Told::from).collect();
        self.deliver(outgoing);
        bus.say(Item::Committed { positions, told });
    }

    /// Ends what was ended: before anybody is told that it is.
    pub(crate) fn cut_off(&self, outgoing: &[Outgoing]) {
        for outgoing in outgoing {
            match outgoing {
                Outgoing::Event { .. } | Outgoing::Volatile { .. } => {}
                Outgoing::Left { chat, user } => self.leave_all(chat, user),
                Outgoing::SessionEnded(session) => self.end_session(session),
            }
        }
    }

    /// Hands over to the sockets of this node, in order.
    pub(crate) fn deliver(&self, outgoing: &[Outgoing]) {
        // As many as go out in one write.
        for outgoing in outgoing.chunks(WRITE) {
            let mut round = Round::default();
            for outgoing in outgoing {
                self.hand_over(outgoing, &mut round);
            }
        }
    }

    fn hand_over(&self, outgoing: &Outgoing, round: &mut Round) {
        match outgoing {
            Outgoing::Event { to, frame } => {
                let state = self.read();
                for peer in to.iter().filter_map(|user| state.people.get(user)).flatten() {
                    peer.send_in(round, frame);
                }
            }
            Outgoing::Volatile { to, frame } => {
                let state = self.read();
                for peer in to.iter().filter_map(|user| state.people.get(user)).flatten() {
                    let _lost_when_full = round.send(&peer.line, frame, Loss::Harmless);
                }
            }
            Outgoing::Left { .. } | Outgoing::SessionEnded(_) => {}
        }
    }

    /// How many connections there are, authenticated or not.
    pub(crate) fn sockets(&self) -> usize {
        let state = self.read();
        state.sockets.len() + state.websockets
    }

    pub(super) fn count_websocket(&self) -> Counted {
        self.write().websockets += 1;
        Counted(self.clone())
    }

    pub(super) fn opened(&self, socket: &Arc<Socket<Slot>>) {
        self.write()
            .sockets
            .insert(socket.id.to_string(), Arc::downgrade(socket));
    }

    pub(super) fn closed(&self, socket: &Socket<Slot>) {
        self.write().sockets.remove(&socket.id.to_string());
    }

    pub(super) fn socket(&self, id: &str) -> Option<Arc<Socket<Slot>>> {
        self.read().sockets.get(id)?.upgrade()
    }

    /// How many sockets there are.
    pub(crate) fn connections(&self) -> usize {
        self.read().people.values().map(Vec::len).sum()
    }

    /// Closes everything.
    pub(crate) fn close(&self) {
        for peer in self.read().people.values().flatten() {
            peer.line.close();
        }
    }

    /// Whether somebody has a socket, on this node or another.
    pub(crate) fn is_online(&self, user: &UserId) -> bool {
        self.is_online_here(user) || self.bus().is_some_and(|bus| bus.is_online(user))
    }

    /// Whether somebody has a socket on this node.
    pub(crate) fn is_online_here(&self, user: &UserId) -> bool {
        self.read().people.contains_key(user)
    }

    /// Everybody who has a socket on this node.
    pub(crate) fn people(&self) -> Vec<UserId> {
        self.read().people.keys().cloned().collect()
    }

    /// Takes a socket in. Whether it has to be told that its person is there.
    pub(super) fn add(&self, peer: &Arc<Peer>) -> bool {
        let mut state = self.write();
        let peers = state.people.entry(peer.user.clone()).or_default();
        peers.push(Arc::clone(peer));
        state.here.insert(peer.user.clone())
    }

    /// Whether it has to be told that somebody is gone: they are, and it has not been told.
    pub(crate) fn gone(&self, user: &UserId) -> bool {
        let mut state = self.write();
        !state.people.contains_key(user) && state.here.remove(user)
    }

    /// Takes a socket out.
    pub(super) fn remove<'c>(&self, peer: &Arc<Peer>, open: impl Iterator<Item = &'c ChatId>) {
        let mut state = self.write();
        take(&mut state.people, &peer.user, peer);
        for chat in open {
            take(&mut state.rooms, chat, peer);
        }
    }

    pub(super) fn join(&self, peer: &Arc<Peer>, chat: &ChatId) {
        let mut state = self.write();
        let peers = state.rooms.entry(chat.clone()).or_default();
        if !peers.iter().any(|other| Arc::ptr_eq(other, peer)) {
            peers.push(Arc::clone(peer));
        }
    }

    pub(super) fn leave(&self, peer: &Arc<Peer>, chat: &ChatId) {
        take(&mut self.write().rooms, chat, peer);
    }

    /// Tells the others who have a chat open. It may get lost.
    pub(super) fn to_room(&self, chat: &ChatId, but: &UserId, frame: &Frame) {
        self.to_room_here(chat, but, frame);
        self.say(|| Item::Typing {
            chat: chat.clone(),
            but: but.clone(),
            packet: frame.packet().to_owned(),
        });
    }

    /// The same, on this node.
    pub(crate) fn to_room_here(&self, chat: &ChatId, but: &UserId, frame: &Frame) {
        let mut round = Round::default();
        for peer in self.read().rooms.get(chat).into_iter().flatten() {
            if peer.user != *but {
                let _lost_when_full = round.send(&peer.line, frame, Loss::Harmless);
            }
        }
    }

    fn leave_all(&self, chat: &ChatId, user: &UserId) {
        let mut state = self.write();
        if let Some(peers) = state.rooms.get_mut(chat) {
            peers.retain(|peer| peer.user != *user);
            if peers.is_empty() {
                state.rooms.remove(chat);
            }
        }
    }

    fn end_session(&self, session: &SessionId) {
        let ended: Vec<Arc<Peer>> = self
            .read()
            .people
            .values()
            .flatten()
            .filter(|peer| peer.session == *session)
            .map(Arc::clone)
            .collect();
        for peer in ended {
            // No event reaches it from here on, even if closing takes a moment.
            self.forget(&peer);
            if let Ok(frame) = Frame::event(name::SESSION_REVOKED, &serde_json::json!({})) {
                let _lost_when_full = peer.line.send(&frame, Loss::Harmless);
            }
            peer.disconnect();
        }
    }

    /// Takes a socket out, whatever it has open.
    fn forget(&self, peer: &Arc<Peer>) {
        let mut state = self.write();
        take(&mut state.people, &peer.user, peer);
        state.rooms.retain(|_, peers| {
            peers.retain(|other| !Arc::ptr_eq(other, peer));
            !peers.is_empty()
        });
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Vec<Arc<Peer>>>, key: &K, peer: &Arc<Peer>) {
    if let Some(peers) = map.get_mut(key) {
        peers.retain(|other| !Arc::ptr_eq(other, peer));
        if peers.is_empty() {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realtime::outbox::Outbox;

    #[test]
    fn who_comes_back_before_it_was_told_was_never_gone() {
        let hub = Hub::default();
        let peer = || {
            Arc::new(Peer {
                user: "u".parse().unwrap(),
                session: "s".parse().unwrap(),
                line: Line::WebSocket(Arc::new(Outbox::new(None))),
            })
        };
        let (first, second) = (peer(), peer());
        let user = first.user.clone();
        assert!(hub.add(&first));
        assert!(!hub.add(&second));
        hub.remove(&first, std::iter::empty());
        assert!(!hub.gone(&user));
        hub.remove(&second, std::iter::empty());
        assert!(!hub.add(&first));
        hub.remove(&first, std::iter::empty());
        assert!(hub.gone(&user));
        assert!(!hub.gone(&user));
        assert!(hub.add(&first));
    }
}
