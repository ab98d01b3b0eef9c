//! What is kept on disk: chats, messages, the outbox, drafts, read markers, and who was signed in.
//!
//! Owns: the database files of a profile, encrypted with one key, one transaction a [`Op`], and the rule which stored messages are known
//! to follow each other without a gap.
//!
//! Never does: keep a token, decide what to fetch, choose where its key is kept, or delete a file that it cannot
//! read.
//!
//! A message carries a mark when there may be messages before it that are not stored. A run of messages without
//! such a mark is shown as one; where a run ends, the server is asked.

mod answer;
pub(crate) mod apply;
mod chats;
mod counts;
mod error;
mod export;
mod files;
mod key;
mod messages;
mod open;
mod outbox;
mod profile;
mod reads;
mod salvage;
mod schema;
mod search;
mod sync;
mod windows;
mod work;
mod worker;

use std::collections::HashSet;

use khaya_wire::{
    Chat, ChatId, ClientId, FileId, Message, MessageId, Timestamp, User, UserId, discovery::Discovery,
};

pub use answer::{Answer, LastSession, Markers, Profile, Put, Read, StoredChat};
pub use error::StoreError;
pub use export::{Exported, Progress};
pub(crate) use export::{Line, VERSION, export};
pub use files::Aside;
pub use key::{FileKey, KeyFile, StoreKey, WrongPassphrase};
pub use open::{Opened, SetAside, There, fits, look, open, open_in_memory, remove_unkept, set_aside_locked};
pub use search::{Found, Has, Piece, Query, excerpt};
pub use sync::{Missed, Told};
pub use windows::{Edge, Window};
pub use work::{Change, OutboxEntry, Outgoing, OutgoingFile, Target, Work};
pub use worker::{StoreQueue, StoreThread};

use crate::view::Failure;

/// The store of one profile. Holds the file open.
#[derive(Debug)]
pub struct Store {
    connection: rusqlite::Connection,
    /// Whose data the operations are about; `None` while nobody is signed in.
    account: Option<Account>,
}

/// The account that is signed in, as the store knows it.
#[derive(Debug, Clone)]
struct Account {
    number: i64,
    user: UserId,
    /// What messages name the person by.
    username: String,
}

/// One transaction or one query.
#[derive(Debug, Clone)]
pub enum Op {
    /// Who was signed in last, and everything of theirs. → [`Answer::Profile`]
    Load,
    /// Somebody signed in. → [`Answer::Profile`]
    SignIn(Box<SignedIn>),
    /// What the server said about itself. → [`Answer::Done`]
    PutServer { discovery: Option<Discovery> },
    /// The person of the account, as they are now.
    PutMe { me: Box<User> },
    /// Nobody is signed in any more. Nothing of theirs is removed. → [`Answer::Done`]
    SignOut,
    /// Chats as the server has them. With the last of them comes which chats there are. → [`Answer::Chats`]
    PutChats {
        chats: Vec<ChatFacts>,
        all: Option<HashSet<ChatId>>,
    },
    /// A chat that is no longer there for this person. → [`Answer::Done`]
    RemoveChat { chat: ChatId },
    /// Messages of one chat. → [`Answer::Put`]
    PutMessages {
        chat: ChatId,
        messages: Vec<Message>,
        place: Place,
        /// The number of the event that told of them.
        seq: Option<u64>,
        /// Of which something newer has been told since they were asked for: what is stored of these stays.
        overtaken: HashSet<MessageId>,
    },
    /// What became of a message, if it is stored. → [`Answer::Put`]
    Edit { message: Message, seq: Option<u64> },
    /// A message was deleted; if it is stored, a tombstone stays. → [`Answer::Put`]
    Bury {
        chat: ChatId,
        message: MessageId,
        seq: Option<u64>,
        at: Timestamp,
    },
    /// What was missed, and the place up to which that is all. → [`Answer::Synced`]
    PutSync(Missed),
    /// What was missed cannot be told any more: messages are forgotten, and fetched again from this place on.
    /// → [`Answer::Done`]
    StartAfresh { cursor: String },
    /// The newest messages that follow each other. → [`Answer::Window`]
    Newest { chat: ChatId, limit: usize },
    /// Messages before this place. → [`Answer::Window`]
    Before {
        chat: ChatId,
        place: Position,
        limit: usize,
    },
    /// Messages after this place. → [`Answer::Window`]
    After {
        chat: ChatId,
        place: Position,
        limit: usize,
    },
    /// Pinned messages of a chat. → [`Answer::Window`]
    Pins { chat: ChatId },
    /// A message with what is before and after it. → [`Answer::Around`]
    Around {
        chat: ChatId,
        message: MessageId,
        limit: usize,
    },
    /// Something to be sent; a message takes the chat's draft away. → [`Answer::Done`]
    Enqueue(OutboxEntry),
    /// What another store had that was not sent; what is here already stays as it is. → [`Answer::Restored`]
    Restore {
        drafts: Vec<(ChatId, String)>,
        entries: Vec<OutboxEntry>,
    },
    /// The server took a change. `told` is what it answered; something newer may have been told since the question.
    /// → [`Answer::Put`]
    Changed {
        entry: Box<OutboxEntry>,
        told: Option<Box<Message>>,
        is_newest: bool,
        at: Timestamp,
    },
    /// A message cannot be sent without the person. → [`Answer::Done`]
    Park { client_id: ClientId, failure: Failure },
    /// It is to be sent after all, behind the others. → [`Answer::Done`]
    Unpark { client_id: ClientId, work: Work },
    /// It is not to be sent, nor the changes that wait for it. → [`Answer::Done`]
    Discard { client_id: ClientId },
    /// What is to be done has changed: a file of it has been sent. → [`Answer::Done`]
    PutWork { client_id: ClientId, work: Work },
    /// Which chat is open. → [`Answer::Done`]
    PutOpenChat { chat: Option<ChatId> },
    /// What is typed and not sent; empty for nothing. → [`Answer::Done`]
    SaveDraft { chat: ChatId, text: String },
    /// Stored messages that match, before the place where the page before ended. → [`Answer::Found`]
    Search {
        query: Query,
        from: Option<i64>,
        limit: usize,
    },
    /// The person has read up to here. → [`Answer::Unread`]
    MarkRead { chat: ChatId, position: Position },
    /// The server knows that they have. → [`Answer::Done`]
    ConfirmRead { chat: ChatId, position: Position },
    /// Somebody has read up to here. → [`Answer::Reads`]; of the person themself [`Answer::Unread`], or [`Answer::Done`]
    /// where that message is not stored, so that it is not known what is unread after it.
    PutRead {
        chat: ChatId,
        user: UserId,
        message: MessageId,
    },
}

