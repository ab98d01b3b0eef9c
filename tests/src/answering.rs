//! A notification server with a field for an answer, as KDE's has it: what a person does with a notice is done by
//! the test.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context as _, Result};
use zbus::{Connection, object_server::SignalEmitter, zvariant::OwnedValue};

use crate::wait::eventually;

const PATH: &str = "/org/freedesktop/Notifications";

/// A running server, until it is dropped.
#[derive(Debug)]
pub struct Answering {
    bus: Connection,
}

/// A notice that is on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnScreen {
    pub id: u32,
    pub summary: String,
    pub body: String,
    pub actions: Vec<String>,
}

#[derive(Debug, Default)]
struct Server {
    next: AtomicU32,
    shown: Mutex<Vec<OnScreen>>,
}

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Server {
    #[expect(clippy::too_many_arguments, reason = "the specification's call")]
    fn notify(
        &self,
        _app_name: &str,
        replaces_id: u32,
        _app_icon: &str,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        let id = match replaces_id {
            0 => self.next.fetch_add(1, Ordering::Relaxed) + 1,
            replaced => replaced,
        };
        if let Ok(mut shown) = self.shown.lock() {
            shown.retain(|notice| notice.id != id);
            shown.push(OnScreen {
                id,
                summary,
                body,
                actions,
            });
        }
        id
    }

    fn close_notification(&self, id: u32) {
        if let Ok(mut shown) = self.shown.lock() {
            shown.retain(|notice| notice.id != id);
        }
    }

    fn get_capabilities(&self) -> Vec<&str> {
        vec!["actions", "body", "body-markup", "inline-reply", "persistence"]
    }

    fn get_server_information(&self) -> (&str, &str, &str, &str) {
        ("Answering", "Khaya's tests", "1", "1.2")
    }

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, action: &str) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn notification_replied(emitter: &SignalEmitter<'_>, id: u32, text: &str) -> zbus::Result<()>;
}

impl Answering {
    pub(crate) async fn start(address: &str) -> Result<Self> {
        let bus = zbus::connection::Builder::address(address)?
            .serve_at(PATH, Server::default())?
            .name("org.freedesktop.Notifications")?
            .build()
            .await?;
        Ok(Self { bus })
    }

    /// Waits for a notice on the screen whose text contains this.
    ///
    /// # Errors
    /// When none comes.
    pub async fn shown(&self, text: &str) -> Result<OnScreen> {
        eventually(format!("a notice with “{text}”"), async || {
            let all = self.all().await?;
            Ok(all.into_iter().find(|notice| notice.body.contains(text)))
        })
        .await
    }

    /// Those that are on the screen now, the newest last.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn all(&self) -> Result<Vec<OnScreen>> {
        let server = self.bus.object_server().interface::<_, Server>(PATH).await?;
        let server = server.get().await;
        let shown = server.shown.lock().ok().context("a whole list")?;
        Ok(shown.clone())
    }

    /// Chooses an action of a notice.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn choose(&self, id: u32, action: &str) -> Result<()> {
        let server = self.bus.object_server().interface::<_, Server>(PATH).await?;
        Ok(Server::action_invoked(server.signal_emitter(), id, action).await?)
    }

    /// Types an answer into a notice.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn reply(&self, id: u32, text: &str) -> Result<()> {
        let server = self.bus.object_server().interface::<_, Server>(PATH).await?;
        Ok(Server::notification_replied(server.signal_emitter(), id, text).await?)
    }
}
