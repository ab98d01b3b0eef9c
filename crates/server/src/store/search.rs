//! Finding messages by their words.
//!
//! Text is cut into words here and not by the database, so that every database finds the same, and so that a
//! sign of Chinese, Japanese or Korean counts as a word: then two of them in a row are found as well. Restricted
//! messages are in no index: those that the reader can see are looked through, and no others, so that the time
//! that an answer takes tells nothing of them.

use khaya_wire::{ChatId, Message, UserId};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::{Conn, Tx, Viewer, messages, query};
use crate::Error;

/// The most restricted messages that are looked through for one answer.
const MAX_RESTRICTED: i64 = 10_000;

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
    let match_all = wanted
        .phrases
        .iter()
        .map(|words| format!("\"{}\"*", words.join(" ")))
        .collect::<Vec<_>>()
        .join(" AND ");
    let mut found = messages::matching(conn, viewer, wanted, &match_all, limit)?;
    let restricted = messages::restricted(conn, viewer, wanted, MAX_RESTRICTED)?;
    found.extend(
        restricted
            .into_iter()
            .filter(|(message, _)| contains(&message.content, &wanted.phrases)),
    );
    found.sort_unstable_by_key(|(_, number)| std::cmp::Reverse(*number));
    found.truncate(limit);
    Ok(found)
}

/// Takes the words of a message for everyone into the index, or out of it when it has none any more.
pub(super) fn index(tx: &mut Tx<'_>, number: i64, content: &str) -> Result<(), Error> {
    query("DELETE FROM search WHERE rowid = $1")
        .bind(number)
        .execute(tx.write())?;
    let words = words(content);
    if !words.is_empty() {
        query("INSERT INTO search (rowid, words) VALUES ($1, $2)")
            .bind(number)
            .bind(words.join(" "))
            .execute(tx.write())?;
    }
    Ok(())
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
