//! Looking for messages: on disk at once, then at the server, in one list.
//!
//! Disk and server are each asked for page after page, newest first. A message is shown once it is certain that none
//! between it and the one before is missing: where a page of either has ended, what the other has beyond that waits for
//! the next page. So the list only ever grows at its end, but for the moment in which the server's first page joins
//! what the disk had.

mod question;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use khaya_wire::{ChatId, Message, MessageId, Page, Timestamp, discovery::Feature};

use self::question::{Known, Question};
use super::{Chat, Output, calls::Purpose, stored::Then};
use crate::{
    api::{ApiError, Request, Response},
    store::{Found, Op, Piece, Put, excerpt},
    view::Failure,
};

/// How many messages are asked for and shown at once.
const STEP: usize = 25;

/// The longest list. Who looks for more than this is better served by another word.
const LONGEST: usize = 500;

/// The server is asked once nothing has been typed for so long.
const AFTER_TYPING: Duration = Duration::from_millis(250);

/// How many pages in a row are asked for that add nothing: the server knows fewer ways to narrow a search down.
const MOST_IN_VAIN: u32 = 10;

/// The longest text that servers look for, in characters.
const LONGEST_QUERY: usize = 200;

/// A search that is shown.
#[derive(Debug)]
pub(super) struct Search {
    /// What the person typed.
    pub(super) line: String,
    /// The chat that is looked through, where it is one.
    pub(super) chat: Option<ChatId>,
    /// A later question has a greater one.
    number: u64,
    question: Result<Question, Failure>,
    disk: Source<i64>,
    server: Source<String>,
    /// Whether what is shown was found for the question before this one.
    is_of_before: bool,
    /// By time; the last is the newest.
    found: BTreeMap<Place, Hit>,
}

/// Of a message among those of all chats.
type Place = (Timestamp, MessageId, ChatId);

/// A message that was found.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) message: Arc<Message>,
    pub(super) excerpt: Vec<Piece>,
}

/// One of the two that are asked.
#[derive(Debug)]
enum Source<Next> {
    /// Not asked: it has none, or nothing it could be asked.
    Silent,
    /// Asked when this time comes.
    Waits(Duration),
    Asked {
        /// What it had told before.
        told: Option<Told<Next>>,
        in_vain: u32,
    },
    Told(Told<Next>),
    Failed {
        failure: Failure,
        told: Option<Told<Next>>,
    },
}

/// How far one of the two has told what there is.
#[derive(Debug, Clone)]
struct Told<Next> {
    /// Down to this time; to the end, where there is none.
    until: Option<Timestamp>,
    next: Option<Next>,
}

impl<Next> Source<Next> {
    fn told(&self) -> Option<&Told<Next>> {
        match self {
            Self::Silent | Self::Waits(_) => None,
            Self::Asked { told, .. } | Self::Failed { told, .. } => told.as_ref(),
            Self::Told(told) => Some(told),
        }
    }

    fn is_asked(&self) -> bool {
        match self {
            Self::Waits(_) | Self::Asked { .. } => true,
            Self::Silent | Self::Told(_) | Self::Failed { .. } => false,
        }
    }

    fn has_more(&self) -> bool {
        self.told().is_some_and(|told| told.next.is_some())
    }

    /// What is older than this may be missing.
    fn until(&self) -> Option<Timestamp> {
        self.told().and_then(|told| told.until)
    }
}

impl Search {
    /// What is shown, newest first.
    pub(super) fn hits(&self) -> impl Iterator<Item = &Hit> {
        let until = self.disk.until().max(self.server.until());
        self.found
            .iter()
            .rev()
            .take_while(move |((at, _, _), _)| until.is_none_or(|until| *at >= until))
            .map(|(_, hit)| hit)
            .take(LONGEST)
    }

    pub(super) fn is_loading(&self) -> bool {
        self.disk.is_asked() || self.server.is_asked()
    }

    pub(super) fn has_more(&self) -> bool {
        (self.disk.has_more() || self.server.has_more()) && self.hits().count() < LONGEST
    }

    /// Whether what is shown is all that the server knows of, so far as it goes.
    pub(super) fn is_everywhere(&self) -> bool {
        match self.server {
            Source::Told(_) => true,
            Source::Asked { ref told, .. } => told.is_some(),
            Source::Silent | Source::Waits(_) | Source::Failed { .. } => false,
        }
    }

