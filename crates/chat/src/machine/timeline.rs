//! The open chat: a window of its messages, and how it is filled.
//!
//! The window is always a run of messages that follow each other without a gap. It is filled from disk at once,
//! then from the server: the newest page first, and backward from there until it meets what was stored.

mod around;
mod following;
mod history;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use khaya_wire::{ChatId, Message, MessageId, event};

pub(super) use around::Around;
pub(super) use history::Direction;

use super::{Chat, calls::Purpose, incoming::has_more, stored::Then, words::Words};
use crate::{
    api::{ApiError, Request, Response},
    store::{Edge, Op, Position, Target, Window},
    view::Failure,
};

/// How many messages are shown at first, and fetched from disk at once.
const STEP: usize = 50;

/// The longest window. Beyond it, messages leave at the other end.
const LONGEST: usize = 400;

#[derive(Debug)]
pub(super) struct Timeline {
    pub(super) chat: ChatId,
    /// Oldest first.
    pub(super) messages: Vec<Arc<Message>>,
    pub(super) older: Edge,
    pub(super) newer: Edge,
    unread_at_open: u64,
    pub(super) first_unread: Option<Arc<Message>>,
    pub(super) failure: Option<Failure>,
    /// Messages that are replied to in the window and are not in it.
    quoted: HashMap<MessageId, Arc<Message>>,
    /// What the messages of the window say.
    pub(super) words: Words<MessageId>,
    /// Of the messages that are replied to, and of those that are pinned.
    pub(super) lines: HashMap<MessageId, String>,
    /// Pinned messages of the chat, oldest first.
    pub(super) pins: Vec<Arc<Message>>,
    pub(super) jumped: Option<(MessageId, u64)>,
    /// Whether the person looks at something further up: what comes in does not lead them away from it.
    is_elsewhere: bool,
    /// How many messages are enough while the person follows the newest.
    followed: Option<usize>,
    /// Messages that have left the window as newer ones came in: the page may tell of them yet. Oldest first.
    passed: VecDeque<Arc<Message>>,
    /// What is being fetched from the server.
    loading: Option<Why>,
    has_window: bool,
}

/// Why messages are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// To show the newest; asked in this incarnation of the connection.
    Newest {
        incarnation: u64,
    },
    /// To close the gap between the newest and what is shown.
    Backfill {
        pages_left: u32,
    },
    Beside(Direction),
    /// To show what is around a message.
    Around,
    /// Not fetched, but told by an event.
    Edited,
}

impl Timeline {
    pub(super) fn is_loading(&self) -> bool {
        match self.loading {
            _ if !self.has_window => true,
            // What is shown is looked after now and then; that is nothing to wait for.
            Some(Why::Newest { .. }) => self.messages.is_empty(),
            Some(Why::Backfill { .. } | Why::Beside(_) | Why::Around) => true,
            Some(Why::Edited) | None => false,
        }
    }

    pub(super) fn is_at_newest(&self) -> bool {
        !has_more(self.newer)
    }

    /// A message of the window, or one that is replied to there.
    pub(super) fn find(&self, id: &MessageId) -> Option<&Arc<Message>> {
        self.messages
            .iter()
            .find(|message| message.id == *id)
            .or_else(|| self.quoted.get(id))
    }

    /// Reads what there is to be read, after the messages of the window have changed.
    fn read(&mut self) {
        let texts = self
            .messages
            .iter()
            .filter(|message| message.deleted_at.is_none())
            .map(|message| (&message.id, &message.content));
        self.words.keep(texts);
        let originals = self
            .messages
            .iter()
            .filter_map(|message| message.reply_to.as_ref());
        let lines = originals
            .filter_map(|original| self.find(original))
            .chain(&self.pins)
            .map(|message| (message.id.clone(), super::words::line(message)))
            .collect();
        self.lines = lines;
    }

