//! What the app does on the desktop besides having a window: its lock, answers to notices, other profiles, new
//! versions; and what the settings show of all that.

use std::{
    future, io,
    ops::ControlFlow,
    process::Stdio,
    time::{Duration, SystemTime},
};

use futures_util::FutureExt;
use khaya_chat::{
    Intent,
    intent::Secret,
    report,
    view::{SendState, View},
};
use khaya_wire::ChatId;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{process::Command, time};

use super::{
    App, Ended,
    window::{FLUSH_TIME, Then, Window},
};
use crate::{
    arguments,
    autostart::Autostart,
    link::{Answer, DesktopWish, EventName, Passphrase, Question, Refusal, Reply, ToWindow},
    notifications::{self, Remark},
    profile,
    questions::{self, ChatQuestion, Pending},
    update, updates,
};

/// Nobody is typing who has not pressed a key for this long.
const TYPING: Duration = Duration::from_secs(5);

/// What the page may do while the app is locked: begin, live, and open the lock.
pub(super) fn is_for_anybody(question: &Question) -> bool {
    match question {
        Question::Snapshot
        | Question::Alive { .. }
        | Question::Flushed(_)
        | Question::Unlock(_)
        | Question::ForgetLock => true,
        Question::Dispatch(_)
        | Question::CatchUp
        | Question::Attach { .. }
        | Question::Detach(_)
        | Question::Picture(_)
        | Question::Save { .. }
        | Question::Export { .. }
        | Question::Import { .. }
        | Question::System
        | Question::Diagnosis
        | Question::Desktop(_) => false,
    }
}

impl App {
    /// Locks: at once where nobody sees the page, else when it has saved what is typed.
    pub(super) fn lock(&mut self) {
        if !self.lock.is_set() || self.lock.is_locked() || self.locking.is_some() {
            return;
        }
        if let Window::Open(_) = &self.window {
            self.locking = Some(time::Instant::now() + FLUSH_TIME);
            self.flush();
        } else {
            self.lock.lock();
        }
    }

    /// Tells whether somebody reads.
    pub(super) fn tell_focus(&self) {
        self.focus.send_replace(self.has_focus && !self.lock.is_locked());
    }

    /// When the app has not been used for as long as the person has chosen.
    pub(super) fn idle(&self) -> Option<Duration> {
        if !self.lock.is_set() || self.lock.is_locked() || self.locking.is_some() {
            return None;
        }
        let unused = SystemTime::now().duration_since(self.used).unwrap_or_default();
        Some(self.settings.lock_after()?.saturating_sub(unused))
    }

