//! A text as the words by which it is found.
//!
//! A word is folded: without upper case, diacritics and forms that only look different. Scripts that put no space
//! between words are cut into pairs of characters that overlap, so that a word of two characters is found wherever it
//! stands; the last character of such a run stands alone as well, so that one of a single character is found by its
//! beginning.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) folded: String,
    /// Where it stands, in bytes.
    pub(super) at: Range<usize>,
}

/// A word that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) folded: String,
    /// Whether words that only begin so are meant too.
    pub(super) is_beginning: bool,
}

impl Term {
    pub(super) fn is_met_by(&self, word: &Word) -> bool {
        if self.is_beginning {
            word.folded.starts_with(&self.folded)
        } else {
            word.folded == self.folded
        }
    }
}

/// All words of a text, in their order.
pub(super) fn words(text: &str) -> Vec<Word> {
    cut(text).into_iter().map(|(word, _)| word).collect()
}

/// The words of what somebody types. The last one may not be typed to its end.
pub(super) fn terms(query: &str) -> Vec<Term> {
    let words = cut(query);
    let count = words.len();
    let is_whole_run = |index: usize| match words.get(index.wrapping_sub(1)) {
        Some((before, Kind::Pair)) => before.at.end != words[index].0.at.end,
        Some((_, Kind::Spaced | Kind::Single)) | None => true,
    };
    words
        .iter()
        .enumerate()
        .filter_map(|(index, (word, kind))| {
            let is_beginning = match kind {
                // Half of all words begin with some letter or other: one letter is looked for as it stands.
                Kind::Spaced => {
                    index + 1 == count
                        && word.folded.chars().nth(1).is_some()
                        && !query.ends_with(char::is_whitespace)
                }
                Kind::Pair => false,
                // The end of a longer run is in its last pair already.
                Kind::Single if is_whole_run(index) => true,
                Kind::Single => return None,
            };
            Some(Term {
                folded: word.folded.clone(),
                is_beginning,
            })
        })
        .collect()
}

/// What of a query stands together in a script without spaces and is longer than a pair, folded.
pub(super) fn long_runs(query: &str) -> Vec<String> {
    query
        .split(|character| !has_no_spaces(character))
        .filter(|run| run.chars().count() > 2)
        .map(|run| run.chars().map(fold).collect())
        .collect()
}

/// Whether all of these runs stand in the text as they are.
pub(super) fn has_runs(text: &str, runs: &[String]) -> bool {
    if runs.is_empty() {
        return true;
    }
    let text: String = text.chars().map(fold).collect();
    runs.iter().all(|run| text.contains(run))
}

/// How a word was cut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Between spaces and signs.
    Spaced,
    /// Two characters of a script without spaces.
    Pair,
    /// The last of a run of them.
    Single,
}

fn cut(text: &str) -> Vec<(Word, Kind)> {
    let mut words = Vec::new();
    let mut spaced: Option<Word> = None;
    let mut run: Vec<Word> = Vec::new();
    for (start, character) in text.char_indices() {
        let at = start..start + character.len_utf8();
        if has_no_spaces(character) {
            end_spaced(&mut words, &mut spaced);
            run.push(Word {
                folded: fold(character),
                at,
            });
        } else if character.is_alphanumeric() || is_combining_mark(character) {
            end_run(&mut words, &mut run);
            let word = spaced.get_or_insert_with(|| Word {
                folded: String::new(),
                at: start..start,
            });
            fold_into(&mut word.folded, character);
            word.at.end = at.end;
        } else {
            end_spaced(&mut words, &mut spaced);
            end_run(&mut words, &mut run);
        }
    }
    end_spaced(&mut words, &mut spaced);
    end_run(&mut words, &mut run);
    words
}

fn end_spaced(words: &mut Vec<(Word, Kind)>, spaced: &mut Option<Word>) {
    if let Some(word) = spaced.take().filter(|word| !word.folded.is_empty()) {
        words.push((word, Kind::Spaced));
    }
}

