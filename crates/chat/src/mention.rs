//! Whether a text names somebody: `@username`.

/// Whether `text` has `@username` in it as a word of its own, in whatever case.
#[must_use]
pub fn names(text: &str, username: &str) -> bool {
    if username.is_empty() {
        return false;
    }
    let text = text.to_lowercase();
    let username = username.to_lowercase();
    text.match_indices('@').any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let Some(after) = text[at + 1..].strip_prefix(&username) else {
            return false;
        };
        // A full stop ends a sentence unless the name goes on behind it.
        let mut after = after.chars();
        let ends = match after.next() {
            Some('.' | '-') => after.next().is_none_or(|next| !next.is_alphanumeric()),
            Some(next) => !(next.is_alphanumeric() || next == '_'),
            None => true,
        };
        ends && before.is_none_or(|before| !before.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_of_its_own() {
        for text in [
            "@ana",
            "Hi @Ana, come",
            "(@ana)",
            "ask @ana.",
            "@ana-",
            "so,@ana!",
        ] {
            assert!(names(text, "ana"), "{text}");
        }
        for text in ["ana", "@anabel", "x@ana", "@ana_b", "@ana.b", "@ana-b", "@", ""] {
            assert!(!names(text, "ana"), "{text}");
        }
        assert!(!names("@", ""));
    }
}
