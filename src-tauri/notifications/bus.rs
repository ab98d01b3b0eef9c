//! Notifications on Linux and its kin: the Desktop Notifications Specification, on one connection to the bus that is
//! kept, since servers tell clicks to the sender alone and some close its notices with the connection.
//!
//! <https://specifications.freedesktop.org/notification-spec/latest/>

mod remembered;
mod session;

use std::{collections::HashMap, future, mem, time::Duration};

use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use khaya_chat::{intent::Secret, shell::ShellRequest};
use khaya_keeper::Kept;
use khaya_wire::ChatId;
use tokio::{sync::mpsc, time};
use zbus::{Connection, names::OwnedWellKnownName, zvariant::Value};

pub(crate) use session::Left;

use remembered::Notices;
use session::Session;

use super::{Actions, Context, Opens, Remark, Shown, Standing};
use crate::{ask::Ask, host::Surface, profile::Profile};

/// The action that servers invoke for a click on the notice itself.
const DEFAULT_ACTION: &str = "default";

/// The action that is a button, and the one that is a field.
const MARK_READ: &str = "mark-read";
const INLINE_REPLY: &str = "inline-reply";

/// The name of the app's desktop file, by which servers find its name, icon and settings.
const DESKTOP_ENTRY: &str = "khaya";

/// How long a server may take to answer.
const CALL_TIME: Duration = Duration::from_secs(5);

#[zbus::proxy(
    interface = "org.freedesktop.Notifications",
    default_service = "org.freedesktop.Notifications",
    default_path = "/org/freedesktop/Notifications"
)]
trait Server {
    #[expect(clippy::too_many_arguments, reason = "the specification's call")]
    fn notify(
        &self,
        app_name: &str,
        replaces_id: u32,
        app_icon: &str,
        summary: &str,
        body: &str,
        actions: &[&str],
        hints: HashMap<&str, Value<'_>>,
        expire_timeout: i32,
    ) -> zbus::Result<u32>;
    fn close_notification(&self, id: u32) -> zbus::Result<()>;
    fn get_capabilities(&self) -> zbus::Result<Vec<String>>;
    fn get_server_information(&self) -> zbus::Result<(String, String, String, String)>;
    /// Not in the specification: servers that have the capability `inline-reply` tell so what was typed.
    #[zbus(signal)]
    fn notification_replied(&self, id: u32, text: String) -> zbus::Result<()>;
    #[zbus(signal)]
    fn action_invoked(&self, id: u32, action: String) -> zbus::Result<()>;
    #[zbus(signal)]
    fn notification_closed(&self, id: u32, reason: u32) -> zbus::Result<()>;
}

/// What the server tells.
enum Told {
    /// A notice was clicked, or this action of it chosen.
    Chosen(u32, Action),
    /// An answer was typed into a notice.
    Replied(u32, Secret),
    Closed(u32),
    /// Another server has taken over, or none: the numbers of the old one mean nothing any more.
    Changed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Open,
    MarkRead,
}

impl Action {
    fn of(key: &str) -> Option<Self> {
        match key {
            DEFAULT_ACTION => Some(Self::Open),
            MARK_READ => Some(Self::MarkRead),
            _ => None,
        }
    }
}

