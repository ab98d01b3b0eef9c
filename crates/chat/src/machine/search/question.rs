//! What a person typed to look for messages, as a query: words, and `from:`, `in:`, `before:`, `after:`, `has:`.
//!
//! A value with spaces stands in quotation marks: `from:"Ada Lovelace"`. A word before a colon that is none of these is
//! a word like others.

use khaya_wire::{ChatId, Timestamp, UserId};

use crate::{
    store::{Has, Query},
    view::Failure,
};

/// A line that was understood.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) query: Query,
    /// Whether more than the chat that is looked through anyway was said.
    is_one: bool,
}

impl Question {
    pub(super) fn is_one(&self) -> bool {
        self.is_one
    }
}

/// Whom and what a line can name.
pub(super) struct Known {
    /// With username and name.
    pub(super) people: Vec<(UserId, String, String)>,
    pub(super) chats: Vec<(ChatId, String)>,
    pub(super) me: Option<UserId>,
    /// How far the clock on the wall is ahead of UTC, in minutes.
    pub(super) utc_offset: i16,
}

/// Reads a line. With `chat`, only that one is looked through.
pub(super) fn read(line: &str, chat: Option<&ChatId>, known: &Known) -> Result<Question, Failure> {
    let mut query = Query {
        chats: chat.into_iter().cloned().collect(),
        ..Query::default()
    };
    let mut is_one = false;
    let mut words = Vec::new();
    for part in parts(line) {
        let Part::Filter(name, value) = part else {
            if let Part::Word(word) = part {
                words.push(word);
            }
            continue;
        };
        if value.is_empty() {
            // It is being typed.
            continue;
        }
        is_one = true;
        match name {
            Name::From => query.senders.extend(people(value, known)?),
            Name::In if chat.is_none() => query.chats.extend(chats(value, known)?),
            Name::In => {}
            Name::Before => query.before = Some(days(value, known)?.0),
            Name::After => query.after = Some(days(value, known)?.1),
            Name::Has => query.has.push(has(value)?),
        }
    }
    query.text = words.join(" ");
    if line.ends_with(char::is_whitespace) {
        // The last word is typed to its end.
        query.text.push(' ');
    }
    is_one |= query.has_words();
    Ok(Question { query, is_one })
}

#[derive(Clone, Copy)]
enum Name {
    From,
    In,
    Before,
    After,
    Has,
}

enum Part<'a> {
    Word(&'a str),
    Filter(Name, &'a str),
}

fn parts(line: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let named = rest[..end]
            .find(':')
            .and_then(|at| Some((name(&rest[..at])?, at + 1)));
        let end = match named {
            Some((name, at)) if rest[at..].starts_with('"') => {
                let value = &rest[at + 1..];
                // Without the second mark, all of it is meant.
                let length = value.find('"').unwrap_or(value.len());
                parts.push(Part::Filter(name, value[..length].trim()));
                (at + 1 + length + 1).min(rest.len())
            }
            Some((name, at)) => {
                parts.push(Part::Filter(name, &rest[at..end]));
                end
            }
            None => {
                parts.push(Part::Word(&rest[..end]));
                end
            }
        };
        rest = rest[end..].trim_start();
    }
    parts
}

fn name(text: &str) -> Option<Name> {
    match text.to_ascii_lowercase().as_str() {
        "from" => Some(Name::From),
        "in" => Some(Name::In),
        "before" => Some(Name::Before),
        "after" => Some(Name::After),
        "has" => Some(Name::Has),
        _ => None,
    }
}

/// The one with this username, or else all with this name, or else all with a name that begins so.
fn people(value: &str, known: &Known) -> Result<Vec<UserId>, Failure> {
    let name = value.strip_prefix('@').unwrap_or(value).to_lowercase();
    if name == "me" {
        return Ok(known.me.iter().cloned().collect());
    }
    let those = |is_meant: &dyn Fn(&str, &str) -> bool| -> Vec<UserId> {
        let people = known.people.iter();
        people
            .filter(|(_, username, called)| is_meant(&username.to_lowercase(), &called.to_lowercase()))
            .map(|(id, _, _)| id.clone())
            .collect()
    };
    let begins =
        |text: &str| text.starts_with(&name) || text.split_whitespace().any(|word| word.starts_with(&name));
    first_that_are([
        those(&|username, _| username == name),
        those(&|_, called| called == name),
        those(&|username, called| begins(username) || begins(called)),
    ])
    .ok_or_else(|| {
        Failure::new(
            "search_nobody",
            format!("There is nobody called “{value}” in your chats."),
        )
    })
}

/// All with this name, or else all with a name that begins so.
fn chats(value: &str, known: &Known) -> Result<Vec<ChatId>, Failure> {
    let name = value.strip_prefix(['#', '@']).unwrap_or(value).to_lowercase();
    let those = |is_meant: &dyn Fn(&str) -> bool| -> Vec<ChatId> {
        let chats = known.chats.iter();
        chats
            .filter(|(_, called)| is_meant(&called.to_lowercase()))
            .map(|(id, _)| id.clone())
            .collect()
    };
    let begins =
        |text: &str| text.starts_with(&name) || text.split_whitespace().any(|word| word.starts_with(&name));
    first_that_are([those(&|called| called == name), those(&begins)])
        .ok_or_else(|| Failure::new("search_no_chat", format!("You have no chat called “{value}”.")))
}

fn first_that_are<T, const N: usize>(lists: [Vec<T>; N]) -> Option<Vec<T>> {
    lists.into_iter().find(|list| !list.is_empty())
}

