//! Finds who is mentioned in running text. It knows no people: whether there is somebody of that name is not its question.

use crate::tree::Inline;

/// Pushes `text` onto `into`, the mentions in it apart.
pub(crate) fn push(text: &str, into: &mut Vec<Inline>) {
    let mut shown = 0;
    let mut from = 0;
    while let Some(at) = text[from..].find('@').map(|found| from + found) {
        let end = at + 1 + name_length(&text[at + 1..]);
        let begins = !text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        if begins && end > at + 1 {
            push_text(&text[shown..at], into);
            let text = text[at..end].to_owned();
            into.push(Inline::Mention {
                username: text[1..].to_lowercase(),
                text,
            });
            shown = end;
        }
        from = end;
    }
    push_text(&text[shown..], into);
}

/// How many bytes of `text` are a name: letters, digits, `_`, `.` and `-`, the last two only within it.
fn name_length(text: &str) -> usize {
    let name = text
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .map_or(text, |end| &text[..end]);
    name.trim_end_matches(['.', '-']).len()
}

/// Pushes text, to the text before it where there is some.
pub(crate) fn push_text(text: &str, into: &mut Vec<Inline>) {
    if text.is_empty() {
        return;
    }
    if let Some(Inline::Text { text: before }) = into.last_mut() {
        before.push_str(text);
    } else {
        into.push(Inline::Text {
            text: text.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_before_the_sentence_does() {
        let cases: [(&str, &[&str]); 8] = [
            ("@anna, look", &["anna"]),
            ("(@anna-b.c.)", &["anna-b.c"]),
            ("@Anna @bob", &["anna", "bob"]),
            ("anna@example.org", &[]),
            ("@", &[]),
            ("@ anna", &[]),
            ("@@anna", &["anna"]),
            ("@мария!", &["мария"]),
        ];
        for (text, names) in cases {
            let mut inlines = Vec::new();
            push(text, &mut inlines);
            let found: Vec<&str> = inlines
                .iter()
                .filter_map(|inline| {
                    if let Inline::Mention { username, .. } = inline {
                        Some(username.as_str())
                    } else {
                        None
                    }
                })
                .collect();
            assert_eq!(found, names, "{text}");
            assert_eq!(crate::plain::inlines(&inlines), text);
        }
    }
}
