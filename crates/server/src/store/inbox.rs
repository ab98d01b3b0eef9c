//! Fresh messages that are stored and not yet in their places: SQLite's alone.
//!
//! A message stands in half a dozen tables and indexes, and a transaction that stores a few messages writes a page of 4 KB
//! for each place. So a plain message is first stored as one row of one table, which is all that who sends it waits for,
//! and many are put in their places together, a moment later. Until then nobody reads: whoever looks up messages, and
//! every other change, has them put in their places first.
//!
//! What is here is also in memory, of the one writer. Another process that changes something empties the table before that,
//! and the writer sees by the database's version that somebody was there.

use std::collections::HashMap;

use khaya_wire::{ChatId, ClientId, Message, Timestamp, UserId, event::Number};
use serde::{Deserialize, Serialize};

use super::{
    conn::Conn,
    events::{self, Event, Kind},
    known::Known,
    messages, query, read_count, read_time,
};
use crate::Error;

/// How many messages are put in their places together at the latest.
pub(super) const TOGETHER: usize = 1024;

/// A message for everyone in a chat, with all that is stored of it and of the event that tells of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Fresh {
    pub(super) message: Message,
    /// A hash of all that was sent, when there is a `clientId`.
    pub(super) fingerprint: Option<String>,
    /// Of its event.
    pub(super) number: Number,
    /// When it was sent, by the clock.
    pub(super) at: Timestamp,
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    fresh: Vec<Fresh>,
    by_client_id: HashMap<(UserId, ClientId), usize>,
    /// How far the chats of those that wait have come.
    chats: HashMap<ChatId, Place>,
    /// Holds for as long as nothing but messages is changed.
    pub(super) known: Known,
    /// The database when this was last what is in it.
    version: Option<i64>,
}

/// How far a chat has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) last_at: Timestamp,
    pub(super) seq: u64,
}

impl Inbox {
    /// Whether a database has one.
    pub(super) fn is_used(conn: &Conn) -> bool {
        match conn {
            Conn::Sqlite(_) => true,
            Conn::Postgres(_) => false,
        }
    }

    /// Takes over what another process left, at the beginning of a transaction.
    pub(super) fn begin(&mut self, conn: &mut Conn) -> Result<(), Error> {
        if !Self::is_used(conn) {
            return Ok(());
        }
        let version = query("PRAGMA data_version")
            .fetch_one(conn)?
            .try_get("data_version")?;
        if self.version == Some(version) {
            return Ok(());
        }
        let mut fresh = Vec::new();
        for row in query("SELECT message FROM inbox ORDER BY number").fetch_all(conn)? {
            let of_row = serde_json::from_str(row.try_get("message")?);
            fresh.push(of_row.map_err(|error| Error::Internal(format!("a message that waits: {error}")))?);
        }
        self.replace(fresh);
        self.known.forget();
        self.version = Some(version);
        Ok(())
    }

    /// A transaction was undone: what waits is read anew from the table.
    pub(super) fn undone(&mut self) {
        self.version = None;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fresh.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.fresh.len()
    }

    /// What somebody has sent under an id of their own.
    pub(super) fn by_client_id(&self, sender: &UserId, id: &ClientId) -> Option<&Fresh> {
        let at = self.by_client_id.get(&(sender.clone(), id.clone()))?;
        self.fresh.get(*at)
    }

    /// How far a chat has come with what waits.
    pub(super) fn place(&self, conn: &mut Conn, chat: &ChatId) -> Result<Place, Error> {
        if let Some(place) = self.chats.get(chat) {
            return Ok(*place);
        }
        let row = query("SELECT last_at, seq FROM chats WHERE id = $1")
            .bind(chat.as_str())
            .fetch_one(conn)?;
        Ok(Place {
            last_at: read_time(&row, "last_at")?,
            seq: read_count(&row, "seq")?,
        })
    }

