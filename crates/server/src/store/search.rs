//! Finding messages by their words.
//!
//! Text is cut into words here and not by the database, so that every database finds the same, and so that a
//! sign of Chinese, Japanese or Korean counts as a word: then two of them in a row are found as well. How long an
//! answer takes depends on what the reader can see alone: words are filed under their chat ([`index`]), and
//! restricted messages are in no index; those that the reader can see are looked through.
//!
//! The index follows the messages: whoever sends does not wait for it, and the writer files many at once when it has
//! nothing else to do ([`catch_up`]). What is not in it yet is looked through as well, so that a message is found as
//! soon as it is there.

mod index;

use khaya_wire::{ChatId, Message, UserId};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{Conn, Row, Tx, Viewer, members, messages, query, read_flag, read_id};
use crate::Error;

/// The most restricted messages that are looked through for one answer.
const MAX_RESTRICTED: i64 = 10_000;

/// How many chats are looked through at once.
const CHATS: usize = 50;
/// How many messages are read at once.
const READ: i64 = 512;
/// How many messages are filed at once: enough to share the work on words that they have in common.
pub(super) const TOGETHER: usize = 2048;
/// How many of them at least, as beginning and ending takes its time too.
const AT_LEAST: usize = 16;

/// The longest word, in characters.
const MAX_WORD: usize = 400;

/// What is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Each a run of words; the last word of each may go on.
    pub(crate) phrases: Vec<Vec<String>>,
    pub(crate) chat: Option<ChatId>,
    pub(crate) sender: Option<UserId>,
    /// Messages before this one of the database's own numbers.
    pub(crate) before: i64,
}

/// The runs of words of what somebody typed: what stands between blanks belongs together.
pub(crate) fn phrases(query: &str) -> Vec<Vec<String>> {
    query
        .split_whitespace()
        .map(words)
        .filter(|words| !words.is_empty())
        .collect()
}

/// Messages with all that is looked for, the newest first, each with its number.
pub(crate) fn find(
    conn: &mut Conn,
    viewer: &Viewer,
    wanted: &Wanted,
    limit: usize,
) -> Result<Vec<(Message, i64)>, Error> {
    let mut found = messages::restricted(conn, viewer, wanted, MAX_RESTRICTED)?;
    found.extend(messages::unfiled(conn, viewer, wanted)?);
    found.retain(|(message, _)| contains(&message.content, &wanted.phrases));
    let mut chats = members::chats_of(conn, &viewer.user)?;
    if let Some(chat) = &wanted.chat {
        chats.retain(|mine| mine == chat);
    }
    for chats in chats.chunks(CHATS) {
        found.extend(in_chats(conn, viewer, wanted, chats, limit)?);
        found.sort_unstable_by_key(|(_, number)| std::cmp::Reverse(*number));
        found.truncate(limit);
    }
    let (mut found, numbers): (Vec<Message>, Vec<i64>) = found.into_iter().unzip();
    messages::add_parts(conn, &mut found)?;
    Ok(found.into_iter().zip(numbers).collect())
}

/// The newest messages for everyone in some chats of the viewer's. The index may know more than there is: what it
/// finds is looked at.
fn in_chats(
    conn: &mut Conn,
    viewer: &Viewer,
    wanted: &Wanted,
    chats: &[ChatId],
    limit: usize,
) -> Result<Vec<(Message, i64)>, Error> {
    let terms = index::terms(conn, chats, &wanted.phrases);
    let mut before = wanted.before;
    let mut found = Vec::new();
    loop {
        let candidates = messages::matching(conn, viewer, wanted, &terms, before, limit)?;
        let (last, full) = (
            candidates.last().map(|(_, number)| *number),
            candidates.len() >= limit,
        );
        found.extend(
            candidates
                .into_iter()
                .filter(|(message, _)| contains(&message.content, &wanted.phrases)),
        );
        match last {
            Some(last) if full && found.len() < limit => before = last,
            Some(_) | None => return Ok(found),
        }
    }
}

/// Takes other words of a message into the index, or the message out of it when it has none any more.
pub(super) fn replace(tx: &mut Tx<'_>, chat: &ChatId, number: i64, content: &str) -> Result<(), Error> {
    if number > filed_to(tx.read())? {
        return Ok(());
    }
    query("DELETE FROM search WHERE rowid = $1")
        .bind(number)
        .execute(tx.write())?;
    index::add(tx.write(), chat, number, &words(content))
}

