//! Who is in the demo team and what they say. The lines are in text files beside this one:
//!
//! `name: text` is a message, `name> text` a reply to the one before, `name (other, third): text` a message for
//! those alone. `\n` in a text is a line break; an empty line is a pause of hours.

use crate::Error;

/// The pause between two messages, and that of an empty line.
const GAP_MS: i64 = 55_000;
const PAUSE_MS: i64 = 3 * 60 * 60 * 1000;

/// Somebody of the team.
pub(super) struct Person {
    pub(super) username: &'static str,
    pub(super) name: &'static str,
    pub(super) role: &'static str,
}

/// A chat and what is said in it.
pub(super) struct Script {
    /// Empty for a direct chat.
    pub(super) name: &'static str,
    /// The first of them made it.
    pub(super) members: &'static [&'static str],
    /// Who has not read it.
    pub(super) behind: &'static [&'static str],
    pub(super) ends_before_now_ms: i64,
    text: &'static str,
}

/// One message.
pub(super) struct Line {
    pub(super) username: String,
    pub(super) text: String,
    pub(super) is_reply: bool,
    pub(super) visible_to: Vec<String>,
    /// The pause before it.
    pub(super) gap_ms: i64,
}

pub(super) const PEOPLE: &[Person] = &[
    Person {
        username: "thandi",
        name: "Thandi Nkosi",
        role: "admin",
    },
    Person {
        username: "amina",
        name: "Amina Diallo",
        role: "member",
    },
    Person {
        username: "mateus",
        name: "Mateus Gonçalves",
        role: "member",
    },
    Person {
        username: "yuki",
        name: "田中 友紀",
        role: "member",
    },
    Person {
        username: "samir",
        name: "سمير الحداد",
        role: "member",
    },
    Person {
        username: "ola",
        name: "Aleksandra Wiśniewska-Brzęczyszczykiewicz z Chrząszczyżewoszyc",
        role: "member",
    },
    Person {
        username: "ines",
        name: "Inés Valdivia",
        role: "guest",
    },
];

pub(super) const SCRIPTS: &[Script] = &[
    Script {
        name: "",
        members: &["thandi", "amina"],
        behind: &[],
        ends_before_now_ms: 4 * 60_000,
        text: include_str!("direct.txt"),
    },
    Script {
        name: "Everyone",
        members: &["thandi", "amina", "mateus", "yuki", "samir", "ola"],
        behind: &["thandi"],
        ends_before_now_ms: 11 * 60_000,
        text: include_str!("everyone.txt"),
    },
    Script {
        name: "Release 2.0 🚀",
        members: &["amina", "thandi", "mateus", "yuki", "ines"],
        behind: &["amina"],
        ends_before_now_ms: 38 * 60_000,
        text: include_str!("release.txt"),
    },
    Script {
        name: "مشروع الترجمة والتوطين",
        members: &["samir", "thandi", "amina", "yuki", "ola"],
        behind: &["amina", "thandi"],
        ends_before_now_ms: 130 * 60_000,
        text: include_str!("translation.txt"),
    },
];

impl Script {
    /// The messages of the script, in order.
    pub(super) fn lines(&self) -> Result<Vec<Line>, Error> {
        let mut lines = Vec::new();
        let mut gap_ms = GAP_MS;
        for text in self.text.lines() {
            if text.trim().is_empty() {
                gap_ms += PAUSE_MS;
                continue;
            }
            let mut line =
                parse(text).ok_or_else(|| Error::Internal(format!("not a line of the demo: {text}")))?;
            // A longer text takes longer to type.
            line.gap_ms = gap_ms + i64::try_from(line.text.len()).unwrap_or(0) * 300;
            lines.push(line);
            gap_ms = GAP_MS;
        }
        Ok(lines)
    }
}

fn parse(text: &str) -> Option<Line> {
    let end = text.find([':', '>', '('])?;
    let (username, rest) = text.split_at(end);
    let (visible_to, rest) = match rest.strip_prefix('(') {
        Some(rest) => {
            let (listed, rest) = rest.split_once(')')?;
            (
                listed.split(',').map(|name| name.trim().to_owned()).collect(),
                rest,
            )
        }
        None => (Vec::new(), rest),
    };
    Some(Line {
        username: username.trim().to_owned(),
        text: rest.get(1..)?.trim().replace("\\n", "\n"),
        is_reply: rest.starts_with('>'),
        visible_to,
        gap_ms: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_can_be_said_by_a_member() {
        for script in SCRIPTS {
            let lines = script.lines().unwrap();
            assert!(lines.len() > 40, "{}: {} lines", script.name, lines.len());
            for line in lines {
                assert!(!line.text.is_empty(), "{}", line.username);
                for name in line.visible_to.iter().chain([&line.username]) {
                    assert!(
                        script.members.contains(&name.as_str()),
                        "{name} is not in {}",
                        script.name
                    );
                }
            }
        }
    }
}