    /// Stores a message, to be put in its places later. It comes after all that its chat has.
    pub(super) fn add(&mut self, conn: &mut Conn, fresh: Fresh) -> Result<(), Error> {
        let text = serde_json::to_string(&fresh).map_err(|error| Error::Internal(error.to_string()))?;
        query("INSERT INTO inbox (message) VALUES ($1)")
            .bind(text)
            .execute(conn)?;
        self.remember(fresh);
        Ok(())
    }

    /// Puts everything in its places, as part of a transaction. How many messages that were.
    pub(super) fn settle(&mut self, conn: &mut Conn) -> Result<usize, Error> {
        let count = self.fresh.len();
        if count == 0 {
            return Ok(0);
        }
        for fresh in &self.fresh {
            fresh.settle(conn)?;
        }
        for (chat, place) in &self.chats {
            query("UPDATE chats SET last_at = $2, seq = $3 WHERE id = $1")
                .bind(chat.as_str())
                .bind(place.last_at.as_millis())
                .bind(events::number(place.seq)?)
                .execute(conn)?;
        }
        query("DELETE FROM inbox").execute(conn)?;
        self.replace(Vec::new());
        Ok(count)
    }

    fn replace(&mut self, fresh: Vec<Fresh>) {
        self.fresh.clear();
        self.by_client_id.clear();
        self.chats.clear();
        for fresh in fresh {
            self.remember(fresh);
        }
    }

    fn remember(&mut self, fresh: Fresh) {
        let message = &fresh.message;
        if let Some(id) = &message.client_id {
            let of_sender = (message.sender_id.clone(), id.clone());
            self.by_client_id.insert(of_sender, self.fresh.len());
        }
        let place = Place {
            last_at: message.created_at,
            seq: fresh.number.seq,
        };
        self.chats.insert(message.chat_id.clone(), place);
        self.fresh.push(fresh);
    }
}

impl Fresh {
    fn settle(&self, conn: &mut Conn) -> Result<(), Error> {
        messages::insert(conn, &self.message, self.fingerprint.as_deref())?;
        let event = Event {
            chat: &self.message.chat_id,
            user: None,
            number: self.number,
            kind: Kind::NewMessage,
            message: Some(&self.message.id),
            at: self.at,
        };
        event.store(conn)
    }
}