/// Takes the words of the next messages into the index, as a change of its own, for as long as `may_go_on`. How many it
/// took, and whether there may be more of them.
pub(super) fn catch_up(conn: &mut Conn, may_go_on: impl Fn() -> bool) -> Result<(usize, bool), Error> {
    let (mut filed, mut last) = (0, filed_to(conn)?);
    let more = 'all: loop {
        let rows = query(
            "SELECT number, chat_id, content, restricted, deleted_at FROM messages WHERE number > $1 ORDER BY number LIMIT $2",
        )
        .bind(last)
        .bind(READ)
        .fetch_all(conn)?;
        if rows.is_empty() {
            break false;
        }
        for row in &rows {
            if filed >= AT_LEAST && (filed >= TOGETHER || !may_go_on()) {
                break 'all true;
            }
            if !read_flag(row, "restricted")? && row.try_get::<Option<i64>>("deleted_at")?.is_none() {
                file(conn, row)?;
            }
            filed += 1;
            last = row.try_get("number")?;
        }
    };
    if filed > 0 {
        query("UPDATE search_progress SET filed_to = $1")
            .bind(last)
            .execute(conn)?;
    }
    Ok((filed, more))
}

/// Notes that the index has all there is, after [`fill`].
pub(super) fn is_filled(conn: &mut Conn) -> Result<(), Error> {
    query("UPDATE search_progress SET filed_to = (SELECT COALESCE(MAX(number), 0) FROM messages)")
        .execute(conn)?;
    Ok(())
}

/// The number of the last message that the index has come to.
fn filed_to(conn: &mut Conn) -> Result<i64, Error> {
    query("SELECT filed_to FROM search_progress")
        .fetch_one(conn)?
        .try_get("filed_to")
}

fn file(conn: &mut Conn, row: &Row) -> Result<(), Error> {
    let chat = read_id(row, "chat_id")?;
    index::add(
        conn,
        &chat,
        row.try_get("number")?,
        &words(row.try_get("content")?),
    )
}

/// Takes the words of all messages into an index that is empty.
pub(super) fn fill(conn: &mut Conn) -> Result<(), Error> {
    let mut after = 0;
    loop {
        let rows = query(
            "SELECT number, chat_id, content FROM messages
             WHERE number > $1 AND restricted = 0 AND deleted_at IS NULL ORDER BY number LIMIT $2",
        )
        .bind(after)
        .bind(READ)
        .fetch_all(conn)?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.try_get("number")?;
        for row in &rows {
            file(conn, row)?;
        }
    }
}

/// How many messages have words that are not in the index, of those that it has come to.
pub(super) fn count_missing(conn: &mut Conn) -> Result<u64, Error> {
    let (mut after, mut missing) = (0, 0);
    loop {
        let rows = query(
            "SELECT m.number, m.content FROM messages m LEFT JOIN search s ON s.rowid = m.number
             WHERE m.number > $1 AND m.number <= (SELECT filed_to FROM search_progress)
               AND m.restricted = 0 AND m.deleted_at IS NULL AND s.rowid IS NULL
             ORDER BY m.number LIMIT $2",
        )
        .bind(after)
        .bind(READ)
        .fetch_all(conn)?;
        let Some(last) = rows.last() else {
            return Ok(missing);
        };
        after = last.try_get("number")?;
        for row in &rows {
            missing += u64::from(!words(row.try_get("content")?).is_empty());
        }
    }
}

fn contains(content: &str, phrases: &[Vec<String>]) -> bool {
    let words = words(content);
    phrases.iter().all(|phrase| {
        words.windows(phrase.len()).any(|run| {
            run.iter().zip(phrase).enumerate().all(|(at, (word, wanted))| {
                if at + 1 == phrase.len() {
                    word.starts_with(wanted.as_str())
                } else {
                    word == wanted
                }
            })
        })
    })
}

/// Words in lower case and without accents; a sign that is a word by itself is one.
fn words(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(|word| word[..word.len().min(MAX_WORD)].to_ascii_lowercase())
            .collect();
    }
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
    {
        if is_sign(c) || !c.is_alphanumeric() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            if is_sign(c) {
                words.push(c.to_string());
            }
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    for word in &mut words {
        // Databases have limits of their own, and nobody looks for such a word by its end.
        if let Some((end, _)) = word.char_indices().nth(MAX_WORD) {
            word.truncate(end);
        }
    }
    words
}

/// Kana, Han, and what Hangul syllables come apart into: written without blanks, or better found in part.
fn is_sign(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_text_into_what_people_look_for() {
        assert_eq!(words("Héllo, WORLD-42!"), ["hello", "world", "42"]);
        assert_eq!(words("明日の会議 v2"), ["明", "日", "の", "会", "議", "v2"]);
        assert_eq!(words("Łódź ß"), ["łodz", "ß"]);
        assert_eq!(
            phrases(" 会議 re-lease \" * "),
            [vec!["会", "議"], vec!["re", "lease"]]
        );
        assert!(contains("明日の会議", &phrases("会議")));
        assert!(contains("the release notes", &phrases("notes rel")));
        assert!(!contains("議会", &phrases("会議")));
    }
}
