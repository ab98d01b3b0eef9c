//! The list of chats: what is known of each, and when it is fetched.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use khaya_wire::{
    Chat as WireChat, ChatId, ChatKind, Code, Message, User, UserId, discovery::Feature, model::Presence,
    rest,
};

use super::{Chat, Output, calls::Purpose, stored::Then};
use crate::{
    api::{ApiError, PAGE, Request, Response},
    shell::ShellRequest,
    store::{self, ChatFacts, Op, StoredChat},
};

mod reading;

/// Without events for all chats, the list is asked for this often (contract, "Socket.IO"); with them too, so that
/// a lost one comes to light.
const FETCH_EVERY: Duration = Duration::from_secs(30);

/// Where the server tells what was missed, that is asked for instead, and the list for what has no number: read
/// markers and who is there.
const FETCH_EVERY_WITH_SYNC: Duration = Duration::from_secs(120);

/// After a fetch that failed, or that was overtaken by events.
const FETCH_AGAIN: Duration = Duration::from_secs(3);

/// The longest list that is fetched.
const MOST_CHATS: usize = 5000;

/// A page that does not get through, for its own size or that of the line, is asked for in smaller ones.
const SMALLER: usize = 4;

/// No two fetches begin within this time, however often they are asked for.
const FETCH_AT_MOST_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Chats {
    pub(super) rows: HashMap<ChatId, Row>,
    /// Everyone who is or was seen in a chat.
    pub(super) people: HashMap<UserId, User>,
    /// Of those of whom the server has told since the connection came up.
    pub(super) presence: HashMap<UserId, Presence>,
    /// The newest message of each chat whose messages the store has forgotten: what is as old as that is not new,
    /// should it come again.
    forgotten: HashMap<ChatId, store::Position>,
    fetch: Option<Fetch>,
    /// How many chats are asked for at once: of chats with very many members, fewer fit into an answer.
    limit: usize,
    /// When to fetch next.
    fetch_at: Option<Duration>,
    fetched_at: Option<Duration>,
    /// Whether the list has ever been fetched.
    pub(super) has_synced: bool,
}

/// One chat.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) stored: StoredChat,
    /// Its newest message in one line.
    pub(super) line: String,
    /// Whether each message that comes in follows the newest that is stored.
    pub(super) is_live: bool,
}

/// A fetch of the list on its way.
#[derive(Debug)]
struct Fetch {
    /// What the pages so far had.
    listed: HashSet<ChatId>,
    /// How many have been asked for.
    asked: usize,
    /// In which something was read or deleted since it began, so that its counts are not to be believed.
    overtaken: HashSet<ChatId>,
    incarnation: u64,
}

impl Default for Chats {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            people: HashMap::new(),
            presence: HashMap::new(),
            forgotten: HashMap::new(),
            fetch: None,
            limit: PAGE,
            fetch_at: None,
            fetched_at: None,
            has_synced: false,
        }
    }
}

impl Chats {
    pub(super) fn get(&self, chat: &ChatId) -> Option<&StoredChat> {
        self.rows.get(chat).map(|row| &row.stored)
    }

    pub(super) fn is_loading_first(&self) -> bool {
        !self.has_synced && self.rows.is_empty() && self.fetch.is_some()
    }

    pub(super) fn nothing_is_live(&mut self) {
        for row in self.rows.values_mut() {
            row.is_live = false;
        }
    }

    pub(super) fn everything_is_live(&mut self) {
        for row in self.rows.values_mut() {
            row.is_live = true;
        }
    }

    pub(super) fn is_not_live(&mut self, chat: &ChatId) {
        if let Some(row) = self.rows.get_mut(chat) {
            row.is_live = false;
        }
    }

    /// What an answer of the server says of who is there.
    fn learn_presence(&mut self, chat: &WireChat) {
        for member in &chat.members {
            if let Some(presence) = &member.presence {
                self.presence.insert(member.id.clone(), presence.clone());
            }
        }
    }

