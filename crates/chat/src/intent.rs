//! What a person wants: the one way into the machine from the window, the tray and a notification.
//!
//! An intent is answered with `Ok` or a [`crate::view::Failure`]; what it leads to comes back in the
//! [`crate::View`].

use std::fmt;

use khaya_wire::{ChatId, ChatKind, UserId};
use serde::Deserialize;

/// One wish. On the page's side an object whose `type` is the variant's name in camel case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Intent {
    /// Sign in at a server. `server` is what the person typed: a host, or an address with a scheme.
    SignIn {
        server: String,
        username: String,
        password: Secret,
    },
    /// Stay signed in although the keyring cannot hold the session: until the app ends.
    KeepForThisRun,
    /// Try once more to put the session into the keyring.
    RetryKeyring,
    /// End the session here and at the server. Unsent messages and drafts stay on disk.
    SignOut,
    /// Show a chat.
    OpenChat { chat_id: ChatId },
    /// Show no chat.
    CloseChat,
    /// Send a message. Answered `Ok` once the message is safe on disk; until then the page keeps the text.
    Send { chat_id: ChatId, text: String },
    /// Send a failed message again.
    Retry { key: String },
    /// Forget a message that was not sent.
    DeleteUnsent { key: String },
    /// Show messages before those that are shown.
    LoadOlder,
    /// Show messages after those that are shown, where the window does not reach the newest.
    LoadNewer,
    /// Show the newest messages.
    JumpToNewest,
    /// Everything up to this item has been seen by the person, in a focused window.
    Seen { chat_id: ChatId, key: String },
    /// The person types (told at most every few seconds by the page, which need not be exact), or stopped.
    Typing { chat_id: ChatId, active: bool },
    /// Keep what is typed and not sent. Empty text removes the draft.
    SaveDraft { chat_id: ChatId, text: String },
    /// Start a chat. With [`ChatKind::Direct`] there is one member and no name. The new chat is opened.
    StartChat {
        kind: ChatKind,
        name: Option<String>,
        member_ids: Vec<UserId>,
    },
    /// Look for people by name; the answer is [`crate::View::people`]. `None` ends the search.
    FindPeople { query: Option<String> },
    /// Fetch everything anew and connect at once, without waiting for the next attempt.
    Refresh,
    /// Whether the window has the focus of the system, and whether it can be seen at all.
    Focus { focused: bool },
    /// The system says that it has a network, or none.
    Network { online: bool },
    /// Take an alert away.
    Dismiss { alert_id: u64 },
}

/// Text that is never shown: not in logs, not by `Debug`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Call this only where it leaves for the server or the keyring.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
