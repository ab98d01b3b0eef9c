//! A panel that shows tray icons: the StatusNotifierWatcher and its host, with the menus of what it shows, and the
//! counters of a launcher.
//!
//! <https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/>

use std::{collections::HashMap, sync::Mutex};

use anyhow::{Context as _, Result};
use futures_util::{FutureExt as _, StreamExt as _};
use zbus::{
    Connection, MessageStream,
    message::Header,
    zvariant::{OwnedValue, Structure, Value},
};

use crate::wait::eventually;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const LAUNCHER: &str = "type='signal',interface='com.canonical.Unity.LauncherEntry',member='Update'";

/// A panel on the bus, until it is dropped.
#[derive(Debug)]
pub struct Panel {
    bus: Connection,
    launcher: MessageStream,
}

/// An entry of an icon's menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    id: i32,
    pub label: String,
    pub enabled: bool,
    /// Of an entry that can be on or off.
    pub checked: bool,
}

/// Who registered, oldest first.
#[derive(Debug, Default)]
struct Watcher {
    items: Mutex<Vec<String>>,
}

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the interface's macro hands over values"
    )]
    fn register_status_notifier_item(&self, service: String, #[zbus(header)] header: Header<'_>) {
        // A path is one of the caller; else it is a name of the bus.
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        let item = if service.starts_with('/') { sender } else { service };
        if let Ok(mut items) = self.items.lock() {
            items.push(item);
        }
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.items.lock().map(|items| items.clone()).unwrap_or_default()
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

/// An icon's name, its pixels, a title, and the text below it.
type ToolTip = (String, Vec<(i32, i32, Vec<u8>)>, String, String);

/// An entry's id, its properties, and those below it.
type Layout = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

#[zbus::proxy(
    interface = "org.kde.StatusNotifierItem",
    default_path = "/StatusNotifierItem"
)]
trait Item {
    fn activate(&self, x: i32, y: i32) -> zbus::Result<()>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn status(&self) -> zbus::Result<String>;
    #[zbus(property(emits_changed_signal = "false"))]
    fn tool_tip(&self) -> zbus::Result<ToolTip>;
}

#[zbus::proxy(interface = "com.canonical.dbusmenu", default_path = "/MenuBar")]
trait Menu {
    fn get_layout(&self, parent: i32, depth: i32, properties: &[&str]) -> zbus::Result<(u32, Layout)>;
    fn event(&self, id: i32, event: &str, data: Value<'_>, timestamp: u32) -> zbus::Result<()>;
}

impl Panel {
    pub(crate) async fn start(address: &str) -> Result<Self> {
        let bus = zbus::connection::Builder::address(address)?
            .serve_at(WATCHER_PATH, Watcher::default())?
            .name(WATCHER)?
            .build()
            .await?;
        let launcher = MessageStream::for_match_rule(LAUNCHER, &bus, Some(64)).await?;
        Ok(Self { bus, launcher })
    }

    /// Clicks the icon that came last.
    ///
    /// # Errors
    /// When there is none.
    pub async fn click(&self) -> Result<()> {
        Ok(self.item().await?.activate(0, 0).await?)
    }

    /// What its tooltip says below the title.
    ///
    /// # Errors
    /// When there is none.
    pub async fn tool_tip(&self) -> Result<String> {
        Ok(self.item().await?.tool_tip().await?.3)
    }

    /// `Active`, or `NeedsAttention` when something is unread.
    ///
    /// # Errors
    /// When there is no icon.
    pub async fn status(&self) -> Result<String> {
        Ok(self.item().await?.status().await?)
    }

    /// The entries of the icon's menu, those of menus below it after the entry that opens them.
    ///
    /// # Errors
    /// When there is no icon.
    pub async fn menu(&self) -> Result<Vec<Entry>> {
        let (_, (_, _, children)) = self.menu_proxy().await?.get_layout(0, -1, &[]).await?;
        let mut entries = Vec::new();
        for child in children {
            collect(Value::from(child), &mut entries)?;
        }
        Ok(entries)
    }

    /// Chooses the entry of the menu that begins with this, once it is there.
    ///
    /// # Errors
    /// When it never is.
    pub async fn choose(&self, label: &str) -> Result<()> {
        eventually(format!("“{label}” in the tray's menu"), async || {
            let menu = self.menu().await?;
            let Some(entry) = menu.iter().find(|entry| entry.label.starts_with(label)) else {
                return Ok(None);
            };
            let menu = self.menu_proxy().await?;
            match menu.event(entry.id, "clicked", Value::from(0), 0).await {
                Ok(()) => Ok(Some(())),
                // The menu has changed since, and with it the ids.
                Err(zbus::Error::MethodError(..)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// The number that the launcher shows by now, of all that was told since the last call.
    ///
    /// # Errors
    /// When what was told cannot be read.
    pub fn badge(&mut self) -> Result<Option<i64>> {
        let mut badge = None;
        while let Some(Some(message)) = self.launcher.next().now_or_never() {
            let body = message?.body();
            let (_, told): (String, HashMap<String, OwnedValue>) = body.deserialize()?;
            let visible: bool = told.get("count-visible").context("count-visible")?.try_into()?;
            let count: i64 = told.get("count").context("count")?.try_into()?;
            badge = Some(if visible { count } else { 0 });
        }
        Ok(badge)
    }

    async fn item(&self) -> Result<ItemProxy<'static>> {
        let name = self.last().await?;
        Ok(ItemProxy::new(&self.bus, name).await?)
    }

    async fn menu_proxy(&self) -> Result<MenuProxy<'static>> {
        let name = self.last().await?;
        Ok(MenuProxy::new(&self.bus, name).await?)
    }

    async fn last(&self) -> Result<String> {
        eventually("an icon in the panel", async || {
            let watcher = self
                .bus
                .object_server()
                .interface::<_, Watcher>(WATCHER_PATH)
                .await?;
            Ok(watcher
                .get()
                .await
                .items
                .lock()
                .ok()
                .and_then(|items| items.last().cloned()))
        })
        .await
    }
}

/// `(ia{sv}av)`: an entry and those below it.
fn collect(value: Value<'_>, entries: &mut Vec<Entry>) -> Result<()> {
    let value = if let Value::Value(inner) = value {
        *inner
    } else {
        value
    };
    let fields = Structure::try_from(value)?.into_fields();
    let [id, properties, children] =
        <[_; 3]>::try_from(fields).map_err(|_| anyhow::anyhow!("an entry has three fields"))?;
    let properties: HashMap<String, OwnedValue> = properties.try_into()?;
    let is = |name: &str, absent: bool| {
        let value = properties.get(name);
        value.map_or(absent, |value| bool::try_from(value).unwrap_or(absent))
    };
    let label = properties
        .get("label")
        .and_then(|label| String::try_from(label.clone()).ok());
    entries.push(Entry {
        id: id.try_into()?,
        label: label.unwrap_or_default(),
        enabled: is("enabled", true),
        checked: properties
            .get("toggle-state")
            .is_some_and(|state| i32::try_from(state).is_ok_and(|state| state == 1)),
    });
    let children: Vec<Value<'_>> = Vec::try_from(children)?;
    for child in children {
        collect(child, entries)?;
    }
    Ok(())
}
