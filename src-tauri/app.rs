//! The running app: what the window, the tray, a notice, a second start and the system ask for, one after the other.
//!
//! Owns the order of opening, closing and quitting. Never decides about chats: it hands intents to the chat actor.

use std::{sync::Arc, time::Duration};

use khaya_chat::{Intent, actor, view::Failure};
use khaya_wire::ChatId;
use tauri::{AppHandle, Emitter, EventTarget, Manager};
use tokio::{
    sync::{Notify, mpsc, watch},
    time,
};

use crate::{settings::Settings, tray::Tray, updates, window};

/// How many asks may wait. More are dropped: a person does not click that fast.
pub(crate) const ASKS: usize = 32;

/// How many requests of the page to the feed may wait; the page waits then.
pub(crate) const UPDATE_REQUESTS: usize = 32;

/// The event that tells the page to save what is typed, because it goes.
const FLUSH: &str = "flush";

/// How long the page has for that.
const FLUSH_TIME: Duration = Duration::from_millis(500);

/// How long the chat actor has to end.
const SHUT_DOWN_TIME: Duration = Duration::from_secs(5);

/// What somebody outside of the page wants of the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Show the window.
    Open,
    /// Show the window, and in it this chat.
    OpenChat(ChatId),
    /// Close the window: to the tray, or for good.
    Close,
    /// End the app.
    Quit,
}

/// How to ask. Cheap to clone; fine from any thread, also the main one.
#[derive(Debug, Clone)]
pub(crate) struct Asks(mpsc::Sender<Ask>);

impl Asks {
    /// The sender, and the end that [`App::serve`] takes.
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

/// What commands and tasks share. Kept in Tauri's state.
pub(crate) struct App {
    chat: actor::Handle,
    asks: Asks,
    focused: watch::Sender<bool>,
    updates: mpsc::Sender<updates::Request>,
    flushed: Arc<Notify>,
}

impl App {
    pub(crate) fn new(chat: actor::Handle, asks: Asks, updates: mpsc::Sender<updates::Request>) -> Self {
        Self {
            chat,
            asks,
            focused: watch::Sender::new(false),
            updates,
            flushed: Arc::default(),
        }
    }

    pub(crate) fn chat(&self) -> &actor::Handle {
        &self.chat
    }

    pub(crate) fn asks(&self) -> &Asks {
        &self.asks
    }

    /// Waits while the feed is busy, so that a page cannot flood it.
    pub(crate) async fn tell_updates(&self, request: updates::Request) {
        // An error means that the app is ending.
        let _ = self.updates.send(request).await;
    }

    /// The page has saved what was typed.
    pub(crate) fn page_flushed(&self) {
        self.flushed.notify_one();
    }

    /// The window gained or lost the focus.
    pub(crate) fn set_focused(&self, focused: bool) {
        self.focused.send_replace(focused);
    }

    /// Tells the chat actor where the focus is: always the latest, in order.
    pub(crate) fn follow_focus(&self) -> impl Future<Output = ()> + Send + use<> {
        let chat = self.chat.clone();
        let mut focused = self.focused.subscribe();
        async move {
            while focused.changed().await.is_ok() {
                let focused = *focused.borrow_and_update();
                tracing::trace!(focused, "the focus changed");
                log_failure(chat.dispatch(Intent::Focus { focused }).await);
            }
        }
    }
}

/// Does what is asked, one after the other, until the app ends.
pub(crate) async fn serve(handle: AppHandle, mut asks: mpsc::Receiver<Ask>, tray: Tray) {
    while let Some(ask) = asks.recv().await {
        tracing::debug!(?ask, "asked");
        match ask {
            Ask::Open => window::show(&handle),
            Ask::OpenChat(chat_id) => {
                log_failure(
                    handle
                        .state::<App>()
                        .chat
                        .dispatch(Intent::OpenChat { chat_id })
                        .await,
                );
                window::show(&handle);
            }
            Ask::Close if tray.is_there() && handle.state::<Settings>().close_to_tray() => {
                to_tray(&handle).await;
            }
            Ask::Close | Ask::Quit => return quit(&handle).await,
        }
    }
}

/// Ends the app in order when the system or a terminal wants it to end.
pub(crate) async fn quit_on_signal(asks: Asks) {
    if let Err(error) = ended_by_system().await {
        return tracing::warn!(%error, "the system's wish to end will not be heard");
    }
    asks.send(Ask::Quit);
}

#[cfg(unix)]
async fn ended_by_system() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

#[cfg(not(unix))]
async fn ended_by_system() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

async fn to_tray(handle: &AppHandle) {
    window::hide(handle);
    flush(handle).await;
    window::destroy(handle);
    handle.state::<App>().tell_updates(updates::Request::Gone).await;
    if handle.state::<Settings>().first_time_in_tray() {
        tracing::info!("the window went to the tray for the first time");
    }
}

async fn quit(handle: &AppHandle) {
    window::hide(handle);
    flush(handle).await;
    let chat = handle.state::<App>().chat.clone();
    if time::timeout(SHUT_DOWN_TIME, chat.shut_down()).await.is_err() {
        tracing::error!("the chat actor did not end in time");
    }
    handle.exit(0);
}

/// Lets the page save what is typed. A page that is gone or hangs is not waited for longer than a moment.
async fn flush(handle: &AppHandle) {
    if !window::is_there(handle) {
        return;
    }
    let flushed = Arc::clone(&handle.state::<App>().flushed);
    let answer = flushed.notified();
    if let Err(error) = handle.emit_to(EventTarget::webview_window(window::MAIN), FLUSH, ()) {
        tracing::warn!(%error, "the page could not be told to save");
    } else if time::timeout(FLUSH_TIME, answer).await.is_err() {
        tracing::warn!("the page did not say that it has saved");
    }
}

fn log_failure(result: Result<(), Failure>) {
    if let Err(failure) = result {
        tracing::warn!(code = failure.code, "an intent was not taken");
    }
}