/// The place of a message among those of its chat.
pub type Position = (Timestamp, MessageId);

/// Who signed in where.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedIn {
    /// The server's address.
    pub server: String,
    pub discovery: Option<Discovery>,
    pub user: User,
}

/// A chat as a fetch or an event tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatFacts {
    pub chat: Chat,
    /// Whether its unread count is to be believed: not, when something was read here since it was asked for.
    pub counts: bool,
    /// Whether something newer of the chat itself has been told since this was asked for.
    pub is_overtaken: bool,
}

/// What is known of the place of messages that are to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// They came in as they were sent: each follows the one that was newest.
    Live,
    /// Nothing is known of what is before or after.
    Alone,
    /// Told in order from a place on at which everything before was stored.
    Follows,
    /// The newest page.
    NewestPage { has_more: bool },
    /// The page before this message.
    PageBefore { message: MessageId, has_more: bool },
    /// The page after this message.
    PageAfter { message: MessageId },
}

impl Store {
    /// Runs one operation, whole or not at all.
    ///
    /// # Errors
    /// See [`StoreError`]; then nothing has changed.
    pub fn run(&mut self, op: Op) -> Result<Answer, StoreError> {
        self.run_until(op, &mut |_| false)
    }

    /// The same. Of what was missed it stores so much as there is before `pause`, which is asked after each event how
    /// many there have been, and answers with the rest.
    ///
    /// # Errors
    /// See [`Store::run`].
    pub fn run_until(&mut self, op: Op, pause: &mut dyn FnMut(usize) -> bool) -> Result<Answer, StoreError> {
        let result = self.run_alone(op, pause);
        if matches!(result, Err(StoreError::Damaged)) {
            open::mark_as_damaged(&self.connection);
        }
        result
    }

    /// The copies of files that messages name which wait to be sent, whoever of this profile wrote them; `None` where
    /// there may be others, in a file that was set aside.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn staged_files(&self) -> Result<Option<HashSet<FileId>>, StoreError> {
        if open::has_unsent_aside(&self.connection)? {
            return Ok(None);
        }
        outbox::staged_files(&self.connection).map(Some)
    }

    fn run_alone(&mut self, op: Op, pause: &mut dyn FnMut(usize) -> bool) -> Result<Answer, StoreError> {
        let transaction = self.connection.transaction()?;
        let mut account = self.account.clone();
        let answer = execute(&transaction, &mut account, op, pause)?;
        transaction.commit()?;
        self.account = account;
        Ok(answer)
    }
}

