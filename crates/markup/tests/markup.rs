//! What is written, and the tree that it gives.

use khaya_markup::{Block, Inline, parse, plain};
use serde_json::{Value, json};

fn tree(text: &str) -> Value {
    serde_json::to_value(parse(text)).expect("a tree is JSON")
}

fn paragraph(inlines: Value) -> Value {
    json!([{ "kind": "paragraph", "inlines": inlines }])
}

fn text(text: &str) -> Value {
    json!({ "kind": "text", "text": text })
}

#[test]
fn running_text() {
    for (typed, inlines) in [
        ("a", json!([text("a")])),
        ("a\nb", json!([text("a"), { "kind": "break" }, text("b")])),
        (
            "**a** *b* ~~c~~ `d*e*`",
            json!([
                { "kind": "strong", "inlines": [text("a")] }, text(" "),
                { "kind": "emphasis", "inlines": [text("b")] }, text(" "),
                { "kind": "strike", "inlines": [text("c")] }, text(" "),
                { "kind": "code", "text": "d*e*" },
            ]),
        ),
        (
            "snake_case_name 2*3*4",
            json!([text("snake_case_name 2"), { "kind": "emphasis", "inlines": [text("3")] }, text("4")]),
        ),
        (r"\*a\*", json!([text("*a*")])),
        (
            ":tada: at 10:30:45 :nothing:",
            json!([text("🎉 at 10:30:45 :nothing:")]),
        ),
        (
            "hi @Anna, `@bob`",
            json!([text("hi "), { "kind": "mention", "text": "@Anna", "username": "anna" }, text(", "), { "kind": "code", "text": "@bob" }]),
        ),
        (
            "会议**重要**内容",
            json!([text("会议"), { "kind": "strong", "inlines": [text("重要")] }, text("内容")]),
        ),
    ] {
        assert_eq!(tree(typed), paragraph(inlines), "{typed}");
    }
}

#[test]
fn blocks() {
    assert_eq!(
        tree("# A\n\n> b\n\n---"),
        json!([
            { "kind": "heading", "level": 1, "inlines": [text("A")] },
            { "kind": "quote", "blocks": paragraph(json!([text("b")])) },
            { "kind": "rule" },
        ])
    );
    assert_eq!(
        tree("3. a\n4. b"),
        json!([{ "kind": "list", "start": 3, "items": [
        { "blocks": paragraph(json!([text("a")])) },
        { "blocks": paragraph(json!([text("b")])) },
    ] }])
    );
    assert_eq!(
        tree("- [x] a\n- [ ] b"),
        json!([{ "kind": "list", "start": null, "items": [
        { "done": true, "blocks": paragraph(json!([text("a")])) },
        { "done": false, "blocks": paragraph(json!([text("b")])) },
    ] }])
    );
    assert_eq!(
        tree("|a|b|\n|-|-:|\n|1|"),
        json!([{ "kind": "table", "align": ["start", "end"],
            "head": [[text("a")], [text("b")]],
            "rows": [[[text("1")], []]],
        }])
    );
    assert_eq!(
        tree("```\n<b>&amp;</b>\n```"),
        json!([{ "kind": "code", "language": null, "spans": [{ "text": "<b>&amp;</b>" }] }])
    );
    assert_eq!(
        tree("```json\n1\n```"),
        json!([{ "kind": "code", "language": "json", "spans": [{ "highlight": "constant", "text": "1" }] }])
    );
}

#[test]
fn links() {
    assert_eq!(
        tree("see https://a.example/b."),
        paragraph(json!([
            text("see "),
            { "kind": "link", "target": "https://a.example/b", "host": "a.example", "titled": false, "inlines": [text("https://a.example/b")] },
            text("."),
        ]))
    );
    assert_eq!(
        tree("[a **b**](https://c.example)"),
        paragraph(json!([
            { "kind": "link", "target": "https://c.example/", "host": "c.example", "titled": true,
              "inlines": [text("a "), { "kind": "strong", "inlines": [text("b")] }] },
        ]))
    );
    // A picture is a link to it, and is not fetched; in a link it is its words.
    assert_eq!(
        tree("![cat](https://c.example/cat.png)")[0]["inlines"][0]["kind"],
        "link"
    );
    assert_eq!(
        tree("[**![cat](https://c.example/1)**](https://d.example)"),
        paragraph(json!([
            { "kind": "link", "target": "https://d.example/", "host": "d.example", "titled": true,
              "inlines": [{ "kind": "strong", "inlines": [text("cat")] }] },
        ]))
    );
}

#[test]
fn what_is_no_markdown_looks_as_typed() {
    for typed in [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onclick=\"alert(1)\">b</b> c",
        "[x](javascript:alert(1))",
        "![x](data:image/svg+xml;base64,PHN2Zz4=)",
        "<svg/onload=alert(1)>",
        "{{constructor.constructor('alert(1)')()}}",
        "[a]: https://b.example",
        "a < b && c > d",
    ] {
        assert_eq!(plain(typed), typed);
        let links = tree(typed).to_string().contains("\"link\"");
        assert!(!links, "{typed} gave a link");
    }
}