    /// A message that is shown, or that was until newer ones came in.
    pub(super) fn shown(&self, is_it: impl Fn(&Message) -> bool) -> Option<Position> {
        let shown = self.messages.iter().rev().chain(self.passed.iter().rev());
        shown
            .map(Arc::as_ref)
            .find(|message| is_it(message))
            .map(position)
    }

    fn quote(&mut self, quoted: Vec<Arc<Message>>) {
        self.quoted
            .extend(quoted.into_iter().map(|message| (message.id.clone(), message)));
    }

    fn first(&self) -> Option<Position> {
        self.messages.first().map(|message| position(message))
    }

    fn last(&self) -> Option<Position> {
        self.messages.last().map(|message| position(message))
    }

    /// Puts messages in their places; those that are there are replaced.
    fn merge(&mut self, messages: &[Arc<Message>], add: bool) {
        for message in messages {
            self.release(message);
            if let Some(quoted) = self.quoted.get_mut(&message.id) {
                *quoted = Arc::clone(message);
            }
            match self.messages.iter_mut().find(|known| known.id == message.id) {
                Some(known) => *known = Arc::clone(message),
                None if add => {
                    let at = self
                        .messages
                        .partition_point(|known| known.position() < message.position());
                    self.messages.insert(at, Arc::clone(message));
                }
                None => {}
            }
            self.follow_pin(message);
        }
    }

    /// Takes the client id of a message off another that was wrongly taken for it, as the store does.
    fn release(&mut self, message: &Message) {
        if message.client_id.is_none() {
            return;
        }
        let wrong = self.messages.iter_mut().find(|known| {
            known.client_id == message.client_id
                && known.sender_id == message.sender_id
                && known.id != message.id
        });
        if let Some(wrong) = wrong {
            Arc::make_mut(wrong).client_id = None;
        }
    }

    /// Lets the oldest go where there are more than so many.
    fn keep_newest(&mut self, most: usize) {
        if let Some(excess @ 1..) = self.messages.len().checked_sub(most) {
            self.passed.extend(self.messages.drain(..excess));
            self.passed.drain(..self.passed.len().saturating_sub(LONGEST));
            self.older = Edge::Stored;
        }
    }

    /// A message was pinned, or no more.
    fn follow_pin(&mut self, message: &Arc<Message>) {
        self.pins.retain(|pin| pin.id != message.id);
        if message.pinned == Some(true) {
            let at = self
                .pins
                .partition_point(|pin| pin.position() < message.position());
            self.pins.insert(at, Arc::clone(message));
        }
    }

    fn find_first_unread(&mut self, is_other: impl Fn(&Message) -> bool) {
        if self.first_unread.is_some() || self.unread_at_open == 0 {
            return;
        }
        let nth = usize::try_from(self.unread_at_open).unwrap_or(usize::MAX) - 1;
        self.first_unread = self
            .messages
            .iter()
            .rev()
            .filter(|message| is_other(message))
            .nth(nth)
            .cloned();
    }
}

impl Chat {
    pub(super) fn is_open(&self, chat: &ChatId) -> bool {
        self.timeline
            .as_ref()
            .is_some_and(|timeline| timeline.chat == *chat)
    }

    /// Shows a chat that is known.
    pub(super) fn open_chat(&mut self, chat: &ChatId) {
        if self.is_open(chat) {
            return;
        }
        self.close_chat();
        let Some(stored) = self.chats.get(chat) else {
            return;
        };
        tracing::trace!(%chat, "opened");
        let unread = stored.unread;
        self.show_nothing_of(chat, unread);
        self.keep_open_chat();
        self.store(Op::Pins { chat: chat.clone() }, Then::Pins);
        // As far as the first unread message, if a window is long enough for it.
        let unread = usize::try_from(unread).unwrap_or(LONGEST).min(LONGEST);
        self.load_newest_from_disk(chat.clone(), (unread + STEP / 2).clamp(STEP, LONGEST));
        self.enter_open_chat();
    }

