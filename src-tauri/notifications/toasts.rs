//! Notifications on Windows: toasts, shown as the app that the installer's shortcut names (its AppUserModelID, which is
//! the identifier in `tauri.conf.json`).
//!
//! Where Windows knows no such app, as when the program runs from the folder in which it was built, and where a toast
//! fails, the notice is shown by the plugin (`plugin.rs`), so that it comes all the same. What a toast is made of is in
//! `toast.rs`.
//!
//! A click on a toast is one on the link to its message, which starts the app if it has ended; of a profile to which links
//! do not lead, and of its buttons, the process that showed it hears, as long as it runs.

use std::collections::VecDeque;

use khaya_chat::shell::ShellRequest;
use khaya_wire::ChatId;
use tokio::{sync::mpsc, task};
use windows::{
    Data::Xml::Dom::{IXmlNode, XmlDocument},
    Foundation::{IPropertyValue, TypedEventHandler},
    UI::Notifications::{
        NotificationSetting, ToastActivatedEventArgs, ToastDismissalReason, ToastDismissedEventArgs,
        ToastFailedEventArgs, ToastNotification, ToastNotificationManager, ToastNotifier,
    },
    core::{HSTRING, IInspectable, Interface, Ref, Result},
};

use super::{
    Context, Remark, Shown, Standing, plugin,
    toast::{self, Content, Element, FIELD, Owner},
};
use crate::{ask::Asks, host::Surface};

/// How many toasts are remembered: what was done in one that is forgotten is not heard.
const REMEMBERED: usize = 256;

/// How much may wait of what Windows tells.
const EVENTS: usize = 64;

/// What Windows tells of a toast.
enum Told {
    /// It was clicked, or taken away by the person.
    Done(u64),
    /// It could not be shown after all.
    Failed(u64),
}

pub(super) async fn serve(
    context: Context,
    mut requests: mpsc::Receiver<ShellRequest>,
    mut remarks: mpsc::Receiver<Remark>,
) {
    let identity = identity(&context.surface);
    let notifier = match notifier(&identity) {
        Ok(notifier) => notifier,
        Err(error) => {
            tracing::warn!(%error, "this Windows has no toasts, so the plugin shows notices");
            return plugin::serve(context, requests, remarks).await;
        }
    };
    let Context {
        surface,
        settings,
        lock,
        asks,
        profile,
    } = context;
    plugin::hear(&surface, asks.clone());
    let (events, mut told) = mpsc::channel(EVENTS);
    let mut desktop = Desktop {
        identity,
        notifier,
        owner: Owner::of(profile.root()),
        by_link: profile.takes_links(),
        asks,
        events,
        toasts: VecDeque::new(),
        latest: 0,
        has_warned: false,
        surface,
    };
    let mut locks = lock.changes();
    loop {
        tokio::select! {
            // Before anything else: what is shown after the lock closed shows nothing.
            biased;
            Ok(()) = locks.changed() => if *locks.borrow_and_update() {
                desktop.withdraw(None);
            },
            request = requests.recv() => match request {
                Some(ShellRequest::Notify(notice)) => {
                    tracing::debug!(key = notice.key, "a notice is shown");
                    desktop.show(Shown::notice(&settings, lock.is_locked(), &notice));
                }
                Some(ShellRequest::Withdraw { chat_id }) => desktop.withdraw(Some(&chat_id)),
                Some(ShellRequest::WithdrawAll) => desktop.withdraw(None),
                None => return,
            },
            Some(remark) = remarks.recv() => desktop.show(Shown::remark(&settings, &remark)),
            Some(told) = told.recv() => match told {
                Told::Done(number) => drop(desktop.forget(number)),
                Told::Failed(number) => desktop.failed(number),
            },
        }
    }
}

/// What the person, or who looks after the computer, lets this app show.
pub(super) async fn standing(surface: &Surface) -> Standing {
    let identity = identity(surface);
    match blocking(|| notifier(&identity)?.Setting()) {
        Ok(setting) => Standing {
            shown: Some(setting == NotificationSetting::Enabled),
            by: Some("Windows".to_owned()),
        },
        Err(error) => {
            tracing::debug!(%error, "Windows does not know whether notices are shown");
            plugin::standing(surface).await
        }
    }
}

fn identity(surface: &Surface) -> HSTRING {
    HSTRING::from(&surface.config().identifier)
}