/// Puts in its places what a process left that is gone, or that is not done with it.
pub(super) fn empty(conn: &mut Conn) -> Result<(), Error> {
    let mut inbox = Inbox::default();
    conn.begin_change()?;
    match inbox.begin(conn).and_then(|()| inbox.settle(conn)) {
        Ok(_count) => conn.commit(),
        Err(error) => {
            conn.roll_back()?;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use khaya_wire::event::Scope;

    use super::*;
    use crate::{
        Database,
        store::{connect, fresh_at},
    };

    fn open(dir: &Path) -> Conn {
        connect(&Database::Sqlite(dir.to_owned())).unwrap().write
    }

    /// With one chat `c`, of one person `u`.
    fn world(dir: &Path) -> Conn {
        let mut conn = open(dir);
        conn.batch(
            "INSERT INTO users (id, username, name, search_text, role, password_hash, created_at)
             VALUES ('u', 'u', 'U', 'u', 'member', '', 0);
             INSERT INTO chats (id, kind, name, created_at, changed_at, last_at, seq) VALUES ('c', 'group', 'C', 0, 0, 5, 7);",
        )
        .unwrap();
        conn
    }

    /// Adds the next message of the chat in a transaction of its own.
    fn send(inbox: &mut Inbox, conn: &mut Conn, client_id: &str) {
        conn.begin_change().unwrap();
        inbox.begin(conn).unwrap();
        add(inbox, conn, client_id);
        conn.commit().unwrap();
    }

    fn add(inbox: &mut Inbox, conn: &mut Conn, client_id: &str) {
        let chat: ChatId = "c".parse().unwrap();
        let place = inbox.place(conn, &chat).unwrap();
        let created_at = Timestamp::from_millis(place.last_at.as_millis() + 1);
        let message = Message {
            id: fresh_at(created_at).unwrap(),
            chat_id: chat,
            sender_id: "u".parse().unwrap(),
            content: client_id.into(),
            created_at,
            client_id: Some(client_id.parse().unwrap()),
            edited_at: None,
            deleted_at: None,
            reply_to: None,
            visible_to: None,
            visible_to_roles: None,
            attachments: None,
            reactions: None,
            pinned: None,
            system: None,
        };
        let fresh = Fresh {
            message,
            fingerprint: Some(client_id.to_owned()),
            number: Number {
                scope: Scope::Chat,
                seq: place.seq + 1,
            },
            at: created_at,
        };
        inbox.add(conn, fresh).unwrap();
    }

    /// What is in its places, in order: what was said, with the number of its event; and the chat's last number.
    fn settled(conn: &mut Conn) -> (Vec<(String, i64)>, i64) {
        let rows = query(
            "SELECT m.content, e.seq FROM messages m JOIN events e ON e.message_id = m.id AND e.chat_id = m.chat_id
             ORDER BY m.number",
        );
        let rows = rows.fetch_all(conn).unwrap();
        let said = rows
            .iter()
            .map(|row| (row.try_get("content").unwrap(), row.try_get("seq").unwrap()))
            .collect();
        let chat = query("SELECT seq FROM chats").fetch_one(conn).unwrap();
        (said, chat.try_get("seq").unwrap())
    }

    fn said(texts: &[&str]) -> (Vec<(String, i64)>, i64) {
        let said: Vec<_> = (8..)
            .zip(texts)
            .map(|(seq, text)| ((*text).to_owned(), seq))
            .collect();
        let last = said.last().map_or(7, |(_, seq)| *seq);
        (said, last)
    }

    fn knows(inbox: &Inbox, client_id: &str) -> bool {
        let (sender, id) = ("u".parse().unwrap(), client_id.parse().unwrap());
        inbox.by_client_id(&sender, &id).is_some()
    }

    #[test]
    fn what_a_process_left_is_put_in_its_places_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = world(dir.path());
        let mut inbox = Inbox::default();
        send(&mut inbox, &mut conn, "a");
        send(&mut inbox, &mut conn, "b");
        assert_eq!(settled(&mut conn), said(&[]));
        drop(conn);
        assert_eq!(settled(&mut open(dir.path())), said(&["a", "b"]));
        assert_eq!(settled(&mut open(dir.path())), said(&["a", "b"]));
    }

    #[test]
    fn what_another_process_put_in_its_places_does_not_wait_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = world(dir.path());
        let mut inbox = Inbox::default();
        send(&mut inbox, &mut conn, "a");
        let mut other = open(dir.path());
        assert_eq!(settled(&mut other), said(&["a"]));
        send(&mut inbox, &mut conn, "b");
        assert!(!knows(&inbox, "a") && knows(&inbox, "b"));
        conn.begin_derived().unwrap();
        inbox.begin(&mut conn).unwrap();
        assert_eq!(inbox.settle(&mut conn).unwrap(), 1);
        conn.commit().unwrap();
        assert!(inbox.is_empty());
        assert_eq!(settled(&mut other), said(&["a", "b"]));
    }

    #[test]
    fn what_was_undone_neither_waits_nor_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let mut conn = world(dir.path());
        let mut inbox = Inbox::default();
        send(&mut inbox, &mut conn, "a");
        conn.begin_change().unwrap();
        inbox.begin(&mut conn).unwrap();
        inbox.settle(&mut conn).unwrap();
        add(&mut inbox, &mut conn, "b");
        conn.roll_back().unwrap();
        inbox.undone();
        send(&mut inbox, &mut conn, "c");
        assert!(knows(&inbox, "a") && !knows(&inbox, "b") && knows(&inbox, "c"));
        assert_eq!(inbox.len(), 2);
        empty(&mut conn).unwrap();
        assert_eq!(settled(&mut conn), said(&["a", "c"]));
    }
}
