//! A profile with many messages: made by the store itself, and read past it by the floor.

use std::{collections::HashSet, fs, path::Path};

use anyhow::{Context as _, Result, bail};
use khaya_chat::store::{self, Answer, ChatFacts, Op, Place, SignedIn, Store, StoreKey};
use khaya_wire::{Chat, ChatId, ChatKind, Message, MessageId, Timestamp, User, UserId};
use rusqlite::Connection;
use tempfile::TempDir;

/// When the first message was sent.
const BEGIN: i64 = 1_700_000_000_000;

/// Different words; the first is in every tenth word or so, as in a language.
const WORDS: usize = 20_000;

/// Who writes.
const PEOPLE: usize = 50;

/// How many are stored at once.
const AT_ONCE: usize = 500;

/// A profile's folder, which goes with it.
pub(crate) struct Team {
    folder: TempDir,
    pub(crate) key: StoreKey,
    pub(crate) chats: Vec<ChatId>,
    pub(crate) messages: usize,
}

impl Team {
    pub(crate) fn make(disk: &Path, messages: usize, chats: usize) -> Result<Self> {
        fs::create_dir_all(disk)?;
        let team = Self {
            folder: tempfile::tempdir_in(disk)?,
            key: StoreKey::generate()?,
            chats: (0..chats)
                .map(|chat| ChatId::new(format!("chat-{chat}")))
                .collect::<Result<_, _>>()?,
            messages,
        };
        eprintln!("making a store of {messages} messages");
        let mut store = team.open()?;
        sign_in(&mut store)?;
        let facts = team.chats.iter().map(|id| ChatFacts {
            chat: chat(id),
            counts: true,
            is_overtaken: false,
        });
        store.run(Op::PutChats {
            chats: facts.collect(),
            all: Some(team.chats.iter().cloned().collect()),
        })?;
        let each = messages / chats;
        for (number, chat) in team.chats.iter().enumerate() {
            for from in (0..each).step_by(AT_ONCE) {
                let messages = (from..(from + AT_ONCE).min(each)).map(|at| message(number, chat, at));
                store.run(Op::PutMessages {
                    chat: chat.clone(),
                    messages: messages.collect::<Result<_>>()?,
                    place: Place::Follows,
                    seq: None,
                    overtaken: HashSet::new(),
                })?;
            }
            // All of it has been read, or the chat would open where it was not.
            let last = message(number, chat, each.saturating_sub(1))?;
            store.run(Op::MarkRead {
                chat: chat.clone(),
                position: (last.created_at, last.id),
            })?;
        }
        store.run(Op::PutOpenChat {
            chat: team.chats.last().cloned(),
        })?;
        Ok(team)
    }

    /// How many messages each chat has.
    pub(crate) fn each(&self) -> usize {
        self.messages / self.chats.len()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The app's own store.
    pub(crate) fn open(&self) -> Result<Store> {
        open(self.path(), &self.key)
    }

    /// The floor: SQLite with the same cipher.
    pub(crate) fn floor(&self) -> Result<Connection> {
        let db = Connection::open(self.path().join("chat.db"))?;
        db.execute_batch(&format!("PRAGMA key = \"x'{}'\"", self.key.to_text().expose()))?;
        Ok(db)
    }

    /// The system forgets what it has read of the files.
    pub(crate) fn make_cold(&self) -> Result<()> {
        for entry in fs::read_dir(self.path())? {
            let file = fs::File::open(entry?.path())?;
            file.sync_all()?;
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        }
        Ok(())
    }
}

/// A store whose person is signed in.
pub(crate) fn open(folder: &Path, key: &StoreKey) -> Result<Store> {
    let opened = store::open(folder, key)?;
    if !opened.set_aside.is_empty() {
        bail!("a store that was just made cannot be read");
    }
    Ok(opened.store)
}

/// The same as at every sign-in.
pub(crate) fn sign_in(store: &mut Store) -> Result<()> {
    let answer = store.run(Op::SignIn(Box::new(SignedIn {
        server: "https://chat.example.org".into(),
        discovery: None,
        user: person("me"),
    })))?;
    matches!(answer, Answer::Profile(_))
        .then_some(())
        .context("no profile")
}

/// A message of a chat; the messages of all chats are sent in turn.
pub(crate) fn message(number: usize, chat: &ChatId, at: usize) -> Result<Message> {
    Ok(Message {
        id: MessageId::new(format!("m-{number}-{at}"))?,
        chat_id: chat.clone(),
        sender_id: UserId::new(format!("u{}", (number + at) % PEOPLE))?,
        content: text(number * 7919 + at).into(),
        created_at: Timestamp::from_millis(BEGIN + i64::try_from(at * 60_000 + number * 100)?),
        client_id: None,
        edited_at: None,
        deleted_at: None,
        reply_to: None,
        visible_to: None,
        visible_to_roles: None,
        attachments: None,
        reactions: None,
        pinned: None,
        system: None,
    })
}

/// The word of this rank.
pub(crate) fn word(rank: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "ka", "ri", "mo", "te", "su", "la", "ne", "vo", "di", "pa", "ju", "zi", "he", "bo", "fa", "gu",
    ];
    let mut rest = rank + 16;
    let mut word = String::new();
    while rest > 0 {
        word.push_str(SYLLABLES[rest % 16]);
        rest /= 16;
    }
    word
}

/// A dozen words, most of them common.
fn text(seed: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let count = random.usize(4..20);
    let words = (0..count).map(|_| {
        // Zipf's law: the logarithm of the rank is even.
        let rank = (WORDS as f64).powf(random.f64()) - 1.0;
        word(rank as usize)
    });
    words.collect::<Vec<_>>().join(" ")
}

fn person(id: &str) -> User {
    User {
        id: UserId::new(id).unwrap_or_else(|_| unreachable!("it is an id")),
        username: id.into(),
        name: id.to_uppercase(),
        role: "member".into(),
        avatar_file_id: None,
        presence: None,
    }
}

fn chat(id: &ChatId) -> Chat {
    Chat {
        id: id.clone(),
        kind: ChatKind::Group,
        name: id.to_string(),
        topic: None,
        members: (0..PEOPLE)
            .map(|number| format!("u{number}"))
            .map(|id| person(&id))
            .collect(),
        last_message: None,
        unread_count: 0,
        updated_at: Timestamp::from_millis(BEGIN),
        my_role: None,
        muted: None,
        pinned: None,
        reads: None,
        seq: None,
    }
}
