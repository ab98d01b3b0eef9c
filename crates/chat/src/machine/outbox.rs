//! Sending: what waits, in which order, and what is done when no answer comes.
//!
//! Each chat has a lane of its own, in which one message at a time is on its way, so that order is kept. An error
//! that may pass makes the lane wait; one that will not pass parks the message for the person to decide.
//!
//! A server of level Full takes a repeated message for what it is by its client id. One of level Base cannot: so
//! a message whose sending had no answer is looked for before it is sent again.

mod flight;
mod uploads;
pub(super) mod written;

use std::{collections::HashMap, sync::Arc, time::Duration};

use khaya_wire::{ChatId, ClientId, FileId, Message, MessageId};

use super::{Chat, stored::Then, words::Words};
use crate::{
    diagnosis,
    store::{Change, Op, OutboxEntry, Outgoing, Target, Work},
    view::{FailedEdit, Failure},
};

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// In the order of sending.
    entries: Vec<Entry>,
    /// What the messages among them say.
    pub(super) words: Words<ClientId>,
    /// Copies of files that are needed no more.
    finished: Vec<FileId>,
    lanes: HashMap<ChatId, Lane>,
}

#[derive(Debug)]
struct Entry {
    entry: OutboxEntry,
    /// Whether the server may have it although no answer said so.
    is_unknown: bool,
    /// Whether the disk has been asked to forget it.
    is_leaving: bool,
}

impl Entry {
    /// One that the server cannot have.
    fn new(entry: OutboxEntry) -> Self {
        Self {
            entry,
            is_unknown: false,
            is_leaving: false,
        }
    }

    /// One of an earlier run: what became of it is not known.
    fn found(entry: OutboxEntry) -> Self {
        Self {
            is_unknown: true,
            ..Self::new(entry)
        }
    }
}

/// The sending of one chat's messages.
#[derive(Debug, Default)]
pub(super) struct Lane {
    flight: Option<Flight>,
    failures: u32,
    /// No further try before this time.
    wait_until: Option<Duration>,
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Flight {
    entry: OutboxEntry,
    /// The message that came in by itself and was taken for this one.
    taken: Option<MessageId>,
    /// Its file that is being sent.
    upload: Option<uploads::Upload>,
}

impl Outbox {
    /// Takes over what an earlier run left.
    pub(super) fn load(&mut self, entries: Vec<OutboxEntry>) {
        self.lanes.clear();
        self.entries = entries.into_iter().map(Entry::found).collect();
        self.read();
    }

    /// Reads what there is to be read, after messages have come or changed.
    fn read(&mut self) {
        let Self { entries, words, .. } = self;
        words.keep(entries.iter().filter_map(|Entry { entry, .. }| {
            let message = entry.message()?;
            Some((&entry.client_id, &message.text))
        }));
    }

    /// The messages of a chat that the server does not have, in the order of sending.
    pub(super) fn messages_of<'a>(
        &'a self,
        chat: &'a ChatId,
    ) -> impl DoubleEndedIterator<Item = (&'a OutboxEntry, &'a Outgoing)> {
        self.of_chat(chat)
            .filter_map(|entry| Some((entry, entry.message()?)))
    }

    /// The changes of a chat and its messages that the server has neither taken nor refused, in their order.
    pub(super) fn changes_of<'a>(&'a self, chat: &'a ChatId) -> impl Iterator<Item = &'a Change> {
        self.of_chat(chat)
            .filter(|entry| entry.parked.is_none())
            .filter_map(OutboxEntry::change)
    }

    /// The edit of a message that the server would not take.
    pub(super) fn failed_edit(&self, message: &Message) -> Option<FailedEdit> {
        self.of_chat(&message.chat_id).find_map(|entry| {
            let (failure, Change::Edit { target, text }) = (entry.parked.as_ref()?, entry.change()?) else {
                return None;
            };
            (*target == Target::Sent(message.id.clone())).then(|| FailedEdit {
                key: format!("{}{}", super::show::OWN_KEY, entry.client_id),
                text: text.clone(),
                failure: failure.clone(),
            })
        })
    }

