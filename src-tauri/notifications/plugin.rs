//! Notifications by tauri-plugin-notification: on macOS for a program that was started from no bundle, on Windows where no
//! toast of `toasts.rs` can be shown.
//!
//! It cannot take a notice away there, nor group them, nor does it have actions, and Windows tells of clicks only while
//! a notice is on screen.

use khaya_chat::shell::ShellRequest;
use tauri_plugin_notification::NotificationExt;
use tokio::sync::mpsc;

use super::{Context, Remark, Shown, Standing};
use crate::{
    ask::{Ask, Asks},
    host::Surface,
};

/// The key under which a notice carries the link to what it tells of.
const LINK: &str = "link";

/// The action that the plugin tells for a click on the notice itself.
const TAP: &str = "tap";

pub(super) async fn serve(
    context: Context,
    mut requests: mpsc::Receiver<ShellRequest>,
    mut remarks: mpsc::Receiver<Remark>,
) {
    let Context {
        surface,
        settings,
        lock,
        asks,
        ..
    } = context;
    hear(&surface, asks);
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(ShellRequest::Notify(notice)) => {
                    show(&surface, Shown::notice(&settings, lock.is_locked(), &notice));
                }
                Some(ShellRequest::Withdraw { .. } | ShellRequest::WithdrawAll) => {
                    tracing::trace!("this system keeps notices until the person takes them away");
                }
                None => return,
            },
            Some(remark) = remarks.recv() => show(&surface, Shown::remark(&settings, &remark)),
        }
    }
}

/// Passes on the clicks on notices that are shown from now on: the plugin tells of no others.
pub(super) fn hear(surface: &Surface, asks: Asks) {
    let heard = surface.notification().on_action(move |performed| {
        let link = performed
            .notification()
            .and_then(|notice| notice.extra().get(LINK)?.as_str()?.parse().ok());
        if performed.action_id() == TAP {
            asks.send(link.map_or(Ask::Open, Ask::Follow));
        }
    });
    if let Err(error) = heard {
        tracing::warn!(%error, "clicks on notices will not be heard");
    }
}

/// The plugin says on every desktop that notices are allowed, so that is no knowledge.
#[expect(clippy::unused_async, reason = "the other systems are asked")]
pub(super) async fn standing(_: &Surface) -> Standing {
    Standing {
        shown: None,
        by: None,
    }
}

pub(super) fn show(surface: &Surface, shown: Shown) {
    let mut builder = surface
        .notification()
        .builder()
        .title(shown.title)
        .body(shown.body);
    if let Some(opens) = shown.opens {
        builder = builder.extra(LINK, opens.link().to_string());
    }
    if shown.sound {
        builder = builder.sound("Default");
    }
    if let Err(error) = builder.show() {
        tracing::warn!(%error, "a notice could not be shown");
    }
}