fn notifier(identity: &HSTRING) -> Result<ToastNotifier> {
    ToastNotificationManager::CreateToastNotifierWithId(identity)
}

/// A call of another process, which may take its time.
fn blocking<T>(call: impl FnOnce() -> T) -> T {
    task::block_in_place(call)
}

/// What was shown, and all that is needed to show more.
struct Desktop {
    identity: HSTRING,
    notifier: ToastNotifier,
    owner: Owner,
    /// A click follows the link to what a toast tells of.
    by_link: bool,
    asks: Asks,
    events: mpsc::Sender<Told>,
    /// Oldest first. Held because what is done in them is told to these very objects.
    toasts: VecDeque<Toast>,
    /// The number of the latest.
    latest: u64,
    /// It was said that the plugin shows what Windows would not.
    has_warned: bool,
    surface: Surface,
}

struct Toast {
    number: u64,
    shown: Shown,
    #[expect(dead_code, reason = "held for its events")]
    native: ToastNotification,
}

impl Desktop {
    fn show(&mut self, shown: Shown) {
        self.latest += 1;
        match blocking(|| self.show_natively(&shown)) {
            Ok(native) => {
                if self.toasts.len() == REMEMBERED {
                    self.toasts.pop_front();
                }
                self.toasts.push_back(Toast {
                    number: self.latest,
                    shown,
                    native,
                });
            }
            Err(error) => {
                self.warn(&error.message());
                plugin::show(&self.surface, shown);
            }
        }
    }

    fn show_natively(&self, shown: &Shown) -> Result<ToastNotification> {
        // Fails for an app that Windows does not know, where showing a toast would do nothing at all.
        self.notifier.Setting()?;
        let native =
            ToastNotification::CreateToastNotification(&document(&toast::element(shown, self.by_link))?)?;
        if let Some(opens) = &shown.opens {
            let group = HSTRING::from(self.owner.group(&opens.chat_id));
            if opens.message_id.is_none() {
                // It tells of what those before it told, too.
                self.remove_group(&group);
            }
            native.SetGroup(&group)?;
            native.SetTag(&HSTRING::from(toast::tag(opens)))?;
        }
        self.listen(&native, shown.clone())?;
        self.notifier.Show(&native)?;
        Ok(native)
    }

    /// Hears what becomes of a toast. Windows tells it on threads of its own.
    fn listen(&self, native: &ToastNotification, shown: Shown) -> Result<()> {
        let number = self.latest;
        let (asks, events) = (self.asks.clone(), self.events.clone());
        native.Activated(&TypedEventHandler::new(move |_, told: Ref<'_, IInspectable>| {
            let told = Interface::cast::<ToastActivatedEventArgs>(told.ok()?)?;
            let arguments = told.Arguments()?.to_string_lossy();
            match toast::ask(&shown, &arguments, typed(&told)) {
                Some(ask) => asks.send(ask),
                None => tracing::debug!("what was done in a notice is not done here"),
            }
            tell(&events, Told::Done(number));
            Ok(())
        }))?;
        let events = self.events.clone();
        native.Dismissed(&TypedEventHandler::new(
            move |_, told: Ref<'_, ToastDismissedEventArgs>| {
                let reason = told.ok()?.Reason()?;
                // One whose time on the screen is over can be clicked in the Action Center.
                if reason != ToastDismissalReason::TimedOut {
                    tell(&events, Told::Done(number));
                }
                Ok(())
            },
        ))?;
        let events = self.events.clone();
        native.Failed(&TypedEventHandler::new(
            move |_, told: Ref<'_, ToastFailedEventArgs>| {
                let code = told.ok()?.ErrorCode()?;
                tracing::debug!(code = code.0, "a notice failed");
                tell(&events, Told::Failed(number));
                Ok(())
            },
        ))?;
        Ok(())
    }

    /// Takes away the notices of this chat, or of all. What the app itself had to say stays.
    fn withdraw(&mut self, chat_id: Option<&ChatId>) {
        let is_meant = |toast: &Toast| match (&toast.shown.opens, chat_id) {
            (Some(opens), Some(chat_id)) => opens.chat_id == *chat_id,
            (Some(_), None) => true,
            (None, _) => false,
        };
        self.toasts.retain(|toast| !is_meant(toast));
        blocking(|| match chat_id {
            Some(chat_id) => self.remove_group(&HSTRING::from(self.owner.group(chat_id))),
            None => self.remove_all(),
        });
    }

    fn remove_all(&self) {
        match self.groups() {
            Ok(groups) => {
                for group in &groups {
                    self.remove_group(group);
                }
            }
            Err(error) => {
                tracing::debug!(%error, "it is not known which notices there are");
                // Rather too many than one that tells what it must not any more.
                let cleared = ToastNotificationManager::History()
                    .and_then(|history| history.ClearWithId(&self.identity));
                if let Err(error) = cleared {
                    tracing::warn!(%error, "notices could not be withdrawn");
                }
            }
        }
    }

    /// The groups of what is shown, also by an earlier run; of other profiles none.
    fn groups(&self) -> Result<Vec<HSTRING>> {
        let mut groups = Vec::new();
        for toast in ToastNotificationManager::History()?.GetHistoryWithId(&self.identity)? {
            let group = toast.Group()?;
            if self.owner.has(&group.to_string_lossy()) && !groups.contains(&group) {
                groups.push(group);
            }
        }
        Ok(groups)
    }

    fn remove_group(&self, group: &HSTRING) {
        let removed = ToastNotificationManager::History()
            .and_then(|history| history.RemoveGroupWithId(group, &self.identity));
        // Windows answers an error where there is none of the group.
        if let Err(error) = removed {
            tracing::debug!(%error, "a chat's notices could not be withdrawn");
        }
    }

    fn forget(&mut self, number: u64) -> Option<Toast> {
        let index = self.toasts.iter().position(|toast| toast.number == number)?;
        self.toasts.remove(index)
    }

    /// A toast that was withdrawn meanwhile is not wanted any more.
    fn failed(&mut self, number: u64) {
        if let Some(toast) = self.forget(number) {
            self.warn("the toast failed");
            plugin::show(&self.surface, toast.shown);
        }
    }

    fn warn(&mut self, why: &str) {
        if !self.has_warned {
            self.has_warned = true;
            tracing::warn!(why, "notices are shown by the plugin, which cannot withdraw them");
        }
    }
}