    /// Whether a message has never been posted.
    fn can_be_taken_back(&self, entry: &OutboxEntry) -> bool {
        let is_known = |known: &&Entry| known.entry.client_id == entry.client_id;
        let was_posted = self
            .entries
            .iter()
            .find(is_known)
            .is_none_or(|known| known.is_unknown);
        let is_on_its_way = self.lanes.values().any(|lane| {
            lane.flight
                .as_ref()
                .is_some_and(|flight| flight.entry.client_id == entry.client_id && flight.upload.is_none())
        });
        entry.message().is_some() && !was_posted && !is_on_its_way
    }

    fn of_chat<'a>(&'a self, chat: &'a ChatId) -> impl DoubleEndedIterator<Item = &'a OutboxEntry> {
        self.entries
            .iter()
            .map(|entry| &entry.entry)
            .filter(move |entry| entry.chat == *chat)
    }

    /// How much of it there is.
    pub(super) fn condition(&self) -> diagnosis::Outbox {
        let waiting = self.entries.iter().filter(|entry| entry.entry.parked.is_none());
        diagnosis::Outbox {
            waiting: waiting.clone().count(),
            parked: self.entries.len() - waiting.clone().count(),
            since: waiting.map(|entry| entry.entry.at).min(),
        }
    }

    pub(super) fn get(&self, client_id: &str) -> Option<&OutboxEntry> {
        self.entries
            .iter()
            .map(|entry| &entry.entry)
            .find(|entry| entry.client_id.as_str() == client_id)
    }

    /// Whatever waits is tried at once.
    pub(super) fn stop_waiting(&mut self) {
        for lane in self.lanes.values_mut() {
            lane.wait_until = None;
            lane.failures = 0;
        }
    }

    /// Lets go of what the store has as messages of the server.
    pub(super) fn confirm<'a>(&mut self, messages: impl IntoIterator<Item = &'a Arc<Message>>) {
        let confirmed: HashMap<_, _> = messages
            .into_iter()
            .filter_map(|message| Some((message.client_id.as_ref()?, &message.id)))
            .collect();
        if confirmed.is_empty() {
            return;
        }
        let Self {
            entries, finished, ..
        } = self;
        entries.retain(|Entry { entry, .. }| {
            let is_sent = confirmed.contains_key(&entry.client_id);
            if is_sent {
                finished.extend(uploads::copies(entry));
            }
            !is_sent
        });
        for Entry { entry, .. } in &mut self.entries {
            if let Some(sent_as) = entry.waits_for().cloned()
                && let Some(id) = confirmed.get(&sent_as)
            {
                entry.work.resolve(&sent_as, id);
            }
        }
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, client_id: &ClientId) -> Option<OutboxEntry> {
        let at = self
            .entries
            .iter()
            .position(|entry| entry.entry.client_id == *client_id)?;
        Some(self.entries.remove(at).entry)
    }

    /// Whether the server may have it although no answer said so; `None` where it is not here any more.
    fn is_unknown(&self, client_id: &ClientId) -> Option<bool> {
        let mut entries = self.entries.iter();
        let known = entries.find(|entry| entry.entry.client_id == *client_id);
        known.map(|entry| entry.is_unknown)
    }

    fn is_leaving(&mut self, client_id: &ClientId, is_leaving: bool) {
        let mut entries = self.entries.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.entry.client_id == *client_id) {
            entry.is_leaving = is_leaving;
        }
    }

    pub(super) fn lane_of(&mut self, client_id: &ClientId) -> Option<&mut Lane> {
        self.lanes.values_mut().find(|lane| {
            lane.flight
                .as_ref()
                .is_some_and(|flight| flight.entry.client_id == *client_id)
        })
    }
}

impl Lane {
    /// What was on its way has arrived.
    pub(super) fn succeeded(&mut self) -> Option<MessageId> {
        self.failures = 0;
        self.flight.take().and_then(|flight| flight.taken)
    }
}

impl Chat {
    pub(super) fn enqueued(&mut self, intent: u64, entry: OutboxEntry) {
        tracing::trace!(chat = %entry.chat, client_id = %entry.client_id, "queued");
        match &entry.work {
            Work::Message(_) => {
                if let Some(row) = self.chats.rows.get_mut(&entry.chat) {
                    row.stored.draft.clear();
                }
                if self.is_open(&entry.chat) {
                    self.jump_to_newest();
                }
            }
            Work::Change(change) => self.change_is_queued(&entry.chat, change),
        }
        self.outbox.entries.push(Entry::new(entry));
        self.outbox.read();
        self.answer(intent, Ok(()));
    }

