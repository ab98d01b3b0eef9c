//! Which addresses a link may lead to. It owns that judgement alone; following a link is the shell's, after a look at its target.

use url::Url;

use crate::{mentions, tree::Inline};

/// What the address of a chat or a message begins with.
const CHAT: &str = "khaya://chat/";

/// The link, or nothing where the address is none that a message may lead to.
pub(crate) fn link(address: &str, inlines: Vec<Inline>) -> Option<Inline> {
    let url = Url::parse(address).ok()?;
    let host = match url.scheme() {
        "http" | "https" => Some(url.host_str()?.to_owned()),
        "mailto" | "khaya" => None,
        _ => return None,
    };
    let words = crate::plain::inlines(&inlines);
    let titled = !is_its_own_address(&words, address, url.as_str());
    let inlines = if inlines.is_empty() {
        vec![Inline::Text {
            text: address.to_owned(),
        }]
    } else {
        inlines
    };
    Some(Inline::Link {
        target: url.into(),
        host,
        titled,
        inlines,
    })
}

/// Pushes running text onto `into`, the addresses of chats and messages in it as links, and the mentions apart. Those of
/// the web the Markdown parser has found.
pub(crate) fn push(text: &str, into: &mut Vec<Inline>) {
    let mut shown = 0;
    let mut from = 0;
    while let Some(at) = text[from..].find(CHAT).map(|found| from + found) {
        let end = at + CHAT.len() + path_length(&text[at + CHAT.len()..]);
        let begins = !text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        if begins
            && end > at + CHAT.len()
            && let Some(link) = link(&text[at..end], Vec::new())
        {
            mentions::push(&text[shown..at], into);
            into.push(link);
            shown = end;
        }
        from = end;
    }
    mentions::push(&text[shown..], into);
}

/// How many bytes of `text` name a chat, or a message in it.
fn path_length(text: &str) -> usize {
    let path = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/')))
        .map_or(text, |end| &text[..end]);
    path.trim_end_matches('/').len()
}

/// Whether words say where they lead: the address itself, perhaps without its scheme.
fn is_its_own_address(words: &str, address: &str, target: &str) -> bool {
    let bare = |text: &str| {
        let text = ["http://", "https://", "mailto:"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text);
        text.strip_suffix('/').unwrap_or(text).to_owned()
    };
    words.is_empty() || bare(words) == bare(address) || bare(words) == bare(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(words: &str, address: &str) -> Option<(String, Option<String>, bool)> {
        let link = link(
            address,
            vec![Inline::Text {
                text: words.to_owned(),
            }],
        )?;
        let Inline::Link {
            target, host, titled, ..
        } = link
        else {
            panic!("{link:?} is no link")
        };
        Some((target, host, titled))
    }

    #[test]
    fn the_address_of_a_message_is_a_link_to_it() {
        let cases: [(&str, &[&str]); 6] = [
            ("khaya://chat/c-1/m_2", &["khaya://chat/c-1/m_2"]),
            (
                "See (khaya://chat/c/m), @bob, and khaya://chat/d.",
                &["khaya://chat/c/m", "khaya://chat/d"],
            ),
            ("khaya://chat/", &[]),
            ("khaya://chat/é", &[]),
            ("xkhaya://chat/c", &[]),
            ("khaya://invite/x", &[]),
        ];
        for (text, addresses) in cases {
            let mut inlines = Vec::new();
            push(text, &mut inlines);
            let found: Vec<&str> = inlines
                .iter()
                .filter_map(|inline| {
                    if let Inline::Link {
                        target,
                        titled: false,
                        ..
                    } = inline
                    {
                        Some(target.as_str())
                    } else {
                        None
                    }
                })
                .collect();
            assert_eq!(found, addresses, "{text}");
            assert_eq!(crate::plain::inlines(&inlines), text);
        }
    }

    #[test]
    fn what_could_run_something_or_reads_the_disk_is_no_link() {
        for address in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "\u{1}javascript:alert(1)",
            "java\tscript:alert(1)",
            "vbscript:x",
            "data:text/html,<script>alert(1)</script>",
            "file:///etc/passwd",
            "ipc://localhost/sign_in",
            "tauri://localhost",
            "blob:https://a.example/1",
            "//a.example",
            "/path",
            "",
            "http://",
        ] {
            assert_eq!(leads("words", address), None, "{address:?}");
        }
    }

    #[test]
    fn the_host_is_the_one_that_the_network_asks() {
        assert_eq!(
            leads("x", "https://bank.example@evil.example/"),
            Some((
                "https://bank.example@evil.example/".into(),
                Some("evil.example".into()),
                true
            ))
        );
        // The second letter is Cyrillic.
        assert_eq!(
            leads("x", "https://b\u{430}nk.example").and_then(|(_, host, _)| host),
            Some("xn--bnk-6cd.example".into())
        );
    }

    #[test]
    fn a_link_that_shows_its_address_is_told_from_one_that_does_not() {
        for (words, address, titled) in [
            ("https://a.example", "https://a.example", false),
            ("a.example", "https://a.example/", false),
            ("anna@a.example", "mailto:anna@a.example", false),
            ("https://a.example", "https://b.example", true),
            ("here", "https://a.example", true),
        ] {
            assert_eq!(
                leads(words, address).map(|(_, _, titled)| titled),
                Some(titled),
                "{words} → {address}"
            );
        }
    }
}
