//! Notifications on macOS: the system's notification center. A program that was not started from a bundle has none; it
//! shows them by the plugin.
//!
//! All profiles are one app there: a notice says whose it is, and which of them hears of it is the system's choice.

use std::{future, mem, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use khaya_chat::shell::ShellRequest;
use khaya_user_notifications::{Buttons, Center, Names, Notice};
use khaya_wire::ChatId;
use tokio::{sync::mpsc, time};

use super::{Actions, Context, Opens, Remark, Shown, Standing, answer, plugin};
use crate::{ask::Asks, host::Surface, profile::Profile, words::Words};

/// Who shows them.
const NAME: &str = "macOS";

/// How long the system may take to answer.
const CALL_TIME: Duration = Duration::from_secs(5);

/// From now on what somebody does with a notice is asked of the app. Before the system has started the app: a click may
/// be what it is started by.
pub(super) fn hear(profile: &Profile, asks: Asks) {
    let Some(center) = Center::of_bundle() else { return };
    let own = profile.name().to_owned();
    center.hear(
        move |identifier, chosen| match answer::ask(&own, identifier, chosen) {
            Some(ask) => asks.send(ask),
            None => tracing::warn!("a notice was answered that cannot be answered here"),
        },
    );
}

pub(super) async fn serve(
    context: Context,
    mut requests: mpsc::Receiver<ShellRequest>,
    mut remarks: mpsc::Receiver<Remark>,
) {
    let Some(center) = Center::of_bundle() else {
        tracing::warn!("this is no app of a bundle, so its notices can neither be answered nor taken away");
        return plugin::serve(context, requests, remarks).await;
    };
    let Context {
        surface: _,
        settings,
        lock,
        asks: _,
        profile,
    } = context;
    let mut chosen = settings.changes();
    name_buttons(center, Words::of(&settings));
    let mut desktop = Desktop {
        center,
        profile: profile.name().to_owned(),
        permission: Permission::Unknown,
    };
    let mut locks = lock.changes();
    loop {
        tokio::select! {
            // Before anything else: what is shown after the lock closed shows nothing.
            biased;
            Ok(()) = locks.changed() => if *locks.borrow_and_update() {
                desktop.withdraw(None).await;
            },
            Ok(()) = chosen.changed() => name_buttons(center, Words::of(&settings)),
            request = requests.recv() => match request {
                Some(ShellRequest::Notify(notice)) => {
                    desktop.show(Shown::notice(&settings, lock.is_locked(), &notice)).await;
                }
                Some(ShellRequest::Withdraw { chat_id }) => desktop.withdraw(Some(&chat_id)).await,
                Some(ShellRequest::WithdrawAll) => desktop.withdraw(None).await,
                None => return,
            },
            Some(remark) = remarks.recv() => desktop.show(Shown::remark(&settings, &remark)).await,
            () = desktop.permission.said() => desktop.go_on().await,
        }
    }
}

pub(super) async fn standing(surface: &Surface) -> Standing {
    match Center::of_bundle() {
        Some(center) => Standing {
            shown: time::timeout(CALL_TIME, center.standing()).await.ok().flatten(),
            by: Some(NAME.to_owned()),
        },
        None => plugin::standing(surface).await,
    }
}

fn name_buttons(center: Center, words: Words) {
    center.name(Names {
        mark_read: words.text("native.markRead"),
        reply: words.text("native.reply"),
        send: words.text("native.send"),
    });
}

struct Desktop {
    center: Center,
    profile: String,
    permission: Permission,
}

/// Whether notices may be shown. The person is asked when there is the first one, and sees then what for.
enum Permission {
    Unknown,
    /// What they say, and the latest notice there was since.
    Asked {
        said: BoxFuture<'static, ()>,
        waits: Option<Shown>,
    },
    /// The system keeps what they said, and refuses notices that are not wanted.
    Said,
}

impl Permission {
    async fn said(&mut self) {
        match self {
            Self::Asked { said, .. } => said.await,
            Self::Unknown | Self::Said => future::pending().await,
        }
    }

    /// What is not to be shown any more is not shown after the answer either.
    fn forget(&mut self, is_meant: impl FnOnce(&Opens) -> bool) {
        if let Self::Asked { waits, .. } = self
            && waits
                .as_ref()
                .and_then(|shown| shown.opens.as_ref())
                .is_some_and(is_meant)
        {
            *waits = None;
        }
    }
}

impl Desktop {
    async fn show(&mut self, shown: Shown) {
        match &mut self.permission {
            Permission::Unknown => {
                let center = self.center;
                let said = async move {
                    let allowed = center.ask().await;
                    tracing::info!(allowed, "it is known whether notices may be shown");
                };
                self.permission = Permission::Asked {
                    said: said.boxed(),
                    waits: Some(shown),
                };
            }
            Permission::Asked { waits, .. } => *waits = Some(shown),
            Permission::Said => hand_over(self.center, notice(&self.profile, shown)).await,
        }
    }

    /// The person has said whether they want notices.
    async fn go_on(&mut self) {
        if let Permission::Asked {
            waits: Some(shown), ..
        } = mem::replace(&mut self.permission, Permission::Said)
        {
            hand_over(self.center, notice(&self.profile, shown)).await;
        }
    }

    /// Takes away the notices of a chat, or of all chats.
    async fn withdraw(&mut self, chat_id: Option<&ChatId>) {
        self.permission
            .forget(|opens| chat_id.is_none_or(|chat_id| opens.chat_id == *chat_id));
        let thread = chat_id.map(|chat_id| answer::name(&self.profile, chat_id.as_str()));
        let own = answer::name(&self.profile, "");
        let withdrawn = self.center.withdraw(move |shown| match &thread {
            Some(thread) => shown == thread,
            None => shown.starts_with(&own),
        });
        if time::timeout(CALL_TIME, withdrawn).await.is_err() {
            tracing::warn!("the notification center does not answer");
        }
    }
}

async fn hand_over(center: Center, notice: Notice) {
    match time::timeout(CALL_TIME, center.show(&notice)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "a notice could not be shown"),
        Err(_) => tracing::warn!("the notification center does not answer"),
    }
}

fn notice(profile: &str, shown: Shown) -> Notice {
    let Shown {
        opens,
        title,
        body,
        sound,
        actions,
        words: _,
    } = shown;
    Notice {
        thread: opens
            .as_ref()
            .map(|opens| answer::name(profile, opens.chat_id.as_str())),
        identifier: match opens {
            Some(opens) => answer::name(profile, &opens.link().to_string()),
            // What the app itself has to say is known by what it is.
            None => answer::name(profile, &title),
        },
        title,
        body,
        buttons: match actions {
            Actions::None => Buttons::None,
            Actions::MarkRead => Buttons::MarkRead,
            Actions::ReplyAndMarkRead => Buttons::ReplyAndMarkRead,
        },
        sound,
    }
}