#[test]
fn blank_text_is_nothing() {
    for typed in ["", " ", "\n\n", "\t", "\u{b}", "\u{3000}"] {
        assert_eq!(parse(typed), Vec::new());
    }
}

/// How deep a tree is, found as a renderer would: by recursion.
fn depth(blocks: &[Block]) -> usize {
    blocks
        .iter()
        .map(|block| {
            1 + match block {
                Block::Paragraph { inlines } | Block::Heading { inlines, .. } => inline_depth(inlines),
                Block::Code { .. } | Block::Rule => 0,
                Block::Quote { blocks } => depth(blocks),
                Block::List { items, .. } => items.iter().map(|item| depth(&item.blocks)).max().unwrap_or(0),
                Block::Table { head, rows, .. } => head
                    .iter()
                    .chain(rows.iter().flatten())
                    .map(|cell| inline_depth(cell))
                    .max()
                    .unwrap_or(0),
            }
        })
        .max()
        .unwrap_or(0)
}

fn inline_depth(inlines: &[Inline]) -> usize {
    inlines
        .iter()
        .map(|inline| match inline {
            Inline::Text { .. } | Inline::Code { .. } | Inline::Mention { .. } | Inline::Break => 0,
            Inline::Strong { inlines }
            | Inline::Emphasis { inlines }
            | Inline::Strike { inlines }
            | Inline::Link { inlines, .. } => 1 + inline_depth(inlines),
        })
        .max()
        .unwrap_or(0)
}

/// The longest message of the contract, made of what costs a careless reader most, on a small stack.
#[test]
fn a_hostile_message_gives_a_small_tree() {
    const BYTES: usize = 16_384;
    let full = |piece: &str| piece.repeat(BYTES / piece.len());
    let mut texts: Vec<String> = [
        ">", "> ", "- ", "1. ", "*", "_", "*a_ ", "**a ", "[", "![", "[a](", "](", "`", "`a``", "<", "<!--",
        "&", "|", "|\n", "~~a", ":a", "@a", "@", "\\", "a.b@", "http://a", "[a]: b\n", "<a><", "\u{202e}",
        "\0",
    ]
    .into_iter()
    .map(full)
    .collect();
    let columns = full("|a").split_at(BYTES / 2).0.to_owned();
    texts.push(format!(
        "{columns}|\n{}|\n{}",
        columns.replace('a', "-"),
        full("|\n").split_at(BYTES / 4).0
    ));
    texts.push(
        (0..120)
            .map(|depth| format!("{}- a\n", "  ".repeat(depth)))
            .collect(),
    );
    texts.push(format!("```rust\n{}\n```", full("r#\"(")));
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(move || {
            for text in texts {
                let blocks = parse(&text);
                assert!(
                    depth(&blocks) <= 40,
                    "too deep: {:?}",
                    &text.chars().take(20).collect::<String>()
                );
                let size = serde_json::to_string(&blocks).expect("a tree is JSON").len();
                assert!(
                    size <= 64 * text.len(),
                    "{size} bytes of {:?}",
                    text.chars().take(20).collect::<String>()
                );
            }
        })
        .expect("a thread starts")
        .join()
        .expect("no panic");
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    fn targets(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                if object.get("kind") == Some(&json!("link")) {
                    found.push(object["target"].as_str().unwrap_or_default().to_owned());
                }
                object.values().for_each(|value| targets(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| targets(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Marks, words and addresses in any order: far more of Markdown than random letters would meet.
    fn message() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "*",
                "**",
                "_",
                "~~",
                "`",
                "```",
                "```js\n",
                "\n",
                "\n\n",
                "> ",
                "- ",
                "1. ",
                "- [ ] ",
                "# ",
                "|",
                "|-|",
                "[",
                "]",
                "(",
                ")",
                "](",
                "![",
                "<",
                ">",
                "</",
                "&#106;",
                "\\",
                "@",
                ":",
                ":+1:",
                "javascript:",
                "JAVA&#115;CRIPT:",
                "data:text/html,",
                "https://a.example",
                "www.b.example",
                "mailto:a@b.example",
                "\u{202e}",
                "\t",
                "    ",
                "[a]: c\n",
                "@anna",
                "会议"
            ])
            .prop_map(str::to_owned),
            "[a-z ]{1,6}",
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn is_read_to_a_safe_tree(text in message()) {
            let blocks = parse(&text);
            prop_assert_eq!(blocks.is_empty(), text.trim().is_empty(), "{:?}", text);
            prop_assert!(depth(&blocks) <= 40);
            let json = serde_json::to_value(&blocks).expect("a tree is JSON");
            let mut found = Vec::new();
            targets(&json, &mut found);
            for target in found {
                prop_assert!(["http://", "https://", "mailto:", "khaya:"].iter().any(|scheme| target.starts_with(scheme)), "{} leads to {}", text, target);
            }
            let back: Vec<Block> = serde_json::from_value(json).expect("a tree of JSON");
            prop_assert_eq!(back, blocks);
        }
    }
}
