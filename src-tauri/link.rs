//! What the app and its window say to each other, and the line they say it on.
//!
//! The app decides and keeps; the window shows. On Linux the window is a process of its own, since GTK and WebKit
//! stay in memory once they were used: so a closed window costs nothing. Elsewhere both are in one process. Either
//! way these messages are all that passes between them, and none of them carries a token.

use std::{fmt, path::PathBuf, sync::Arc};

use khaya_chat::{files::StagedFile, intent::Secret, view::Failure};
use khaya_wire::FileId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, value::RawValue};
use tokio::sync::mpsc;

#[cfg(target_os = "linux")]
pub(crate) use self::stream::over;
use crate::picture;

#[cfg(any(target_os = "linux", test))]
mod stream;

/// How many messages may wait on either side. The feed stops long before at a page that does not follow.
const CAPACITY: usize = 512;

/// What the app tells its window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum ToWindow {
    /// Be seen, above others and with the focus.
    Show,
    /// Go from the screen. The page lives on until [`ToWindow::End`].
    Hide,
    /// Have this title.
    Title(String),
    /// Begin the page anew, and keep nothing of the one before.
    Reload,
    /// The app is locked, or no more: the window itself then does nothing for the page.
    Locked(bool),
    /// Hand the page this event; the payload is JSON.
    Event { name: EventName, payload: String },
    /// The answer to the question with this number.
    Answer { number: u64, answer: Answer },
    /// Be gone.
    End,
}

/// The events that the page hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EventName {
    /// What changed.
    Update,
    /// Save what is typed, and answer with the command `flushed`.
    Flush,
    /// A link was opened that concerns the page, or something else was that it shows.
    Link,
    /// What [`Question::System`] answers has changed.
    System,
}

impl EventName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Flush => "flush",
            Self::Link => "link",
            Self::System => "system",
        }
    }
}

/// What the window tells the app.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToApp {
    /// The page asks; it gets exactly one answer.
    Ask { number: u64, question: Question },
    /// The window gained or lost the focus.
    Focused(bool),
    /// The person closes the window.
    CloseRequested,
    /// The page loaded new settings into the file.
    Settings(Map<String, Value>),
}

/// What the page asks by a command.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Do this: an intent, as yet unchecked.
    Dispatch(Value),
    /// Tell everything that a new page needs.
    Snapshot,
    /// Tell what has changed, which is more than an event carries.
    CatchUp,
    /// The page lives and has painted the update with this number. `active`: somebody has used it since the last time.
    Alive { number: u64, active: bool },
    /// All that was typed has been saved; keep this for the next page.
    Flushed(Value),
    /// Make the file at this place ready to be sent. The place is the window's own, never the page's.
    Attach {
        path: PathBuf,
        name: String,
        mime_type: String,
    },
    /// This file is not sent after all.
    Detach(FileId),
    /// Show a picture that the view names, or its small copy; or one that is ready to be sent.
    Picture(PictureOf),
    /// Keep a file that the view names at this place, which the person chose.
    Save { file: FileId, path: PathBuf },
    /// Write all that there is of the account to this place, which the person chose.
    Export { path: PathBuf },
    /// Take back what was not sent from an export.
    Import { path: PathBuf },
    /// What the settings show of the app and its system.
    System,
    /// Tell what helps those who look for a fault, as text, and how much is stored.
    Diagnosis,
    /// Do this on the desktop.
    Desktop(DesktopWish),
    /// Open the app's lock.
    Unlock(Passphrase),
    /// Sign out, and take away the lock whose passphrase is not known any more.
    ForgetLock,
}

/// What the page wants of the desktop.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum DesktopWish {
    /// Set, change or (with no new one) take away the passphrase of the app's lock.
    SetLock {
        current: Option<Passphrase>,
        new: Option<Passphrase>,
    },
    LockNow,
    /// Start with the desktop, or not.
    SetAutostart(bool),
    /// Show a notice, to see whether notices are shown.
    TestNotice,
    CheckForUpdate,
    /// Fetch the new version, and start it in place of this one.
    InstallUpdate,
    /// Open the window of another profile, which may be a new one.
    OpenProfile(String),
}

/// A passphrase on its way from the page: it is not printed.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Passphrase(String);

impl Passphrase {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn into_secret(self) -> Secret {
        Secret::new(self.0)
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Which picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PictureOf {
    File(FileId),
    Thumbnail(FileId),
    Staged(FileId),
}

/// What the page asked for, or why it does not get it.
pub(crate) type Answer = Result<Reply, Refusal>;

/// What the page gets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Reply {
    Json(Box<RawValue>),
    File(StagedFile),
    Picture { mime_type: String, bytes: Blob },
}

/// Bytes that follow their message on the line as they are; in it stands only how many they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob(pub(crate) Arc<[u8]>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.len() as u64)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let length = usize::deserialize(deserializer)?;
        if length > picture::LARGEST {
            return Err(serde::de::Error::custom("too many bytes"));
        }
        Ok(Self(vec![0; length].into()))
    }
}

/// What the page gets instead of an answer: a code to switch on, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: &str) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }

    /// The app is locked.
    pub(crate) fn locked() -> Self {
        Self::new("locked", "Khaya is locked.")
    }

    /// The other side is gone.
    pub(crate) fn ended() -> Self {
        Self::new("ended", "The app is closing.")
    }
}

impl From<Failure> for Refusal {
    fn from(Failure { code, message }: Failure) -> Self {
        Self { code, message }
    }
}

/// One end of the line: what is to be said, and what is heard. Hearing `None` means that the other side is gone.
pub(crate) type End<In, Out> = (mpsc::Sender<Out>, mpsc::Receiver<In>);

/// A line within one process.
#[cfg_attr(
    target_os = "linux",
    expect(dead_code, reason = "the window is a process of its own here")
)]
pub(crate) fn within() -> (End<ToApp, ToWindow>, End<ToWindow, ToApp>) {
    let (to_window, window_hears) = mpsc::channel(CAPACITY);
    let (to_app, app_hears) = mpsc::channel(CAPACITY);
    ((to_window, app_hears), (to_app, window_hears))
}
