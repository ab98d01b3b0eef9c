//! What happens when the store has done, or not done, what it was asked.

use khaya_wire::{ChatId, ClientId, rest};

use super::{
    Chat, Output,
    session::Session,
    sync::Stored,
    timeline::{Around, Why},
};
use crate::store::{Answer, OutboxEntry, Position, StoreError};

/// What to do with an answer of the store.
#[derive(Debug)]
pub(super) enum Then {
    /// It matters only that it did not work.
    Nothing,
    Load,
    SignIn(Box<rest::SignedIn>),
    /// A page of the list of chats was stored.
    List {
        everywhere: bool,
        is_last: bool,
    },
    /// One chat was stored. With `open` it is shown.
    Chat {
        open: bool,
    },
    /// A chat is gone.
    Removed {
        chat: ChatId,
    },
    /// A message that came in by itself.
    Live,
    /// A message that the server answered a sending with.
    Sent {
        client_id: ClientId,
    },
    /// The page in which a message was looked for.
    Looked {
        client_id: ClientId,
        more: Option<crate::api::Part>,
    },
    /// A page of messages.
    Page {
        why: Why,
    },
    /// Messages to show.
    Window {
        why: Why,
    },
    Enqueue {
        intent: u64,
        entry: Box<OutboxEntry>,
    },
    Unpark {
        intent: u64,
        entry: Box<OutboxEntry>,
    },
    /// What another store had that was not sent.
    Restore {
        intent: u64,
    },
    /// A file of a message was sent.
    Uploaded {
        entry: Box<OutboxEntry>,
    },
    /// A change that the server took.
    Changed {
        client_id: ClientId,
        is_newest: bool,
    },
    /// What was missed.
    Synced {
        cursor: String,
        has_more: bool,
    },
    /// Pinned messages of the open chat.
    Pins,
    StartedAfresh {
        cursor: String,
    },
    /// A message to be shown, and what is around it.
    Around {
        step: Around,
    },
    Discard {
        intent: u64,
        client_id: ClientId,
    },
    Draft {
        intent: u64,
        chat: ChatId,
        text: String,
    },
    /// The person has read up to here.
    Seen {
        intent: u64,
        position: Position,
    },
    /// Somebody has read up to here.
    Reads,
    /// Messages for the question with this number.
    Search {
        number: u64,
    },
}

impl Chat {
    pub(super) fn take_stored(&mut self, token: u64, result: Result<Answer, StoreError>) {
        let Some(then) = self.stores.remove(&token) else {
            return;
        };
        match result {
            Ok(answer) => self.go_on(then, answer),
            Err(error) => self.go_on_without(then, &error),
        }
    }

    /// Answers the intents that wait for the store, and forgets what else was to be done.
    pub(super) fn drop_stored(&mut self) {
        for then in std::mem::take(&mut self.stores).into_values() {
            match then {
                // These are on their way to the disk, and will be there at the next sign-in.
                Then::Enqueue { intent, .. }
                | Then::Unpark { intent, .. }
                | Then::Restore { intent }
                | Then::Discard { intent, .. }
                | Then::Draft { intent, .. }
                | Then::Seen { intent, .. } => self.out.push(Output::Answer {
                    id: intent,
                    result: Ok(()),
                }),
                Then::Nothing
                | Then::Load
                | Then::SignIn(_)
                | Then::List { .. }
                | Then::Chat { .. }
                | Then::Removed { .. }
                | Then::Uploaded { .. }
                | Then::Changed { .. }
                | Then::Synced { .. }
                | Then::StartedAfresh { .. }
                | Then::Around { .. }
                | Then::Pins
                | Then::Live
                | Then::Sent { .. }
                | Then::Looked { .. }
                | Then::Page { .. }
                | Then::Window { .. }
                | Then::Search { .. }
                | Then::Reads => {}
            }
        }
    }

