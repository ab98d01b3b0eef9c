//! What the app itself says, where there may be no page: in the tray, in notices, in the menu bar of macOS. It speaks the
//! language that the page does.
//!
//! The words stand with the page's, in `ui/locales/`; `build.rs` takes those from there that begin with `native.` or
//! `failure.`, so that they cost neither time nor memory until they are said. They know no plural: a text with a number is
//! one for each number that it is said of. Never reads a file, and keeps nothing.

use std::iter;

use khaya_chat::view::Failure;

use crate::settings::Settings;

// `static LANGUAGES`: of each language, in the order of their tags, its texts, in the order of their keys.
include!(concat!(env!("OUT_DIR"), "/words.rs"));

/// The language that has all texts.
const ENGLISH: &str = "en";

/// The words of one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// Its place among the languages.
    language: usize,
}

impl Words {
    /// Those that the person has chosen; it costs little to ask each time.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self::wanted(settings.language())
    }

    /// Those that are wanted, if there are such; else those of the first of the system's languages that is there. So does
    /// the page (`loadWords`).
    pub(crate) fn wanted(language: Option<String>) -> Self {
        Self::choose(language, system_languages)
    }

    fn choose(wanted: Option<String>, system: impl FnOnce() -> Vec<String>) -> Self {
        let tags = wanted.into_iter().chain(iter::once_with(system).flatten());
        let mut languages = tags.filter_map(|tag| place(tag.split('-').next()?));
        languages
            .next()
            .map_or_else(Self::default, |language| Self { language })
    }

    /// The text of this key; in English where the language has none.
    pub(crate) fn text(self, key: &'static str) -> &'static str {
        let english = || Self::default().find(key);
        self.find(key).or_else(english).unwrap_or(key)
    }

    /// The text of this key, with each `{name}` replaced by its value.
    pub(crate) fn with<const N: usize>(self, key: &'static str, values: [(&str, &str); N]) -> String {
        fill(self.text(key), &values)
    }

    /// What to tell of a failure: the language's own words where it has some for the code, else the app's sentence.
    pub(crate) fn failure(self, failure: &Failure) -> &str {
        self.find(&format!("failure.{}", failure.code))
            .unwrap_or(&failure.message)
    }

    fn find(self, key: &str) -> Option<&'static str> {
        let (_, texts) = LANGUAGES.get(self.language)?;
        let at = texts.binary_search_by_key(&key, |(known, _)| known).ok()?;
        Some(texts.get(at)?.1)
    }
}

impl Default for Words {
    /// English.
    fn default() -> Self {
        Self {
            language: place(ENGLISH).unwrap_or_default(),
        }
    }
}

/// The languages that the system is set to, by their tags, those first that are liked best.
pub(crate) fn system_languages() -> Vec<String> {
    sys_locale::get_locales().collect()
}

fn place(tag: &str) -> Option<usize> {
    LANGUAGES.iter().position(|(language, _)| *language == tag)
}

/// What a value says is not looked into: it may be what a person wrote.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let known = after.split_once('}').and_then(|(name, left)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, left))
        });
        if let Some((value, left)) = known {
            filled.push_str(value);
            rest = left;
        } else {
            filled.push('{');
            rest = after;
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(wanted: Option<&str>, system: &[&str]) -> &'static str {
        let system = system.iter().map(|&tag| tag.to_owned()).collect();
        LANGUAGES[Words::choose(wanted.map(str::to_owned), || system).language].0
    }

    #[test]
    fn the_chosen_language_is_spoken_else_the_first_of_the_systems_that_is_there() {
        for (wanted, system, spoken) in [
            (Some("de"), &["fr-FR"][..], "de"),
            (Some("system"), &["fr-FR", "de"], "fr"),
            (None, &["tlh", "zu-ZA", "de"], "zu"),
            (None, &["ar-Arab-EG"], "ar"),
            (Some("tlh"), &["C"], "en"),
            (Some(""), &[], "en"),
            (None, &[""], "en"),
        ] {
            assert_eq!(tag(wanted, system), spoken, "{wanted:?} of {system:?}");
        }
    }

    #[test]
    fn what_a_language_does_not_say_is_said_in_english() {
        let german = Words::choose(Some("de".to_owned()), Vec::new);
        assert_eq!(german.text("native.quit"), "Beenden");
        assert_eq!(Words::default().text("native.quit"), "Quit");
        let unknown = Words { language: usize::MAX };
        assert_eq!(unknown.text("native.quit"), "Quit");
        assert_eq!(german.text("of no language"), "of no language");
    }

    #[test]
    fn a_failure_is_told_in_the_language_if_it_has_words_for_it() {
        let german = Words::choose(Some("de".to_owned()), Vec::new);
        let known = Failure::new("not_signed_in", "Sign in first.");
        let unknown = Failure::new("of no language", "It failed.");
        assert_eq!(german.failure(&known), "Melde dich zuerst an.");
        assert_eq!(german.failure(&unknown), "It failed.");
        assert_eq!(Words::default().failure(&known), "Sign in first.");
    }

    #[test]
    fn values_stand_where_their_names_stood_and_are_not_read() {
        let values = [("reason", "{text}"), ("text", "a {b} }{")];
        assert_eq!(fill("{reason}: “{text}”", &values), "{text}: “a {b} }{”");
        for unchanged in ["", "no value", "{other}", "{", "}{", "{reason"] {
            assert_eq!(fill(unchanged, &values), unchanged);
        }
        assert_eq!(fill("{{reason}}", &values), "{{text}}");
    }
}
