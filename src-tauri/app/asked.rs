//! What is asked of the app from outside of its window: by the tray, a notice, a link, a second start, the system.
//!
//! Never shows what a locked app hides: there it shows the lock first.

use std::{io, ops::ControlFlow, time::SystemTime};

use khaya_chat::Intent;

use super::{
    App, Ended, log_failure,
    window::{Then, Window},
};
use crate::{ask::Ask, deep_link::DeepLink, link::EventName, quiet};

impl App {
    /// Does what was asked from outside of the window.
    pub(super) async fn asked(&mut self, ask: Ask) -> io::Result<ControlFlow<Ended>> {
        tracing::debug!(?ask, "asked");
        match ask {
            Ask::Open => self.show()?,
            Ask::OpenChat(chat_id) => {
                let link = DeepLink::Chat {
                    chat_id,
                    message_id: None,
                };
                self.follow(link).await?;
            }
            Ask::Follow(link) => self.follow(link).await?,
            Ask::OpenSettings => {
                self.tell_page(r#"{"type":"settings"}"#.to_owned());
                self.show()?;
            }
            Ask::Reply(chat_id, text) => self.reply(chat_id, text).await?,
            Ask::MarkRead(_) if self.lock.is_locked() => self.show()?,
            Ask::MarkRead(chat_id) => log_failure(self.chat.dispatch(Intent::MarkRead { chat_id }).await),
            Ask::QuietForAnHour(on) => {
                let until = on.then(|| SystemTime::now() + quiet::HOUR);
                self.quiet_until.send_replace(until);
            }
            Ask::OpenProfile(name) => {
                if let Err(refusal) = self.open_profile(&name) {
                    tracing::warn!(code = refusal.code, "another profile was not opened");
                }
            }
            Ask::Lock if self.settings.lock_on_suspend() => self.lock(),
            Ask::Lock => {}
            Ask::Quit => return Ok(self.leave(Then::Quit)),
            Ask::Stop => return Ok(self.leave(Then::Stop)),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Shows where a link leads: the app opens chats, the page what else there is. A locked app first shows its lock.
    pub(super) async fn follow(&mut self, link: DeepLink) -> io::Result<()> {
        if self.lock.is_locked() {
            self.after_unlock = Some(link);
            return self.show();
        }
        match link {
            DeepLink::Chat { chat_id, message_id } => {
                let intent = match message_id {
                    Some(message_id) => Intent::JumpTo { chat_id, message_id },
                    None => Intent::OpenChat { chat_id },
                };
                log_failure(self.chat.dispatch(intent).await);
            }
            DeepLink::Invite { .. } => match serde_json::to_string(&link) {
                Ok(payload) => self.tell_page(payload),
                Err(error) => tracing::error!(%error, "a link cannot be told"),
            },
        }
        self.show()
    }

    /// Tells the page that something was opened which concerns it: now, or when there is one.
    fn tell_page(&mut self, payload: String) {
        if self.lock.is_locked() {
            return;
        }
        if matches!(&self.window, Window::Open(line) if line.painted) {
            self.event(EventName::Link, payload);
        } else {
            self.news = Some(payload);
        }
    }
}