    fn go_on(&mut self, then: Then, answer: Answer) {
        match (then, answer) {
            (Then::Load, Answer::Profile(profile)) => self.take_profile_at_start(*profile),
            (Then::SignIn(session), Answer::Profile(profile)) => {
                self.take_profile_at_sign_in(*session, *profile);
            }
            (Then::List { everywhere, is_last }, Answer::Chats { chats, absent }) => {
                self.list_is_stored(chats, absent, everywhere, is_last);
            }
            (Then::Chat { open }, Answer::Chats { chats, .. }) => self.chat_is_stored(chats, open),
            (Then::Removed { chat }, _) => self.chat_is_gone(&chat),
            (Then::Live, Answer::Put(put)) => self.live_is_stored(put),
            (Then::Sent { client_id }, Answer::Put(put)) => self.sent_is_stored(&client_id, put),
            (Then::Looked { client_id, more }, Answer::Put(put)) => self.looked(client_id, more, put),
            (Then::Page { why }, Answer::Put(put)) => self.page_is_stored(why, put),
            (Then::Window { why }, Answer::Window(window)) => self.take_window(why, window),
            (Then::Enqueue { intent, entry }, _) => self.enqueued(intent, *entry),
            (Then::Unpark { intent, entry }, _) => self.unparked(intent, *entry),
            (Then::Restore { intent }, Answer::Restored { drafts, entries }) => {
                self.restored(intent, drafts, entries);
            }
            (Then::Uploaded { entry }, _) => self.uploaded_is_stored(*entry),
            (Then::Changed { client_id, is_newest }, Answer::Put(put)) => {
                self.change_is_stored(&client_id, is_newest, &put);
            }
            (
                Then::Synced { cursor, has_more },
                Answer::Synced {
                    puts,
                    chats,
                    removed,
                    has_unknown,
                    rest,
                },
            ) => self.synced_is_stored(Stored {
                puts,
                chats,
                removed,
                has_unknown,
                rest,
                cursor,
                has_more,
            }),
            (Then::Pins, Answer::Window(window)) => self.take_pins(window),
            (Then::StartedAfresh { cursor }, _) => self.started_afresh(cursor),
            (Then::Around { step }, Answer::Around(around)) => self.take_stored_around(step, around),
            (Then::Around { step }, Answer::Put(_)) => self.look_around_again(step),
            (Then::Discard { intent, client_id }, _) => self.discarded(intent, &client_id),
            (Then::Draft { intent, chat, text }, _) => self.draft_is_saved(intent, &chat, text),
            (Then::Seen { intent, position }, Answer::Unread { chat, unread, marker }) => {
                self.answer(intent, Ok(()));
                self.read_up_to(&chat, unread, marker);
                self.tell_read(chat, position);
            }
            (Then::Reads, Answer::Unread { chat, unread, marker }) => {
                self.read_elsewhere(&chat, unread, marker)
            }
            (Then::Reads, Answer::Reads { chat, reads }) => self.others_read(&chat, reads),
            // The server knows how much is unread after a message that is not stored here.
            (Then::Reads, Answer::Done) => self.fetch_soon(),
            (Then::Search { number }, Answer::Found(found)) => self.take_found(number, found),
            (_, _) => {}
        }
    }

    fn go_on_without(&mut self, then: Then, error: &StoreError) {
        tracing::warn!(%error, "the store did not do what was asked");
        let failure = error.failure();
        self.note("store", &failure.code);
        match then {
            Then::Load => {
                self.session = Session::SignedOut {
                    server: None,
                    username: None,
                    failure: Some(failure),
                };
            }
            Then::SignIn(_) => self.fail_to_sign_in(failure),
            Then::Enqueue { intent, .. }
            | Then::Unpark { intent, .. }
            | Then::Restore { intent }
            | Then::Draft { intent, .. }
            | Then::Seen { intent, .. } => self.answer(intent, Err(failure)),
            Then::Discard { intent, client_id } => {
                self.not_discarded(&client_id);
                self.answer(intent, Err(failure));
            }
            Then::Uploaded { entry } => {
                self.alert(failure);
                self.sending_waits(&entry.client_id, None);
            }
            Then::Changed { client_id, .. } => {
                self.alert(failure);
                self.change_is_not_stored(&client_id);
            }
            Then::Synced { .. } | Then::StartedAfresh { .. } => {
                self.alert(failure);
                self.sync_is_not_stored();
            }
            Then::Sent { client_id } | Then::Looked { client_id, .. } => {
                self.alert(failure);
                self.sending_is_unknown(&client_id, None);
            }
            Then::Live | Then::Page { .. } | Then::List { .. } | Then::Chat { .. } => {
                // What was not stored was not received: nothing after it follows without a gap, and it is fetched
                // again.
                self.alert(failure);
                self.chats.nothing_is_live();
                self.stop_loading();
                self.fetch_later();
            }
            Then::Search { number } => {
                self.alert(failure);
                self.found_nothing(number);
            }
            Then::Nothing
            | Then::Removed { .. }
            | Then::Window { .. }
            | Then::Around { .. }
            | Then::Pins
            | Then::Reads => {
                self.alert(failure);
                self.stop_loading();
            }
        }
    }
}
