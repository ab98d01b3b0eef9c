//! Notifications on Linux and its kin: the Desktop Notifications Specification, on one connection to the bus that is
//! kept, since servers tell clicks to the sender alone and some close its notices with the connection.
//!
//! <https://specifications.freedesktop.org/notification-spec/latest/>

use std::{
    collections::{HashMap, VecDeque},
    future,
    time::Duration,
};

use futures_util::{StreamExt, stream::BoxStream};
use khaya_chat::shell::ShellRequest;
use khaya_wire::ChatId;
use tokio::{sync::mpsc, time};
use zbus::{Connection, zvariant::Value};

use super::{Shown, prepare};
use crate::{
    ask::{Ask, Asks},
    host::Surface,
    settings::Settings,
};

/// The action that servers invoke for a click on the notice itself.
const DEFAULT_ACTION: &str = "default";

/// The name of the app's desktop file, by which servers find its name, icon and settings.
const DESKTOP_ENTRY: &str = "Khaya";

/// How long a server may take to answer.
const CALL_TIME: Duration = Duration::from_secs(5);

/// How many notices are remembered, shown or gone: a click may come from the server's history.
const REMEMBERED: usize = 256;

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
    #[zbus(signal)]
    fn action_invoked(&self, id: u32, action: String) -> zbus::Result<()>;
    #[zbus(signal)]
    fn notification_closed(&self, id: u32, reason: u32) -> zbus::Result<()>;
}

/// What the server tells.
enum Told {
    Clicked(u32),
    Closed(u32),
    /// Another server has taken over, or none: the numbers of the old one mean nothing any more.
    Changed,
}

pub(super) async fn serve(
    _: Surface,
    settings: Settings,
    mut requests: mpsc::Receiver<ShellRequest>,
    asks: Asks,
) {
    let mut desktop = Desktop::default();
    loop {
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => desktop.answer(&settings, request).await,
                None => return,
            },
            told = desktop.told() => match told {
                Told::Clicked(id) => if let Some(chat_id) = desktop.notices.chat(id) {
                    asks.send(Ask::OpenChat(chat_id));
                },
                Told::Closed(id) => desktop.notices.closed(id),
                Told::Changed => desktop.notices = Notices::default(),
            },
        }
    }
}

/// The connection, once there was something to show, and what was shown on it.
#[derive(Default)]
struct Desktop {
    link: Option<Link>,
    notices: Notices,
}

struct Link {
    server: ServerProxy<'static>,
    told: BoxStream<'static, Told>,
    /// The server reads the body as markup, so what a person wrote must be escaped.
    markup: bool,
}

impl Desktop {
    async fn answer(&mut self, settings: &Settings, request: ShellRequest) {
        let done = time::timeout(CALL_TIME, async {
            match request {
                ShellRequest::Notify(notice) => self.show(&prepare(settings, &notice)).await,
                ShellRequest::Withdraw { chat_id } => self.withdraw(|chat| *chat == chat_id).await,
                ShellRequest::WithdrawAll => self.withdraw(|_| true).await,
            }
        });
        match done.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the notification server failed");
                self.link = None;
            }
            Err(_) => tracing::warn!("the notification server does not answer"),
        }
    }

    async fn show(&mut self, shown: &Shown<'_>) -> zbus::Result<()> {
        let link = match &mut self.link {
            Some(link) => link,
            none => none.insert(Link::open().await?),
        };
        let chat_id = &shown.notice.chat_id;
        let body = if link.markup {
            escape(shown.body)
        } else {
            shown.body.to_owned()
        };
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
                self.notices.on_screen(chat_id).unwrap_or(0),
                "khaya",
                &shown.notice.title,
                &body,
                &[DEFAULT_ACTION, "Open"],
                hints,
                -1,
            )
            .await?;
        tracing::debug!(id, key = shown.notice.key, "a notice is shown");
        self.notices.shown(id, chat_id.clone());
        Ok(())
    }

    async fn withdraw(&mut self, matches: impl Fn(&ChatId) -> bool) -> zbus::Result<()> {
        let Some(link) = &mut self.link else { return Ok(()) };
        for id in self.notices.take(matches) {
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
                self.link = None;
                Told::Changed
            }
        }
    }
}

