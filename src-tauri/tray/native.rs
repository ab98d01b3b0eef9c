//! The tray on macOS and Windows: Tauri's.

use std::time::SystemTime;

use tauri::{
    menu::{CheckMenuItem, Menu, MenuItem, PredefinedMenuItem},
    tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent},
};
use tokio::sync::watch;

use super::{OPEN, QUIET, QUIT, SETTINGS, Unread, icon, unread_line};
use crate::{
    ask::{Ask, Asks},
    host::Surface,
    profile::Profile,
};

const OPEN_ID: &str = "open";
const QUIET_ID: &str = "quiet";
const SETTINGS_ID: &str = "settings";
const QUIT_ID: &str = "quit";

/// The tray, or the knowledge that there is none. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tray {
    parts: Option<Parts>,
}

#[derive(Clone)]
struct Parts {
    icon: TrayIcon,
    line: MenuItem<tauri::Wry>,
}

impl Tray {
    #[expect(clippy::unused_async, reason = "the other systems' tray waits for the bus")]
    /// Starts the tray. Without a panel that shows it the app goes on, and closing the window quits.
    pub(crate) async fn start(
        surface: &Surface,
        profile: &Profile,
        asks: Asks,
        quiet: watch::Receiver<Option<SystemTime>>,
    ) -> Self {
        match build(surface, profile.name(), asks, quiet) {
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
        if let Err(error) = parts.tell(unread.total) {
            tracing::warn!(%error, "the tray cannot be changed");
        }
    }
}

impl Parts {
    fn tell(&self, unread: u64) -> tauri::Result<()> {
        self.line.set_text(unread_line(unread))?;
        self.icon
            .set_tooltip(Some(format!("Khaya: {}", unread_line(unread))))?;
        if cfg!(target_os = "macos") {
            // The menu bar tints a template of one colour; the number stands beside it.
            self.icon.set_title((unread > 0).then(|| unread.to_string()))
        } else {
            self.icon.set_icon(Some(icon(unread > 0)?))
        }
    }
}

fn build(
    surface: &Surface,
    profile: &str,
    asks: Asks,
    quiet: watch::Receiver<Option<SystemTime>>,
) -> tauri::Result<Parts> {
    // The system itself sets and clears the mark at each click.
    let quiet_item = CheckMenuItem::with_id(surface, QUIET_ID, QUIET, true, false, None::<&str>)?;
    let line = MenuItem::new(surface, unread_line(0), false, None::<&str>)?;
    let menu = Menu::with_items(
        surface,
        &[
            &line,
            &PredefinedMenuItem::separator(surface)?,
            &MenuItem::with_id(surface, OPEN_ID, OPEN, true, None::<&str>)?,
            &quiet_item,
            &MenuItem::with_id(surface, SETTINGS_ID, SETTINGS, true, None::<&str>)?,
            &MenuItem::with_id(surface, QUIT_ID, QUIT, true, None::<&str>)?,
        ],
    )?;
    let image = if cfg!(target_os = "macos") {
        tauri::image::Image::from_bytes(include_bytes!("../../icons/tray.png"))?
    } else {
        icon(false)?
    };
    let from_menu = asks.clone();
    let icon = TrayIconBuilder::with_id(format!("khaya-{profile}"))
        .icon(image)
        .icon_as_template(cfg!(target_os = "macos"))
        .menu(&menu)
        .show_menu_on_left_click(cfg!(target_os = "macos"))
        .on_menu_event(move |_, event| match event.id().as_ref() {
            OPEN_ID => from_menu.send(Ask::Open),
            QUIET_ID => {
                let is_quiet = quiet.borrow().is_some_and(|until| until > SystemTime::now());
                from_menu.send(Ask::QuietForAnHour(!is_quiet));
            }
            SETTINGS_ID => from_menu.send(Ask::OpenSettings),
            QUIT_ID => from_menu.send(Ask::Quit),
            _ => {}
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
        .build(surface)?;
    Ok(Parts { icon, line })
}
