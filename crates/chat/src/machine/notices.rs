//! Whether a person is told of a message by a native notification. The shell only shows what is decided here.
//!
//! The store takes each message in once, whichever way it comes; so what is decided at that moment is decided
//! once. What it has forgotten since is remembered here only by how new it was.

use khaya_wire::{ChatKind, Message};

use super::{Chat, Output};
use crate::{
    shell::{Notice, ShellRequest},
    store::StoredChat,
};

/// In characters.
const LONGEST_TEXT: usize = 200;

impl Chat {
    /// A message of a chat was taken in for the first time.
    pub(super) fn notify_of(&mut self, message: &Message) {
        if let Some(chat) = self.chats.get(&message.chat_id) {
            let notice = self.notice(chat, message, 1);
            self.out.extend(notice);
        }
    }

    /// The list tells of a chat's newest message, and of how many came before it that nobody has told of.
    pub(super) fn notify_of_fetched(&mut self, chat: &StoredChat, unread_before: u64) {
        if let Some(newest) = chat.newest.as_ref().filter(|_| chat.unread > 0) {
            let count = chat.unread.saturating_sub(unread_before).max(1);
            let notice = self.notice(chat, newest, count);
            self.out.extend(notice);
        }
    }

    /// Messages of a chat were missed and have come now, of which this is the newest.
    pub(super) fn notify_of_missed(&mut self, newest: &Message, count: u64) {
        if let Some(chat) = self.chats.get(&newest.chat_id).filter(|chat| chat.unread > 0) {
            let notice = self.notice(chat, newest, count.min(chat.unread));
            self.out.extend(notice);
        }
    }

    /// Whether the person wants no notices now.
    fn is_quiet(&self) -> bool {
        const DAY: i64 = 24 * 60;
        let minutes = self.now.wall.as_millis() / 60_000 + i64::from(self.quiet.utc_offset);
        let minute = minutes.rem_euclid(DAY);
        let is_within = self.quiet.hours.is_some_and(|(from, to)| {
            let (from, to) = (i64::from(from), i64::from(to));
            if from <= to {
                (from..to).contains(&minute)
            } else {
                minute >= from || minute < to
            }
        });
        self.quiet.do_not_disturb || is_within
    }

    fn notice(&self, chat: &StoredChat, message: &Message, count: u64) -> Option<Output> {
        let is_own = self.my_id().is_none_or(|me| me == message.sender_id);
        let is_read = chat
            .marker
            .as_ref()
            .is_some_and(|marker| *marker >= (message.created_at, message.id.clone()));
        let is_muted = self
            .chat_as_changed(&chat.chat)
            .is_none_or(|chat| chat.muted.unwrap_or(false));
        let is_told = message.system.is_some() || message.deleted_at.is_some();
        let is_late = self.chats.is_forgotten(message);
        let is_quiet = self.is_quiet() && !(self.quiet.but_mentions && self.names_me(&message.content));
        if self.is_focused || is_own || is_read || is_muted || is_told || is_late || is_quiet {
            return None;
        }
        let sender = self.name_of(chat, &message.sender_id);
        let title = match chat.chat.kind {
            ChatKind::Direct => sender,
            ChatKind::Group => format!("{sender} · {}", chat.chat.name),
        };
        let is_whole = count == 1 && !message.is_restricted();
        let text = is_whole.then(|| super::show::shortened(&super::words::line(message), LONGEST_TEXT));
        tracing::trace!(chat = %chat.chat.id, message = %message.id, "notified");
        Some(Output::Shell(ShellRequest::Notify(Notice {
            key: message.id.to_string(),
            chat_id: chat.chat.id.clone(),
            message_id: (count == 1).then(|| message.id.clone()),
            title,
            text,
            count,
            may_reply: is_whole,
        })))
    }
}
