//! A person's own copy of what they have here: written to a file, and what can be brought back of one.
//!
//! Owns: the file around [`crate::store::Exported`], whole or not at all, that only its owner can read.
//!
//! Never does: bring back messages that the server has. They come from there, to whom they are for.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    path::Path,
};

use khaya_wire::{ChatId, Timestamp, UserId};

use crate::{
    files,
    store::{Change, Exported, Line, OutboxEntry, Progress, StoreKey, Target, VERSION, Work, export},
    view::Failure,
};

/// A line longer than this is none of ours, in bytes.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// What a file has that can be brought back.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Restorable {
    /// Whose it is.
    pub server: String,
    pub username: String,
    user: Option<UserId>,
    pub drafts: Vec<(ChatId, String)>,
    /// Each waits for the person: what was on its way then may have arrived.
    pub unsent: Vec<OutboxEntry>,
    /// How much that was not sent stays in the file: files, and changes that are not of a text.
    pub left_out: u64,
}

impl Restorable {
    /// Whether it is what this person wrote at this server.
    pub(crate) fn is_of(&self, server: &str, user: &UserId) -> bool {
        self.server == server && self.user.as_ref() == Some(user)
    }
}

/// Writes the file, whole or not at all. Blocks.
pub(crate) fn write(
    folder: &Path,
    key: &StoreKey,
    at: Timestamp,
    to: &Path,
    progress: impl Fn(Progress),
) -> Result<Exported, Failure> {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = to.with_file_name(name);
    let local = |error: io::Error| files::failure(&error);
    let written = (|| {
        let mut file = BufWriter::new(create_private(&part).map_err(local)?);
        let exported = export(folder, key, at, &mut file, progress).map_err(|error| error.failure())?;
        file.flush()
            .and_then(|()| file.get_ref().sync_all())
            .map_err(local)?;
        fs::rename(&part, to).map_err(local)?;
        Ok(exported)
    })();
    if written.is_err() {
        // Half of it looks like all of it.
        fs::remove_file(&part).ok();
    }
    written
}

/// Reads what can be brought back of a file. Blocks.
pub(crate) fn read(from: &Path) -> Result<Restorable, Failure> {
    let local = |error: io::Error| files::failure(&error);
    let mut lines = BufReader::new(fs::File::open(from).map_err(local)?);
    let mut found = Restorable::default();
    let mut line = Vec::new();
    for number in 0_u64.. {
        line.clear();
        let length = (&mut lines)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .map_err(local)?;
        if length == 0 || length as u64 == LONGEST_LINE {
            return Err(not_whole());
        }
        if number > 0 && line.starts_with(br#"{"type":"message""#) {
            // Most of the file, and nothing of it is needed.
            continue;
        }
        match (number, serde_json::from_slice::<Line<'_>>(&line)) {
            (
                0,
                Ok(Line::Export {
                    version,
                    server,
                    user,
                    ..
                }),
            ) => {
                if version > VERSION {
                    return Err(Failure::new(
                        "export_too_new",
                        "This file was written by a later version of Khaya. Install that one.",
                    ));
                }
                found.server = server;
                found.username = user.username;
                found.user = Some(user.id);
            }
            (0, _) => {
                return Err(Failure::new(
                    "export_none",
                    "This file was not exported by Khaya.",
                ));
            }
            (_, Ok(Line::Draft { chat_id, text })) => match chat_id.parse() {
                Ok(chat) => found.drafts.push((chat, text)),
                Err(_) => found.left_out += 1,
            },
            (
                _,
                Ok(Line::Unsent {
                    chat_id,
                    client_id,
                    at,
                    work,
                    failure,
                }),
            ) => match (chat_id.parse(), sendable(work)) {
                (Ok(chat), Some(work)) => found.unsent.push(OutboxEntry {
                    client_id,
                    chat,
                    at,
                    after: None,
                    parked: Some(Failure::new("imported", failure.unwrap_or_else(waits))),
                    work,
                }),
                (_, _) => found.left_out += 1,
            },
            (_, Ok(Line::End(_))) => return Ok(found),
            (_, Ok(Line::Export { .. } | Line::Chat { .. } | Line::Message { .. })) => {}
            // Of a later version.
            (_, Err(_)) => found.left_out += 1,
        }
    }
    Err(not_whole())
}

fn waits() -> String {
    "It was not sent when it was exported. Send it again, or delete it.".to_owned()
}

fn not_whole() -> Failure {
    Failure::new("export_not_whole", "This file is not whole: its end is missing.")
}

/// What can be sent from another computer: texts. The copies of files are not in the file, and what was not there yet
/// to be replied to is not here either.
fn sendable(work: Work) -> Option<Work> {
    match work {
        Work::Message(mut message) => {
            message.files.clear();
            message.reply_to = message.reply_to.filter(is_sent);
            (!message.text.trim().is_empty()).then_some(Work::Message(message))
        }
        Work::Change(Change::Edit { target, text }) => {
            is_sent(&target).then_some(Work::Change(Change::Edit { target, text }))
        }
        Work::Change(
            Change::Delete { .. }
            | Change::React { .. }
            | Change::Pin { .. }
            | Change::Prefer { .. }
            | Change::Describe { .. }
            | Change::AddMember { .. }
            | Change::RemoveMember { .. }
            | Change::SetRole { .. }
            | Change::Leave
            | Change::DeleteChat,
        ) => None,
    }
}

fn is_sent(target: &Target) -> bool {
    match target {
        Target::Sent(_) => true,
        Target::Unsent(_) => false,
    }
}

fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