impl Link {
    async fn open() -> zbus::Result<Self> {
        let connection = Connection::session().await?;
        let server = ServerProxy::new(&connection).await?;
        let clicked = server.receive_action_invoked().await?.filter_map(|signal| {
            future::ready(
                signal
                    .args()
                    .ok()
                    .and_then(|told| (told.action == DEFAULT_ACTION).then_some(Told::Clicked(told.id))),
            )
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
        let markup = server
            .get_capabilities()
            .await?
            .iter()
            .any(|capability| capability == "body-markup");
        let told =
            futures_util::stream::select(clicked, futures_util::stream::select(closed, changed)).boxed();
        Ok(Self { server, told, markup })
    }
}

/// Which notice tells of which chat. At most one of a chat is on the screen: a later one replaces it.
#[derive(Debug, Default)]
struct Notices {
    /// Oldest first.
    remembered: VecDeque<Remembered>,
}

#[derive(Debug)]
struct Remembered {
    id: u32,
    chat_id: ChatId,
    on_screen: bool,
}

impl Notices {
    fn on_screen(&self, chat_id: &ChatId) -> Option<u32> {
        self.remembered
            .iter()
            .rev()
            .find(|notice| notice.on_screen && notice.chat_id == *chat_id)
            .map(|it| it.id)
    }

    fn chat(&self, id: u32) -> Option<ChatId> {
        self.remembered
            .iter()
            .rev()
            .find(|notice| notice.id == id)
            .map(|notice| notice.chat_id.clone())
    }

    fn shown(&mut self, id: u32, chat_id: ChatId) {
        self.remembered.retain(|notice| notice.id != id);
        if self.remembered.len() == REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back(Remembered {
            id,
            chat_id,
            on_screen: true,
        });
    }

    fn closed(&mut self, id: u32) {
        for notice in self.remembered.iter_mut().filter(|notice| notice.id == id) {
            notice.on_screen = false;
        }
    }

    /// The ids of the notices that match, which are remembered no longer.
    fn take(&mut self, matches: impl Fn(&ChatId) -> bool) -> Vec<u32> {
        let ids = self
            .remembered
            .iter()
            .filter(|notice| matches(&notice.chat_id))
            .map(|notice| notice.id)
            .collect();
        self.remembered.retain(|notice| !matches(&notice.chat_id));
        ids
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

    fn chat(id: &str) -> ChatId {
        ChatId::new(id).unwrap()
    }

    #[test]
    fn one_notice_a_chat_is_on_the_screen_and_all_are_known() {
        let mut notices = Notices::default();
        notices.shown(1, chat("a"));
        notices.shown(2, chat("b"));
        assert_eq!(notices.on_screen(&chat("a")), Some(1));
        notices.shown(1, chat("a"));
        assert_eq!(notices.remembered.len(), 2);

        notices.closed(1);
        assert_eq!(notices.on_screen(&chat("a")), None);
        assert_eq!(
            notices.chat(1),
            Some(chat("a")),
            "a click may come from the history"
        );
        notices.shown(3, chat("a"));
        assert_eq!(notices.take(|it| *it == chat("a")), [1, 3]);
        assert_eq!((notices.chat(1), notices.chat(2)), (None, Some(chat("b"))));
    }

    #[test]
    fn forgets_the_oldest() {
        let mut notices = Notices::default();
        for id in 0..=REMEMBERED as u32 {
            notices.shown(id, chat("a"));
        }
        assert_eq!((notices.chat(0), notices.chat(1)), (None, Some(chat("a"))));
    }

    #[test]
    fn what_a_person_wrote_is_no_markup() {
        assert_eq!(escape("<img src=x> &amp;"), "&lt;img src=x&gt; &amp;amp;");
    }
}
