//! What a person wants: the one way into the machine from the window, the tray and a notification.
//!
//! An intent is answered with `Ok` or a [`crate::view::Failure`]; what it leads to comes back in the
//! [`crate::View`].

use std::fmt;

use khaya_wire::{ChatId, ChatKind, MessageId, SessionId, UserId, model::ChatRole};
use serde::Deserialize;

use crate::files::StagedFile;

/// One wish. On the page's side an object whose `type` is the variant's name in camel case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
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
    /// Make an account at a server and sign in with it. Answered as a sign-in is.
    Register {
        server: String,
        username: String,
        password: Secret,
        /// What others see.
        name: String,
        /// The code of an invite, without which most servers let nobody in.
        #[serde(default)]
        #[cfg_attr(test, ts(as = "Option<String>", optional = nullable))]
        invite: Option<Secret>,
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
    Send {
        chat_id: ChatId,
        text: String,
        /// The key of the item that this replies to; it may be one that is not sent yet.
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        reply_to: Option<String>,
        /// With `visible_to_roles`: for whom it is. Both empty: for everyone in the chat.
        #[serde(default)]
        #[cfg_attr(test, ts(as = "Option<Vec<UserId>>", optional))]
        visible_to: Vec<UserId>,
        #[serde(default)]
        #[cfg_attr(test, ts(as = "Option<Vec<String>>", optional))]
        visible_to_roles: Vec<String>,
        /// Files that were made ready ([`crate::actor::Handle::attach`]). With them the text may be empty.
        #[serde(default)]
        #[cfg_attr(test, ts(as = "Option<Vec<StagedFile>>", optional))]
        attachments: Vec<StagedFile>,
    },
    /// Send a failed message, or a failed edit, again.
    Retry { key: String },
    /// Forget a message that has not been sent, also while its files are being sent; or an edit that the server would
    /// not take.
    DeleteUnsent { key: String },
    /// Change the text of an item of the timeline. One that failed to be sent is sent with the new text.
    Edit { key: String, text: String },
    /// Delete an item of the timeline for everyone.
    Delete { key: String },
    /// React to an item of the timeline, or take the reaction back.
    React { key: String, emoji: String, add: bool },
    /// Pin an item of the timeline in its chat, or take it off.
    PinMessage { key: String, pinned: bool },
    /// Show the messages around this one.
    JumpTo { chat_id: ChatId, message_id: MessageId },
    /// No notices of this chat, or notices again; it counts on the badge only with them.
    MuteChat { chat_id: ChatId, muted: bool },
    /// Keep a chat at the top of the list, or no more.
    PinChat { chat_id: ChatId, pinned: bool },
    /// Give a group another name or topic; what is absent stays, an empty topic is none.
    DescribeChat {
        chat_id: ChatId,
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        name: Option<String>,
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        topic: Option<String>,
    },
    /// Add somebody to a group. People come from [`crate::View::people`] and from chats.
    AddMember { chat_id: ChatId, user_id: UserId },
    /// Take somebody out of a group.
    RemoveMember { chat_id: ChatId, user_id: UserId },
    /// Give a member of a group another role in it.
    SetRole {
        chat_id: ChatId,
        user_id: UserId,
        role: ChatRole,
    },
    /// Leave a group.
    LeaveChat { chat_id: ChatId },
    /// Delete a group for everyone.
    DeleteChat { chat_id: ChatId },
    /// Show messages before those that are shown.
    LoadOlder,
    /// Show messages after those that are shown, where the window does not reach the newest.
    LoadNewer,
    /// Show the newest messages.
    JumpToNewest,
    /// The person follows the newest messages of the open chat: older ones than so many may leave the window as others
    /// come in. `None`: they read further up, and what is shown stays.
    Follow { chat_id: ChatId, rows: Option<u16> },
    /// Everything up to this item has been seen by the person, in a focused window.
    Seen { chat_id: ChatId, key: String },
    /// Everything in this chat has been seen, though perhaps in a notice and not in the window.
    MarkRead { chat_id: ChatId },
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
    /// Ask where the person is signed in; the answer is [`crate::View::devices`].
    ListSessions,
    /// Sign another device out. Answered when the server has done it.
    RevokeSession { session_id: SessionId },
    /// Change the password, which signs all other devices out. Answered when the server has done it.
    ChangePassword { current: Secret, new: Secret },
    /// Have another name. Answered when the server has it.
    Rename { name: String },
    /// Have another picture, or none. Answered when the server has it.
    SetPicture { file: Option<StagedFile> },
    /// Look for messages; what is found is [`crate::View::search`]. In `query` are words, and what narrows the search
    /// down: `from:` a person, `in:` a chat, `before:` and `after:` a date, `has:` file, image or link. With `chat_id`,
    /// only that chat is looked through.
    Search {
        query: String,
        #[serde(default)]
        #[cfg_attr(test, ts(optional = nullable))]
        chat_id: Option<ChatId>,
    },
    /// Show more of what was found.
    SearchMore,
    /// End the search.
    CloseSearch,
    /// Fetch everything anew and connect at once, without waiting for the next attempt.
    Refresh,
    /// Whether the window has the focus of the system, and whether it can be seen at all.
    Focus { focused: bool },
    /// The system says that it has a network, or none; told again, that it is another one.
    Network { online: bool },
    /// When the person wants no notices. Told at the start and at each change; kept by who tells it.
    Quiet(Quiet),
    /// The store is locked ([`crate::view::Session::Locked`]): open it with the recovery passphrase; without one, ask
    /// the keyring once more.
    UnlockStore { passphrase: Option<Secret> },
    /// The store is locked: put it away, where it stays, and begin a new one.
    BeginStoreAnew,
    /// From now on this passphrase opens the store where the keyring cannot, or none does.
    SetRecoveryPassphrase { passphrase: Option<Secret> },
    /// Take an alert away.
    Dismiss { alert_id: u64 },
}

/// When there are no notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Quiet {
    /// Until the person says otherwise.
    pub do_not_disturb: bool,
    /// Every day, in minutes after midnight; where the first is the greater one, over midnight.
    pub hours: Option<(u16, u16)>,
    /// How far the clock on the wall is ahead of UTC now, in minutes.
    pub utc_offset: i16,
    /// Whether messages that name the person are told of all the same.
    pub but_mentions: bool,
}

/// Text that is never shown: not in logs, not by `Debug`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts", type = "string"))]
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