    pub(super) fn is_live(&self, chat: &ChatId) -> bool {
        self.rows.get(chat).is_some_and(|row| row.is_live)
    }

    /// The store forgets the messages of a chat.
    fn forget_messages(&mut self, chat: &ChatId) {
        if let Some(newest) = self.get(chat).and_then(|chat| chat.newest.clone()) {
            self.forgotten
                .insert(chat.clone(), (newest.created_at, newest.id.clone()));
        }
    }

    /// The store forgets the messages of all chats.
    pub(super) fn forget_all_messages(&mut self) {
        for chat in self.rows.keys().cloned().collect::<Vec<_>>() {
            self.forget_messages(&chat);
        }
    }

    /// Whether a message may have been there before the store forgot those of its chat.
    pub(super) fn is_forgotten(&self, message: &Message) -> bool {
        self.forgotten
            .get(&message.chat_id)
            .is_some_and(|(at, id)| message.position() <= (*at, id))
    }

    /// Something was read or deleted in a chat: what a fetch on its way says of its counts may be older.
    pub(super) fn overtake(&mut self, chat: &ChatId) {
        if let Some(fetch) = &mut self.fetch {
            fetch.overtaken.insert(chat.clone());
        }
    }

    fn put(&mut self, stored: StoredChat) {
        for member in &stored.chat.members {
            self.people.insert(member.id.clone(), member.clone());
        }
        match self.rows.get_mut(&stored.chat.id) {
            Some(row) => {
                if row.stored.newest != stored.newest {
                    row.line = line_of(&stored);
                }
                row.stored = stored;
            }
            None => {
                let row = Row {
                    line: line_of(&stored),
                    stored,
                    is_live: false,
                };
                self.rows.insert(row.stored.chat.id.clone(), row);
            }
        }
    }
}

fn line_of(stored: &StoredChat) -> String {
    stored
        .newest
        .as_deref()
        .map(super::words::line)
        .unwrap_or_default()
}

impl Chat {
    /// What the store has of an account comes into memory.
    pub(super) fn take_contents(&mut self, profile: store::Profile) {
        self.chats = Chats {
            has_synced: profile.has_synced,
            ..Chats::default()
        };
        for chat in profile.chats {
            self.chats.put(chat);
        }
        self.outbox.load(profile.outbox);
        self.sync = super::sync::Sync::new(profile.cursor);
        if let Some(chat) = profile.open_chat {
            self.open_chat(&chat);
        }
    }

    pub(super) fn fetch_soon(&mut self) {
        let now = self.now.monotonic;
        let earliest = self
            .chats
            .fetched_at
            .map_or(now, |at| (at + FETCH_AT_MOST_EVERY).max(now));
        self.fetch_at(earliest);
    }

    pub(super) fn fetch_later(&mut self) {
        let wait = self.random.spread(FETCH_AGAIN);
        self.fetch_at(self.now.monotonic + wait);
    }

    pub(super) fn fetch_due(&self) -> Option<Duration> {
        if self.chats.fetch.is_some() || !self.can_ask() || self.needs_cursor() {
            return None;
        }
        self.chats.fetch_at
    }

    pub(super) fn fetch_if_due(&mut self) {
        if self.fetch_due().is_none_or(|due| due > self.now.monotonic) {
            return;
        }
        self.chats.fetched_at = Some(self.now.monotonic);
        let every = if self.can_sync() {
            FETCH_EVERY_WITH_SYNC
        } else {
            FETCH_EVERY
        };
        self.chats.fetch_at = Some(self.now.monotonic + every);
        self.chats.fetch = Some(Fetch {
            listed: HashSet::new(),
            asked: 0,
            overtaken: HashSet::new(),
            incarnation: self.connection.incarnation(),
        });
        self.ask_for_list(None);
        // The open chat with it: on level Base edits are seen in no other way, and on either an event may be lost.
        self.fetch_newest_of_open_chat();
        self.tell_all_read();
    }

