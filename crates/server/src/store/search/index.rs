//! The index of words: full-text tables of SQLite (FTS5) and Postgres (`tsvector`), each word with a key of its
//! chat before it.
//!
//! May find more than what is looked for, never less. The words are cut already; neither database cuts them as it
//! would a text.

use std::collections::BTreeMap;

use khaya_wire::ChatId;
use sha2::{Digest as _, Sha256};

use crate::{
    Error,
    store::{Conn, query},
};

/// How often Postgres remembers where one word stands in a message, and how far it counts.
const MAX_PLACES: usize = 255;
const MAX_PLACE: usize = 16_383;
/// On Postgres: beside the words of a message whose places it does not remember. No word is like this.
const ANYWHERE: &str = "!";

/// Files the words of a message.
pub(super) fn add(conn: &mut Conn, chat: &ChatId, number: i64, words: &[String]) -> Result<(), Error> {
    if words.is_empty() {
        return Ok(());
    }
    let key = key(chat);
    let (sql, filed) = match conn {
        Conn::Sqlite(_) => (
            "INSERT INTO search (rowid, words) VALUES ($1, $2)",
            keyed(&key, words),
        ),
        Conn::Postgres(_) => (
            "INSERT INTO search (rowid, words) VALUES ($1, CAST($2 AS tsvector))",
            vector(&key, words),
        ),
    };
    query(sql).bind(number).bind(filed).execute(conn)?;
    Ok(())
}

/// What finds the messages of some chats that have all `phrases`, in the database's own words.
pub(super) fn terms(conn: &Conn, chats: &[ChatId], phrases: &[Vec<String>]) -> String {
    let keys = chats.iter().map(key);
    match conn {
        Conn::Sqlite(_) => keys
            .map(|key| fts5(&key, phrases))
            .collect::<Vec<_>>()
            .join(" OR "),
        Conn::Postgres(_) => keys
            .map(|key| tsquery(&key, phrases))
            .collect::<Vec<_>>()
            .join(" | "),
    }
}

/// A few letters that stand for a chat. Two chats may share them: then the index finds too much.
fn key(chat: &ChatId) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    Sha256::digest(chat.as_str())
        .iter()
        .take(6)
        .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
        .map(|letter| char::from(*letter))
        .collect()
}

fn keyed(key: &str, words: &[String]) -> String {
    let length = words.iter().map(|word| key.len() + word.len() + 1).sum();
    let mut text = String::with_capacity(length);
    for word in words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(key);
        text.push_str(word);
    }
    text
}

fn fts5(key: &str, phrases: &[Vec<String>]) -> String {
    let phrases: Vec<String> = phrases
        .iter()
        .map(|words| format!("\"{}\"*", keyed(key, words)))
        .collect();
    format!("({})", phrases.join(" AND "))
}

fn vector(key: &str, words: &[String]) -> String {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, word) in words.iter().enumerate() {
        places.entry(word).or_default().push(at + 1);
    }
    let remembered = words.len() <= MAX_PLACE && places.values().all(|places| places.len() <= MAX_PLACES);
    let lexeme = |(word, places): (&&str, &Vec<usize>)| {
        let places: Vec<String> = places.iter().map(usize::to_string).collect();
        format!("'{key}{word}':{}", places.join(","))
    };
    if remembered {
        return places.iter().map(lexeme).collect::<Vec<_>>().join(" ");
    }
    places
        .keys()
        .chain([&ANYWHERE])
        .map(|word| format!("'{key}{word}'"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn tsquery(key: &str, phrases: &[Vec<String>]) -> String {
    let all = |between: &str| {
        let phrases: Vec<String> = phrases
            .iter()
            .map(|words| {
                let words: Vec<String> = words.iter().map(|word| format!("'{key}{word}'")).collect();
                format!("({}:*)", words.join(between))
            })
            .collect();
        phrases.join(" & ")
    };
    format!("({} | ('{key}{ANYWHERE}' & {}))", all(" <-> "), all(" & "))
}
