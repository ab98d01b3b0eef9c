//! A message on its way: posted, answered or not, looked for, put off or parked.

use std::{collections::HashSet, time::Duration};

use khaya_wire::{ChatId, ClientId, Message, rest};

use super::{Entry, Flight};
use crate::{
    api::{ApiError, Part, Request, Response},
    machine::{Chat, calls::Purpose, stored::Then},
    store::{Op, OutboxEntry, Outgoing, Place, Put, Target, Work},
    view::Failure,
};

/// The longest wait before another try.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl super::Outbox {
    /// Whether an entry waits for the person, for the disk, or for what it is about.
    fn must_wait(
        &self,
        Entry {
            entry, is_leaving, ..
        }: &Entry,
    ) -> bool {
        *is_leaving
            || entry.parked.is_some()
            || entry
                .waits_for()
                .is_some_and(|client_id| self.get(client_id.as_str()).is_some())
    }
}

impl Chat {
    /// Whether anything would get through. What waits for the network is not due: it is sent when there is one.
    fn can_send(&self) -> bool {
        self.can_ask() && self.connection.has_network()
    }

    pub(in crate::machine) fn outbox_due(&self) -> Option<Duration> {
        if !self.can_send() {
            return None;
        }
        let now = self.now.monotonic;
        self.outbox
            .entries
            .iter()
            .filter(|entry| !self.outbox.must_wait(entry))
            .filter_map(|entry| match self.outbox.lanes.get(&entry.entry.chat) {
                Some(lane) if lane.flight.is_some() => None,
                Some(lane) => Some(lane.wait_until.unwrap_or(now)),
                None => Some(now),
            })
            .min()
    }

    /// Sends the first of each chat whose lane is free.
    pub(in crate::machine) fn send_what_can_be_sent(&mut self) {
        if !self.can_send() {
            return;
        }
        let now = self.now.monotonic;
        let mut seen = HashSet::new();
        let mut ready = Vec::new();
        for waiting in &self.outbox.entries {
            let Entry {
                entry, is_unknown, ..
            } = waiting;
            if self.outbox.must_wait(waiting) || !seen.insert(&entry.chat) {
                continue;
            }
            let is_free =
                self.outbox.lanes.get(&entry.chat).is_none_or(|lane| {
                    lane.flight.is_none() && lane.wait_until.is_none_or(|until| until <= now)
                });
            if is_free {
                ready.push((entry.clone(), *is_unknown));
            }
        }
        for (entry, is_unknown) in ready {
            let lane = self.outbox.lanes.entry(entry.chat.clone()).or_default();
            lane.wait_until = None;
            lane.flight = Some(Flight {
                entry: entry.clone(),
                taken: None,
                upload: None,
            });
            match &entry.work {
                Work::Message(_) if is_unknown && !self.is_full() => {
                    let part = entry.after.map_or(Part::Newest, Part::After);
                    self.look(entry.chat, entry.client_id, part);
                }
                Work::Message(message) => self.post(&entry, message),
                Work::Change(change) => self.post_change(&entry, change),
            }
        }
    }

    /// One's own message came in without a client id: on level Base it may be the one that is on its way.
    pub(in crate::machine) fn take_for_own(&mut self, message: Message) -> Message {
        if Some(&message.sender_id) != self.my_id().as_ref() || message.client_id.is_some() || self.is_full()
        {
            return message;
        }
        let flight = self
            .outbox
            .lanes
            .get_mut(&message.chat_id)
            .and_then(|lane| lane.flight.as_mut())
            .filter(|flight| {
                let text = flight.entry.message().map(|outgoing| &outgoing.text);
                flight.taken.is_none() && text == Some(&message.content)
            });
        match flight {
            Some(flight) => {
                flight.taken = Some(message.id.clone());
                Message {
                    client_id: Some(flight.entry.client_id.clone()),
                    ..message
                }
            }
            None => message,
        }
    }