    /// Takes over what another store had that was not sent. It waits for the person.
    pub(super) fn restore(&mut self, id: u64, drafts: Vec<(ChatId, String)>, entries: Vec<OutboxEntry>) {
        if self.signed_in().is_none() {
            return self.answer(id, Err(Failure::new("not_signed_in", "Sign in first.")));
        }
        self.store(Op::Restore { drafts, entries }, Then::Restore { intent: id });
    }

    pub(super) fn restored(&mut self, id: u64, drafts: Vec<(ChatId, String)>, entries: Vec<OutboxEntry>) {
        for (chat, text) in drafts {
            if let Some(row) = self.chats.rows.get_mut(&chat) {
                row.stored.draft = text;
            }
        }
        self.outbox.entries.extend(entries.into_iter().map(Entry::found));
        self.outbox.read();
        self.answer(id, Ok(()));
    }

    pub(super) fn retry(&mut self, intent: u64, client_id: &str) {
        match self.outbox.get(client_id).filter(|entry| entry.parked.is_some()) {
            Some(entry) => {
                let mut entry = entry.clone();
                uploads::send_lost_again(&mut entry);
                self.unpark(intent, entry);
            }
            None => self.answer(intent, Err(unknown_item())),
        }
    }

    /// Sends what failed once more, as it is now.
    pub(super) fn unpark(&mut self, intent: u64, entry: OutboxEntry) {
        let op = Op::Unpark {
            client_id: entry.client_id.clone(),
            work: entry.work.clone(),
        };
        let entry = Box::new(entry);
        self.store(op, Then::Unpark { intent, entry });
    }

    pub(super) fn unparked(&mut self, intent: u64, entry: OutboxEntry) {
        let known = self.outbox.is_unknown(&entry.client_id);
        if let Some(is_unknown) = known
            && self.outbox.remove(&entry.client_id).is_some()
        {
            self.outbox.entries.push(Entry {
                entry: OutboxEntry {
                    parked: None,
                    ..entry
                },
                is_unknown,
                is_leaving: false,
            });
            self.outbox.read();
        }
        self.answer(intent, Ok(()));
    }

    pub(super) fn delete_unsent(&mut self, intent: u64, client_id: &str) {
        // What is on its way, or may have arrived, cannot be taken back; what waits, or whose files are on their way,
        // can.
        let known = self.outbox.get(client_id).cloned();
        match known.filter(|entry| entry.parked.is_some() || self.outbox.can_be_taken_back(entry)) {
            Some(entry) => {
                let client_id = entry.client_id;
                self.cancel_upload(&client_id);
                self.outbox.is_leaving(&client_id, true);
                self.store(
                    Op::Discard {
                        client_id: client_id.clone(),
                    },
                    Then::Discard { intent, client_id },
                );
            }
            None => self.answer(intent, Err(unknown_item())),
        }
    }

    /// The disk could not forget it: it is sent.
    pub(super) fn not_discarded(&mut self, client_id: &ClientId) {
        self.outbox.is_leaving(client_id, false);
        self.sending_waits(client_id, None);
    }

    pub(super) fn discarded(&mut self, intent: u64, client_id: &ClientId) {
        self.free_lane(client_id);
        if let Some(entry) = self.outbox.remove(client_id) {
            self.outbox.finished.extend(uploads::copies(&entry));
        }
        // As on disk: changes of it go with it, and a reply to it goes on as a message of its own.
        self.outbox.entries.retain_mut(|Entry { entry, .. }| {
            if entry.waits_for() != Some(client_id) {
                return true;
            }
            match &mut entry.work {
                Work::Message(message) => {
                    message.reply_to = None;
                    true
                }
                Work::Change(_) => false,
            }
        });
        self.answer(intent, Ok(()));
    }
}

/// For an intent about an item that is not there, or not in a state for it.
pub(super) fn unknown_item() -> Failure {
    Failure::new(
        "unknown_item",
        "This message is not there any more, or was sent meanwhile.",
    )
}
