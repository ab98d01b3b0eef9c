//! The piece of a text that shows why it was found.

use serde::Serialize;

use super::words::{Term, terms, words};

/// A part of an excerpt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Piece {
    pub text: String,
    /// Whether this is what was looked for.
    pub is_hit: bool,
}

/// Characters of a text before the first hit, and in all.
const BEFORE: usize = 40;
const LONGEST: usize = 160;

/// The part of a text around the words that are looked for; its beginning, where it has none of them. What is left out
/// is an ellipsis.
#[must_use]
pub fn excerpt(text: &str, query: &str) -> Vec<Piece> {
    let marks = marks(text, &terms(query));
    let first = marks.first().map_or(0, |mark| mark.0);
    let start = text[..first]
        .char_indices()
        .rev()
        .nth(BEFORE - 1)
        .map_or(0, |(at, _)| at);
    let end = text[start..]
        .char_indices()
        .nth(LONGEST)
        .map_or(text.len(), |(at, _)| start + at);
    let mut pieces = Vec::new();
    let mut add = |text: &str, is_hit| {
        if !text.is_empty() {
            let text = text.to_owned();
            pieces.push(Piece { text, is_hit });
        }
    };
    if start > 0 {
        add("…", false);
    }
    let mut at = start;
    for (from, to) in marks.into_iter().filter(|mark| mark.1 <= end) {
        add(&text[at..from], false);
        add(&text[from..to], true);
        at = to;
    }
    add(&text[at..end], false);
    if end < text.len() {
        add("…", false);
    }
    pieces
}

/// Where in a text the words are, in bytes.
fn marks(text: &str, terms: &[Term]) -> Vec<(usize, usize)> {
    let mut marks: Vec<(usize, usize)> = Vec::new();
    for word in words(text) {
        if terms.iter().any(|term| term.is_met_by(&word)) {
            match marks.last_mut() {
                // Pairs overlap.
                Some(last) if word.at.start <= last.1 => last.1 = last.1.max(word.at.end),
                Some(_) | None => marks.push((word.at.start, word.at.end)),
            }
        }
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, query: &str) -> String {
        excerpt(text, query)
            .iter()
            .map(|piece| match piece.is_hit {
                true => format!("[{}]", piece.text),
                false => piece.text.clone(),
            })
            .collect()
    }

    #[test]
    fn what_was_found_stands_out() {
        assert_eq!(
            shown("the Çay was 会议室 good", "会议室 cay"),
            "the [Çay] was [会议室] good"
        );
        assert_eq!(shown("umbrellas", "umbr"), "[umbrellas]");
        assert_eq!(shown("nothing of it", "tea"), "nothing of it");
        assert_eq!(shown("", "tea"), "");
        assert!(
            excerpt("a<b>tea</b>", "tea")
                .iter()
                .any(|piece| piece.text == "tea")
        );
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_hit() {
        let text = format!("{}😀 tea {}", "before ".repeat(30), "after ".repeat(60));
        let shown = shown(&text, "tea");
        assert!(shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        assert!(shown.contains("😀 [tea] after"), "{shown}");
        assert_eq!(shown.replace(['[', ']', '…'], "").chars().count(), LONGEST);
        assert!(text.contains(&shown.replace(['[', ']', '…'], "")));
    }
}