    pub(super) fn failure(&self) -> Option<&Failure> {
        match (&self.question, &self.server) {
            (Err(failure), _) | (Ok(_), Source::Failed { failure, .. }) => Some(failure),
            (Ok(_), Source::Silent | Source::Waits(_) | Source::Asked { .. } | Source::Told(_)) => None,
        }
    }

    fn add(&mut self, message: Arc<Message>) {
        let Ok(question) = &self.question else { return };
        let place = place(&message);
        let excerpt = shown(&message, &question.query.text);
        self.found.insert(place, Hit { message, excerpt });
    }

    fn remove(&mut self, chat: &ChatId, message: &MessageId) {
        self.found.retain(|(_, id, of), _| id != message || of != chat);
    }
}

impl Chat {
    pub(super) fn look_for(&mut self, line: String, chat: Option<ChatId>) {
        self.cancel_search();
        let question = question::read(&line, chat.as_ref(), &self.known());
        let before = self.search.take();
        let is_question = question.as_ref().is_ok_and(Question::is_one);
        let for_server = self.server_has(Feature::Search)
            && question.as_ref().is_ok_and(|question| {
                question.query.has_words() && question.query.text.chars().count() <= LONGEST_QUERY
            });
        self.search = Some(Search {
            line,
            chat,
            number: self.next_token,
            question,
            disk: Source::Silent,
            server: if for_server {
                Source::Waits(self.now.monotonic + AFTER_TYPING)
            } else {
                Source::Silent
            },
            is_of_before: true,
            // It stays until there is something to show in its place.
            found: before
                .filter(|_| is_question)
                .map(|before| before.found)
                .unwrap_or_default(),
        });
        if is_question {
            self.ask_disk();
        }
    }

    pub(super) fn look_for_more(&mut self) {
        let Some(search) = &self.search else { return };
        if search.is_loading() || !search.has_more() {
            return;
        }
        if search.disk.has_more() {
            self.ask_disk();
        }
        if self
            .search
            .as_ref()
            .is_some_and(|search| search.server.has_more())
        {
            self.ask_server(0);
        }
    }

    pub(super) fn close_search(&mut self) {
        self.cancel_search();
        self.search = None;
    }

    /// When the server is to be asked.
    pub(super) fn search_due(&self) -> Option<Duration> {
        match self.search.as_ref()?.server {
            Source::Waits(at) => Some(at),
            Source::Silent | Source::Asked { .. } | Source::Told(_) | Source::Failed { .. } => None,
        }
    }

    pub(super) fn search_if_due(&mut self) {
        if self.search_due().is_some_and(|due| due <= self.now.monotonic) {
            self.ask_server(0);
        }
    }

    /// The server can be reached again.
    pub(super) fn search_again(&mut self) {
        if self
            .search
            .as_ref()
            .is_some_and(|search| matches!(search.server, Source::Failed { .. }))
        {
            self.ask_server(0);
        }
    }

    pub(super) fn take_found(&mut self, number: u64, found: Found) {
        let Some(search) = self.search.as_mut().filter(|search| search.number == number) else {
            return;
        };
        if std::mem::take(&mut search.is_of_before) {
            search.found.clear();
        }
        search.disk = Source::Told(Told {
            until: found
                .next
                .and_then(|_| found.messages.last().map(|message| message.created_at)),
            next: found.next,
        });
        for message in found.messages {
            search.add(message);
        }
    }

    /// The disk has told nothing; what the server has is shown all the same.
    pub(super) fn found_nothing(&mut self, number: u64) {
        self.take_found(number, Found::default());
    }

