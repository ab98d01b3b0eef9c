//! What files are called: nothing of a path, nothing that a screen shows as something else, not too long.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use unicode_normalization::UnicodeNormalization as _;

use crate::Error;

/// The longest name, in bytes, which most file systems take.
const MAX_BYTES: usize = 255;
/// The longest ending that a name which is too long keeps, in bytes.
const MAX_ENDING: usize = 16;
/// What a file is called that has no name.
const UNNAMED: &str = "file";
/// What stands as it is in `filename*` (RFC 8187, section 3.2.1, `attr-char`).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// How a browser is to show a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Inline,
    Attachment,
}

/// The name in an `X-File-Name` header: percent-encoded UTF-8, of which the last part of a path counts.
pub(crate) fn from_header(value: Option<&HeaderValue>) -> Result<String, Error> {
    let Some(value) = value else {
        return Ok(UNNAMED.to_owned());
    };
    let refused = || Error::invalid("X-File-Name", "is not percent-encoded UTF-8");
    let text = value.to_str().map_err(|_| refused())?;
    let text = percent_decode_str(text).decode_utf8().map_err(|_| refused())?;
    Ok(clean(&text))
}

fn clean(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.nfc().filter(|c| !is_hidden(*c)).collect();
    let kept = kept.trim().trim_end_matches(['.', ' ']);
    if kept.is_empty() {
        return UNNAMED.to_owned();
    }
    shorten(kept)
}

/// Controls, line ends, and what turns the direction of writing: with those `exe.gpj` is shown as `jpg.exe`.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Cuts a name that is too long in front of its ending.
fn shorten(name: &str) -> String {
    if name.len() <= MAX_BYTES {
        return name.to_owned();
    }
    let ending = name
        .rfind('.')
        .map_or("", |dot| &name[dot..])
        .trim_end_matches(|_| name.rfind('.').is_some_and(|dot| name.len() - dot > MAX_ENDING));
    let mut end = MAX_BYTES - ending.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &name[..end])
}

/// `Content-Disposition` (RFC 6266), with a name that every client can read and one that new ones can.
pub(crate) fn disposition(shown: Shown, name: &str) -> String {
    let kind = match shown {
        Shown::Inline => "inline",
        Shown::Attachment => "attachment",
    };
    let plain: String = name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '%' => '_',
            c if c.is_ascii() => c,
            _ => '_',
        })
        .collect();
    let encoded = utf8_percent_encode(name, ENCODED);
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_a_name() {
        let long = format!("{}.pdf", "é".repeat(200));
        for (given, kept) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\me\\plan.txt", "plan.txt"),
            ("..", "file"),
            ("", "file"),
            (" . ", "file"),
            (".bashrc", ".bashrc"),
            ("a\0b\r\nc.txt", "abc.txt"),
            ("photo\u{202E}gpj.exe", "photogpj.exe"),
            ("תמונה.png", "תמונה.png"),
            ("e\u{301}te\u{301}.jpg", "été.jpg"),
            ("family 👩\u{200D}👧.png", "family 👩\u{200D}👧.png"),
            ("trailing. . .", "trailing"),
            (&long, &format!("{}.pdf", "é".repeat(125))),
            (&"x".repeat(300), &"x".repeat(255)),
            (
                &format!("a.{}", "y".repeat(300)),
                &format!("a.{}", "y".repeat(253)),
            ),
        ] {
            assert_eq!(clean(given), kept, "{given:?}");
        }
    }

    #[test]
    fn tells_a_name_to_old_and_new_clients() {
        assert_eq!(
            disposition(Shown::Attachment, "a \"b\" 50%; é.txt"),
            "attachment; filename=\"a _b_ 50_; _.txt\"; filename*=UTF-8''a%20%22b%22%2050%25%3B%20%C3%A9.txt"
        );
    }

    #[test]
    fn reads_a_header() {
        let read = |text: &[u8]| from_header(Some(&HeaderValue::from_bytes(text).unwrap()));
        assert_eq!(read(b"na%C3%AFve%20plan.txt").unwrap(), "naïve plan.txt");
        assert_eq!(read(b"100%").unwrap(), "100%");
        assert!(read(b"%FF%FE").is_err());
        assert!(read("naïve".as_bytes()).is_err());
        assert_eq!(from_header(None).unwrap(), "file");
    }
}
