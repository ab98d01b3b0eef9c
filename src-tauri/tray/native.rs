//! The tray on macOS and Windows: Tauri's.

use std::time::SystemTime;

use khaya_wire::ChatId;
use tauri::{
    Wry,
    menu::{CheckMenuItem, IsMenuItem, Menu, MenuItem, PredefinedMenuItem, Submenu},
    tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent},
};
use tokio::sync::watch;

use super::{Unread, icon};
use crate::{
    ask::{Ask, Asks},
    host::Surface,
    profile::Profile,
    words::Words,
};

const OPEN_ID: &str = "open";
const QUIET_ID: &str = "quiet";
const SETTINGS_ID: &str = "settings";
const QUIT_ID: &str = "quit";

/// What is before a chat's id, and before a profile's name, in the id of its entry.
const CHAT_ID: &str = "chat:";
const PROFILE_ID: &str = "profile:";

/// The tray, or the knowledge that there is none. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tray {
    parts: Option<Parts>,
}

#[derive(Clone)]
struct Parts {
    icon: TrayIcon,
    entries: Entries,
}

/// What the menu is made of, but for what is unread.
#[derive(Clone)]
struct Entries {
    surface: Surface,
    profile: Profile,
    quiet: watch::Receiver<Option<SystemTime>>,
}

impl Tray {
    #[expect(clippy::unused_async, reason = "the other systems' tray waits for the bus")]
    /// Starts the tray. Without a panel that shows it the app goes on, and closing the window quits.
    pub(crate) async fn start(
        surface: &Surface,
        profile: &Profile,
        asks: Asks,
        quiet: watch::Receiver<Option<SystemTime>>,
        words: Words,
    ) -> Self {
        let entries = Entries {
            surface: surface.clone(),
            profile: profile.clone(),
            quiet,
        };
        match build(entries, &Unread::none(words), asks) {
            Ok(parts) => Self { parts: Some(parts) },
            Err(error) => {
                tracing::warn!(%error, "there is no tray; closing the window quits");
                Self { parts: None }
            }
        }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.parts.is_some()
    }

    #[expect(clippy::unused_async, reason = "the other systems' tray waits for the bus")]
    /// Shows how much is unread.
    pub(crate) async fn tell_unread(&self, unread: &Unread) {
        let Some(parts) = &self.parts else { return };
        if let Err(error) = parts.tell(unread) {
            tracing::warn!(%error, "the tray cannot be changed");
        }
    }
}

impl Parts {
    fn tell(&self, unread: &Unread) -> tauri::Result<()> {
        self.icon.set_menu(Some(self.entries.menu(unread)?))?;
        let line = unread.line();
        let tip = unread.words.with("native.trayTip", [("unread", &line)]);
        self.icon.set_tooltip(Some(tip))?;
        if cfg!(target_os = "macos") {
            // The menu bar tints a template of one colour; the number stands beside it.
            self.icon
                .set_title((unread.total > 0).then(|| unread.total.to_string()))
        } else {
            self.icon.set_icon(Some(icon(unread.total > 0)?))
        }
    }
}

impl Entries {
    fn menu(&self, unread: &Unread) -> tauri::Result<Menu<Wry>> {
        let (surface, words) = (&self.surface, unread.words);
        let menu = Menu::new(surface)?;
        menu.append(&MenuItem::new(surface, unread.line(), false, None::<&str>)?)?;
        for chat in &unread.chats {
            menu.append(&self.entry(&format!("{CHAT_ID}{}", chat.id), &chat.label)?)?;
        }
        menu.append(&PredefinedMenuItem::separator(surface)?)?;
        menu.append(&self.entry(OPEN_ID, words.text("native.openKhaya"))?)?;
        // The system itself sets and clears the mark at each click.
        let is_quiet = is_quiet(&self.quiet);
        let quiet = words.text("native.quietHour");
        let quiet = CheckMenuItem::with_id(surface, QUIET_ID, quiet, true, is_quiet, None::<&str>)?;
        menu.append(&quiet)?;
        let others = self.profiles()?;
        if !others.is_empty() {
            let others: Vec<&dyn IsMenuItem<Wry>> = others.iter().map(|entry| entry as _).collect();
            let profiles = words.text("native.profiles");
            menu.append(&Submenu::with_items(surface, profiles, true, &others)?)?;
        }
        menu.append(&self.entry(SETTINGS_ID, words.text("native.settings"))?)?;
        menu.append(&PredefinedMenuItem::separator(surface)?)?;
        menu.append(&self.entry(QUIT_ID, words.text("native.quit"))?)?;
        Ok(menu)
    }