    pub(super) fn take_server_found(&mut self, number: u64, asked: u64, result: Result<Response, ApiError>) {
        let Some(search) = self.search.as_mut().filter(|search| search.number == number) else {
            return;
        };
        let Source::Asked { told, in_vain } = &search.server else {
            return;
        };
        let (told, in_vain) = (told.clone(), *in_vain);
        let page = match result {
            Ok(Response::Messages(page)) => page,
            Ok(_) => return search.server = failed(&ApiError::NotKhaya, told),
            Err(error) => return search.server = failed(&error, told),
        };
        let Ok(question) = &search.question else { return };
        let Page { items, next_cursor } = page;
        let until = items.iter().map(|message| message.created_at).min();
        let is_past = until < question.query.after;
        let next = next_cursor.filter(|_| until.is_some() && !is_past);
        // What was told of a message since the question is newer than this answer.
        let found: Vec<_> = items
            .into_iter()
            .filter(|message| question.query.admits(message))
            .filter(|message| !self.overtaken.is_message(&message.id, asked))
            .collect();
        let is_in_vain = found.is_empty() && next.is_some() && in_vain < MOST_IN_VAIN;
        search.server = Source::Told(Told {
            until: until.filter(|_| next.is_some()),
            next,
        });
        for message in found {
            search.add(Arc::new(message));
        }
        if is_in_vain {
            self.ask_server(in_vain + 1);
        }
    }

    /// What was found follows what has become of it.
    pub(super) fn search_follows(&mut self, put: &Put) {
        let Some(search) = &mut self.search else { return };
        for message in &put.gone {
            search.remove(&put.chat, message);
        }
        for message in &put.messages {
            let place = place(message);
            if !search.found.contains_key(&place) {
                continue;
            }
            let is_met = search
                .question
                .as_ref()
                .is_ok_and(|question| question.query.is_met_by(message));
            if is_met {
                search.add(Arc::clone(message));
            } else {
                search.found.remove(&place);
            }
        }
    }

    /// Who and what a question can name.
    fn known(&self) -> Known {
        let people = self.chats.people.values();
        let me = self.signed_in().map(|session| &session.me);
        Known {
            people: people
                .chain(me)
                .map(|user| (user.id.clone(), user.username.clone(), user.name.clone()))
                .collect(),
            chats: self
                .chats
                .rows
                .values()
                .map(|row| (row.stored.chat.id.clone(), self.name_of_chat(&row.stored.chat)))
                .collect(),
            me: self.my_id(),
            utc_offset: self.quiet.utc_offset,
        }
    }

    fn ask_disk(&mut self) {
        let Some(search) = &mut self.search else { return };
        let Ok(question) = &search.question else { return };
        let told = search.disk.told().cloned();
        let op = Op::Search {
            query: question.query.clone(),
            from: told.as_ref().and_then(|told| told.next),
            limit: STEP,
        };
        search.disk = Source::Asked { told, in_vain: 0 };
        let number = search.number;
        self.store(op, Then::Search { number });
    }

    fn ask_server(&mut self, in_vain: u32) {
        let Some(search) = &mut self.search else { return };
        let Ok(question) = &search.question else { return };
        let told = search.server.told().cloned();
        let one = |list: &[ChatId]| match list {
            [only] => Some(only.clone()),
            _ => None,
        };
        let request = Request::Search {
            words: question.query.text.trim().to_owned(),
            chat: one(&question.query.chats),
            sender: match question.query.senders.as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            },
            cursor: told.as_ref().and_then(|told| told.next.clone()),
            limit: STEP,
        };
        search.server = Source::Asked { told, in_vain };
        let number = search.number;
        self.call(request, Purpose::Search { number });
    }

    fn cancel_search(&mut self) {
        let tokens: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, pending)| pending.is_search())
            .map(|(token, _)| *token)
            .collect();
        for token in tokens {
            self.calls.remove(&token);
            self.out.push(Output::Cancel { token });
        }
    }
}

fn place(message: &Message) -> Place {
    (message.created_at, message.id.clone(), message.chat_id.clone())
}

fn failed(error: &ApiError, told: Option<Told<String>>) -> Source<String> {
    let failure = error.failure();
    Source::Failed { failure, told }
}

/// Why a message was found: in its words as they are read, or in what stands behind them, as a link's address.
fn shown(message: &Message, query: &str) -> Vec<Piece> {
    let line = khaya_markup::plain(&message.content);
    let pieces = excerpt(&line, query);
    if pieces.iter().any(|piece| piece.is_hit) {
        return pieces;
    }
    let behind = excerpt(&message.content, query);
    if behind.iter().any(|piece| piece.is_hit) {
        behind
    } else {
        pieces
    }
}
