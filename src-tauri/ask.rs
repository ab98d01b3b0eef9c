//! What somebody outside of the page wants of the app: the tray, a notice, a second start, the system.

use std::io;

use khaya_chat::intent::Secret;
use khaya_wire::ChatId;
use tokio::sync::mpsc;

use crate::deep_link::DeepLink;

/// How many asks may wait. More are dropped: a person does not click that fast.
const ASKS: usize = 32;

/// What somebody outside of the page wants of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Show the window.
    Open,
    /// Show the window, and in it this chat.
    OpenChat(ChatId),
    /// Show where a link leads.
    Follow(DeepLink),
    /// Show the window, and in it the settings.
    OpenSettings,
    /// Send this text to a chat, as an answer to a notice.
    Reply(ChatId, Secret),
    /// All of a chat has been seen in a notice.
    MarkRead(ChatId),
    /// No notices for an hour, or notices again.
    QuietForAnHour(bool),
    /// Open the window of another profile.
    OpenProfile(String),
    /// Close the app's lock, if it has one.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "nobody tells there that the computer sleeps")
    )]
    Lock,
    /// End the app.
    Quit,
    /// End the app, and leave nothing of it: the session ends, or whoever started it wants that.
    Stop,
}

/// How to ask. Cheap to clone; fine from any thread.
#[derive(Debug, Clone)]
pub(crate) struct Asks(mpsc::Sender<Ask>);

impl Asks {
    /// The sender, and the end that the app hears.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Ask>) {
        let (sender, receiver) = mpsc::channel(ASKS);
        (Self(sender), receiver)
    }

    pub(crate) fn send(&self, ask: Ask) {
        if let Err(error) = self.0.try_send(ask) {
            tracing::warn!(%error, "the app is too busy for what was asked");
        }
    }
}

/// Ends the app in order when the system or a terminal wants it to end.
pub(crate) async fn quit_on_signal(asks: Asks) {
    if let Err(error) = ended_by_system().await {
        return tracing::warn!(%error, "the system's wish to end will not be heard");
    }
    asks.send(Ask::Stop);
}

#[cfg(unix)]
async fn ended_by_system() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

#[cfg(not(unix))]
async fn ended_by_system() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
