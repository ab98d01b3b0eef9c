//! The tree: all that a message can be made of. It owns no text but its own, and says nothing of how things look.

use serde::{Deserialize, Serialize};

/// A piece of a message that stands on lines of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Block {
    /// Running text.
    Paragraph { inlines: Vec<Inline> },
    /// A heading of `level` 1 to 6.
    Heading { level: u8, inlines: Vec<Inline> },
    /// Code, to be shown in a fixed width as it is. `language` is what the fence names, if a fence names one.
    Code {
        language: Option<String>,
        spans: Vec<Span>,
    },
    /// What somebody else said.
    Quote { blocks: Vec<Self> },
    /// A list; numbered from `start` if there is one.
    List { start: Option<u32>, items: Vec<Item> },
    /// A table, with an alignment for each column. Every row has as many cells as there are columns.
    Table {
        align: Vec<Align>,
        head: Vec<Vec<Inline>>,
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// A line across.
    Rule,
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Whether the task is done, where the item is a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub done: Option<bool>,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub enum Align {
    /// As the text runs.
    Start,
    /// In the middle.
    Center,
    /// At the far side.
    End,
}

/// A piece of running text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Inline {
    /// Text, to be shown as it is.
    Text { text: String },
    /// Strong emphasis.
    Strong { inlines: Vec<Self> },
    /// Emphasis.
    Emphasis { inlines: Vec<Self> },
    /// Struck out.
    Strike { inlines: Vec<Self> },
    /// A bit of code.
    Code { text: String },
    /// A way to somewhere else.
    Link {
        /// Where it leads: an absolute address with the scheme `http`, `https`, `mailto` or `khaya`.
        target: String,
        /// The host that it leads to, as the network knows it (IDNA: in ASCII); a mail address or a link into the app has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "typescript", ts(optional))]
        host: Option<String>,
        /// Whether its words are others than its address, so that a reader can't see where it leads.
        titled: bool,
        /// Its words.
        inlines: Vec<Self>,
    },
    /// `@` and what may be somebody's username; whether there is such a person is for who knows them to say.
    Mention {
        /// As it was typed, with the `@`.
        text: String,
        /// The username in lower case.
        username: String,
    },
    /// The next line begins.
    Break,
}

/// A piece of code of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
pub struct Span {
    /// What it is, where the language is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "typescript", ts(optional))]
    pub highlight: Option<Highlight>,
    /// The piece, with its line ends.
    pub text: String,
}

/// What a piece of code is to its language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub enum Highlight {
    /// Said to the reader, not to the machine.
    Comment,
    /// Text in the code.
    String,
    /// A number, or another value that has a name: true, null.
    Constant,
    /// A word of the language.
    Keyword,
    /// The name of a type, a tag, a section.
    Type,
    /// The name of a function.
    Function,
    /// A line that a difference adds.
    Added,
    /// A line that a difference takes away.
    Removed,
}