fn has(value: &str) -> Result<Has, Failure> {
    match value.to_ascii_lowercase().as_str() {
        "file" | "files" => Ok(Has::File),
        "image" | "images" => Ok(Has::Image),
        "link" | "links" => Ok(Has::Link),
        _ => Err(Failure::new(
            "search_has",
            format!("A message can have a “file”, an “image” or a “link”, not “{value}”."),
        )),
    }
}

/// When a day, month or year begins and when it has ended, on the clock on the wall. Of a day on which that clock was
/// set otherwise than now, it is as much off.
fn days(value: &str, known: &Known) -> Result<(Timestamp, Timestamp), Failure> {
    span(value, i64::from(known.utc_offset) * 60_000).ok_or_else(|| {
        Failure::new(
            "search_date",
            format!("“{value}” is no date. Write a day as 2026-01-31, a month as 2026-01, a year as 2026."),
        )
    })
}

fn span(value: &str, ahead: i64) -> Option<(Timestamp, Timestamp)> {
    let mut numbers = value.split('-').map(|part| {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| is_number)
    });
    let year = numbers.next()??;
    let (month, day) = (numbers.next(), numbers.next());
    if value.split('-').next()?.len() != 4 || numbers.next().is_some() {
        return None;
    }
    let midnight = |year: u32, month: u32, day: u32| {
        let utc: Timestamp = format!("{year:04}-{month:02}-{day:02}T00:00:00Z").parse().ok()?;
        Some(utc.as_millis() - ahead)
    };
    let (start, end) = match (month, day) {
        (None, _) => (midnight(year, 1, 1)?, midnight(year + 1, 1, 1)?),
        (Some(month), None) => {
            let month = month?;
            let end = if month == 12 {
                (year + 1, 1)
            } else {
                (year, month + 1)
            };
            (midnight(year, month, 1)?, midnight(end.0, end.1, 1)?)
        }
        (Some(month), Some(day)) => {
            let start = midnight(year, month?, day?)?;
            (start, start + 86_400_000)
        }
    };
    Some((Timestamp::from_millis(start), Timestamp::from_millis(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let person = |id: &str, username: &str, name: &str| {
            (UserId::new(id).unwrap(), username.to_owned(), name.to_owned())
        };
        Known {
            people: vec![
                person("u1", "ada", "Ada Lovelace"),
                person("u2", "adam", "Adam Ada"),
                person("u3", "bo", "Bo Ada"),
                person("u4", "me", "My Self"),
            ],
            chats: vec![
                (ChatId::new("c1").unwrap(), "General".to_owned()),
                (ChatId::new("c2").unwrap(), "General talk".to_owned()),
                (ChatId::new("c3").unwrap(), "Release 1.0".to_owned()),
            ],
            me: UserId::new("u4").ok(),
            utc_offset: 120,
        }
    }

    fn query(line: &str) -> Query {
        read(line, None, &known()).unwrap().query
    }

    fn senders(line: &str) -> Vec<String> {
        query(line).senders.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_and_filters_are_told_apart() {
        let found = query("  tea from:ada  at:noon has:link https://example.org HAS:image ");
        assert_eq!(found.text, "tea at:noon https://example.org ");
        assert_eq!(found.has, [Has::Link, Has::Image]);
        assert_eq!(query("unfin").text, "unfin");
        assert_eq!(query("tea from:").senders, [], "it is being typed");
        assert_eq!(query("in:\"general talk\" tea").text, "tea");
        assert_eq!(query("from:\"bo a").senders.len(), 1);
        assert_eq!(query("\"").text, "\"");
        assert_eq!(query("from:\"").text, "");
    }

    #[test]
    fn people_and_chats_are_found_by_what_they_are_called() {
        assert_eq!(senders("from:ADA"), ["u1"], "a username before names");
        assert_eq!(senders("from:@bo"), ["u3"]);
        assert_eq!(senders("from:love"), ["u1"]);
        assert_eq!(senders("from:\"bo ada\""), ["u3"]);
        assert_eq!(senders("from:ad"), ["u1", "u2", "u3"]);
        assert_eq!(senders("from:me"), ["u4"]);
        assert_eq!(query("in:#general").chats.len(), 1);
        assert_eq!(query("in:gen").chats.len(), 2);
        for (line, code) in [
            ("from:nobody", "search_nobody"),
            ("in:nowhere", "search_no_chat"),
            ("has:wings", "search_has"),
            ("before:yore", "search_date"),
        ] {
            assert_eq!(read(line, None, &known()).unwrap_err().code, code);
        }
    }

    #[test]
    fn days_months_and_years_are_those_on_the_wall() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        assert_eq!(query("before:2026-01-31").before, at("2026-01-30T22:00:00Z"));
        assert_eq!(query("after:2026-01-31").after, at("2026-01-31T22:00:00Z"));
        assert_eq!(query("after:2026-12").after, at("2026-12-31T22:00:00Z"));
        assert_eq!(query("before:2026").before, at("2025-12-31T22:00:00Z"));
        for bad in [
            "2026-02-30",
            "26",
            "2026-1-1-1",
            "2026-13",
            "-1",
            "2026-",
            "99999",
            "2026-x",
            "١٢٣٤",
        ] {
            assert!(span(bad, 0).is_none(), "{bad}");
        }
    }

    #[test]
    fn one_chat_is_looked_through_and_no_other() {
        let chat = ChatId::new("c3").unwrap();
        let read = |line: &str| read(line, Some(&chat), &known()).unwrap();
        assert_eq!(read("tea in:general").query.chats, std::slice::from_ref(&chat));
        assert!(!read(" ").is_one() && !read("from:").is_one() && !read("?!").is_one());
        assert!(read("tea").is_one() && read("before:2026").is_one());
    }
}