    /// Begins the window of a chat.
    fn show_nothing_of(&mut self, chat: &ChatId, unread: u64) {
        let before = self.timeline.take().filter(|timeline| timeline.chat == *chat);
        self.timeline = Some(Timeline {
            chat: chat.clone(),
            messages: Vec::new(),
            older: Edge::End,
            newer: Edge::End,
            unread_at_open: unread,
            first_unread: None,
            failure: None,
            quoted: HashMap::new(),
            words: Words::default(),
            lines: HashMap::new(),
            pins: Vec::new(),
            jumped: None,
            is_elsewhere: false,
            // The page tells it once: it does not see that the window begins anew.
            followed: before.and_then(|timeline| timeline.followed),
            passed: VecDeque::new(),
            loading: None,
            has_window: false,
        });
    }

    /// Fills the window anew: what was stored has been forgotten.
    pub(super) fn refill(&mut self) {
        if let Some(timeline) = &self.timeline {
            let chat = timeline.chat.clone();
            self.show_nothing_of(&chat, 0);
            self.fetch_newest_of_open_chat();
        }
    }

    /// What an item of the window, or one that waits to be sent, is about. What waits for the person is not changed
    /// or replied to.
    pub(super) fn find_item(&self, key: &str) -> Option<(ChatId, Target)> {
        let unsent = self
            .outbox
            .get(super::intents::client_id_in(key))
            .filter(|entry| entry.message().is_some() && entry.parked.is_none());
        if let Some(entry) = unsent {
            return Some((entry.chat.clone(), Target::Unsent(entry.client_id.clone())));
        }
        let timeline = self.timeline.as_ref()?;
        let message = timeline
            .messages
            .iter()
            .find(|message| self.key_of(message) == key)?;
        Some((timeline.chat.clone(), Target::Sent(message.id.clone())))
    }

    /// The store has told what is pinned.
    pub(super) fn take_pins(&mut self, window: Window) {
        if let Some(timeline) = self
            .timeline
            .as_mut()
            .filter(|timeline| timeline.chat == window.chat)
        {
            timeline.pins = window.messages;
            timeline.read();
        }
    }

    /// For the next start.
    pub(super) fn keep_open_chat(&mut self) {
        let chat = self.timeline.as_ref().map(|timeline| timeline.chat.clone());
        self.store(Op::PutOpenChat { chat }, Then::Nothing);
    }

    pub(super) fn close_chat(&mut self) {
        self.stop_typing();
        if let Some(timeline) = self.timeline.take() {
            tracing::trace!(chat = %timeline.chat, "closed");
            let data = event::Room {
                chat_id: timeline.chat.clone(),
            };
            self.emit(event::name::LEAVE_CHAT, &data);
            if !self.server_has(khaya_wire::discovery::Feature::Everywhere)
                && let Some(row) = self.chats.rows.get_mut(&timeline.chat)
            {
                row.is_live = false;
            }
        }
    }

    /// Enters the room of the open chat, and fetches what it has.
    pub(super) fn enter_open_chat(&mut self) {
        let Some(timeline) = &self.timeline else { return };
        let chat = timeline.chat.clone();
        if !self.can_ask() {
            return;
        }
        let data = event::Room {
            chat_id: chat.clone(),
        };
        self.emit(event::name::JOIN_CHAT, &data);
        self.call(Request::Join { chat: chat.clone() }, Purpose::Join { chat });
        self.fetch_newest_of_open_chat();
    }

    pub(super) fn take_joined(&mut self, chat: &ChatId, asked: u64, result: Result<Response, ApiError>) {
        match result {
            Ok(Response::Chat(joined)) if joined.id == *chat => self.put_chat(*joined, false, Some(asked)),
            Ok(_) => {}
            // Whether the chat is still there is told by the list; that the network fails is told by the page.
            Err(error) => tracing::debug!(%chat, %error, "could not join"),
        }
    }

