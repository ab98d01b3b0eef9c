//! The running app: what the window, the tray, a notice, a second start and the system ask for.
//!
//! Owns whether there is a window, and the order of opening, closing and quitting. Never decides about chats: it
//! hands intents to the chat actor, and says what came of them.

mod asked;
mod desk;
mod window;

use std::{
    future, io,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use khaya_chat::{Intent, View, actor, view::Failure};
use tokio::{
    sync::{mpsc, watch},
    time::{self, Instant},
};

use self::window::Window;
use crate::{
    app_lock::AppLock,
    arguments::DEFAULT_PROFILE,
    ask::Ask,
    deep_link::DeepLink,
    host::{Host, Surface},
    launcher::Launcher,
    link::{Answer, EventName, Question, Refusal, ToApp, ToWindow},
    notifications::Remark,
    profile::Profile,
    questions::Pending,
    quiet,
    settings::Settings,
    tray::{Tray, Unread},
    update::{self, Updater},
    updates,
    words::Words,
};

/// What the window is called.
const NAME: &str = "Khaya";

/// How many questions of the page may be worked on. More wait in the line, and the page with them.
const QUESTIONS: usize = 64;

/// How long the chat actor may take to end.
const SHUT_DOWN_TIME: Duration = Duration::from_secs(5);

/// Why the app ended although nobody wanted that.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppError {
    /// The window could not be started.
    #[error("the window cannot be opened")]
    Open(#[from] io::Error),
    /// The window ended by itself, soon after it began.
    #[error(
        "the window closes as soon as it opens: is there a desktop for it? The log in the profile's directory says more"
    )]
    Window,
}

/// Why the app ended as somebody wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Quit,
    /// By the system or a terminal: nothing of the app is to stay.
    Stopped,
    /// A new version is to take over.
    Restart,
}

/// By what the app shows itself.
pub(crate) struct Faces {
    pub(crate) surface: Surface,
    pub(crate) host: Host,
    pub(crate) tray: Tray,
    pub(crate) launcher: Launcher,
    pub(crate) remarks: mpsc::Sender<Remark>,
}

/// What the app is made of.
pub(crate) struct Parts {
    pub(crate) profile: Profile,
    pub(crate) settings: Settings,
    pub(crate) chat: actor::Handle,
    pub(crate) lock: AppLock,
    pub(crate) updater: Updater,
    pub(crate) faces: Faces,
    pub(crate) asked: mpsc::Receiver<Ask>,
    /// Until when there are no notices, whatever the settings say.
    pub(crate) quiet_until: watch::Sender<Option<SystemTime>>,
    /// The server that the command line names.
    pub(crate) server: Option<String>,
}

/// The app while it runs.
pub(crate) struct App {
    profile: Profile,
    settings: Settings,
    chat: actor::Handle,
    faces: Faces,
    window: Window,
    /// How many windows in a row have failed at once.
    failures: u32,
    views: watch::Receiver<Arc<View>>,
    /// What the next page is to hear first.
    news: Option<String>,
    /// What is told as unread in tray and title.
    unread: Unread,
    focus: watch::Sender<bool>,
    /// Whether the window has it; who looks at a locked one reads nothing.
    has_focus: bool,
    /// To the feed of updates, and from it.
    requests: mpsc::Sender<updates::Request>,
    updates: mpsc::Receiver<String>,
    asked: mpsc::Receiver<Ask>,
    /// Questions of the page that are worked on.
    pending: FuturesUnordered<Pending>,
    lock: AppLock,
    lock_changes: watch::Receiver<bool>,
    /// The page saves what is typed, until then at most; then the lock closes.
    locking: Option<Instant>,
    /// Where a link leads that came while the app was locked.
    after_unlock: Option<DeepLink>,
    /// When somebody last used the app, by the clock on the wall: also while the computer sleeps nobody does.
    used: SystemTime,
    /// When the page last said whether somebody has used it, by the same clock.
    told_of_use: SystemTime,
    /// When somebody last typed.
    typed: Option<Instant>,
    /// Until then no notices.
    quiet_until: watch::Sender<Option<SystemTime>>,
    updater: Updater,
    update: watch::Receiver<update::State>,
    /// The new version takes over as soon as it is there.
    restarts: bool,
}

/// What happened next.
enum Event {
    Asked(Ask),
    Heard(ToApp),
    /// The window has ended by itself.
    WindowEnded,
    Answered(u64, Answer),
    Update(String),
    ViewChanged,
    /// The page has saved, or had its time for that.
    Left,
    /// The page has been silent for too long.
    Hangs,
    /// Nobody has used the app for a while.
    Idle,
    /// What is typed has had its time to be saved.
    LockDue,
    LockChanged,
    UpdateChanged,
    /// The chat actor has ended, or nobody can ask any more.
    Over,
}

