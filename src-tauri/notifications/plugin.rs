//! Notifications on macOS and Windows: tauri-plugin-notification.
//!
//! It cannot take a notice away there, nor group them, and Windows tells of clicks only while a notice is on screen.

use khaya_chat::shell::ShellRequest;
use khaya_wire::ChatId;
use tauri_plugin_notification::NotificationExt;
use tokio::sync::mpsc;

use super::{Context, Remark, Shown, Standing};
use crate::{ask::Ask, host::Surface};

/// The key under which a notice carries its chat.
const CHAT: &str = "chatId";

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
    } = context;
    // Before the first notice: the plugin tells clicks only of those shown after.
    let heard = surface.notification().on_action(move |performed| {
        let chat = performed
            .notification()
            .and_then(|notice| notice.extra().get(CHAT)?.as_str().map(str::to_owned));
        if performed.action_id() == TAP {
            match chat.map(ChatId::new) {
                Some(Ok(chat_id)) => asks.send(Ask::OpenChat(chat_id)),
                Some(Err(_)) | None => asks.send(Ask::Open),
            }
        }
    });
    if let Err(error) = heard {
        tracing::warn!(%error, "clicks on notices will not be heard");
    }
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(ShellRequest::Notify(notice)) => {
                    show(&surface, &Shown::notice(&settings, lock.is_locked(), &notice));
                }
                Some(ShellRequest::Withdraw { .. } | ShellRequest::WithdrawAll) => {
                    tracing::trace!("this system keeps notices until the person takes them away");
                }
                None => return,
            },
            Some(remark) = remarks.recv() => show(&surface, &Shown::remark(&settings, &remark)),
        }
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

fn show(surface: &Surface, shown: &Shown<'_>) {
    let mut builder = surface
        .notification()
        .builder()
        .title(&shown.title)
        .body(&shown.body);
    if let Some(chat_id) = shown.chat_id {
        builder = builder.extra(CHAT, chat_id.as_str());
    }
    if shown.sound {
        builder = builder.sound("Default");
    }
    if let Err(error) = builder.show() {
        tracing::warn!(%error, "a notice could not be shown");
    }
}
