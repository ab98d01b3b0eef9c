//! Native notifications: shows what the chat machine decided to tell, once for each request, and takes away what has
//! been read.
//!
//! Never decides whether to notify. A click, an answer and "read" come back as [`crate::ask::Ask`].

#[cfg(any(target_os = "linux", target_os = "windows", test))]
use std::hash::{DefaultHasher, Hash, Hasher};

use khaya_chat::{
    intent::Secret,
    shell::{Notice, ShellRequest},
    view::Failure,
};
use khaya_wire::{ChatId, MessageId};
use semver::Version;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::{
    app_lock::AppLock, ask::Asks, deep_link::DeepLink, host::Surface, profile::Profile, settings::Settings,
    words::Words,
};

#[cfg(target_os = "linux")]
#[path = "notifications/bus.rs"]
mod platform;
#[cfg(target_os = "macos")]
#[path = "notifications/center.rs"]
mod platform;
#[cfg(target_os = "windows")]
#[path = "notifications/toasts.rs"]
mod platform;

#[cfg(target_os = "linux")]
pub(crate) use platform::Left;

#[cfg(any(target_os = "macos", test))]
mod answer;
/// What shows a notice where the system does not know the app.
#[cfg(not(target_os = "linux"))]
mod plugin;
#[cfg(any(target_os = "windows", test))]
mod toast;

/// What stands in a notice in place of the chat, when the app is locked.
const WITHOUT_CHAT: &str = "Khaya";

/// What the app itself has to say when no window can say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remark {
    /// Said once: the app goes on although its window is closed.
    InTray,
    /// The person wants to see whether notices are shown.
    Test,
    /// What was typed into a notice could not be sent.
    NotSent { failure: Failure, text: Secret },
    /// This version should have come and did not start.
    UpdateFailed(Version),
}

impl Remark {
    fn title(&self, words: Words) -> String {
        match self {
            Self::InTray => words.text("native.inTray").to_owned(),
            Self::Test => words.text("native.test").to_owned(),
            Self::NotSent { .. } => words.text("native.notSent").to_owned(),
            Self::UpdateFailed(version) => {
                words.with("native.updateFailed", [("version", &version.to_string())])
            }
        }
    }

    fn body(&self, words: Words) -> String {
        match self {
            Self::InTray => words.text("native.inTrayText").to_owned(),
            Self::Test => words.text("native.testText").to_owned(),
            Self::NotSent { failure, text } => {
                let reason = words.failure(failure);
                words.with(
                    "native.notSentText",
                    [("reason", reason), ("text", text.expose())],
                )
            }
            Self::UpdateFailed(_) => words.with(
                "native.updateFailedText",
                [("version", env!("CARGO_PKG_VERSION"))],
            ),
        }
    }
}

/// A notice as the person wants it, ready for the system.
#[derive(Debug, Clone)]
struct Shown {
    /// What a click opens. None: the window.
    opens: Option<Opens>,
    title: String,
    body: String,
    sound: bool,
    /// Whether it can be answered and marked as read from where it is shown.
    actions: Actions,
    /// The language of what can be done.
    words: Words,
}

/// A chat, and where a notice tells of one message, that message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Opens {
    chat_id: ChatId,
    message_id: Option<MessageId>,
}

impl Opens {
    fn of(notice: &Notice) -> Self {
        Self {
            chat_id: notice.chat_id.clone(),
            message_id: notice.message_id.clone(),
        }
    }