    fn ask_for_list(&mut self, cursor: Option<String>) {
        let limit = self.chats.limit;
        if let Some(fetch) = &mut self.chats.fetch {
            fetch.asked += limit;
        }
        self.call(Request::Chats { cursor, limit }, Purpose::List);
    }

    pub(super) fn take_list(&mut self, asked: u64, result: Result<Response, ApiError>) {
        // Where the server tells what was missed, that says what follows.
        let everywhere = self.server_has(Feature::Everywhere) && !self.can_sync() && self.connection.is_up();
        let incarnation = self.connection.incarnation();
        if self.chats.fetch.is_none() {
            return;
        }
        let page = match result {
            Ok(Response::Chats(page)) => page,
            Ok(_) => return self.list_failed(&ApiError::NotKhaya),
            Err(error) => return self.list_failed(&error),
        };
        for chat in &page.items {
            self.chats.learn_presence(chat);
        }
        let Some(fetch) = &mut self.chats.fetch else {
            return;
        };
        let known = fetch.listed.len();
        self.chats.limit = (self.chats.limit * 2).min(PAGE);
        fetch.listed.extend(page.items.iter().map(|chat| chat.id.clone()));
        // A page that adds nothing leads nowhere, and a list without end is not read to its end.
        let is_too_long = fetch.asked >= MOST_CHATS;
        let goes_on = fetch.listed.len() > known && !is_too_long;
        let next = page.next_cursor.filter(|_| goes_on);
        let all = (next.is_none() && !is_too_long).then(|| fetch.listed.clone());
        let chats = page
            .items
            .into_iter()
            .map(|chat| ChatFacts {
                counts: !fetch.overtaken.contains(&chat.id),
                is_overtaken: self.overtaken.is_chat(&chat.id, asked),
                chat,
            })
            .collect();
        let is_last = next.is_none();
        let then = Then::List {
            everywhere: everywhere && fetch.incarnation == incarnation,
            is_last,
        };
        let was_overtaken = !fetch.overtaken.is_empty();
        self.store(Op::PutChats { chats, all }, then);
        if next.is_some() {
            self.ask_for_list(next);
            return;
        }
        self.chats.fetch = None;
        self.connection.fetch_succeeded();
        if was_overtaken {
            self.fetch_later();
        }
    }

    pub(super) fn list_is_stored(
        &mut self,
        chats: Vec<StoredChat>,
        absent: Vec<ChatId>,
        everywhere: bool,
        is_last: bool,
    ) {
        let had_synced = self.chats.has_synced;
        self.chats.has_synced |= is_last;
        for chat in absent {
            // It may be gone; or it rose to the part of the list that had been fetched already.
            self.call(Request::Chat { chat: chat.clone() }, Purpose::IsThere { chat });
        }
        let mut is_behind = false;
        for stored in chats {
            self.outbox.confirm(&stored.told);
            let id = stored.chat.id.clone();
            let before = self.chats.get(&id).map(|before| before.unread);
            if stored.newest_is_new && self.is_open(&id) {
                is_behind = true;
            }
            if had_synced && stored.newest_is_new {
                self.notify_of_fetched(&stored, before.unwrap_or(0));
            }
            if stored.unread == 0 && before.is_some_and(|before| before > 0) {
                self.withdraw(&id);
            }
            self.compare_number(&stored);
            self.chats.put(stored);
            if everywhere && let Some(row) = self.chats.rows.get_mut(&id) {
                row.is_live = true;
            }
        }
        if is_behind {
            self.fetch_newest_of_open_chat();
        }
        self.send_what_can_be_sent();
    }

    /// Stores what the server said about one chat: in answer to the call `asked`, or by itself.
    pub(super) fn put_chat(&mut self, chat: WireChat, open: bool, asked: Option<u64>) {
        self.chats.learn_presence(&chat);
        self.overtake_by_reads(&chat);
        let facts = ChatFacts {
            counts: false,
            is_overtaken: asked.is_some_and(|asked| self.overtaken.is_chat(&chat.id, asked)),
            chat,
        };
        self.store(
            Op::PutChats {
                chats: vec![facts],
                all: None,
            },
            Then::Chat { open },
        );
    }

