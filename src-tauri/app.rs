//! The running app: what the window, the tray, a notice, a second start and the system ask for.
//!
//! Owns whether there is a window, and the order of opening, closing and quitting. Never decides about chats: it
//! hands intents to the chat actor, and says what came of them.

use std::{future, io, ops::ControlFlow, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use khaya_chat::{Intent, View, actor, view::Failure};
use tokio::{
    sync::{mpsc, watch},
    time::{self, Instant},
};

use crate::{
    arguments::DEFAULT_PROFILE,
    ask::Ask,
    deep_link::DeepLink,
    host::Host,
    link::{Answer, EventName, Question, ToApp, ToWindow},
    notifications::Remark,
    profile::Profile,
    questions::{self, Pending},
    quiet,
    settings::Settings,
    tray::{Tray, Unread},
    updates,
};

/// What the window is called.
const NAME: &str = "Khaya";

/// How many questions of the page may be worked on. More wait in the line, and the page with them.
const QUESTIONS: usize = 64;

/// How long the page may take to save what is typed, when it has to go.
const FLUSH_TIME: Duration = Duration::from_millis(500);

/// How long the chat actor may take to end.
const SHUT_DOWN_TIME: Duration = Duration::from_secs(5);

/// A window that ends by itself within this time has failed at once.
const SOON: Duration = Duration::from_secs(10);

/// How often in a row that may happen.
const FAILURES: u32 = 2;

/// A page in a focused window that has not said for this long that it lives, hangs. It says so every five seconds.
const SILENCE: Duration = Duration::from_secs(30);

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

/// By what the app shows itself.
pub(crate) struct Faces {
    pub(crate) host: Host,
    pub(crate) tray: Tray,
    pub(crate) remarks: mpsc::Sender<Remark>,
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
    /// A link that the next page is to follow.
    link: Option<String>,
    /// What is told as unread in tray and title.
    unread: Unread,
    focus: watch::Sender<bool>,
    /// To the feed of updates, and from it.
    requests: mpsc::Sender<updates::Request>,
    updates: mpsc::Receiver<String>,
    asked: mpsc::Receiver<Ask>,
    /// Questions of the page that are worked on.
    pending: FuturesUnordered<Pending>,
}

/// Whether there is a window.
enum Window {
    Gone,
    Open(Line),
    /// It is off the screen, and the page saves what is typed.
    Leaving {
        line: Line,
        then: Then,
        until: Instant,
    },
}

/// What comes after the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    ToTray,
    Quit,
}

/// The line to a window.
struct Line {
    to_window: mpsc::Sender<ToWindow>,
    hears: mpsc::Receiver<ToApp>,
    since: Instant,
    /// When the page last said that it lives. None until it has said so with the focus: systems let a page sleep that
    /// nobody sees.
    alive: Option<Instant>,
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
    /// The chat actor has ended, or nobody can ask any more.
    Over,
}

impl App {
    /// Puts the app together, and starts the tasks that feed it. `server` is what the command line names.
    pub(crate) fn new(
        profile: Profile,
        settings: Settings,
        chat: actor::Handle,
        faces: Faces,
        asked: mpsc::Receiver<Ask>,
        server: Option<String>,
    ) -> Self {
        let (requests, requested) = mpsc::channel(1);
        let (made, updates) = mpsc::channel(1);
        tokio::spawn(updates::run(chat.view(), requested, made, server));
        let focus = watch::Sender::new(false);
        tokio::spawn(follow_focus(chat.clone(), focus.subscribe()));
        tokio::spawn(quiet::follow(chat.clone(), settings.clone()));
        Self {
            profile,
            settings,
            views: chat.view(),
            chat,
            faces,
            window: Window::Gone,
            failures: 0,
            link: None,
            unread: Unread::default(),
            focus,
            requests,
            updates,
            asked,
            pending: FuturesUnordered::new(),
        }
    }

