//! Texts as they are shown: read once, when they come into memory, and not each time that a window is shown.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use khaya_markup::Block;
use khaya_wire::Message;

use crate::store::Outgoing;

/// The longest line made of a text, in characters.
const LONGEST_LINE: usize = 200;

/// Texts that have been read, by what they are the text of.
#[derive(Debug)]
pub(super) struct Words<K>(HashMap<K, (Arc<str>, Arc<Vec<Block>>)>);

impl<K> Default for Words<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash + Clone> Words<K> {
    /// Reads what has not been read, and forgets what is not among these.
    pub(super) fn keep<'a>(&mut self, texts: impl Iterator<Item = (&'a K, &'a Arc<str>)>)
    where
        K: 'a,
    {
        let mut old = std::mem::take(&mut self.0);
        self.0 = texts
            .map(|(key, text)| {
                let known = old.remove(key).filter(|(known, _)| known == text);
                (
                    key.clone(),
                    known.unwrap_or_else(|| (Arc::clone(text), read(text))),
                )
            })
            .collect();
    }

    /// The text as it is shown.
    pub(super) fn of(&self, key: &K, text: &Arc<str>) -> Arc<Vec<Block>> {
        match self.0.get(key) {
            Some((known, blocks)) if known == text => Arc::clone(blocks),
            // As somebody has just changed it.
            Some(_) | None => read(text),
        }
    }
}

/// A message in one line.
pub(super) fn line(message: &Message) -> String {
    if message.deleted_at.is_some() {
        return String::new();
    }
    let names = message.attachments.iter().flatten().map(|file| &*file.name);
    or_files(line_of(&message.content), names)
}

/// A message that waits to be sent, in one line.
pub(super) fn line_of_unsent(message: &Outgoing) -> String {
    let names = message.files.iter().map(|file| &*file.staged.name);
    or_files(line_of(&message.text), names)
}

/// What a message without words is told by.
fn or_files<'a>(line: String, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() || !line.trim().is_empty() {
        return line;
    }
    super::show::shortened(&format!("📎 {}", names.join(", ")), LONGEST_LINE)
}

/// The beginning of a text in one line, without its marks.
pub(super) fn line_of(text: &str) -> String {
    // Of a long text the end would be read for nothing.
    let end = text
        .char_indices()
        .nth(4 * LONGEST_LINE)
        .map_or(text.len(), |(at, _)| at);
    super::show::shortened(&khaya_markup::plain(&text[..end]), LONGEST_LINE)
}

fn read(text: &str) -> Arc<Vec<Block>> {
    Arc::new(khaya_markup::parse(text))
}
