//! From comrak's document to our tree. It owns which of Markdown's extensions are on, and the bounds: how deep the tree
//! may be and how large a table.

use comrak::nodes::{ListType, Node, NodeValue, TableAlignment};
use comrak::{Arena, Options, parse_document};

use crate::tree::{Align, Block, Inline, Item};
use crate::{highlight, links, mentions, plain};

/// Deeper than anybody writes; what lies below is shown as the text that it holds.
const DEEPEST: usize = 16;
/// A table is filled up to its number of columns in every row, so that a few bytes could make many cells.
const MOST_CELLS: usize = 4_096;

/// The blocks of `text`.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let arena = Arena::new();
    let document = parse_document(&arena, text, &options(text));
    children(document, 0)
}

/// `text` as one paragraph, with nothing in it read as a mark.
pub(crate) fn as_typed(text: &str) -> Block {
    let mut inlines = Vec::new();
    lines(text.trim_matches('\n'), &mut inlines);
    Block::Paragraph { inlines }
}

fn options(text: &str) -> Options<'static> {
    let mut options = Options::default();
    let columns = text
        .lines()
        .map(|line| line.matches('|').count())
        .max()
        .unwrap_or(0);
    options.extension.table = columns.saturating_mul(text.lines().count()) <= MOST_CELLS;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.shortcodes = true;
    options.extension.cjk_friendly_emphasis = true;
    options
}

fn children(node: Node<'_>, depth: usize) -> Vec<Block> {
    node.children()
        .filter_map(|child| block(child, depth + 1))
        .collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "comrak's other nodes belong to extensions that are off, or stand in blocks that are read whole"
)]
fn block(node: Node<'_>, depth: usize) -> Option<Block> {
    if depth > DEEPEST {
        let text = text_below(node);
        return (!text.trim().is_empty()).then(|| as_typed(&text));
    }
    let ast = node.data();
    Some(match &ast.value {
        NodeValue::Paragraph => Block::Paragraph {
            inlines: inlines(node, depth),
        },
        NodeValue::Heading(heading) => Block::Heading {
            level: heading.level,
            inlines: inlines(node, depth),
        },
        NodeValue::CodeBlock(code) => {
            let language = code
                .info
                .split([' ', ',', '{'])
                .next()
                .filter(|name| !name.is_empty())
                .map(str::to_owned);
            let text = code.literal.strip_suffix('\n').unwrap_or(&code.literal);
            Block::Code {
                spans: highlight::spans(text, language.as_deref()),
                language,
            }
        }
        NodeValue::HtmlBlock(html) => as_typed(&html.literal),
        NodeValue::BlockQuote => Block::Quote {
            blocks: children(node, depth),
        },
        NodeValue::List(list) => {
            let start =
                (list.list_type == ListType::Ordered).then(|| u32::try_from(list.start).unwrap_or(u32::MAX));
            Block::List {
                start,
                items: node.children().map(|child| item(child, depth)).collect(),
            }
        }
        NodeValue::Table(table) => {
            let mut rows = node.children().map(|row| {
                row.children()
                    .map(|cell| inlines(cell, depth))
                    .collect::<Vec<_>>()
            });
            Block::Table {
                align: table.alignments.iter().map(align).collect(),
                head: rows.next().unwrap_or_default(),
                rows: rows.collect(),
            }
        }
        NodeValue::ThematicBreak => Block::Rule,
        _ => return None,
    })
}

fn item(node: Node<'_>, depth: usize) -> Item {
    #[expect(clippy::wildcard_enum_match_arm, reason = "an item is a task, or it is not")]
    let done = match &node.data().value {
        NodeValue::TaskItem(task) => Some(task.symbol.is_some()),
        _ => None,
    };
    Item {
        done,
        blocks: children(node, depth + 1),
    }
}

fn align(align: &TableAlignment) -> Align {
    match align {
        TableAlignment::None | TableAlignment::Left => Align::Start,
        TableAlignment::Center => Align::Center,
        TableAlignment::Right => Align::End,
    }
}

