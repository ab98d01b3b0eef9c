//! Catching up with the server's events (level Full): on every connection, when a number is missing, and now and
//! then, so that an event which no socket got comes to light.
//!
//! The place up to which everything is stored is kept with what is stored. Live events do not move it: what they
//! told is told once more, and known by its number.

use std::{collections::HashMap, time::Duration};

use khaya_wire::{
    ChatId, Code, Message,
    discovery::Feature,
    event::{Number, Scope},
    rest::Synced,
};

use super::{Chat, calls::Purpose, incoming::understand, stored::Then};
use crate::{
    api::{ApiError, MISSED, Request, Response},
    store::{Missed, Op, Put, StoredChat, Told},
};

/// An event that a socket did not get comes to light within 30 s (contract, "Socket.IO").
const EVERY: Duration = Duration::from_secs(25);

/// After one that failed.
const AGAIN: Duration = Duration::from_secs(3);

/// Who has missed more than this is better off with what is there now.
const MOST_EVENTS: u64 = 20_000;

/// A part that does not get through, for its own size or that of the line, is asked for in smaller ones. So few events
/// fit into an answer, however long their messages are.
const SMALLER: usize = 4;
const LEAST_EVENTS: usize = 31;

#[derive(Debug)]
pub(super) struct Sync {
    /// How many events are asked for at once.
    limit: usize,
    cursor: Option<String>,
    run: Option<Run>,
    due: Option<Duration>,
    /// Whether something was missed since the run began.
    again: bool,
    /// Whether the server has no such call, whatever it says of itself.
    is_absent: bool,
    /// The last number of each chat's stream, and of the person's own.
    chats: HashMap<ChatId, u64>,
    private: Option<u64>,
}

/// Catching up, under way.
#[derive(Debug)]
struct Run {
    /// In which incarnation of the connection it began.
    incarnation: u64,
    parts: u32,
    events: u64,
}

impl Default for Sync {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Sync {
    pub(super) fn new(cursor: Option<String>) -> Self {
        Self {
            limit: MISSED,
            cursor,
            run: None,
            due: None,
            again: false,
            is_absent: false,
            chats: HashMap::new(),
            private: None,
        }
    }

    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// How many events have been caught up with, where there are more to come.
    pub(super) fn progress(&self) -> Option<u64> {
        self.run
            .as_ref()
            .filter(|run| run.parts > 0)
            .map(|run| run.events)
    }
}

impl Chat {
    /// Whether the server tells what was missed.
    pub(super) fn can_sync(&self) -> bool {
        self.server_has(Feature::Sync) && !self.sync.is_absent
    }

    /// Whether nothing is to be fetched yet: what comes must be seen to follow it.
    pub(super) fn needs_cursor(&self) -> bool {
        self.can_sync() && self.sync.cursor.is_none()
    }

    pub(super) fn is_catching_up(&self) -> bool {
        self.sync.run.is_some()
    }

    pub(super) fn sync_soon(&mut self) {
        self.sync.again = self.sync.run.is_some();
        self.sync.due = Some(self.now.monotonic);
    }

    pub(super) fn sync_due(&self) -> Option<Duration> {
        if self.sync.run.is_some() || !self.can_ask() || !self.can_sync() {
            return None;
        }
        Some(self.sync.due.unwrap_or(self.now.monotonic))
    }

    pub(super) fn sync_if_due(&mut self) {
        if self.sync_due().is_some_and(|due| due <= self.now.monotonic) {
            self.sync.again = false;
            self.sync.run = Some(Run {
                incarnation: self.connection.incarnation(),
                parts: 0,
                events: 0,
            });
            self.ask_what_was_missed();
        }
    }

    pub(super) fn take_synced(&mut self, known: Vec<ChatId>, result: Result<Response, ApiError>) {
        if self.sync.run.is_none() {
            return;
        }
        let synced = match result {
            Ok(Response::Synced(synced)) => synced,
            Ok(_) => return self.sync_failed(&ApiError::NotKhaya),
            Err(ApiError::Refused {
                code: Code::NotFound, ..
            }) => {
                // That long ago nothing is known any more; or there is no such call.
                self.sync.run = None;
                self.sync.is_absent = self.sync.cursor.take().is_none();
                self.sync.due = None;
                return;
            }
            Err(error) => return self.sync_failed(&error),
        };
        if self.sync.cursor.is_none() {
            let cursor = synced.next;
            let op = Op::StartAfresh {
                cursor: cursor.clone(),
            };
            return self.store(op, Then::StartedAfresh { cursor });
        }
        self.store_synced(known, synced);
    }

    /// The store has forgotten what it had, and what comes now follows.
    pub(super) fn started_afresh(&mut self, cursor: String) {
        self.sync = Sync::new(Some(cursor));
        self.chats.nothing_is_live();
        self.chats.forget_all_messages();
        self.fetch_soon();
        self.refill();
    }

