//! Who is there before a measurement: people who are signed in, the chats between them, and what they said. Written
//! into the databases as the servers themselves would have, because hashing ten thousand passwords is not what is
//! measured.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac as _};
use rusqlite::{Connection, params};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// How long ago everything here begins: what is older than a month, servers forget in part.
const AGO: Duration = Duration::from_hours(24);
/// When tokens end, in seconds since 1970: in the year 2100.
const END: i64 = 4_102_444_800;

/// People and chats.
#[derive(Debug)]
pub(crate) struct World {
    people: Vec<Person>,
    /// Each with its members.
    chats: Vec<(String, Vec<usize>)>,
    token_key: Vec<u8>,
    /// When everything begins, in milliseconds since 1970.
    begin: i64,
}

#[derive(Debug)]
struct Person {
    id: String,
    session: String,
}

impl World {
    /// `people` in chats of `size`; the last chat may be smaller.
    pub(crate) fn new(people: usize, size: usize) -> Self {
        let begin = (SystemTime::now() - AGO).duration_since(SystemTime::UNIX_EPOCH);
        let people: Vec<Person> = (0..people)
            .map(|_| Person {
                id: id(),
                session: id(),
            })
            .collect();
        let all: Vec<usize> = (0..people.len()).collect();
        Self {
            people,
            chats: all.chunks(size).map(|members| (id(), members.to_vec())).collect(),
            token_key: b"a secret of the measurement".to_vec(),
            begin: begin.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0)),
        }
    }

    pub(crate) fn chats(&self) -> usize {
        self.chats.len()
    }

    pub(crate) fn chat(&self, chat: usize) -> &str {
        &self.chats[chat].0
    }

    /// The first member of a chat.
    pub(crate) fn speaker(&self, chat: usize) -> usize {
        self.chats[chat].1[0]
    }

    /// An access token, as the server would have signed it.
    pub(crate) fn token(&self, person: usize) -> String {
        let head = json!({"alg": "HS256", "typ": "at+jwt"}).to_string();
        let person = &self.people[person];
        let body = json!({
            "iss": "khaya-server", "aud": "khaya", "typ": "at+jwt", "sub": person.id, "sid": person.session,
            "gen": 1, "iat": self.begin / 1000, "exp": END,
        })
        .to_string();
        let signed = format!("{}.{}", BASE64.encode(head), BASE64.encode(body));
        // A key of any length will do.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.token_key).unwrap_or_else(|_| unreachable!());
        mac.update(signed.as_bytes());
        format!("{signed}.{}", BASE64.encode(mac.finalize().into_bytes()))
    }

    /// The secret for a server that is told it.
    pub(crate) fn secret(&self) -> String {
        String::from_utf8_lossy(&self.token_key).into_owned()
    }

    /// Fills an empty database of `khaya-server`, and takes over its key.
    pub(crate) fn fill_khaya(&mut self, database: &Path) -> Result<()> {
        let db = Connection::open(database)?;
        let secret: String = db
            .query_row("SELECT value FROM settings WHERE name = 'secret'", [], |row| {
                row.get(0)
            })
            .context("the server's secret")?;
        self.token_key = Sha256::new()
            .chain_update(b"khaya-server key\0access\0")
            .chain_update(BASE64.decode(secret)?)
            .finalize()
            .to_vec();
        db.execute_batch("PRAGMA synchronous = OFF; BEGIN")?;
        self.add_people(&db, "INSERT INTO users (id, username, name, search_text, role, password_hash, created_at) VALUES (?1, ?2, ?2, ?2, 'member', '', ?3)")?;
        for person in &self.people {
            db.prepare_cached("INSERT INTO sessions (id, user_id, created_at, last_seen_at, generation, confirmed) VALUES (?1, ?2, ?3, ?3, 1, 1)")?
                .execute(params![person.session, person.id, self.begin])?;
        }
        for (at, (chat, members)) in self.chats.iter().enumerate() {
            db.prepare_cached("INSERT INTO chats (id, kind, name, created_at, changed_at, last_at) VALUES (?1, 'group', ?2, ?3, ?3, ?3)")?
                .execute(params![chat, format!("Chat {at}"), self.begin])?;
            for member in members {
                db.prepare_cached("INSERT INTO members (chat_id, user_id, role, joined_at, read_at) VALUES (?1, ?2, 'member', ?3, ?3)")?
                    .execute(params![chat, self.people[*member].id, self.begin])?;
            }
        }
        db.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }

    /// Makes and fills the database of the peer on Node: the same tables, as far as it needs them.
    pub(crate) fn fill_node(&self, database: &Path) -> Result<()> {
        let db = Connection::open(database)?;
        db.execute_batch(include_str!("../node/schema.sql"))?;
        db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN")?;
        self.add_people(
            &db,
            "INSERT INTO users (id, username, name, role, created_at) VALUES (?1, ?2, ?2, 'member', ?3)",
        )?;
        for person in &self.people {
            db.prepare_cached("INSERT INTO sessions (id, user_id, created_at) VALUES (?1, ?2, ?3)")?
                .execute(params![person.session, person.id, self.begin])?;
        }
        for (chat, members) in &self.chats {
            db.prepare_cached("INSERT INTO chats (id, last_at) VALUES (?1, ?2)")?
                .execute(params![chat, self.begin])?;
            for member in members {
                db.prepare_cached("INSERT INTO members (chat_id, user_id) VALUES (?1, ?2)")?
                    .execute(params![chat, self.people[*member].id])?;
            }
        }
        db.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }

    fn add_people(&self, db: &Connection, sql: &str) -> Result<()> {
        for (at, person) in self.people.iter().enumerate() {
            db.prepare_cached(sql)?
                .execute(params![person.id, format!("person{at}"), self.begin])?;
        }
        Ok(())
    }

    /// Adds messages to all chats of a database of `khaya-server`, one chat after the other in turn.
    pub(crate) fn add_history(
        &self,
        database: &Path,
        messages: usize,
        mut progress: impl FnMut(usize),
    ) -> Result<()> {
        let db = Connection::open(database)?;
        db.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN")?;
        let keys: Vec<String> = self.chats.iter().map(|(chat, _)| key(chat)).collect();
        for number in 0..messages {
            let (chat, members) = &self.chats[number % self.chats.len()];
            let sender = &self.people[members[number % members.len()]].id;
            let at = self.begin + i64::try_from(number)?;
            let (id, text) = (id(), said(number));
            db.prepare_cached("INSERT INTO messages (id, chat_id, sender_id, content, created_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![id, chat, sender, text, at])?;
            let row = db.last_insert_rowid();
            db.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?
                .execute(params![row, filed(&keys[number % self.chats.len()], &text)])?;
            db.prepare_cached("INSERT INTO events (chat_id, seq, kind, message_id, at) VALUES (?1, ?2, 'new_message', ?3, ?4)")?
                .execute(params![chat, i64::try_from(number / self.chats.len() + 1)?, id, at])?;
            if number % 50_000 == 0 {
                progress(number);
            }
        }
        db.execute(
            "UPDATE chats SET last_at = (SELECT MAX(created_at) FROM messages WHERE chat_id = chats.id), seq = (SELECT COUNT(*) FROM messages WHERE chat_id = chats.id)",
            [],
        )?;
        db.execute(
            "UPDATE search_progress SET filed_to = (SELECT MAX(number) FROM messages)",
            [],
        )?;
        db.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }
}

/// The letters that stand for a chat in the index of words.
fn key(chat: &str) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = Sha256::digest(chat);
    hash.iter()
        .take(6)
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}

/// What a message is found by: its words, each after what stands for its chat.
fn filed(key: &str, text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(|word| format!("{key}{word}")).collect();
    words.join(" ")
}

/// Words that are in one message of so many.
pub(crate) const COMMON: (&str, usize) = ("lunch", 5);
pub(crate) const RARE: (&str, usize) = ("zeppelin", 10_000);

/// What somebody says: a dozen words out of many, and now and then one that is looked for.
fn said(number: usize) -> String {
    let mut words: Vec<String> = (0..12)
        .map(|_| {
            // Few words are said often, many seldom.
            let rank = (1.0 / (fastrand::f64() + 0.0001)) as u32;
            format!("w{}", rank.min(9999) + fastrand::u32(0..20))
        })
        .collect();
    for (word, every) in [COMMON, RARE] {
        if number.is_multiple_of(every) {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

/// 128 random bits, as the servers make ids.
fn id() -> String {
    BASE64.encode(fastrand::u128(..).to_be_bytes())
}
