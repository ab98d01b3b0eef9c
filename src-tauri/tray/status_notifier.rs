//! The tray on Linux and its kin: a StatusNotifierItem on the session bus.
//!
//! <https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/>

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use ksni::{
    Category, Handle, Icon, MenuItem, OfflineReason, Status, ToolTip, TrayMethods,
    menu::{CheckmarkItem, StandardItem, SubMenu},
};
use tokio::{sync::watch, time};

use super::{Unread, icon};
use crate::{
    ask::{Ask, Asks},
    host::Surface,
    profile::Profile,
    words::Words,
};

/// The tray, or the knowledge that there is none. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tray {
    item: Option<Handle<Item>>,
    shown: Arc<AtomicBool>,
}

impl Tray {
    /// Starts the tray. Without a panel that shows it the app goes on, and closing the window quits.
    pub(crate) async fn start(
        _: &Surface,
        profile: &Profile,
        asks: Asks,
        quiet: watch::Receiver<Option<SystemTime>>,
        words: Words,
    ) -> Self {
        // True until the panel says otherwise, which it does at once or never.
        let shown = Arc::new(AtomicBool::new(true));
        let item = Item {
            profile: profile.clone(),
            unread: Unread::none(words),
            asks,
            shown: Arc::clone(&shown),
            quiet: quiet.clone(),
        };
        match item.assume_sni_available(true).spawn().await {
            Ok(item) => {
                tokio::spawn(follow_quiet(item.clone(), quiet));
                Self {
                    item: Some(item),
                    shown,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "there is no tray; closing the window quits");
                shown.store(false, Ordering::Relaxed);
                Self { item: None, shown }
            }
        }
    }

    /// Whether a panel shows the icon now.
    pub(crate) fn is_there(&self) -> bool {
        self.shown.load(Ordering::Relaxed)
    }

    /// Shows how much is unread.
    pub(crate) async fn tell_unread(&self, unread: &Unread) {
        if let Some(item) = &self.item {
            item.update(|item| item.unread = unread.clone()).await;
        }
    }
}

/// Has the menu made anew when the hour begins and when it is over.
async fn follow_quiet(item: Handle<Item>, mut quiet: watch::Receiver<Option<SystemTime>>) {
    loop {
        let left = left_of(*quiet.borrow_and_update());
        let over = async {
            match left {
                Some(left) => time::sleep(left).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            changed = quiet.changed() => if changed.is_err() { return },
            () = over => {}
        }
        if item.update(|_| {}).await.is_none() {
            return;
        }
    }
}

/// How much of the hour is left.
fn left_of(until: Option<SystemTime>) -> Option<Duration> {
    until?.duration_since(SystemTime::now()).ok()
}

struct Item {
    profile: Profile,
    quiet: watch::Receiver<Option<SystemTime>>,
    unread: Unread,
    asks: Asks,
    shown: Arc<AtomicBool>,
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        format!("khaya-{}", self.profile.name())
    }

    fn category(&self) -> Category {
        Category::Communications
    }

    fn title(&self) -> String {
        "Khaya".to_owned()
    }

    fn status(&self) -> Status {
        if self.unread.total == 0 {
            Status::Active
        } else {
            Status::NeedsAttention
        }
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        pixmap(false)
    }

    fn attention_icon_pixmap(&self) -> Vec<Icon> {
        pixmap(true)
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            title: "Khaya".to_owned(),
            description: self.unread.line(),
            ..ToolTip::default()
        }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.asks.send(Ask::Open);
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        let words = self.unread.words;
        let line = StandardItem {
            label: self.unread.line(),
            enabled: false,
            ..StandardItem::default()
        };
        let chats = self.unread.chats.iter();
        let chats = chats.map(|chat| entry(&chat.label, Ask::OpenChat(chat.id.clone())));
        let is_quiet = left_of(*self.quiet.borrow()).is_some();
        let quiet = CheckmarkItem {
            label: words.text("native.quietHour").to_owned(),
            checked: is_quiet,
            activate: Box::new(move |item: &mut Self| item.asks.send(Ask::QuietForAnHour(!is_quiet))),
            ..CheckmarkItem::default()
        };
        let first = [line.into()].into_iter().chain(chats).chain([
            MenuItem::Separator,
            entry(words.text("native.openKhaya"), Ask::Open),
            quiet.into(),
        ]);
        let rest = [
            entry(words.text("native.settings"), Ask::OpenSettings),
            MenuItem::Separator,
            entry(words.text("native.quit"), Ask::Quit),
        ];
        first.chain(self.profiles()).chain(rest).collect()
    }

    fn watcher_online(&self) {
        tracing::info!("a panel shows the tray");
        self.shown.store(true, Ordering::Relaxed);
    }

    fn watcher_offline(&self, reason: OfflineReason) -> bool {
        tracing::info!(?reason, "no panel shows the tray; closing the window quits");
        self.shown.store(false, Ordering::Relaxed);
        true
    }
}

impl Item {
    /// The other profiles, if there are any.
    fn profiles(&self) -> Option<MenuItem<Self>> {
        let others = self
            .profile
            .all()
            .into_iter()
            .filter(|name| name != self.profile.name());
        let submenu: Vec<_> = others
            .map(|name| entry(&name, Ask::OpenProfile(name.clone())))
            .collect();
        (!submenu.is_empty()).then(|| {
            SubMenu {
                label: self.unread.words.text("native.profiles").to_owned(),
                submenu,
                ..SubMenu::default()
            }
            .into()
        })
    }
}

fn entry(label: &str, ask: Ask) -> MenuItem<Item> {
    let activate = Box::new(move |item: &mut Item| item.asks.send(ask.clone()));
    StandardItem {
        // An underscore marks an access key in these menus; two are one.
        label: label.replace('_', "__"),
        activate,
        ..StandardItem::default()
    }
    .into()
}

/// The icon as the protocol wants it: ARGB, most significant byte first.
fn pixmap(unread: bool) -> Vec<Icon> {
    let image = match icon(unread) {
        Ok(image) => image,
        Err(error) => {
            tracing::error!(%error, "the tray has no icon");
            return Vec::new();
        }
    };
    let mut data = image.rgba().to_vec();
    for pixel in data.chunks_exact_mut(4) {
        pixel.rotate_right(1);
    }
    // An icon of ours is small; its size fits.
    let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    vec![Icon {
        width: side(image.width()),
        height: side(image.height()),
        data,
    }]
}