fn inlines(node: Node<'_>, depth: usize) -> Vec<Inline> {
    let mut all = Vec::new();
    // A name may lie across several of comrak's pieces of text.
    let mut text = String::new();
    for child in node.children() {
        if let NodeValue::Text(piece) = &child.data().value {
            text.push_str(piece);
            continue;
        }
        links::push(&std::mem::take(&mut text), &mut all);
        inline(child, depth + 1, &mut all);
    }
    links::push(&text, &mut all);
    all
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "comrak's other nodes belong to extensions that are off"
)]
fn inline(node: Node<'_>, depth: usize, into: &mut Vec<Inline>) {
    if depth > DEEPEST {
        return lines(&text_below(node), into);
    }
    match &node.data().value {
        NodeValue::SoftBreak | NodeValue::LineBreak => into.push(Inline::Break),
        NodeValue::Code(code) => into.push(Inline::Code {
            text: code.literal.clone(),
        }),
        NodeValue::HtmlInline(html) => lines(html, into),
        NodeValue::ShortCode(emoji) => mentions::push_text(&emoji.emoji, into),
        NodeValue::Strong => into.push(Inline::Strong {
            inlines: inlines(node, depth),
        }),
        NodeValue::Emph => into.push(Inline::Emphasis {
            inlines: inlines(node, depth),
        }),
        NodeValue::Strikethrough => into.push(Inline::Strike {
            inlines: inlines(node, depth),
        }),
        // A picture from elsewhere would tell its host who read the message, and when.
        NodeValue::Link(link) | NodeValue::Image(link) => {
            let words = without_links(inlines(node, depth));
            let picture = matches!(&node.data().value, NodeValue::Image(_));
            let typed = format!(
                "{}[{}]({})",
                if picture { "!" } else { "" },
                plain::inlines(&words),
                link.url
            );
            match links::link(&link.url, words) {
                Some(link) => into.push(link),
                None => mentions::push_text(&typed, into),
            }
        }
        _ => {}
    }
}

/// The words of a link, without what would be a link in a link: a picture, or a mention.
fn without_links(inlines: Vec<Inline>) -> Vec<Inline> {
    let mut words = Vec::new();
    for inline in inlines {
        match inline {
            Inline::Link { inlines, .. } => words.extend(inlines),
            Inline::Mention { text, .. } => mentions::push_text(&text, &mut words),
            Inline::Strong { inlines } => words.push(Inline::Strong {
                inlines: without_links(inlines),
            }),
            Inline::Emphasis { inlines } => words.push(Inline::Emphasis {
                inlines: without_links(inlines),
            }),
            Inline::Strike { inlines } => words.push(Inline::Strike {
                inlines: without_links(inlines),
            }),
            Inline::Text { .. } | Inline::Code { .. } | Inline::Break => words.push(inline),
        }
    }
    words
}

/// Pushes text in which a line end is one.
fn lines(text: &str, into: &mut Vec<Inline>) {
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            into.push(Inline::Break);
        }
        mentions::push_text(line, into);
    }
}

/// The text of all that lies below a node, found without going down by recursion.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only some nodes hold text of their own"
)]
fn text_below(node: Node<'_>) -> String {
    let mut text = String::new();
    for below in node.descendants() {
        match &below.data().value {
            NodeValue::Text(piece) => text.push_str(piece),
            NodeValue::Code(code) => text.push_str(&code.literal),
            NodeValue::CodeBlock(code) => text.push_str(&code.literal),
            NodeValue::HtmlInline(html) => text.push_str(html),
            NodeValue::HtmlBlock(html) => text.push_str(&html.literal),
            NodeValue::ShortCode(emoji) => text.push_str(&emoji.emoji),
            NodeValue::SoftBreak | NodeValue::LineBreak => text.push('\n'),
            _ => {}
        }
    }
    text
}