    /// Shows what the disk has now in place of what is shown.
    pub(super) fn show_anew(&mut self) {
        if let Some(timeline) = &self.timeline
            && timeline.is_at_newest()
        {
            let limit = timeline.messages.len().clamp(STEP, LONGEST);
            let chat = timeline.chat.clone();
            self.load_newest_from_disk(chat, limit);
        }
    }

    pub(super) fn jump_to_newest(&mut self) {
        if let Some(timeline) = &self.timeline
            && !timeline.is_at_newest()
        {
            let chat = timeline.chat.clone();
            self.jump(chat, STEP);
        }
    }

    pub(super) fn take_window(&mut self, why: Why, window: Window) {
        let me = self.my_id();
        let Some(timeline) = self
            .timeline
            .as_mut()
            .filter(|timeline| timeline.chat == window.chat)
        else {
            return;
        };
        timeline.quote(window.quoted.clone());
        match why {
            Why::Newest { .. } if timeline.is_elsewhere => return,
            Why::Newest { .. } if is_torn(timeline, &window) && self.connection.is_up() => {
                // Something came in while the page was on its way, and the page does not reach it.
                timeline.newer = Edge::Gap;
                timeline.has_window = true;
                self.fetch_newest_of_open_chat();
                return;
            }
            Why::Newest { .. } | Why::Backfill { .. } | Why::Around | Why::Edited => {
                timeline.messages = window.messages;
                timeline.older = window.edge;
                timeline.newer = Edge::End;
                timeline.has_window = true;
            }
            Why::Beside(Direction::Older) => {
                let first = timeline.first();
                let before =
                    |message: &Arc<Message>| first.as_ref().is_none_or(|first| position(message) < *first);
                let mut messages: Vec<_> = window.messages.into_iter().filter(before).collect();
                messages.append(&mut timeline.messages);
                if messages.len() > LONGEST {
                    messages.truncate(LONGEST);
                    timeline.newer = Edge::Stored;
                }
                timeline.messages = messages;
                timeline.older = window.edge;
            }
            Why::Beside(Direction::Newer) => {
                let last = timeline.last();
                let after =
                    |message: &Arc<Message>| last.as_ref().is_none_or(|last| position(message) > *last);
                timeline
                    .messages
                    .extend(window.messages.into_iter().filter(after));
                timeline.newer = window.edge;
                timeline.is_elsewhere &= window.edge != Edge::End;
                timeline.keep_newest(LONGEST);
            }
        }
        timeline.read();
        timeline.find_first_unread(|message| Some(&message.sender_id) != me.as_ref());
    }

    /// Nothing more is being fetched: what was, could not be stored.
    pub(super) fn stop_loading(&mut self) {
        if let Some(timeline) = &mut self.timeline {
            timeline.loading = None;
            timeline.has_window = true;
        }
    }

    /// Shows the newest that there is on disk, even where it does not follow what is shown.
    fn jump(&mut self, chat: ChatId, limit: usize) {
        if let Some(timeline) = &mut self.timeline {
            timeline.is_elsewhere = false;
        }
        let why = Why::Backfill { pages_left: 0 };
        self.store(Op::Newest { chat, limit }, Then::Window { why });
    }

    fn load_newest_from_disk(&mut self, chat: ChatId, limit: usize) {
        let why = Why::Newest {
            incarnation: self.connection.incarnation(),
        };
        self.store(Op::Newest { chat, limit }, Then::Window { why });
    }
}

/// Whether there is a gap between what is shown and what is newest on disk.
fn is_torn(timeline: &Timeline, window: &Window) -> bool {
    let overlaps = timeline
        .messages
        .iter()
        .any(|shown| window.messages.iter().any(|message| message.id == shown.id));
    window.edge == Edge::Gap && !timeline.messages.is_empty() && !overlaps
}

fn position(message: &Message) -> Position {
    (message.created_at, message.id.clone())
}
