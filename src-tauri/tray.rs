//! The icon in the panel: how much is unread, and a menu to open a chat, the window, the settings or another profile,
//! to have an hour's rest, and to quit.
//!
//! On Linux the StatusNotifierItem protocol itself, which tells whether a panel shows it and needs no GTK;
//! elsewhere Tauri's tray.

use khaya_chat::View;
use khaya_wire::ChatId;
use tauri::image::Image;

use crate::words::Words;

#[cfg(target_os = "linux")]
#[path = "tray/status_notifier.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "tray/native.rs"]
mod platform;

pub(crate) use platform::Tray;

/// How many chats the menu names.
const NAMED_CHATS: usize = 5;

/// The longest name in the menu, in characters.
const MAX_NAME: usize = 40;

/// What tray and title tell as unread: the view's own number, and its rows; and the language in which the tray does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    pub(crate) total: u64,
    words: Words,
    /// The latest chats with something unread that are not muted.
    chats: Vec<UnreadChat>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct UnreadChat {
    id: ChatId,
    /// Its name and how much is unread in it.
    label: String,
}

impl Unread {
    /// Nothing is known yet.
    fn none(words: Words) -> Self {
        Self {
            words,
            ..Self::default()
        }
    }

    /// Of a locked app no names are told.
    pub(crate) fn of(view: &View, locked: bool, words: Words) -> Self {
        if locked {
            return Self {
                total: view.unread,
                ..Self::none(words)
            };
        }
        let chats = view.unread_chats().take(NAMED_CHATS).map(|chat| {
            let name: String = chat.name.chars().take(MAX_NAME).collect();
            UnreadChat {
                id: chat.id.clone(),
                label: format!("{name} ({})", chat.unread),
            }
        });
        Self {
            total: view.unread,
            words,
            chats: chats.collect(),
        }
    }

    /// The tooltip, and a line of the menu.
    fn line(&self) -> String {
        match self.total {
            0 => self.words.text("native.unreadNone").to_owned(),
            1 => self.words.text("native.unreadOne").to_owned(),
            more => self
                .words
                .with("native.unreadMany", [("count", &more.to_string())]),
        }
    }
}

/// The dot alone, as large as an icon.
#[cfg(target_os = "windows")]
pub(crate) fn dot() -> tauri::Result<Image<'static>> {
    const SIDE: u32 = 16;
    let mut pixels = vec![0; (SIDE * SIDE * 4) as usize];
    draw_dot(&mut pixels, SIDE, SIDE);
    Ok(Image::new_owned(pixels, SIDE, SIDE))
}

/// The icon, with a dot in its corner when there is something unread.
fn icon(unread: bool) -> tauri::Result<Image<'static>> {
    let plain = Image::from_bytes(include_bytes!("../icons/64x64.png"))?;
    let (width, height) = (plain.width(), plain.height());
    let mut pixels = plain.rgba().to_vec();
    if unread {
        draw_dot(&mut pixels, width, height);
    }
    Ok(Image::new_owned(pixels, width, height))
}

/// A red disc with a white rim in the upper right corner: seen on dark and light panels alike.
fn draw_dot(rgba: &mut [u8], width: u32, height: u32) {
    let radius = f64::from(width) * 0.24;
    let (centre_x, centre_y) = (f64::from(width) - radius, radius);
    let cells = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    for (pixel, (x, y)) in rgba.chunks_exact_mut(4).zip(cells) {
        let distance = (f64::from(x) + 0.5 - centre_x).hypot(f64::from(y) + 0.5 - centre_y);
        if distance <= radius * 0.8 {
            pixel.copy_from_slice(&[0xd3, 0x2f, 0x2f, 0xff]);
        } else if distance <= radius {
            pixel.copy_from_slice(&[0xff, 0xff, 0xff, 0xff]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use khaya_chat::view::ChatRow;
    use khaya_wire::ChatKind;

    use super::*;

    #[test]
    fn the_line_counts() {
        let line = |total| {
            let unread = Unread {
                total,
                ..Unread::default()
            };
            unread.line()
        };
        assert_eq!(
            [0, 1, 2].map(line),
            ["No unread messages", "1 unread message", "2 unread messages"]
        );
    }

    #[test]
    fn names_the_latest_unread_chats_that_are_not_muted() {
        let row = |id: &str, unread, muted| {
            Arc::new(ChatRow {
                id: ChatId::new(id).unwrap(),
                kind: ChatKind::Group,
                name: "x".repeat(MAX_NAME) + id,
                unread,
                mentioned: false,
                muted,
                pinned: false,
                person: None,
                presence: None,
                avatar: None,
                at: serde_json::from_str("\"2026-01-01T00:00:00.000Z\"").unwrap(),
                preview: None,
                draft: None,
                typing: Vec::new(),
            })
        };
        let mut chats = vec![row("read", 0, false), row("muted", 3, true)];
        chats.extend((0..9).map(|number| row(&number.to_string(), number + 1, false)));
        let view = View {
            unread: 45,
            chats,
            ..View::default()
        };
        assert_eq!(
            Unread::of(&view, true, Words::default()),
            Unread {
                total: 45,
                ..Unread::default()
            }
        );
        let unread = Unread::of(&view, false, Words::default());
        assert_eq!(unread.total, 45);
        assert_eq!(
            unread
                .chats
                .iter()
                .map(|chat| chat.id.as_str())
                .collect::<Vec<_>>(),
            ["0", "1", "2", "3", "4"]
        );
        assert_eq!(unread.chats[1].label, format!("{} (2)", "x".repeat(MAX_NAME)));
    }

    #[test]
    fn the_dot_is_in_the_corner_alone() {
        let (plain, dotted) = (icon(false).unwrap(), icon(true).unwrap());
        let pixel = |image: &Image<'_>, x: u32, y: u32| {
            let at = ((y * image.width() + x) * 4) as usize;
            image.rgba()[at..at + 4].to_vec()
        };
        assert_eq!(pixel(&dotted, 48, 15), [0xd3, 0x2f, 0x2f, 0xff]);
        assert_eq!(pixel(&dotted, 20, 50), pixel(&plain, 20, 50));
        assert_ne!(pixel(&dotted, 48, 15), pixel(&plain, 48, 15));
    }
}
