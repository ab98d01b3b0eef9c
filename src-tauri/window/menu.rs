//! The menu bar of macOS: the system's own, in which quitting asks the app. The system's entry would end the process
//! at once, and with it what the page has not handed over yet.

use tauri::{
    AppHandle, Wry,
    menu::{Menu, MenuEvent, MenuItem},
};

use crate::ask::{Ask, Asks};

const QUIT_ID: &str = "quit-from-menu-bar";

/// The menu of every app there, whose first entry is the app's own and ends with quitting.
pub(super) fn bar(handle: &AppHandle) -> tauri::Result<Menu<Wry>> {
    let bar = Menu::default(handle)?;
    if let Some(own) = bar.items()?.first().and_then(|entry| entry.as_submenu())
        && let Some(last) = own.items()?.len().checked_sub(1)
    {
        own.remove_at(last)?;
        own.append(&MenuItem::with_id(
            handle,
            QUIT_ID,
            "Quit Khaya",
            true,
            Some("Cmd+Q"),
        )?)?;
    }
    Ok(bar)
}

/// Something was chosen in it, or in the tray's, which has entries of its own.
pub(super) fn chosen(asks: &Asks, event: &MenuEvent) {
    if event.id() == QUIT_ID {
        asks.send(Ask::Quit);
    }
}