/// Never waits: it is one of Windows' threads that tells.
fn tell(events: &mpsc::Sender<Told>, told: Told) {
    if let Err(error) = events.try_send(told) {
        tracing::debug!(%error, "what became of a notice is not heard");
    }
}

/// What was typed into the field, if there was one.
fn typed(told: &ToastActivatedEventArgs) -> Option<String> {
    let value = told.UserInput().ok()?.Lookup(&HSTRING::from(FIELD)).ok()?;
    let text = Interface::cast::<IPropertyValue>(&value).ok()?.GetString().ok()?;
    Some(text.to_string_lossy())
}

fn document(toast: &Element) -> Result<XmlDocument> {
    let document = XmlDocument::new()?;
    append(&document, &Interface::cast(&document)?, toast)?;
    Ok(document)
}

fn append(document: &XmlDocument, parent: &IXmlNode, element: &Element) -> Result<()> {
    let node = document.CreateElement(&HSTRING::from(element.name))?;
    for (name, value) in &element.attributes {
        node.SetAttribute(&HSTRING::from(*name), &HSTRING::from(&**value))?;
    }
    parent.AppendChild(&node)?;
    match &element.content {
        Content::Text(text) => node.SetInnerText(&HSTRING::from(text))?,
        Content::Elements(elements) => {
            let node = Interface::cast(&node)?;
            for element in elements {
                append(document, &node, element)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{notifications::Actions, words::Words};

    #[test]
    fn what_a_person_wrote_is_no_markup() {
        let shown = Shown {
            opens: None,
            title: "</text><text>".to_owned(),
            body: "<b>&amp;".to_owned(),
            sound: false,
            actions: Actions::ReplyAndMarkRead,
            words: Words::default(),
        };
        let document = document(&toast::element(&shown, true)).unwrap();
        let texts = document.GetElementsByTagName(&HSTRING::from("text")).unwrap();
        assert_eq!(texts.Length().unwrap(), 2);
        let read = |index| texts.Item(index).unwrap().InnerText().unwrap().to_string_lossy();
        assert_eq!((read(0), read(1)), (shown.title, shown.body));
        let fields = document.GetElementsByTagName(&HSTRING::from("input")).unwrap();
        assert_eq!(fields.Length().unwrap(), 1);
    }
}
