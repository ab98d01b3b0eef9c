//! What the machine asks of the shell: to show and withdraw notices, and to keep secrets in the keyring.
//!
//! Never here: how a notice looks or which keyring there is. Text of a restricted message never gets into a
//! [`Notice`].

use std::{fmt, future::Future, pin::Pin};

use khaya_wire::{ChatId, MessageId};

use crate::intent::Secret;

/// Something to do outside of the window's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShellRequest {
    /// Show a native notification. Asked at most once for a message.
    Notify(Notice),
    /// Take away the notifications of a chat: it has been read, here or elsewhere.
    Withdraw { chat_id: ChatId },
    /// Take away all notifications: nobody is signed in any more.
    WithdrawAll,
}

/// One native notification. A later one of the same chat may replace it.
#[derive(Clone, PartialEq, Eq)]
pub struct Notice {
    /// Different for each notice; the key of the newest message that it tells of.
    pub key: String,
    pub chat_id: ChatId,
    /// The message that a click leads to ([`crate::Intent::JumpTo`]). None where it tells of several: the chat opens at
    /// the first that is unread ([`crate::Intent::OpenChat`]).
    pub message_id: Option<MessageId>,
    /// Who wrote, and where if that is a group.
    pub title: String,
    /// The text, shortened. None where it tells of several messages, or of one that only some may see.
    pub text: Option<String>,
    /// How many messages it tells of.
    pub count: u64,
    /// Whether an answer that is typed into it says the same to the same people as one in the window: it tells of one
    /// message, which everybody in the chat can see.
    pub may_reply: bool,
}

impl Notice {
    /// One that tells of what an earlier one of its chat tells, too.
    #[must_use]
    pub(crate) fn after(self, earlier: &Self) -> Self {
        Self {
            message_id: None,
            text: None,
            count: self.count + earlier.count,
            may_reply: false,
            ..self
        }
    }
}

impl fmt::Debug for Notice {
    /// Without the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice")
            .field("key", &self.key)
            .field("chat_id", &self.chat_id)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// What a [`Secrets`] call answers, later.
pub type SecretsFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, SecretsError>> + Send + 'a>>;

/// What is kept in the keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretName {
    /// Of the one who is signed in: entry `PROFILE/session`.
    Session,
    /// The key of the store on disk: entry `PROFILE/store-key`.
    StoreKey,
}

/// Where secrets are kept between runs: the system's keyring.
///
/// A call may take long (a keyring that asks for its password); the caller waits for a bounded time.
pub trait Secrets: Send + Sync + 'static {
    /// What was stored under this name, or `None`.
    fn load(&self, name: SecretName) -> SecretsFuture<'_, Option<Secret>>;
    /// Stores `secret` in place of what was there.
    fn store(&self, name: SecretName, secret: Secret) -> SecretsFuture<'_, ()>;
    /// Removes what was stored. Fine when there is nothing.
    fn delete(&self, name: SecretName) -> SecretsFuture<'_, ()>;
}

/// Why the keyring did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SecretsError {
    /// A sentence for the person: what is wrong and what to do.
    pub message: String,
}