    /// The lock has closed or opened: the page begins anew with what it may see.
    pub(super) async fn lock_changed(&mut self) -> io::Result<()> {
        let locked = self.lock.is_locked();
        tracing::info!(locked, "the lock");
        self.locking = None;
        self.used = SystemTime::now();
        self.told_of_use = self.used;
        self.tell_focus();
        // An error means that the app is ending.
        let _ = self.requests.send(updates::Request::Locked(locked)).await;
        self.say(ToWindow::Locked(locked));
        if locked {
            // What was asked before may be answered with what nobody is to see now; the window refuses it.
            self.pending.clear();
            self.say(ToWindow::Reload);
        }
        self.tell_unread().await;
        self.tell_system();
        match self.after_unlock.take() {
            Some(link) if !locked => self.follow(link).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Sends what somebody typed into a notice. It is not lost if it cannot be sent.
    pub(super) async fn reply(&mut self, chat_id: ChatId, text: Secret) -> io::Result<()> {
        if self.lock.is_locked() {
            return self.show();
        }
        let sent = Intent::Send {
            chat_id,
            text: text.expose().to_owned(),
            reply_to: None,
            visible_to: Vec::new(),
            visible_to_roles: Vec::new(),
            attachments: Vec::new(),
        };
        if let Err(failure) = self.chat.dispatch(sent).await {
            tracing::warn!(code = failure.code, "an answer to a notice was not taken");
            self.remark(Remark::NotSent { failure, text });
        }
        Ok(())
    }

    /// Opens another profile's window: a process of its own, which may be there already.
    pub(super) fn open_profile(&self, name: &str) -> Result<(), Refusal> {
        let refused = |sentence: &str| Err(Refusal::new("invalid_request", sentence));
        if let Err(sentence) = arguments::profile(name) {
            return refused(&format!("This cannot be a profile: {sentence}."));
        }
        if self.profile.all().is_empty() {
            return refused("This app was started with a place of its own, and knows of no other profiles.");
        }
        let started = profile::program().and_then(|program| {
            let mut command = Command::new(program);
            command.args(["--profile", name]).stdin(Stdio::null());
            update::forget_in(command.as_std_mut());
            #[cfg(unix)]
            command.process_group(0);
            command.spawn()
        });
        match started {
            Ok(mut child) => {
                tokio::spawn(async move { child.wait().await });
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "another profile cannot be opened");
                refused("The other profile cannot be opened.")
            }
        }
    }

    /// Works on a question that is not the chat's alone.
    pub(super) fn work_on(&mut self, number: u64, question: Question) -> Pending {
        match question {
            Question::System => self.system(number),
            Question::Diagnosis => self.diagnosis(number),
            Question::Desktop(wish) => self.desktop(number, wish),
            Question::Unlock(passphrase) => {
                let lock = self.lock.clone();
                async move { (number, done(lock.unlock(passphrase.into_secret()).await)) }.boxed()
            }
            Question::ForgetLock => {
                let (lock, chat) = (self.lock.clone(), self.chat.clone());
                async move {
                    let signed_out = chat.dispatch(Intent::SignOut).await;
                    // Who is not signed in has nothing to guard either.
                    let answer = match signed_out {
                        Err(failure) if failure.code != "not_signed_in" => Err(failure.into()),
                        Ok(()) | Err(_) => done(lock.remove().await),
                    };
                    (number, answer)
                }
                .boxed()
            }
            Question::Dispatch(intent) => self.ask_chat(number, ChatQuestion::Dispatch(intent)),
            Question::Snapshot => self.ask_chat(number, ChatQuestion::Snapshot),
            Question::CatchUp => self.ask_chat(number, ChatQuestion::CatchUp),
            Question::Alive { number: applied, .. } => self.ask_chat(number, ChatQuestion::Alive(applied)),
            // What a locked page has to keep is nothing.
            Question::Flushed(_) if self.lock.is_locked() => future::ready((number, done(Ok(())))).boxed(),
            Question::Flushed(page) => self.ask_chat(number, ChatQuestion::Flushed(page)),
            Question::Attach {
                path,
                name,
                mime_type,
            } => self.ask_chat(
                number,
                ChatQuestion::Attach {
                    path,
                    name,
                    mime_type,
                },
            ),
            Question::Detach(file) => self.ask_chat(number, ChatQuestion::Detach(file)),
            Question::Picture(which) => self.ask_chat(number, ChatQuestion::Picture(which)),
            Question::Save { file, path } => self.ask_chat(number, ChatQuestion::Save { file, path }),
            Question::Export { path } => self.ask_chat(number, ChatQuestion::Export(path)),
            Question::Import { path } => self.ask_chat(number, ChatQuestion::Import(path)),
        }
    }

    fn ask_chat(&self, number: u64, question: ChatQuestion) -> Pending {
        questions::work_on(&self.chat, &self.requests, number, question)
    }

    fn desktop(&mut self, number: u64, wish: DesktopWish) -> Pending {
        let answer = match wish {
            DesktopWish::SetLock { current, new } => {
                let lock = self.lock.clone();
                let secret = |text: Option<Passphrase>| text.map(Passphrase::into_secret);
                let (current, new) = (secret(current), secret(new));
                return async move { (number, done(lock.set(current, new).await)) }.boxed();
            }
            DesktopWish::LockNow => {
                self.lock();
                Ok(())
            }
            DesktopWish::SetAutostart(on) => self.set_autostart(on),
            DesktopWish::TestNotice => {
                self.remark(Remark::Test);
                Ok(())
            }
            DesktopWish::CheckForUpdate => {
                self.updater.check();
                Ok(())
            }
            DesktopWish::InstallUpdate => self.install_update(),
            DesktopWish::OpenProfile(name) => self.open_profile(&name),
        };
        future::ready((number, done(answer))).boxed()
    }

    fn set_autostart(&self, on: bool) -> Result<(), Refusal> {
        let set = Autostart::of(&self.profile).and_then(|autostart| autostart.set(on));
        set.map_err(|error| {
            tracing::warn!(%error, "the start with the desktop cannot be changed");
            Refusal::new("store_failed", &format!("This cannot be changed: {error}."))
        })
    }

    fn install_update(&mut self) -> Result<(), Refusal> {
        self.may_restart()?;
        self.restarts = true;
        if !self.is_staged() {
            self.updater.fetch();
        }
        Ok(())
    }

    fn is_staged(&self) -> bool {
        matches!(*self.update.borrow(), update::State::Ready { .. })
    }

    /// A new version that was waited for takes over as soon as it is there, unless somebody writes: then the person
    /// has to ask once more.
    pub(super) fn restart_if_due(&mut self) -> ControlFlow<Ended> {
        if !self.restarts || !self.is_staged() {
            return ControlFlow::Continue(());
        }
        self.restarts = false;
        match self.may_restart() {
            Ok(()) => self.leave(Then::Restart),
            Err(_) => ControlFlow::Continue(()),
        }
    }

    fn may_restart(&self) -> Result<(), Refusal> {
        if is_sending(&self.views.borrow()) {
            return Err(Refusal::new(
                "update_waits",
                "A message is not sent yet. Update when it is.",
            ));
        }
        if self.typed.is_some_and(|typed| typed.elapsed() < TYPING) {
            return Err(Refusal::new(
                "update_waits",
                "You are writing. Update when you have finished.",
            ));
        }
        Ok(())
    }

    /// Remembers that somebody types, and that the app is used.
    pub(super) fn watch(&mut self, question: &Question) {
        match question {
            Question::Dispatch(intent) => {
                if intent["type"] == "typing" && intent["active"] == true {
                    self.typed = Some(time::Instant::now());
                }
            }
            // Not every intent is a person's: the page tells by itself what has been seen. It tells of what was
            // done since it told last, which may have been before the computer slept.
            Question::Alive { active, .. } => {
                if *active {
                    self.used = self.told_of_use;
                }
                self.told_of_use = SystemTime::now();
            }
            Question::Attach { .. } => self.told_of_use = SystemTime::now(),
            Question::Detach(_)
            | Question::Picture(_)
            | Question::Save { .. }
            | Question::Export { .. }
            | Question::Import { .. }
            | Question::Snapshot
            | Question::CatchUp
            | Question::Flushed(_)
            | Question::System
            | Question::Diagnosis
            | Question::Desktop(_)
            | Question::Unlock(_)
            | Question::ForgetLock => {}
        }
    }

    /// Says something that no window can say. It is not so important that anything should wait for it.
    pub(super) fn remark(&self, remark: Remark) {
        if let Err(error) = self.faces.remarks.try_send(remark) {
            tracing::debug!(%error, "a remark is not made");
        }
    }

    /// Tells the page that the settings have something else to show.
    pub(super) fn tell_system(&self) {
        if !self.lock.is_locked() {
            self.event(EventName::System, "null".to_owned());
        }
    }

    fn diagnosis(&self, number: u64) -> Pending {
        let (chat, data) = (self.chat.clone(), self.profile.root().to_owned());
        async move {
            let known = json!({
                "text": chat.diagnose().await.to_string(),
                "storage": chat.storage().await,
                "reports": report::all(&data).len(),
            });
            (number, raw(&known))
        }
        .boxed()
    }

    fn system(&self, number: u64) -> Pending {
        let known = Known {
            version: env!("CARGO_PKG_VERSION"),
            profile: self.profile.name().to_owned(),
            profiles: self.profile.all(),
            lock: self.lock.is_set(),
            tray: self.faces.tray.is_there(),
            autostart: Autostart::of(&self.profile)
                .ok()
                .map(|autostart| autostart.is_on()),
            update: self.update.borrow().clone(),
        };
        let surface = self.faces.surface.clone();
        async move {
            let notices = notifications::standing(&surface).await;
            let answer = serde_json::to_value(known).map(|mut known| {
                known["notices"] = json!(notices);
                known
            });
            (
                number,
                answer.map_err(|_| Refusal::ended()).and_then(|known| raw(&known)),
            )
        }
        .boxed()
    }
}

/// What the settings show of the app and its system.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    version: &'static str,
    profile: String,
    /// None where this app knows of no others.
    profiles: Vec<String>,
    /// Whether the app has a lock.
    lock: bool,
    tray: bool,
    /// None where the system has no such thing.
    autostart: Option<bool>,
    update: update::State,
}

/// Whether a message of one's own has not reached the server, as far as the window knows.
fn is_sending(view: &View) -> bool {
    let of_rows = view
        .chats
        .iter()
        .filter_map(|chat| chat.preview.as_ref()?.state.as_ref());
    let of_items = view.timeline.iter().filter_map(|item| item.state.as_ref());
    of_rows
        .chain(of_items)
        .any(|state| matches!(state, SendState::Sending))
}

fn done(result: Result<(), Refusal>) -> Answer {
    result.and_then(|()| raw(&Value::Null))
}

fn raw(value: &Value) -> Answer {
    serde_json::value::to_raw_value(value)
        .map(Reply::Json)
        .map_err(|_| Refusal::ended())
}