    /// Runs until somebody wants the app to end. With `visible` it begins with a window.
    pub(crate) async fn run(mut self, visible: bool) -> Result<(), AppError> {
        if visible {
            self.show()?;
        } else if !self.faces.tray.is_there() {
            tracing::warn!("there is no tray to hide in; the window is shown");
            self.show()?;
        }
        self.tell_unread().await;
        let ended = loop {
            let event = self.next().await;
            match self.handle(event).await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break Ok(()),
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
        let (hears, until, silent) = match &mut self.window {
            Window::Gone => (None, None, None),
            Window::Open(line) => (
                Some(&mut line.hears),
                None,
                line.alive.map(|alive| alive + SILENCE),
            ),
            Window::Leaving { line, until, .. } => (Some(&mut line.hears), Some(*until), None),
        };
        let busy = self.pending.len() >= QUESTIONS;
        tokio::select! {
            ask = self.asked.recv() => ask.map_or(Event::Over, Event::Asked),
            heard = hear(hears), if !busy => heard.map_or(Event::WindowEnded, Event::Heard),
            Some((number, answer)) = self.pending.next() => Event::Answered(number, answer),
            update = self.updates.recv() => update.map_or(Event::Over, Event::Update),
            changed = self.views.changed() => changed.map_or(Event::Over, |()| Event::ViewChanged),
            () = sleep_until(until) => Event::Left,
            () = sleep_until(silent) => Event::Hangs,
        }
    }

    async fn handle(&mut self, event: Event) -> Result<ControlFlow<()>, AppError> {
        match event {
            Event::Asked(ask) => {
                tracing::debug!(?ask, "asked");
                match ask {
                    Ask::Open => self.show()?,
                    Ask::OpenChat(chat_id) => self.follow(DeepLink::Chat { chat_id }).await?,
                    Ask::Follow(link) => self.follow(link).await?,
                    Ask::Quit => return Ok(self.leave(Then::Quit)),
                }
            }
            Event::Heard(message) => return Ok(self.hear(message)),
            Event::Answered(number, answer) => self.say(ToWindow::Answer { number, answer }),
            Event::Update(payload) => self.say(ToWindow::Event {
                name: EventName::Update,
                payload,
            }),
            Event::ViewChanged => self.tell_unread().await,
            Event::WindowEnded => return self.window_ended().await,
            Event::Left => {
                self.say(ToWindow::End);
                let then = self.forget_window().await;
                if then == Some(Then::ToTray) && self.profile.first_time_in_tray() {
                    // Said once, and not so important that anything should wait for it.
                    let _ = self.faces.remarks.try_send(Remark::InTray);
                }
                return Ok(after(then));
            }
            Event::Hangs => {
                tracing::error!("the page hangs and begins anew");
                self.say(ToWindow::End);
                self.forget_window().await;
                self.show()?;
            }
            Event::Over => return Ok(ControlFlow::Break(())),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Shows where a link leads: the app opens chats, the page what else there is.
    async fn follow(&mut self, link: DeepLink) -> io::Result<()> {
        match link {
            DeepLink::Chat { chat_id } => log_failure(self.chat.dispatch(Intent::OpenChat { chat_id }).await),
            DeepLink::Invite { .. } => match serde_json::to_string(&link) {
                Ok(payload) if matches!(self.window, Window::Open(_)) => {
                    self.say(ToWindow::Event {
                        name: EventName::Link,
                        payload,
                    });
                }
                Ok(payload) => self.link = Some(payload),
                Err(error) => tracing::error!(%error, "a link cannot be told"),
            },
        }
        self.show()
    }

    fn hear(&mut self, message: ToApp) -> ControlFlow<()> {
        match message {
            ToApp::Ask { number, question } => {
                // The page hears events before it asks for the snapshot.
                if matches!(question, Question::Snapshot)
                    && let Some(payload) = self.link.take()
                {
                    self.say(ToWindow::Event {
                        name: EventName::Link,
                        payload,
                    });
                }
                match (&question, &mut self.window) {
                    (Question::Flushed(_), Window::Leaving { until, .. }) => *until = Instant::now(),
                    (Question::Alive(_), Window::Open(line)) if *self.focus.borrow() => {
                        line.alive = Some(Instant::now());
                    }
                    (
                        Question::Dispatch(_)
                        | Question::Snapshot
                        | Question::Alive(_)
                        | Question::Flushed(_)
                        | Question::Attach { .. }
                        | Question::Detach(_)
                        | Question::Picture(_)
                        | Question::Save { .. },
                        Window::Gone | Window::Open(_) | Window::Leaving { .. },
                    ) => {}
                }
                self.pending
                    .push(questions::work_on(&self.chat, &self.requests, number, question));
            }
            ToApp::Focused(focused) => {
                if let Window::Open(line) = &mut self.window {
                    // The next sign of life begins the watch anew.
                    line.alive = None;
                }
                self.focus.send_replace(focused);
            }
            ToApp::Settings(settings) => self.settings.replace(settings),
            ToApp::CloseRequested => {
                let stay = self.faces.tray.is_there() && self.settings.close_to_tray();
                return self.leave(if stay { Then::ToTray } else { Then::Quit });
            }
        }
        ControlFlow::Continue(())
    }

    /// Shows the window, and opens one first if there is none. One that is leaving stays.
    fn show(&mut self) -> io::Result<()> {
        self.window = match std::mem::replace(&mut self.window, Window::Gone) {
            Window::Open(line)
            | Window::Leaving {
                line,
                then: Then::ToTray,
                ..
            } => Window::Open(line),
            leaving @ Window::Leaving { then: Then::Quit, .. } => leaving,
            Window::Gone => {
                let (to_window, hears) = self.faces.host.open()?;
                Window::Open(Line {
                    to_window,
                    hears,
                    since: Instant::now(),
                    alive: None,
                })
            }
        };
        if matches!(self.window, Window::Open(_)) {
            self.say(ToWindow::Title(title(self.profile.name(), self.unread.total)));
            self.say(ToWindow::Show);
        }
        Ok(())
    }

    /// Takes the window off the screen and lets the page save what is typed.
    fn leave(&mut self, then: Then) -> ControlFlow<()> {
        match std::mem::replace(&mut self.window, Window::Gone) {
            Window::Gone => return after(Some(then)),
            Window::Open(line) => {
                self.window = Window::Leaving {
                    line,
                    then,
                    until: Instant::now() + FLUSH_TIME,
                };
                self.say(ToWindow::Hide);
                self.say(ToWindow::Event {
                    name: EventName::Flush,
                    payload: "null".to_owned(),
                });
            }
            Window::Leaving {
                line,
                then: before,
                until,
            } => {
                let then = if before == Then::Quit { before } else { then };
                self.window = Window::Leaving { line, then, until };
            }
        }
        ControlFlow::Continue(())
    }

    async fn window_ended(&mut self) -> Result<ControlFlow<()>, AppError> {
        let since = match &self.window {
            Window::Open(line) => Some(line.since),
            Window::Gone | Window::Leaving { .. } => None,
        };
        let then = self.forget_window().await;
        let Some(since) = since else {
            return Ok(after(then));
        };
        self.failures = if since.elapsed() < SOON {
            self.failures + 1
        } else {
            0
        };
        if self.failures > FAILURES {
            return Err(AppError::Window);
        }
        tracing::error!("the window ended by itself and is opened anew");
        self.show()?;
        Ok(ControlFlow::Continue(()))
    }

    /// What was to come after the window, if it was leaving.
    async fn forget_window(&mut self) -> Option<Then> {
        self.focus.send_replace(false);
        // Answers to a page that is gone would reach the next one, which did not ask.
        self.pending.clear();
        // An error means that the app is ending.
        let _ = self.requests.send(updates::Request::Gone).await;
        let (line, then) = match std::mem::replace(&mut self.window, Window::Gone) {
            Window::Leaving { line, then, .. } => (line, Some(then)),
            Window::Open(line) => (line, None),
            Window::Gone => return None,
        };
        self.faces.host.close((line.to_window, line.hears));
        then
    }

    fn say(&self, message: ToWindow) {
        let (Window::Open(line) | Window::Leaving { line, .. }) = &self.window else {
            return;
        };
        if let Err(error) = line.to_window.try_send(message) {
            tracing::warn!(%error, "the window does not hear");
        }
    }

    /// Keeps tray and title in step with the view.
    async fn tell_unread(&mut self) {
        let unread = Unread::of(&self.views.borrow_and_update());
        if unread != self.unread {
            self.unread = unread;
            self.say(ToWindow::Title(title(self.profile.name(), self.unread.total)));
            self.faces.tray.tell_unread(&self.unread).await;
        }
    }
}

/// Whether the app goes on without a window.
fn after(then: Option<Then>) -> ControlFlow<()> {
    match then {
        Some(Then::Quit) => ControlFlow::Break(()),
        Some(Then::ToTray) | None => ControlFlow::Continue(()),
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