    pub(super) fn chat_is_stored(&mut self, chats: Vec<StoredChat>, open: bool) {
        for stored in chats {
            self.outbox.confirm(&stored.told);
            let id = stored.chat.id.clone();
            let had_unread = self.chats.get(&id).is_some_and(|before| before.unread > 0);
            if had_unread && stored.unread == 0 {
                self.withdraw(&id);
            }
            self.chats.put(stored);
            if open {
                self.open_chat(&id);
            }
        }
    }

    pub(super) fn chat_is_gone(&mut self, chat: &ChatId) {
        self.chats.forget_messages(chat);
        self.chats.rows.remove(chat);
        self.withdraw(chat);
        if self.is_open(chat) {
            self.timeline = None;
        }
    }

    pub(super) fn take_whether_there(
        &mut self,
        chat: ChatId,
        asked: u64,
        result: Result<Response, ApiError>,
    ) {
        match result {
            Ok(Response::Chat(found)) if found.id == chat => self.put_chat(*found, false, Some(asked)),
            Err(ApiError::Refused {
                code: Code::NotFound | Code::Forbidden,
                ..
            }) if !self.overtaken.is_chat(&chat, asked) => {
                self.store(Op::RemoveChat { chat: chat.clone() }, Then::Removed { chat });
            }
            // The next fetch of the list asks again.
            Ok(_) | Err(_) => {}
        }
    }

    pub(super) fn take_created_chat(&mut self, intent: u64, asked: u64, result: Result<Response, ApiError>) {
        match result {
            Ok(Response::Chat(chat)) => {
                self.put_chat(*chat, true, Some(asked));
                self.answer(intent, Ok(()));
            }
            Ok(_) => self.answer(intent, Err(ApiError::NotKhaya.failure())),
            Err(error) => self.answer(intent, Err(error.failure())),
        }
    }

    pub(super) fn take_found_people(&mut self, query: &str, result: Result<Response, ApiError>) {
        let me = self.my_id();
        let Some(search) = self.people.as_mut().filter(|search| search.query == query) else {
            return;
        };
        search.is_loading = false;
        match result {
            Ok(Response::People(page)) => {
                search.people = page
                    .items
                    .iter()
                    .filter(|user| Some(&user.id) != me.as_ref())
                    .map(super::show::person)
                    .collect();
                search.failure = None;
            }
            Ok(_) => search.failure = Some(ApiError::NotKhaya.failure()),
            Err(error) => search.failure = Some(error.failure()),
        }
    }

    pub(super) fn create_chat(
        &mut self,
        intent: u64,
        kind: ChatKind,
        name: Option<String>,
        members: Vec<UserId>,
    ) {
        let request = Request::CreateChat(rest::CreateChat {
            kind,
            name: name.filter(|_| kind == ChatKind::Group),
            member_ids: members,
        });
        self.call(request, Purpose::CreateChat { intent });
    }

    fn fetch_at(&mut self, at: Duration) {
        let earlier = self.chats.fetch_at.map_or(at, |before| before.min(at));
        self.chats.fetch_at = Some(earlier);
    }

    fn list_failed(&mut self, error: &ApiError) {
        self.chats.fetch = None;
        match error {
            ApiError::Timeout | ApiError::Interrupted | ApiError::NotKhaya => {
                self.chats.limit = (self.chats.limit / SMALLER).max(1);
            }
            ApiError::Unreachable | ApiError::Tls | ApiError::LocalFile(_) | ApiError::Refused { .. } => {}
        }
        self.connection.fetch_failed(error.failure());
        let wait = error.retry_after().unwrap_or(FETCH_EVERY);
        self.chats.fetch_at = Some(self.now.monotonic + wait.min(FETCH_EVERY));
    }

    pub(super) fn withdraw(&mut self, chat: &ChatId) {
        self.out.push(Output::Shell(ShellRequest::Withdraw {
            chat_id: chat.clone(),
        }));
    }
}
