//! Notifications of macOS (<https://developer.apple.com/documentation/usernotifications>).
//!
//! Owns every call of the system's notification center, and with them what of the app is unsafe there. Never decides what
//! is told, nor what an answer does. What a notice and an answer are is known on every system, for tests.

#[cfg(target_os = "macos")]
mod center;

use std::fmt;

#[cfg(target_os = "macos")]
pub use center::{Center, Error};

/// What the buttons are called where the system tells which one was pressed.
#[cfg(any(target_os = "macos", test))]
const MARK_READ: &str = "mark-read";
#[cfg(any(target_os = "macos", test))]
const REPLY: &str = "reply";

/// What is to be shown.
#[derive(Clone)]
pub struct Notice {
    /// Comes back with the answer, also after another start. A notice takes the place of the one with the same.
    pub identifier: String,
    /// Notices of the same thread are one pile. Without one they are a pile of the app's.
    pub thread: Option<String>,
    /// The line on top.
    pub title: String,
    /// The text.
    pub body: String,
    /// What can be done where it is shown.
    pub buttons: Buttons,
    /// Whether it may be heard.
    pub sound: bool,
}

impl fmt::Debug for Notice {
    /// Without what is private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice")
            .field("identifier", &self.identifier)
            .finish_non_exhaustive()
    }
}

/// What can be done with a notice, besides opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buttons {
    /// Nothing.
    None,
    /// It can be marked as read.
    MarkRead,
    /// It can be answered, too.
    ReplyAndMarkRead,
}

/// What the buttons say.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// What marks a notice as read.
    pub mark_read: &'a str,
    /// What opens the field for an answer.
    pub reply: &'a str,
    /// What sends the answer.
    pub send: &'a str,
}

/// What somebody did with a notice.
#[derive(Clone, PartialEq, Eq)]
pub enum Chosen {
    /// It was clicked.
    Open,
    /// It is to be marked as read.
    MarkRead,
    /// This was typed into it.
    Reply(String),
}

impl Chosen {
    /// By the name of the button, and what was typed if that is a field.
    #[cfg(any(target_os = "macos", test))]
    fn by_button(name: &str, typed: Option<String>) -> Option<Self> {
        match (name, typed) {
            (MARK_READ, _) => Some(Self::MarkRead),
            (REPLY, Some(text)) => Some(Self::Reply(text)),
            _ => None,
        }
    }
}

impl fmt::Debug for Chosen {
    /// Without what was typed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::MarkRead => "MarkRead",
            Self::Reply(_) => "Reply",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_is_known_by_its_name_and_a_field_by_what_was_typed() {
        assert_eq!(Chosen::by_button("mark-read", None), Some(Chosen::MarkRead));
        assert_eq!(
            Chosen::by_button("reply", Some("On my way".to_owned())),
            Some(Chosen::Reply("On my way".to_owned()))
        );
        assert_eq!(Chosen::by_button("reply", None), None, "nothing was typed");
        let dismissed = "com.apple.UNNotificationDismissActionIdentifier";
        assert_eq!(Chosen::by_button(dismissed, None), None);
    }

    #[test]
    fn what_is_private_is_not_printed() {
        let notice = Notice {
            identifier: "khaya://chat/c/m".to_owned(),
            thread: Some("c".to_owned()),
            title: "Ada".to_owned(),
            body: "secret words".to_owned(),
            buttons: Buttons::ReplyAndMarkRead,
            sound: true,
        };
        let printed = format!("{notice:?} {:?}", Chosen::Reply("secret answer".to_owned()));
        assert!(
            !printed.contains("secret") && !printed.contains("Ada"),
            "{printed}"
        );
    }
}