    pub(in crate::machine) fn take_sent(
        &mut self,
        client_id: ClientId,
        asked: u64,
        result: Result<Response, ApiError>,
    ) {
        match result {
            Ok(Response::Sent(message)) if self.is_answer_to(&client_id, &message) => {
                self.store_sent(client_id, *message, Some(asked));
            }
            Ok(_) => self.sending_is_unknown(&client_id, Some(&ApiError::NotKhaya)),
            Err(error) if error.is_retryable() => {
                if error.outcome_is_unknown() {
                    self.sending_is_unknown(&client_id, Some(&error));
                } else {
                    self.sending_waits(&client_id, error.retry_after());
                }
            }
            Err(error) => self.park(&client_id, error.failure()),
        }
    }

    /// Whether a message is the one that was posted. Another one would take nothing off the outbox, and what was posted
    /// would be posted once more at once, without end.
    fn is_answer_to(&self, client_id: &ClientId, message: &Message) -> bool {
        Some(&message.sender_id) == self.my_id().as_ref()
            && self
                .outbox
                .get(client_id.as_str())
                .is_none_or(|entry| entry.chat == message.chat_id)
    }

    pub(in crate::machine) fn sent_is_stored(&mut self, client_id: &ClientId, put: Put) {
        self.outbox.confirm(&put.messages);
        let taken = self.outbox.lane_of(client_id).and_then(super::Lane::succeeded);
        self.row_follows(&put);
        self.show_live(&put);
        if taken.is_some_and(|taken| put.messages.iter().all(|message| message.id != taken)) {
            // Another message had been taken for this one, and is shown with its key.
            self.show_anew();
        }
    }

    /// No answer came: the server may have the message or not.
    pub(in crate::machine) fn sending_is_unknown(&mut self, client_id: &ClientId, error: Option<&ApiError>) {
        let known = self
            .outbox
            .entries
            .iter_mut()
            .find(|entry| entry.entry.client_id == *client_id);
        if let Some(entry) = known {
            entry.is_unknown = true;
        }
        self.sending_waits(client_id, error.and_then(ApiError::retry_after));
    }

    pub(in crate::machine) fn take_look(
        &mut self,
        client_id: ClientId,
        asked: u64,
        result: Result<Response, ApiError>,
    ) {
        let Some(entry) = self.outbox.get(client_id.as_str()).cloned() else {
            self.free_lane(&client_id);
            return;
        };
        match result {
            Ok(Response::Messages(page)) => {
                let chat = entry.chat;
                let mut messages = page.items;
                messages.retain(|message| message.chat_id == chat);
                let has_more = page.next_cursor.is_some();
                let last = messages.iter().max_by(|a, b| a.position().cmp(&b.position()));
                let (place, more) = match entry.after {
                    Some(message) => {
                        let more = last.filter(|_| has_more).map(|last| Part::After(last.id.clone()));
                        (Place::PageAfter { message }, more)
                    }
                    None => (Place::NewestPage { has_more }, None),
                };
                self.store(
                    Op::PutMessages {
                        chat,
                        overtaken: self.overtaken.among(&messages, asked),
                        messages,
                        place,
                        seq: None,
                    },
                    Then::Looked { client_id, more },
                );
            }
            Ok(_) => self.sending_waits(&client_id, None),
            Err(error) if error.is_retryable() => self.sending_waits(&client_id, error.retry_after()),
            Err(error) => self.park(&client_id, error.failure()),
        }
    }

    /// The store has the page in which a message was looked for.
    pub(in crate::machine) fn looked(&mut self, client_id: ClientId, more: Option<Part>, put: Put) {
        let me = self.my_id();
        self.row_follows(&put);
        self.show_live(&put);
        let Some(entry) = self.outbox.get(client_id.as_str()).cloned() else {
            self.free_lane(&client_id);
            return;
        };
        let Some(outgoing) = entry.message() else {
            return;
        };
        let found = put.messages.iter().find(|message| {
            Some(&message.sender_id) == me.as_ref()
                && message.client_id.is_none()
                && message.content == outgoing.text
        });
        match (found, more) {
            (Some(message), _) => self.store_sent(client_id, Message::clone(message), None),
            (None, Some(part)) => self.look(entry.chat, client_id, part),
            (None, None) => {
                if let Some(entry) = self
                    .outbox
                    .entries
                    .iter_mut()
                    .find(|entry| entry.entry.client_id == client_id)
                {
                    entry.is_unknown = false;
                }
                self.post(&entry, outgoing);
            }
        }
    }