pub(super) async fn serve(
    context: Context,
    mut requests: mpsc::Receiver<ShellRequest>,
    mut remarks: mpsc::Receiver<Remark>,
) -> Option<Left> {
    let Context {
        surface: Surface,
        settings,
        lock,
        asks,
        profile,
    } = context;
    let mut desktop = Desktop::of(&profile).await;
    let mut locks = lock.changes();
    loop {
        tokio::select! {
            // Before anything else: what is shown after the lock closed shows nothing.
            biased;
            Ok(()) = locks.changed() => if *locks.borrow_and_update() {
                desktop.carry_out(Order::Withdraw(None)).await;
            },
            request = requests.recv() => match request {
                Some(ShellRequest::Notify(notice)) => {
                    tracing::debug!(key = notice.key, "a notice is shown");
                    let shown = Shown::notice(&settings, lock.is_locked(), &notice);
                    desktop.carry_out(Order::Show(shown)).await;
                }
                Some(ShellRequest::Withdraw { chat_id }) => {
                    desktop.carry_out(Order::Withdraw(Some(&chat_id))).await;
                }
                Some(ShellRequest::WithdrawAll) => {
                    desktop.carry_out(Order::Withdraw(None)).await;
                    // They told of what the next one who signs in here may have nothing to do with.
                    desktop.notices = Notices::default();
                }
                None => return desktop.leave(&profile),
            },
            Some(remark) = remarks.recv() => {
                desktop.carry_out(Order::Show(Shown::remark(&settings, &remark))).await;
            },
            told = desktop.told() => match told {
                Told::Chosen(id, action) => match (desktop.notices.find(id), action) {
                    (Some(Some(opens)), Action::Open) => asks.send(Ask::Follow(opens.link())),
                    (Some(Some(opens)), Action::MarkRead) => asks.send(Ask::MarkRead(opens.chat_id)),
                    (Some(None), Action::Open | Action::MarkRead) => asks.send(Ask::Open),
                    (None, Action::Open | Action::MarkRead) => {}
                },
                Told::Replied(id, text) => if let Some(Some(opens)) = desktop.notices.find(id) {
                    asks.send(Ask::Reply(opens.chat_id, text));
                },
                Told::Closed(id) => desktop.notices.closed(id),
                Told::Changed => desktop.notices = Notices::default(),
            },
        }
    }
}

/// The server's own name, if one answers.
pub(super) async fn standing(_: &Surface) -> Standing {
    let asked = time::timeout(CALL_TIME, async {
        let connection = Connection::session().await?;
        ServerProxy::new(&connection)
            .await?
            .get_server_information()
            .await
    });
    let by = match asked.await {
        Ok(Ok((name, ..))) => Some(name),
        Ok(Err(_)) | Err(_) => None,
    };
    Standing {
        shown: Some(by.is_some()),
        by,
    }
}

/// Shows one notice, and listens for no answer.
pub(super) async fn show_once(shown: Shown) {
    Desktop::default().carry_out(Order::Show(shown)).await;
}

/// The connection, the server once there was something to show, and what was shown.
#[derive(Default)]
struct Desktop {
    /// What the connection is called. None: it has no name.
    name: Option<OwnedWellKnownName>,
    session: Option<Session>,
    link: Option<Link>,
    notices: Notices,
}

struct Link {
    server: ServerProxy<'static>,
    told: BoxStream<'static, Told>,
    /// The server reads the body as markup, so what a person wrote must be escaped.
    markup: bool,
    /// It shows buttons.
    actions: bool,
    /// It has a field for an answer.
    inline_reply: bool,
}

/// What to do on the desktop.
enum Order<'a> {
    Show(Shown),
    /// Take away the notices of this chat, or all.
    Withdraw(Option<&'a ChatId>),
}

impl Desktop {
    /// That of a profile, of which no notices are on the screen: those that were kept after an earlier run go.
    async fn of(profile: &Profile) -> Self {
        let name = session::name(profile);
        let mut desktop = Self {
            name: name
                .inspect_err(|error| tracing::warn!(%error, "a profile has no name"))
                .ok(),
            ..Self::default()
        };
        match time::timeout(CALL_TIME, Session::open(desktop.name.as_ref())).await {
            Ok(Ok(session)) => desktop.session = Some(session),
            Ok(Err(error)) => tracing::debug!(%error, "there is no bus for notices yet"),
            Err(_) => tracing::warn!("the bus does not answer"),
        }
        desktop
    }

    /// What is to be kept of it when the app ends.
    fn leave(mut self, profile: &Profile) -> Option<Left> {
        // What was told until now.
        while let Some(told) = self.told().now_or_never() {
            match told {
                Told::Closed(id) => self.notices.closed(id),
                Told::Changed => self.notices = Notices::default(),
                Told::Chosen(..) | Told::Replied(..) => {}
            }
        }
        let on_screen = self.notices.all_on_screen().map(|(id, opens)| Kept {
            id,
            link: opens.link().to_string(),
        });
        let left = self.session?.leave(on_screen.collect(), profile);
        // Else it would take back what the bus is to tell.
        mem::forget(self.link);
        left
    }

