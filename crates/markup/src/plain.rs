//! A message in one line, without its marks: for the list of chats, a notice, a quote. It owns no reading of Markdown.

use crate::tree::{Block, Inline};

/// The words of `text` in one line; the ends of lines and blocks are spaces.
///
/// # Examples
///
/// ```
/// assert_eq!(khaya_markup::plain("# News\n- **done**\n- [here](https://a.example)"), "News done here");
/// ```
pub fn plain(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    blocks(&crate::parse(text), &mut line);
    line
}

/// The words of running text.
pub(crate) fn inlines(inlines: &[Inline]) -> String {
    let mut line = String::new();
    push(inlines, &mut line);
    line
}

fn blocks(blocks: &[Block], line: &mut String) {
    for block in blocks {
        if !line.is_empty() && !line.ends_with(' ') {
            line.push(' ');
        }
        match block {
            Block::Paragraph { inlines } | Block::Heading { inlines, .. } => push(inlines, line),
            Block::Code { spans, .. } => {
                let code: String = spans.iter().map(|span| span.text.as_str()).collect();
                line.push_str(&code.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            Block::Quote { blocks } => self::blocks(blocks, line),
            Block::List { items, .. } => items.iter().for_each(|item| self::blocks(&item.blocks, line)),
            Block::Table { head, rows, .. } => {
                for cell in head.iter().chain(rows.iter().flatten()) {
                    push(cell, line);
                    line.push(' ');
                }
            }
            Block::Rule => line.push('—'),
        }
    }
    line.truncate(line.trim_end().len());
}

fn push(inlines: &[Inline], line: &mut String) {
    for inline in inlines {
        match inline {
            Inline::Text { text } | Inline::Code { text } | Inline::Mention { text, .. } => {
                line.push_str(text)
            }
            Inline::Strong { inlines }
            | Inline::Emphasis { inlines }
            | Inline::Strike { inlines }
            | Inline::Link { inlines, .. } => push(inlines, line),
            Inline::Break => line.push(' '),
        }
    }
}
