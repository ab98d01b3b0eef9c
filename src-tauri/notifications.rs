//! Native notifications: shows what the chat machine decided to tell, once for each request, and takes away what has
//! been read.
//!
//! Never decides whether to notify. A click comes back as [`crate::ask::Ask::OpenChat`].

use khaya_chat::shell::{Notice, ShellRequest};
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

/// A notice as the person wants it, ready for the system.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown<'a> {
    notice: &'a Notice,
    body: &'a str,
    sound: bool,
}

/// Does what the chat machine asks, until it ends.
pub(crate) async fn serve(
    surface: Surface,
    settings: Settings,
    requests: mpsc::Receiver<ShellRequest>,
    asks: Asks,
) {
    platform::serve(surface, settings, requests, asks).await;
}

fn prepare<'a>(settings: &Settings, notice: &'a Notice) -> Shown<'a> {
    let body = if settings.notice_text() {
        notice.body.as_str()
    } else {
        WITHOUT_TEXT
    };
    Shown {
        notice,
        body,
        sound: settings.notice_sound(),
    }
}