    /// The other profiles.
    fn profiles(&self) -> tauri::Result<Vec<MenuItem<Wry>>> {
        let names = self.profile.all().into_iter();
        names
            .filter(|name| name != self.profile.name())
            .map(|name| self.entry(&format!("{PROFILE_ID}{name}"), &name))
            .collect()
    }

    fn entry(&self, id: &str, label: &str) -> tauri::Result<MenuItem<Wry>> {
        // An ampersand marks an access key in these menus; two are one.
        let label = label.replace('&', "&&");
        MenuItem::with_id(&self.surface, id, label, true, None::<&str>)
    }
}

fn is_quiet(quiet: &watch::Receiver<Option<SystemTime>>) -> bool {
    quiet.borrow().is_some_and(|until| until > SystemTime::now())
}

/// What an entry of the menu asks for.
fn chosen(id: &str, is_quiet: bool) -> Option<Ask> {
    if let Some(chat) = id.strip_prefix(CHAT_ID) {
        return ChatId::new(chat).ok().map(Ask::OpenChat);
    }
    if let Some(name) = id.strip_prefix(PROFILE_ID) {
        return Some(Ask::OpenProfile(name.to_owned()));
    }
    match id {
        OPEN_ID => Some(Ask::Open),
        QUIET_ID => Some(Ask::QuietForAnHour(!is_quiet)),
        SETTINGS_ID => Some(Ask::OpenSettings),
        QUIT_ID => Some(Ask::Quit),
        _ => None,
    }
}

fn build(entries: Entries, unread: &Unread, asks: Asks) -> tauri::Result<Parts> {
    let image = if cfg!(target_os = "macos") {
        tauri::image::Image::from_bytes(include_bytes!("../../icons/tray.png"))?
    } else {
        icon(false)?
    };
    let from_menu = asks.clone();
    let quiet = entries.quiet.clone();
    let icon = TrayIconBuilder::with_id(format!("khaya-{}", entries.profile.name()))
        .icon(image)
        .icon_as_template(cfg!(target_os = "macos"))
        .menu(&entries.menu(unread)?)
        .show_menu_on_left_click(cfg!(target_os = "macos"))
        .on_menu_event(move |_, event| {
            if let Some(ask) = chosen(event.id().as_ref(), is_quiet(&quiet)) {
                from_menu.send(ask);
            }
        })
        .on_tray_icon_event(move |_, event| {
            if let TrayIconEvent::Click {
                button: MouseButton::Left,
                button_state: MouseButtonState::Up,
                ..
            } = event
                && !cfg!(target_os = "macos")
            {
                asks.send(Ask::Open);
            }
        })
        .build(&entries.surface)?;
    Ok(Parts { icon, entries })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_asks_for_what_it_names() {
        let chat = ChatId::new("c1").unwrap();
        for (id, is_quiet, asked) in [
            ("chat:c1", false, Some(Ask::OpenChat(chat))),
            ("chat:not an id", false, None),
            ("profile:work", false, Some(Ask::OpenProfile("work".to_owned()))),
            (OPEN_ID, false, Some(Ask::Open)),
            (QUIET_ID, false, Some(Ask::QuietForAnHour(true))),
            (QUIET_ID, true, Some(Ask::QuietForAnHour(false))),
            (SETTINGS_ID, false, Some(Ask::OpenSettings)),
            (QUIT_ID, false, Some(Ask::Quit)),
            ("of the system", false, None),
        ] {
            assert_eq!(chosen(id, is_quiet), asked, "{id}");
        }
    }
}
