//! What one change sees of the transaction that it is part of, and what it can have done with it.

use std::sync::Arc;

use khaya_wire::{ChatId, ClientId, SessionId, Timestamp, UserId};

use super::{
    Viewer,
    conn::Conn,
    desk::Settles,
    inbox::{Fresh, Inbox, Place},
    members, sessions,
};
use crate::{Error, realtime::Outgoing};

/// What one change sees of the transaction that it is part of.
///
/// A change checks everything before it writes anything: one that fails after [`Tx::write`] takes the whole
/// batch with it, as only a broken database makes it fail there.
#[derive(Debug)]
pub(crate) struct Tx<'c> {
    pub(super) conn: &'c mut Conn,
    pub(super) outgoing: &'c mut Vec<Outgoing>,
    pub(super) positions: &'c mut Vec<i64>,
    pub(super) unfiled: &'c mut usize,
    pub(super) inbox: &'c mut Inbox,
    pub(super) settles: Settles,
    pub(super) now: Timestamp,
    pub(super) wrote: bool,
}

impl Tx<'_> {
    /// For reading what the transaction sees.
    pub(crate) fn read(&mut self) -> &mut Conn {
        self.conn
    }

    /// For changing it.
    pub(crate) fn write(&mut self) -> &mut Conn {
        self.wrote = true;
        self.conn
    }

    /// The time of the change.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether [`Tx::settle_later`] may be called.
    pub(super) fn may_settle_later(&self) -> bool {
        self.settles == Settles::Later
    }

    /// The person of a session that has not ended.
    pub(crate) fn holder(&mut self, session: &SessionId, user: &UserId) -> Result<Option<Viewer>, Error> {
        match self.settles {
            Settles::First => sessions::holder(self.conn, session, user),
            Settles::Later => self.inbox.known.holder(self.conn, session, user),
        }
    }

    /// For somebody outside a chat it does not exist.
    pub(super) fn check_member(&mut self, chat: &ChatId, viewer: &Viewer) -> Result<(), Error> {
        match self.settles {
            Settles::First => members::role_of(self.conn, chat, viewer).map(|_role| ()),
            Settles::Later => {
                let people = self.inbox.known.people_of(self.conn, chat)?;
                people
                    .contains(&viewer.user)
                    .then_some(())
                    .ok_or(Error::NotFound("thing"))
            }
        }
    }

    /// Everybody in a chat, by id.
    pub(super) fn people_of(&mut self, chat: &ChatId) -> Result<Arc<[UserId]>, Error> {
        match self.settles {
            // It may change them.
            Settles::First => members::people_of(self.conn, chat).map(Arc::from),
            Settles::Later => self.inbox.known.people_of(self.conn, chat),
        }
    }

    /// What somebody has sent under an id of their own, of what waits to be put in its places.
    pub(super) fn fresh_by_client_id(&self, sender: &UserId, id: &ClientId) -> Option<&Fresh> {
        self.inbox.by_client_id(sender, id)
    }

    /// How far a chat has come, with what waits.
    pub(super) fn place_of(&mut self, chat: &ChatId) -> Result<Place, Error> {
        self.inbox.place(self.conn, chat)
    }

    /// Stores a message, to be put in its places later.
    pub(super) fn settle_later(&mut self, fresh: Fresh) -> Result<(), Error> {
        self.wrote = true;
        self.inbox.add(self.conn, fresh)
    }

    /// Has the words of a fresh message filed, when there is time for it.
    pub(super) fn file_words(&mut self) {
        *self.unfiled += 1;
    }

    /// Notes the place of an event that tells of the change.
    pub(super) fn note(&mut self, position: i64) {
        self.positions.push(position);
    }

    /// Has something told once the change is on the disk.
    pub(crate) fn tell(&mut self, outgoing: Outgoing) {
        self.outgoing.push(outgoing);
    }
}