    pub(super) fn post(&mut self, entry: &OutboxEntry, message: &Outgoing) {
        if self.upload_first(entry, &message.files) {
            return;
        }
        let uploaded = message.files.iter().filter_map(|file| file.uploaded.as_ref());
        let attachment_ids: Vec<_> = uploaded.map(|file| file.id.clone()).collect();
        tracing::trace!(chat = %entry.chat, client_id = %entry.client_id, "sending");
        self.call(
            Request::Send {
                chat: entry.chat.clone(),
                message: rest::SendMessage {
                    content: message.text.clone(),
                    client_id: Some(entry.client_id.clone()),
                    reply_to: match &message.reply_to {
                        Some(Target::Sent(id)) => Some(id.clone()),
                        Some(Target::Unsent(_)) | None => None,
                    },
                    visible_to: Some(message.visible_to.clone()).filter(|users| !users.is_empty()),
                    visible_to_roles: Some(message.visible_to_roles.clone())
                        .filter(|roles| !roles.is_empty()),
                    attachment_ids: Some(attachment_ids).filter(|files| !files.is_empty()),
                },
            },
            Purpose::Send {
                client_id: entry.client_id.clone(),
            },
        );
    }

    pub(super) fn look(&mut self, chat: ChatId, client_id: ClientId, part: Part) {
        tracing::trace!(%chat, %client_id, "looking for it");
        self.call(Request::Messages { chat, part }, Purpose::Look { client_id });
    }

    /// `asked`: the call that this answers, where it does.
    pub(super) fn store_sent(&mut self, client_id: ClientId, message: Message, asked: Option<u64>) {
        tracing::trace!(chat = %message.chat_id, %client_id, message = %message.id, "sent");
        let place = if self.chats.is_live(&message.chat_id) {
            Place::Live
        } else {
            Place::Alone
        };
        let is_overtaken = asked.is_some_and(|asked| self.overtaken.is_message(&message.id, asked));
        self.store(
            Op::PutMessages {
                chat: message.chat_id.clone(),
                overtaken: is_overtaken.then(|| message.id.clone()).into_iter().collect(),
                messages: vec![Message {
                    client_id: Some(client_id.clone()),
                    ..message
                }],
                place,
                seq: None,
            },
            Then::Sent { client_id },
        );
    }

    pub(in crate::machine) fn sending_waits(&mut self, client_id: &ClientId, retry_after: Option<Duration>) {
        let now = self.now.monotonic;
        let Some(lane) = self.outbox.lane_of(client_id) else {
            return;
        };
        lane.flight = None;
        lane.failures = lane.failures.saturating_add(1);
        let doubled = Duration::from_secs(1 << lane.failures.min(6));
        let wait = self.random.spread(doubled.min(LONGEST_WAIT));
        lane.wait_until = Some(now + retry_after.map_or(wait, |asked| asked.max(wait)));
    }

    /// The server will not have the message as it is: the person decides.
    pub(in crate::machine) fn park(&mut self, client_id: &ClientId, failure: Failure) {
        tracing::trace!(%client_id, code = %failure.code, "not sent");
        let flight = self.free_lane(client_id);
        match self
            .outbox
            .entries
            .iter_mut()
            .find(|entry| entry.entry.client_id == *client_id)
        {
            Some(entry) => {
                entry.entry.parked = Some(failure.clone());
                self.store(
                    Op::Park {
                        client_id: client_id.clone(),
                        failure,
                    },
                    Then::Nothing,
                );
            }
            None => {
                // Another message had been taken for this one. It comes back under a name of its own.
                let Some(flight) = flight.filter(|flight| flight.taken.is_some()) else {
                    return;
                };
                let entry = OutboxEntry {
                    client_id: self.random.client_id(),
                    parked: Some(failure),
                    ..flight.entry
                };
                self.store(Op::Enqueue(entry.clone()), Then::Nothing);
                self.outbox.entries.push(Entry::new(entry));
            }
        }
    }

    pub(in crate::machine) fn free_lane(&mut self, client_id: &ClientId) -> Option<Flight> {
        self.outbox.lane_of(client_id).and_then(|lane| lane.flight.take())
    }
}
