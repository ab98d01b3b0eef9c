//! Tells the words of a language from its text, comments and names. It owns the way from a grammar's scopes to our few
//! kinds; the grammars are the `two-face` crate's. Code too long for it, or in no language that it knows, stays in one colour.

use std::sync::OnceLock;

use syntect::parsing::{ParseState, ScopeStack, SyntaxSet};

use crate::tree::{Highlight, Span};

/// Grammars are matched by backtracking: what one message may cost is bounded by its bytes and by its longest line.
const MOST_BYTES: usize = 8 * 1024;
const LONGEST_LINE: usize = 500;

/// `code` in pieces of one kind each.
pub(crate) fn spans(code: &str, language: Option<&str>) -> Vec<Span> {
    if code.is_empty() {
        return Vec::new();
    }
    language
        .filter(|_| code.len() <= MOST_BYTES && code.lines().all(|line| line.len() <= LONGEST_LINE))
        .and_then(|language| highlighted(code, language))
        .unwrap_or_else(|| {
            vec![Span {
                highlight: None,
                text: code.to_owned(),
            }]
        })
}

fn highlighted(code: &str, language: &str) -> Option<Vec<Span>> {
    let grammars = grammars();
    let mut state = ParseState::new(grammars.find_syntax_by_token(language)?);
    let mut scopes = ScopeStack::new();
    let mut spans: Vec<Span> = Vec::new();
    for line in code.split_inclusive('\n') {
        let mut done = 0;
        for (at, change) in state.parse_line(line, grammars).ok()? {
            push(&line[done..at], &scopes, &mut spans);
            done = at;
            scopes.apply(&change).ok()?;
        }
        push(&line[done..], &scopes, &mut spans);
    }
    Some(spans)
}

fn push(text: &str, scopes: &ScopeStack, spans: &mut Vec<Span>) {
    if text.is_empty() {
        return;
    }
    let highlight = scopes
        .as_slice()
        .iter()
        .rev()
        .find_map(|scope| kind(&scope.build_string()));
    match spans.last_mut() {
        Some(last) if last.highlight == highlight => last.text.push_str(text),
        Some(_) | None => spans.push(Span {
            highlight,
            text: text.to_owned(),
        }),
    }
}

/// The kind that a scope tells of; the names are TextMate's conventions.
fn kind(scope: &str) -> Option<Highlight> {
    const KINDS: [(&str, Highlight); 15] = [
        ("comment", Highlight::Comment),
        ("string", Highlight::String),
        ("constant", Highlight::Constant),
        ("keyword.operator", Highlight::Keyword),
        ("keyword", Highlight::Keyword),
        ("storage.type.function", Highlight::Keyword),
        ("storage", Highlight::Keyword),
        ("entity.name.function", Highlight::Function),
        ("variable.function", Highlight::Function),
        ("support.function", Highlight::Function),
        ("entity.name", Highlight::Type),
        ("entity.other.inherited-class", Highlight::Type),
        ("support", Highlight::Type),
        ("markup.inserted", Highlight::Added),
        ("markup.deleted", Highlight::Removed),
    ];
    KINDS
        .iter()
        .find(|(name, _)| {
            scope
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        .map(|(_, kind)| *kind)
}

/// Read when first asked for: most who chat never do.
fn grammars() -> &'static SyntaxSet {
    static GRAMMARS: OnceLock<SyntaxSet> = OnceLock::new();
    GRAMMARS.get_or_init(two_face::syntax::extra_newlines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str, language: &str) -> Vec<(Highlight, String)> {
        spans(code, Some(language))
            .into_iter()
            .filter_map(|span| Some((span.highlight?, span.text)))
            .collect()
    }

    #[test]
    fn words_of_a_language_are_told_apart() {
        let rust = found("fn main() { let x = \"a\"; } // done", "rust");
        assert!(
            rust.iter()
                .any(|(kind, text)| *kind == Highlight::Function && text == "main"),
            "{rust:?}"
        );
        assert!(
            rust.iter()
                .any(|(kind, text)| *kind == Highlight::String && text == "\"a\""),
            "{rust:?}"
        );
        assert!(
            rust.iter()
                .any(|(kind, text)| *kind == Highlight::Comment && text.contains("done")),
            "{rust:?}"
        );
        for language in [
            "js",
            "ts",
            "python",
            "toml",
            "sql",
            "bash",
            "json",
            "diff",
            "dockerfile",
        ] {
            assert!(grammars().find_syntax_by_token(language).is_some(), "{language}");
        }
    }

    #[test]
    fn nothing_of_the_code_is_lost() {
        let long = "a ".repeat(MOST_BYTES);
        for code in ["", "\n", "a\r\nb", "'unclosed", "/* unclosed\n\n", long.as_str()] {
            for language in [None, Some("rust"), Some("no such language"), Some("")] {
                assert_eq!(
                    spans(code, language)
                        .into_iter()
                        .map(|span| span.text)
                        .collect::<String>(),
                    code
                );
            }
        }
    }
}