impl App {
    /// Puts the app together, and starts the tasks that feed it.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            profile,
            settings,
            chat,
            lock,
            updater,
            faces,
            asked,
            quiet_until,
            server,
        } = parts;
        let (requests, requested) = mpsc::channel(1);
        let (made, updates) = mpsc::channel(1);
        tokio::spawn(updates::run(
            chat.view(),
            requested,
            made,
            server,
            lock.is_locked(),
        ));
        let focus = watch::Sender::new(false);
        tokio::spawn(follow_focus(chat.clone(), focus.subscribe()));
        tokio::spawn(keep_files(chat.clone(), settings.clone()));
        tokio::spawn(quiet::follow(
            chat.clone(),
            settings.clone(),
            quiet_until.subscribe(),
        ));
        Self {
            profile,
            settings,
            views: chat.view(),
            chat,
            faces,
            window: Window::Gone,
            failures: 0,
            news: None,
            unread: Unread::default(),
            focus,
            has_focus: false,
            requests,
            updates,
            asked,
            pending: FuturesUnordered::new(),
            lock_changes: lock.changes(),
            lock,
            locking: None,
            after_unlock: None,
            used: SystemTime::now(),
            told_of_use: SystemTime::now(),
            typed: None,
            quiet_until,
            update: updater.state(),
            updater,
            restarts: false,
        }
    }

    /// Runs until somebody wants the app to end. With `visible` it begins with a window.
    pub(crate) async fn run(mut self, visible: bool) -> Result<Ended, AppError> {
        if visible {
            self.show()?;
        } else if !self.faces.tray.is_there() {
            tracing::warn!("there is no tray to hide in; the window is shown");
            self.show()?;
        } else {
            update::prove_that_it_works();
        }
        if let Some(version) = update::failed_version() {
            self.remark(Remark::UpdateFailed(version));
        }
        self.tell_unread().await;
        let ended = loop {
            let event = self.next().await;
            match self.handle(event).await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(ended)) => break Ok(ended),
                Err(error) => break Err(error),
            }
        };
        if time::timeout(SHUT_DOWN_TIME, self.chat.shut_down())
            .await
            .is_err()
        {
            tracing::error!("the chat actor did not end in time");
        }
        ended
    }

    async fn next(&mut self) -> Event {
        let idle = self.idle();
        let (hears, until, silent) = match &mut self.window {
            Window::Gone => (None, None, None),
            Window::Open(line) => {
                let patience = line.patience();
                (Some(&mut line.hears), None, patience)
            }
            Window::Leaving { line, until, .. } => (Some(&mut line.hears), Some(*until), None),
        };
        let busy = self.pending.len() >= QUESTIONS;
        tokio::select! {
            ask = self.asked.recv() => ask.map_or(Event::Over, Event::Asked),
            heard = hear(hears), if !busy => heard.map_or(Event::WindowEnded, Event::Heard),
            Some((number, answer)) = self.pending.next() => Event::Answered(number, answer),
            update = self.updates.recv() => update.map_or(Event::Over, Event::Update),
            changed = self.views.changed() => changed.map_or(Event::Over, |()| Event::ViewChanged),
            Ok(()) = self.lock_changes.changed() => Event::LockChanged,
            Ok(()) = self.update.changed() => Event::UpdateChanged,
            () = sleep_until(until) => Event::Left,
            () = sleep_until(self.locking) => Event::LockDue,
            () = sleep(idle) => Event::Idle,
            () = sleep_until(silent) => Event::Hangs,
        }
    }

    async fn handle(&mut self, event: Event) -> Result<ControlFlow<Ended>, AppError> {
        // Before anything is shown to whoever comes back: timers stand still while the computer sleeps.
        if self.idle().is_some_and(|left| left.is_zero()) {
            self.lock();
        }
        match event {
            Event::Asked(ask) => return Ok(self.asked(ask).await?),
            Event::Heard(message) => return Ok(self.hear(message).await),
            Event::Answered(number, answer) => self.say(ToWindow::Answer { number, answer }),
            Event::Update(payload) if !self.lock.is_locked() => self.event(EventName::Update, payload),
            Event::Update(_) | Event::Idle => {}
            Event::ViewChanged => self.tell_unread().await,
            Event::WindowEnded => return self.window_ended().await,
            Event::Left => return Ok(self.left().await),
            Event::LockDue => {
                self.locking = None;
                self.lock.lock();
            }
            Event::LockChanged => self.lock_changed().await?,
            Event::UpdateChanged => {
                self.tell_system();
                return Ok(self.restart_if_due());
            }
            Event::Hangs => self.page_hangs().await?,
            Event::Over => return Ok(ControlFlow::Break(Ended::Quit)),
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn hear(&mut self, message: ToApp) -> ControlFlow<Ended> {
        match message {
            ToApp::Ask { number, question } => {
                if self.lock.is_locked() && !desk::is_for_anybody(&question) {
                    tracing::warn!("a locked app was asked for something");
                    self.say(ToWindow::Answer {
                        number,
                        answer: Err(Refusal::locked()),
                    });
                    return ControlFlow::Continue(());
                }
                self.watch(&question);
                self.hear_of_page(&question);
                let pending = self.work_on(number, question);
                self.pending.push(pending);
                return self.restart_if_due();
            }
            ToApp::Focused(focused) => {
                if let Window::Open(line) = &mut self.window {
                    line.focused(focused);
                }
                self.has_focus = focused;
                self.tell_focus();
            }
            ToApp::Settings(_) if self.lock.is_locked() => {}
            ToApp::Settings(settings) => {
                self.settings.replace(settings);
                // In another language, perhaps.
                self.tell_unread().await;
            }
            ToApp::CloseRequested => return self.close(),
        }
        ControlFlow::Continue(())
    }

    /// What a question says of the page that asks it.
    fn hear_of_page(&mut self, question: &Question) {
        if matches!(question, Question::Snapshot)
            && let Window::Open(line) = &mut self.window
        {
            tracing::debug!("the page begins");
            line.begun = true;
            line.focused(self.has_focus);
        }
        // The page hears events before it asks for the snapshot.
        if matches!(question, Question::Snapshot)
            && !self.lock.is_locked()
            && let Some(payload) = self.news.take()
        {
            self.event(EventName::Link, payload);
        }
        if matches!(question, Question::Flushed(_)) && self.locking.is_some() {
            self.locking = Some(Instant::now());
        }
        match (question, &mut self.window) {
            (Question::Flushed(_), Window::Leaving { until, .. }) => *until = Instant::now(),
            (Question::Alive { .. }, Window::Open(line)) => {
                if !std::mem::replace(&mut line.painted, true) {
                    let milliseconds = line.since.elapsed().as_millis();
                    tracing::info!(milliseconds, "the window is painted");
                    update::prove_that_it_works();
                }
                if self.has_focus {
                    line.alive = Some(Instant::now());
                }
            }
            (
                Question::Dispatch(_)
                | Question::Snapshot
                | Question::CatchUp
                | Question::Alive { .. }
                | Question::Flushed(_)
                | Question::Attach { .. }
                | Question::Detach(_)
                | Question::Picture(_)
                | Question::Save { .. }
                | Question::Export { .. }
                | Question::Import { .. }
                | Question::System
                | Question::Diagnosis
                | Question::Desktop(_)
                | Question::Unlock(_)
                | Question::ForgetLock,
                Window::Gone | Window::Open(_) | Window::Leaving { .. },
            ) => {}
        }
    }

    /// Keeps tray, badge and title in step with the view.
    async fn tell_unread(&mut self) {
        let words = Words::of(&self.settings);
        let unread = Unread::of(&self.views.borrow_and_update(), self.lock.is_locked(), words);
        if unread != self.unread {
            self.unread = unread;
            self.say(ToWindow::Title(title(self.profile.name(), self.unread.total)));
            self.faces.tray.tell_unread(&self.unread).await;
            self.faces.launcher.tell_unread(self.unread.total).await;
        }
    }
}

/// Tells how much is kept of files that were shown, at the start and at each change.
async fn keep_files(chat: actor::Handle, settings: Settings) {
    let mut changes = settings.changes();
    loop {
        chat.keep_received(settings.keep_files()).await;
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Tells the chat actor where the focus is: always the latest, in order.
async fn follow_focus(chat: actor::Handle, mut focus: watch::Receiver<bool>) {
    while focus.changed().await.is_ok() {
        let focused = *focus.borrow_and_update();
        tracing::trace!(focused, "the focus changed");
        log_failure(chat.dispatch(Intent::Focus { focused }).await);
    }
}

async fn hear(hears: Option<&mut mpsc::Receiver<ToApp>>) -> Option<ToApp> {
    match hears {
        Some(hears) => hears.recv().await,
        None => future::pending().await,
    }
}

async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => time::sleep(time).await,
        None => future::pending().await,
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => time::sleep_until(until).await,
        None => future::pending().await,
    }
}

fn title(profile: &str, unread: u64) -> String {
    let name = if profile == DEFAULT_PROFILE {
        NAME.to_owned()
    } else {
        format!("{NAME} – {profile}")
    };
    if unread == 0 {
        name
    } else {
        format!("({unread}) {name}")
    }
}

fn log_failure(result: Result<(), Failure>) {
    if let Err(failure) = result {
        tracing::warn!(code = failure.code, "an intent was not taken");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_tells_profile_and_unread() {
        assert_eq!(title("default", 0), "Khaya");
        assert_eq!(title("bob", 3), "(3) Khaya – bob");
    }
}
