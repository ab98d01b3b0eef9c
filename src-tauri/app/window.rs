//! The app's side of its window: opening, leaving, and what comes after.

use std::{io, ops::ControlFlow, time::Duration};

use tokio::{sync::mpsc, time::Instant};

use super::{App, AppError, Ended, title};
use crate::{
    link::{EventName, ToApp, ToWindow},
    notifications::Remark,
    updates,
};

/// How long the page may take to save what is typed, when it has to go.
pub(super) const FLUSH_TIME: Duration = Duration::from_millis(500);

/// A window that ends by itself within this time has failed at once.
const SOON: Duration = Duration::from_secs(10);

/// How often in a row that may happen.
const FAILURES: u32 = 2;

/// A page that has not begun for this long, does not begin.
const LOADING: Duration = Duration::from_secs(60);

/// A page in a focused window that has not said for this long that it lives, hangs. It says so every five seconds.
const SILENCE: Duration = Duration::from_secs(30);

/// Whether there is a window.
pub(super) enum Window {
    Gone,
    Open(Line),
    /// It is off the screen, and the page saves what is typed.
    Leaving {
        line: Line,
        then: Then,
        until: Instant,
    },
}

/// What comes after the window. A later one is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Then {
    ToTray,
    /// The new version takes over.
    Restart,
    Quit,
    /// Nothing of the app is to stay.
    Stop,
}

/// The line to a window.
pub(super) struct Line {
    to_window: mpsc::Sender<ToWindow>,
    pub(super) hears: mpsc::Receiver<ToApp>,
    pub(super) since: Instant,
    /// Whether its page has asked for what it is to show.
    pub(super) begun: bool,
    /// Whether its page has said that it shows something.
    pub(super) painted: bool,
    /// When the page last said that it lives, or got the focus. None without the focus: systems let a page sleep that
    /// nobody sees.
    pub(super) alive: Option<Instant>,
}

impl Line {
    /// The window got the focus, or has it no more.
    pub(super) fn focused(&mut self, focused: bool) {
        self.alive = focused.then(Instant::now);
    }

    /// Until when something has to be heard of the page, or it is taken for dead.
    pub(super) fn patience(&self) -> Option<Instant> {
        if self.begun {
            self.alive.map(|alive| alive + SILENCE)
        } else {
            Some(self.since + LOADING)
        }
    }
}

impl App {
    /// Shows the window, and opens one first if there is none. One that is leaving stays.
    pub(super) fn show(&mut self) -> io::Result<()> {
        self.window = match std::mem::replace(&mut self.window, Window::Gone) {
            Window::Open(line)
            | Window::Leaving {
                line,
                then: Then::ToTray,
                ..
            } => Window::Open(line),
            leaving @ Window::Leaving { .. } => leaving,
            Window::Gone => {
                let (to_window, hears) = self.faces.host.open()?;
                Window::Open(Line {
                    to_window,
                    hears,
                    since: Instant::now(),
                    begun: false,
                    painted: false,
                    alive: None,
                })
            }
        };
        if matches!(self.window, Window::Open(_)) {
            self.say(ToWindow::Locked(self.lock.is_locked()));
            self.say(ToWindow::Title(title(self.profile.name(), self.unread.total)));
            self.say(ToWindow::Show);
        }
        Ok(())
    }

    /// The person closes the window. Who wants the app to go on then, where there is no tray to go on in, hears first
    /// that it does not, once.
    pub(super) fn close(&mut self) -> ControlFlow<Ended> {
        let sees_page = !self.lock.is_locked() && matches!(&self.window, Window::Open(line) if line.painted);
        let then = match (self.settings.close_to_tray(), self.faces.tray.is_there()) {
            (true, true) => Then::ToTray,
            (true, false) if sees_page && self.profile.first_time_without_tray() => {
                self.event(EventName::Link, r#"{"type":"closing"}"#.to_owned());
                return ControlFlow::Continue(());
            }
            (true | false, _) => Then::Quit,
        };
        self.leave(then)
    }

    /// Takes the window off the screen and lets the page save what is typed.
    pub(super) fn leave(&mut self, then: Then) -> ControlFlow<Ended> {
        match std::mem::replace(&mut self.window, Window::Gone) {
            Window::Gone => return after(Some(then)),
            Window::Open(line) => {
                self.window = Window::Leaving {
                    line,
                    then,
                    until: Instant::now() + FLUSH_TIME,
                };
                self.say(ToWindow::Hide);
                self.flush();
            }
            Window::Leaving {
                line,
                then: before,
                until,
            } => {
                let then = before.max(then);
                self.window = Window::Leaving { line, then, until };
            }
        }
        ControlFlow::Continue(())
    }

    /// Asks the page to save what is typed.
    pub(super) fn flush(&self) {
        self.event(EventName::Flush, "null".to_owned());
    }

    /// The page has saved, or had its time for that.
    pub(super) async fn left(&mut self) -> ControlFlow<Ended> {
        self.say(ToWindow::End);
        let then = self.forget_window().await;
        if then == Some(Then::ToTray) && self.profile.first_time_in_tray() {
            self.remark(Remark::InTray);
        }
        after(then)
    }

    pub(super) async fn window_ended(&mut self) -> Result<ControlFlow<Ended>, AppError> {
        let at_once = match &self.window {
            Window::Open(line) => Some(line.since.elapsed() < SOON),
            Window::Gone | Window::Leaving { .. } => None,
        };
        let then = self.forget_window().await;
        let Some(at_once) = at_once else {
            return Ok(after(then));
        };
        tracing::error!("the window ended by itself and is opened anew");
        self.open_anew(at_once)?;
        Ok(ControlFlow::Continue(()))
    }

    /// The page has been silent for too long.
    pub(super) async fn page_hangs(&mut self) -> Result<(), AppError> {
        let at_once = matches!(&self.window, Window::Open(line) if !line.begun);
        tracing::error!("the page hangs and begins anew");
        self.say(ToWindow::End);
        self.forget_window().await;
        self.open_anew(at_once)
    }

    /// Another window in the place of one that has failed: at once, or after it had been of use.
    fn open_anew(&mut self, at_once: bool) -> Result<(), AppError> {
        self.failures = if at_once { self.failures + 1 } else { 0 };
        if self.failures > FAILURES {
            return Err(AppError::Window);
        }
        self.show()?;
        Ok(())
    }

    /// What was to come after the window, if it was leaving.
    pub(super) async fn forget_window(&mut self) -> Option<Then> {
        self.has_focus = false;
        self.tell_focus();
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

    pub(super) fn event(&self, name: EventName, payload: String) {
        self.say(ToWindow::Event { name, payload });
    }

    pub(super) fn say(&self, message: ToWindow) {
        let (Window::Open(line) | Window::Leaving { line, .. }) = &self.window else {
            return;
        };
        if let Err(error) = line.to_window.try_send(message) {
            tracing::warn!(%error, "the window does not hear");
        }
    }
}

/// Whether the app goes on without a window.
fn after(then: Option<Then>) -> ControlFlow<Ended> {
    match then {
        Some(Then::Quit) => ControlFlow::Break(Ended::Quit),
        Some(Then::Stop) => ControlFlow::Break(Ended::Stopped),
        Some(Then::Restart) => ControlFlow::Break(Ended::Restart),
        Some(Then::ToTray) | None => ControlFlow::Continue(()),
    }
}
