//! The text of a message as a small tree: what is strong, a link, a list, a table, code.
//!
//! It owns the reading of Markdown: CommonMark with tables, task lists, strike, bare addresses and emoji names,
//! as GitHub's dialect has them. In two things a chat is not a document, so that
//! - a line break is a line break, also without two spaces before it (CommonMark 6.8 leaves that to who renders), and
//! - HTML is text, and looks as it was typed.
//!
//! It never makes HTML, never asks the network, and never passes on an address that could run something: whoever
//! shows the tree has nothing left to make safe but to set text as text. Any text gives a tree, in bounded depth and size.

mod convert;
mod highlight;
mod links;
mod mentions;
mod plain;
mod tree;

pub use plain::plain;
pub use tree::{Align, Block, Highlight, Inline, Item, Span};

/// Reads `text`. Blank text gives no blocks; any other gives at least one.
///
/// # Examples
///
/// ```
/// use khaya_markup::{Block, Inline, parse};
///
/// let strong = Inline::Strong { inlines: vec![Inline::Text { text: "now".to_owned() }] };
/// assert_eq!(parse("**now**"), vec![Block::Paragraph { inlines: vec![strong] }]);
/// ```
pub fn parse(text: &str) -> Vec<Block> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let blocks = convert::blocks(text);
    if blocks.is_empty() {
        // Definitions of links alone, for instance, are no part of a document. In a chat somebody wrote them to be read.
        return vec![convert::as_typed(text)];
    }
    blocks
}