    /// The store has what was missed.
    pub(super) fn synced_is_stored(&mut self, stored: Stored) {
        let Stored {
            puts,
            chats,
            removed,
            has_unknown,
            rest,
            cursor,
            has_more,
        } = stored;
        self.chat_is_stored(chats, false);
        for chat in removed {
            self.chat_is_gone(&chat);
        }
        let mut newest: HashMap<ChatId, (u64, std::sync::Arc<Message>)> = HashMap::new();
        for put in puts {
            self.outbox.confirm(&put.messages);
            self.row_follows(&put);
            if let Some(last) = put.newest.as_ref().filter(|last| put.new.contains(&last.id)) {
                let (count, message) = newest
                    .entry(put.chat.clone())
                    .or_insert_with(|| (0, last.clone()));
                *count += put.new.len() as u64;
                *message = last.clone();
            }
            if put.new.is_empty() {
                self.page_is_stored(super::timeline::Why::Edited, put);
            } else {
                self.show_live(&put);
            }
        }
        for (count, message) in newest.into_values() {
            self.notify_of_missed(&message, count);
        }
        if has_unknown {
            self.fetch_soon();
        }
        if let Some(rest) = rest {
            return self.store(Op::PutSync(rest), Then::Synced { cursor, has_more });
        }
        self.sync.cursor = Some(cursor);
        self.sync.limit = (self.sync.limit * 2).min(MISSED);
        let Some(run) = &mut self.sync.run else { return };
        if !has_more {
            let is_of_now = run.incarnation == self.connection.incarnation();
            self.sync.run = None;
            self.sync.due = Some(self.now.monotonic + if self.sync.again { Duration::ZERO } else { EVERY });
            if is_of_now && self.connection.is_up() && self.server_has(Feature::Everywhere) {
                self.chats.everything_is_live();
            }
        } else if run.events >= MOST_EVENTS {
            self.sync.run = None;
            self.sync.cursor = None;
        } else {
            self.ask_what_was_missed();
        }
    }

    pub(super) fn sync_is_not_stored(&mut self) {
        self.sync.run = None;
        self.sync.due = Some(self.now.monotonic + AGAIN);
    }

    /// A live event has this number. Where one is missing before it, what was missed is asked for.
    pub(super) fn observe(&mut self, chat: &ChatId, number: Option<Number>) {
        let Some(Number { scope, seq }) = number else {
            return;
        };
        let known = match scope {
            Scope::Chat => self.last_number(chat),
            Scope::Private => self.sync.private,
        };
        self.remember(chat, scope, seq);
        if known.is_some_and(|known| seq > known + 1) {
            tracing::trace!(%chat, ?scope, seq, "a number is missing");
            match scope {
                Scope::Chat => self.chats.is_not_live(chat),
                Scope::Private => self.chats.nothing_is_live(),
            }
            self.sync_soon();
        }
    }

    /// The list of chats says how far a chat's stream has come.
    pub(super) fn compare_number(&mut self, chat: &StoredChat) {
        let known = self.sync.chats.get(&chat.chat.id).copied();
        if let Some(seq) = chat.chat.seq
            && known.is_some_and(|known| seq > known)
        {
            self.sync_soon();
        }
    }

    fn last_number(&self, chat: &ChatId) -> Option<u64> {
        let in_list = || self.chats.get(chat).and_then(|chat| chat.chat.seq);
        self.sync.chats.get(chat).copied().or_else(in_list)
    }

    fn remember(&mut self, chat: &ChatId, scope: Scope, seq: u64) {
        match scope {
            Scope::Chat => {
                let last = self.sync.chats.entry(chat.clone()).or_default();
                *last = seq.max(*last);
            }
            Scope::Private => self.sync.private = self.sync.private.max(Some(seq)),
        }
    }

    fn ask_what_was_missed(&mut self) {
        let since = self.sync.cursor.clone();
        let known = self.chats.rows.keys().cloned().collect();
        let limit = self.sync.limit;
        self.call(Request::Sync { since, limit }, Purpose::Sync { known });
    }

    fn store_synced(&mut self, known: Vec<ChatId>, synced: Synced<serde_json::Value>) {
        let Synced {
            events: missed,
            next,
            has_more,
        } = synced;
        let events: Vec<_> = missed
            .into_iter()
            .filter_map(|missed| understand(&missed.event, missed.data))
            .inspect(|told| self.tell(told))
            .collect();
        // A part that leads nowhere is the last one.
        let has_more = has_more && self.sync.cursor.as_ref() != Some(&next);
        if let Some(run) = &mut self.sync.run {
            run.parts += u32::from(has_more);
            run.events += events.len() as u64;
        }
        for told in &events {
            if let Told::Chat(event) = told {
                self.overtake_by_reads(&event.chat);
            }
            if let Some(Number { scope, seq }) = told.number() {
                self.remember(told.chat(), scope, seq);
            }
        }
        self.store(
            Op::PutSync(Missed {
                events,
                cursor: next.clone(),
                linked: if has_more { Vec::new() } else { known },
                at: self.now.wall,
            }),
            Then::Synced {
                cursor: next,
                has_more,
            },
        );
    }

    fn sync_failed(&mut self, error: &ApiError) {
        self.sync.run = None;
        match error {
            ApiError::Timeout | ApiError::Interrupted | ApiError::NotKhaya => {
                self.sync.limit = (self.sync.limit / SMALLER).max(LEAST_EVENTS);
            }
            ApiError::Unreachable | ApiError::Tls | ApiError::LocalFile(_) | ApiError::Refused { .. } => {}
        }
        let wait = self.random.spread(AGAIN);
        let wait = error.retry_after().map_or(wait, |asked| asked.max(wait));
        self.sync.due = Some(self.now.monotonic + wait);
    }
}

/// What came of storing a part.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) puts: Vec<Put>,
    pub(super) chats: Vec<StoredChat>,
    pub(super) removed: Vec<ChatId>,
    pub(super) has_unknown: bool,
    pub(super) rest: Option<Missed>,
    pub(super) cursor: String,
    pub(super) has_more: bool,
}