/// One operation inside of a transaction or a savepoint that the caller ends.
fn execute(
    db: &rusqlite::Connection,
    account: &mut Option<Account>,
    op: Op,
    pause: &mut dyn FnMut(usize) -> bool,
) -> Result<Answer, StoreError> {
    let of = |account: &Option<Account>| account.clone().ok_or(StoreError::NoAccount);
    Ok(match op {
        Op::Load => Answer::Profile(Box::new(profile::load(db, account)?)),
        Op::SignIn(session) => Answer::Profile(Box::new(profile::sign_in(db, account, &session)?)),
        Op::PutServer { discovery } => {
            profile::put_server(db, &of(account)?, discovery.as_ref())?;
            Answer::Done
        }
        Op::PutMe { me } => {
            profile::put_me(db, &of(account)?, &me)?;
            Answer::Done
        }
        Op::SignOut => {
            profile::sign_out(db)?;
            *account = None;
            Answer::Done
        }
        Op::PutChats { chats, all } => chats::put(db, &of(account)?, chats, all.as_ref())?,
        Op::RemoveChat { chat } => {
            chats::remove(db, &of(account)?, &chat)?;
            Answer::Done
        }
        Op::PutMessages {
            chat,
            messages,
            place,
            seq,
            overtaken,
        } => messages::put(db, &of(account)?, &chat, messages, &place, seq, &overtaken)?,
        Op::Edit { message, seq } => {
            let chat = message.chat_id.clone();
            messages::edit(db, &of(account)?, &chat, message, seq)?
        }
        Op::Bury {
            chat,
            message,
            seq,
            at,
        } => messages::bury(db, &of(account)?, &chat, &message, seq, at)?,
        Op::PutSync(missed) => sync::put(db, &of(account)?, missed, pause)?,
        Op::StartAfresh { cursor } => {
            sync::start_afresh(db, &of(account)?, &cursor)?;
            Answer::Done
        }
        Op::Newest { chat, limit } => Answer::Window(windows::newest(db, &of(account)?, &chat, limit)?),
        Op::Before { chat, place, limit } => {
            Answer::Window(windows::before(db, &of(account)?, &chat, &place, limit)?)
        }
        Op::After { chat, place, limit } => {
            Answer::Window(windows::after(db, &of(account)?, &chat, &place, limit)?)
        }
        Op::Pins { chat } => Answer::Window(windows::pins(db, &of(account)?, &chat)?),
        Op::Around { chat, message, limit } => {
            Answer::Around(windows::around(db, &of(account)?, &chat, &message, limit)?)
        }
        Op::Search { query, from, limit } => {
            Answer::Found(search::find(db, &of(account)?, &query, from, limit)?)
        }
        Op::Enqueue(entry) => {
            outbox::enqueue(db, &of(account)?, &entry)?;
            Answer::Done
        }
        Op::Restore { drafts, entries } => outbox::restore(db, &of(account)?, drafts, entries)?,
        Op::Changed {
            entry,
            told,
            is_newest,
            at,
        } => outbox::changed(db, &of(account)?, &entry, told.map(|told| *told), is_newest, at)?,
        Op::Park { client_id, failure } => {
            outbox::park(db, &of(account)?, &client_id, &failure)?;
            Answer::Done
        }
        Op::Unpark { client_id, work } => {
            outbox::unpark(db, &of(account)?, &client_id, &work)?;
            Answer::Done
        }
        Op::Discard { client_id } => {
            outbox::discard(db, &of(account)?, &client_id)?;
            Answer::Done
        }
        Op::PutWork { client_id, work } => {
            outbox::put_work(db, &of(account)?, &client_id, &work)?;
            Answer::Done
        }
        Op::PutOpenChat { chat } => {
            profile::put_open_chat(db, &of(account)?, chat.as_ref())?;
            Answer::Done
        }
        Op::SaveDraft { chat, text } => {
            outbox::save_draft(db, &of(account)?, &chat, &text)?;
            Answer::Done
        }
        Op::MarkRead { chat, position } => reads::mark_read(db, &of(account)?, &chat, &position)?,
        Op::ConfirmRead { chat, position } => {
            reads::confirm_read(db, &of(account)?, &chat, &position)?;
            Answer::Done
        }
        Op::PutRead { chat, user, message } => reads::put(db, &of(account)?, &chat, user, message)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{chats, open_in_memory, windows};

    /// How SQLite runs a statement, a line a step.
    fn plan(sql: &str) -> Vec<String> {
        let store = open_in_memory().unwrap();
        let mut statement = store
            .connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let parameters = vec![1; statement.parameter_count()];
        statement
            .query_map(rusqlite::params_from_iter(parameters), |row| row.get("detail"))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    }

    #[test]
    fn a_page_and_the_list_with_its_counts_are_one_indexed_query_each() {
        for (sql, by) in [
            (
                windows::BEFORE,
                "SEARCH messages USING PRIMARY KEY (chat=? AND (at,id)<(?,?))",
            ),
            (
                windows::AFTER,
                "SEARCH messages USING PRIMARY KEY (chat=? AND (at,id)>(?,?))",
            ),
            (chats::LIST, "SEARCH chats USING INTEGER PRIMARY KEY"),
            (chats::LIST, "SEARCH chats USING COVERING INDEX"),
            (chats::LIST, "SEARCH messages USING PRIMARY KEY (chat=?)"),
        ] {
            let plan = plan(sql);
            assert!(plan.iter().any(|step| step.starts_with(by)), "{plan:?}");
            let looks_at_all = |step: &String| step.starts_with("SCAN") || step.contains("TEMP B-TREE");
            assert!(!plan.iter().any(looks_at_all), "{plan:?}");
        }
        // The plan of one that does look at all is told apart.
        let sorted = plan("SELECT body FROM messages ORDER BY sender");
        assert!(sorted.iter().any(|step| step.starts_with("SCAN")), "{sorted:?}");
    }
}
