//! Native notifications: shows what the chat machine decided to tell, once for each request, and takes away what has
//! been read.
//!
//! Never decides whether to notify. A click comes back as [`crate::ask::Ask::OpenChat`].

use khaya_chat::shell::{Notice, ShellRequest};
use khaya_wire::ChatId;
use tokio::sync::mpsc;

use crate::{ask::Asks, host::Surface, settings::Settings};

#[cfg(target_os = "linux")]
#[path = "notifications/bus.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "notifications/plugin.rs"]
mod platform;

/// What stands in a notice in place of the text, when the person wants no text there.
const WITHOUT_TEXT: &str = "New message";

/// What the app itself has to say when no window can say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remark {
    /// Said once: the app goes on although its window is closed.
    InTray,
}

impl Remark {
    fn title(self) -> &'static str {
        match self {
            Self::InTray => "Khaya goes on in the tray",
        }
    }

    fn body(self) -> &'static str {
        match self {
            Self::InTray => {
                "Messages still arrive. Open or quit it by its icon; the settings can make closing quit."
            }
        }
    }
}

/// A notice as the person wants it, ready for the system.
#[derive(Debug, Clone, Copy)]
struct Shown<'a> {
    /// What a click opens. None: the window.
    chat_id: Option<&'a ChatId>,
    title: &'a str,
    body: &'a str,
    sound: bool,
}

impl<'a> Shown<'a> {
    fn notice(settings: &Settings, notice: &'a Notice) -> Self {
        Self {
            chat_id: Some(&notice.chat_id),
            title: &notice.title,
            body: if settings.notice_text() {
                &notice.body
            } else {
                WITHOUT_TEXT
            },
            sound: settings.notice_sound(),
        }
    }

    fn remark(remark: Remark) -> Self {
        Self {
            chat_id: None,
            title: remark.title(),
            body: remark.body(),
            sound: false,
        }
    }
}

/// Does what the chat machine asks and says what the app has to say, until the machine ends.
pub(crate) async fn serve(
    surface: Surface,
    settings: Settings,
    requests: mpsc::Receiver<ShellRequest>,
    remarks: mpsc::Receiver<Remark>,
    asks: Asks,
) {
    platform::serve(surface, settings, requests, remarks, asks).await;
}

/// Says on the desktop why the app cannot go on: who starts it by its icon reads no standard error.
#[cfg(target_os = "linux")]
pub(crate) async fn say_why_it_ended(sentence: &str) {
    platform::show_once(Shown {
        chat_id: None,
        title: "Khaya cannot go on",
        body: sentence,
        sound: false,
    })
    .await;
}