    fn link(self) -> DeepLink {
        DeepLink::Chat {
            chat_id: self.chat_id,
            message_id: self.message_id,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Actions {
    None,
    MarkRead,
    ReplyAndMarkRead,
}

impl Shown {
    /// Of a locked app neither text nor chat is shown, and there is nothing to be done but to open it.
    fn notice(settings: &Settings, locked: bool, notice: &Notice) -> Self {
        let words = Words::of(settings);
        if locked {
            return Self {
                opens: Some(Opens::of(notice)),
                title: WITHOUT_CHAT.to_owned(),
                body: without_text(words, notice.count),
                sound: settings.notice_sound(),
                actions: Actions::None,
                words,
            };
        }
        let text = notice.text.as_ref().filter(|_| settings.notice_text());
        Self {
            opens: Some(Opens::of(notice)),
            title: notice.title.clone(),
            body: text.map_or_else(|| without_text(words, notice.count), String::clone),
            sound: settings.notice_sound(),
            actions: if notice.may_reply && settings.notice_text() {
                Actions::ReplyAndMarkRead
            } else {
                Actions::MarkRead
            },
            words,
        }
    }

    fn remark(settings: &Settings, remark: &Remark) -> Self {
        let words = Words::of(settings);
        Self {
            opens: None,
            title: remark.title(words),
            body: remark.body(words),
            sound: settings.notice_sound() && *remark == Remark::Test,
            actions: Actions::None,
            words,
        }
    }
}

/// What stands in a notice in place of the text: of several messages, of one that only some may see, and when the person
/// wants no text there.
fn without_text(words: Words, count: u64) -> String {
    match count {
        0 | 1 => words.text("native.newMessage").to_owned(),
        more => words.with("native.newMessages", [("count", &more.to_string())]),
    }
}

/// What is known of who shows notices here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standing {
    /// None where the system does not tell.
    shown: Option<bool>,
    /// Who shows them, by name.
    by: Option<String>,
}

/// Who shows notices, asked now.
pub(crate) async fn standing(surface: &Surface) -> Standing {
    platform::standing(surface).await
}

/// What notices depend on.
pub(crate) struct Context {
    pub(crate) surface: Surface,
    pub(crate) settings: Settings,
    pub(crate) lock: AppLock,
    pub(crate) asks: Asks,
    /// To who shows them, all profiles' notices are one app's.
    pub(crate) profile: Profile,
}

/// Hears from now on what somebody does with a notice. To be called before the window system begins.
#[cfg(target_os = "macos")]
pub(crate) fn hear(profile: &Profile, asks: Asks) {
    platform::hear(profile, asks);
}

/// Does what the chat machine asks and says what the app has to say, until the machine ends.
pub(crate) async fn serve(
    context: Context,
    requests: mpsc::Receiver<ShellRequest>,
    remarks: mpsc::Receiver<Remark>,
) -> Remains {
    platform::serve(context, requests, remarks).await
}

/// What is to be kept of notices on the screen when the app ends.
#[cfg(target_os = "linux")]
pub(crate) type Remains = Option<Left>;

/// The system keeps them by itself.
#[cfg(not(target_os = "linux"))]
pub(crate) type Remains = ();

/// Tells apart what it is made of: nobody gains by making two that are alike.
#[cfg(any(target_os = "linux", target_os = "windows", test))]
fn short(of: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Says on the desktop why the app cannot go on: who starts it by its icon reads no standard error.
#[cfg(target_os = "linux")]
pub(crate) async fn say_why_it_ended(words: Words, sentence: &str) {
    platform::show_once(Shown {
        opens: None,
        title: words.text("native.cannotGoOn").to_owned(),
        body: sentence.to_owned(),
        sound: false,
        actions: Actions::None,
        words,
    })
    .await;
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{arguments::Arguments, profile::Profile};

    #[test]
    fn a_locked_app_tells_neither_text_nor_chat_and_without_text_none_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments::parse_from(["khaya", "--data-dir", directory.path().to_str().unwrap()]);
        let settings = Settings::read(&Profile::open(&arguments).unwrap());
        let notice = Notice {
            key: "m1".to_owned(),
            chat_id: ChatId::new("c").unwrap(),
            message_id: Some(MessageId::new("m1").unwrap()),
            title: "Ada · Garden".to_owned(),
            text: Some("Secret words".to_owned()),
            count: 1,
            may_reply: true,
        };
        let open = Shown::notice(&settings, false, &notice);
        assert_eq!((&*open.title, &*open.body), ("Ada · Garden", "Secret words"));
        assert_eq!(open.actions, Actions::ReplyAndMarkRead);
        let locked = Shown::notice(&settings, true, &notice);
        assert_eq!((&*locked.title, &*locked.body), ("Khaya", "New message"));
        assert_eq!(locked.actions, Actions::None);
        settings.replace([("noticeText".to_owned(), false.into())].into_iter().collect());
        let without_text = Shown::notice(&settings, false, &notice);
        assert_eq!(
            (&*without_text.title, &*without_text.body),
            ("Ada · Garden", "New message")
        );
        assert_eq!(
            without_text.actions,
            Actions::MarkRead,
            "who sees no text answers none"
        );
        settings.replace(serde_json::Map::new());
        let of_several = Notice {
            text: None,
            count: 3,
            may_reply: false,
            ..notice
        };
        let of_several = Shown::notice(&settings, false, &of_several);
        assert_eq!(
            (&*of_several.body, of_several.actions),
            ("3 new messages", Actions::MarkRead)
        );
    }
}