    async fn carry_out(&mut self, order: Order<'_>) {
        let done = time::timeout(CALL_TIME, async {
            match order {
                Order::Show(shown) => self.show(&shown).await,
                Order::Withdraw(chat_id) => self.withdraw(chat_id).await,
            }
        });
        match done.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the notification server failed");
                self.disconnect();
            }
            Err(_) => tracing::warn!("the notification server does not answer"),
        }
    }

    async fn show(&mut self, shown: &Shown) -> zbus::Result<()> {
        let link = match &mut self.link {
            Some(link) => link,
            none => {
                let session = match self.session.take().filter(Session::is_open) {
                    Some(session) => session,
                    None => Session::open(self.name.as_ref()).await?,
                };
                let session = self.session.insert(session);
                none.insert(Link::open(&session.connection).await?)
            }
        };
        let body = if link.markup {
            escape(&shown.body)
        } else {
            shown.body.clone()
        };
        let words = shown.words;
        let mut actions = vec![DEFAULT_ACTION, words.text("native.open")];
        if link.inline_reply && shown.actions == Actions::ReplyAndMarkRead {
            actions.extend([INLINE_REPLY, words.text("native.reply")]);
        }
        if link.actions && shown.actions != Actions::None {
            actions.extend([MARK_READ, words.text("native.markRead")]);
        }
        let mut hints = HashMap::from([
            ("category", Value::from("im.received")),
            ("desktop-entry", Value::from(DESKTOP_ENTRY)),
        ]);
        if shown.sound {
            hints.insert("sound-name", Value::from("message-new-instant"));
        } else {
            hints.insert("suppress-sound", Value::from(true));
        }
        let id = link
            .server
            .notify(
                "Khaya",
                shown
                    .opens
                    .as_ref()
                    .and_then(|opens| self.notices.on_screen(&opens.chat_id))
                    .unwrap_or(0),
                "khaya",
                &shown.title,
                &body,
                &actions,
                hints,
                -1,
            )
            .await?;
        self.notices.shown(id, shown.opens.clone());
        Ok(())
    }

    async fn withdraw(&mut self, chat_id: Option<&ChatId>) -> zbus::Result<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        for id in self.notices.withdraw(chat_id) {
            // Servers answer an error for a notice that is gone already.
            if let Err(error) = link.server.close_notification(id).await {
                tracing::debug!(%error, id, "a notice could not be withdrawn");
            }
        }
        Ok(())
    }

    async fn told(&mut self) -> Told {
        let Some(link) = &mut self.link else {
            return future::pending().await;
        };
        match link.told.next().await {
            Some(told) => told,
            None => {
                // The bus is gone; the next notice tries again.
                self.disconnect();
                Told::Changed
            }
        }
    }

    fn disconnect(&mut self) {
        self.link = None;
        self.session = None;
    }
}

impl Link {
    async fn open(connection: &Connection) -> zbus::Result<Self> {
        let server = ServerProxy::new(connection).await?;
        let chosen = server.receive_action_invoked().await?.filter_map(|signal| {
            let told = signal.args().ok();
            future::ready(told.and_then(|told| Some(Told::Chosen(told.id, Action::of(&told.action)?))))
        });
        let replied = server.receive_notification_replied().await?.filter_map(|signal| {
            let told = signal.args().ok();
            future::ready(told.map(|told| Told::Replied(told.id, Secret::new(told.text))))
        });
        let closed = server
            .receive_notification_closed()
            .await?
            .filter_map(|signal| future::ready(signal.args().ok().map(|told| Told::Closed(told.id))));
        let changed = server
            .inner()
            .receive_owner_changed()
            .await?
            .map(|_| Told::Changed);
        let capabilities = server.get_capabilities().await?;
        let can = |name: &str| capabilities.iter().any(|capability| capability == name);
        let (markup, actions, inline_reply) = (can("body-markup"), can("actions"), can("inline-reply"));
        let clicks = futures_util::stream::select(chosen, replied);
        let ends = futures_util::stream::select(closed, changed);
        Ok(Self {
            server,
            told: futures_util::stream::select(clicks, ends).boxed(),
            markup,
            actions,
            inline_reply,
        })
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_wrote_is_no_markup() {
        assert_eq!(escape("<img src=x> &amp;"), "&lt;img src=x&gt; &amp;amp;");
    }
}