fn end_run(words: &mut Vec<(Word, Kind)>, run: &mut Vec<Word>) {
    for pair in run.windows(2) {
        let word = Word {
            folded: format!("{}{}", pair[0].folded, pair[1].folded),
            at: pair[0].at.start..pair[1].at.end,
        };
        words.push((word, Kind::Pair));
    }
    if let Some(last) = run.pop() {
        words.push((last, Kind::Single));
    }
    run.clear();
}

/// A character without what a search does not tell apart.
fn fold(character: char) -> String {
    let mut folded = String::new();
    fold_into(&mut folded, character);
    folded
}

fn fold_into(folded: &mut String, character: char) {
    if character.is_ascii() {
        folded.push(character.to_ascii_lowercase());
        return;
    }
    let plain: String = [character]
        .into_iter()
        .nfkd()
        // Combining diacritical marks. Marks of other scripts make another letter.
        .filter(|part| !('\u{300}'..='\u{36f}').contains(part))
        .nfc()
        .flat_map(char::to_lowercase)
        .collect();
    // Letters that Unicode takes for letters of their own, and people type without their stroke.
    folded.push_str(match plain.as_str() {
        "ß" => "ss",
        "æ" => "ae",
        "œ" => "oe",
        "ø" => "o",
        "ł" => "l",
        "đ" => "d",
        "ı" => "i",
        plain => plain,
    });
}

/// Scripts whose words stand together: Thai, Lao, Myanmar, Khmer, Chinese, Japanese; and Korean, whose words have
/// endings that stand with them.
fn has_no_spaces(character: char) -> bool {
    matches!(
        character,
        '\u{e00}'..='\u{eff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1100}'..='\u{11ff}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{3005}'..='\u{3007}'
            | '\u{3040}'..='\u{30ff}'
            | '\u{3130}'..='\u{318f}'
            | '\u{31f0}'..='\u{31ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7af}'
            | '\u{f900}'..='\u{faff}'
            | '\u{ff66}'..='\u{ff9f}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    fn finds(query: &str, text: &str) -> bool {
        let words = words(text);
        let terms = terms(query);
        !terms.is_empty()
            && terms
                .iter()
                .all(|term| words.iter().any(|word| term.is_met_by(word)))
    }

    #[test]
    fn words_are_folded_and_know_their_place() {
        assert_eq!(
            folded("Straße, ÉCOLE  Ångström_42!"),
            ["strasse", "ecole", "angstrom", "42"]
        );
        assert_eq!(
            folded("e\u{301}t\u{e9}"),
            ["ete"],
            "however the accent is written"
        );
        assert_eq!(folded("ＡＢＣ ﬁn"), ["abc", "fin"]);
        for word in words("A naïve façade – 会議室, x") {
            assert!("A naïve façade – 会議室, x".is_char_boundary(word.at.start));
            assert!(!word.at.is_empty());
        }
    }

    #[test]
    fn words_of_two_characters_are_found_wherever_they_stand() {
        for (query, text) in [
            ("会议", "今天的会议室在三楼"),
            ("會議", "明日の會議は中止"),
            ("회의", "오늘회의는 세 시"),
            ("会議", "会議"),
            ("ราคา", "ขอราคาหน่อย"),
            ("楼", "今天的会议室在三楼"),
            ("三", "今天的会议室在三楼"),
        ] {
            assert!(finds(query, text), "{query} in {text}");
        }
        for (query, text) in [("会议", "议会"), ("三楼", "三号楼"), ("四", "三楼")] {
            assert!(!finds(query, text), "{query} in {text}");
        }
    }

    #[test]
    fn the_last_word_may_be_unfinished() {
        assert!(finds("umbr", "The umbrella"));
        assert!(finds("UMBRELLA the", "The umbrella"));
        assert!(!finds("umbr the", "The umbrella"));
        assert!(!finds("umbr ", "The umbrella"));
        assert!(finds("the 会议室", "会议室 is the room"));
        assert!(
            finds("a", "a b") && !finds("a", "ab"),
            "one letter is no beginning"
        );
        assert!(terms(" !? ").is_empty());
    }
}
