//! What the one writer remembers from one plain message to the next: who a session stands for, and who is in a chat.
//!
//! A plain message changes neither. It is all forgotten before any other change, by which the writer then asks the tables
//! alone, when a transaction was undone, and when another process has written: who is put out writes nothing more.

use std::{collections::HashMap, sync::Arc};

use khaya_wire::{ChatId, SessionId, UserId};

use super::{Viewer, conn::Conn, members, sessions};
use crate::Error;

/// How many sessions and how many members of chats are remembered. When there are more, it begins anew.
const MOST: usize = 65_536;

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Known {
    holders: HashMap<SessionId, Viewer>,
    people: HashMap<ChatId, Arc<[UserId]>>,
    /// How many there are in all of `people`.
    members: usize,
}

impl Known {
    /// Something else may have been changed.
    pub(super) fn forget(&mut self) {
        self.holders.clear();
        self.people.clear();
        self.members = 0;
    }

    /// The person of a session that has not ended.
    pub(super) fn holder(
        &mut self,
        conn: &mut Conn,
        session: &SessionId,
        user: &UserId,
    ) -> Result<Option<Viewer>, Error> {
        if let Some(viewer) = self.holders.get(session).filter(|viewer| viewer.user == *user) {
            return Ok(Some(viewer.clone()));
        }
        let holder = sessions::holder(conn, session, user)?;
        if let Some(viewer) = &holder {
            if self.holders.len() >= MOST {
                self.holders.clear();
            }
            self.holders.insert(session.clone(), viewer.clone());
        }
        Ok(holder)
    }

    /// Everybody in a chat, by id.
    pub(super) fn people_of(&mut self, conn: &mut Conn, chat: &ChatId) -> Result<Arc<[UserId]>, Error> {
        if let Some(people) = self.people.get(chat) {
            return Ok(Arc::clone(people));
        }
        let people: Arc<[UserId]> = members::people_of(conn, chat)?.into();
        // Nor is a chat remembered that nobody is in, of which there could be any number.
        if people.is_empty() {
            return Ok(people);
        }
        if self.members + people.len() > MOST {
            self.people.clear();
            self.members = 0;
        }
        self.members += people.len();
        self.people.insert(chat.clone(), Arc::clone(&people));
        Ok(people)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Database,
        store::{connect, inbox::Inbox},
    };

    fn open(dir: &std::path::Path) -> Conn {
        connect(&Database::Sqlite(dir.to_owned())).unwrap().write
    }

    /// Who may write in the chat `c` by the session `s`, and who is told.
    fn look(inbox: &mut Inbox, conn: &mut Conn) -> (Option<String>, Vec<String>) {
        let (session, user, chat) = ("s".parse().unwrap(), "u".parse().unwrap(), "c".parse().unwrap());
        conn.begin_change().unwrap();
        inbox.begin(conn).unwrap();
        let holder = inbox.known.holder(conn, &session, &user).unwrap();
        let people = inbox.known.people_of(conn, &chat).unwrap();
        conn.commit().unwrap();
        (
            holder.map(|viewer| viewer.role),
            people.iter().map(ToString::to_string).collect(),
        )
    }

    fn both(role: &str, people: &[&str]) -> (Option<String>, Vec<String>) {
        let people = people.iter().map(ToString::to_string).collect();
        (Some(role.to_owned()), people)
    }

    #[test]
    fn is_asked_again_once_something_else_may_have_been_changed() {
        let dir = tempfile::tempdir().unwrap();
        let (mut conn, mut inbox) = (open(dir.path()), Inbox::default());
        conn.batch(
            "INSERT INTO users (id, username, name, search_text, role, password_hash, created_at)
             VALUES ('u', 'u', 'U', 'u', 'member', '', 0), ('v', 'v', 'V', 'v', 'member', '', 0);
             INSERT INTO sessions (id, user_id, created_at, last_seen_at) VALUES ('s', 'u', 0, 0);
             INSERT INTO chats (id, kind, name, created_at, changed_at, last_at) VALUES ('c', 'group', 'C', 0, 0, 0);
             INSERT INTO members (chat_id, user_id, role, joined_at, read_at)
             VALUES ('c', 'u', 'owner', 0, 0), ('c', 'v', 'member', 0, 0);",
        )
        .unwrap();
        assert_eq!(look(&mut inbox, &mut conn), both("member", &["u", "v"]));
        // By the writer itself, which says so.
        conn.batch("DELETE FROM members WHERE user_id = 'v'; UPDATE users SET role = 'guest' WHERE id = 'u'")
            .unwrap();
        assert_eq!(look(&mut inbox, &mut conn), both("member", &["u", "v"]));
        inbox.known.forget();
        assert_eq!(look(&mut inbox, &mut conn), both("guest", &["u"]));
        // Undone.
        conn.batch("UPDATE users SET role = 'admin' WHERE id = 'u'")
            .unwrap();
        inbox.undone();
        assert_eq!(look(&mut inbox, &mut conn), both("admin", &["u"]));
        // By another process.
        let mut other = open(dir.path());
        other
            .batch(
                "UPDATE sessions SET revoked_at = 1 WHERE id = 's'; DELETE FROM members WHERE user_id = 'u'",
            )
            .unwrap();
        assert_eq!(look(&mut inbox, &mut conn), (None, Vec::new()));
    }

    #[test]
    fn there_is_never_more_than_so_much_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (mut conn, mut known) = (open(dir.path()), Known::default());
        conn.batch(
            "CREATE TEMP TABLE numbers AS
             WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 400) SELECT value FROM n;
             INSERT INTO users (id, username, name, search_text, role, password_hash, created_at)
             SELECT value, value, '', '', 'member', '', 0 FROM numbers;
             INSERT INTO chats (id, kind, name, created_at, changed_at, last_at)
             SELECT 'c' || value, 'group', '', 0, 0, 0 FROM numbers;
             INSERT INTO members (chat_id, user_id, role, joined_at, read_at)
             SELECT chats.id, users.id, 'member', 0, 0 FROM chats, users;",
        )
        .unwrap();
        let mut most = 0;
        for chat in 1..=400 {
            let chat = format!("c{chat}").parse().unwrap();
            assert_eq!(known.people_of(&mut conn, &chat).unwrap().len(), 400);
            let people: usize = known.people.values().map(|people| people.len()).sum();
            assert_eq!(people, known.members);
            assert!(people <= MOST);
            most = most.max(people);
        }
        assert!(most > MOST - 400);
    }
}
