//! The menu bar of macOS: what every app has there, in the language of the window, and quitting, which asks the app. The
//! system's own entry for that would end the process at once, and with it what the page has not handed over yet.

use tauri::{
    AppHandle, Wry,
    menu::{
        AboutMetadata, HELP_SUBMENU_ID, IsMenuItem, Menu, MenuEvent, MenuItem, PredefinedMenuItem, Submenu,
        WINDOW_SUBMENU_ID,
    },
};

use crate::{
    ask::{Ask, Asks},
    words::Words,
};

const QUIT_ID: &str = "quit-from-menu-bar";

/// The menus in the order in which every app there has them. What stands in most of them is done by the system.
pub(super) fn bar(handle: &AppHandle, words: Words) -> tauri::Result<Menu<Wry>> {
    let text = |key| Some(words.text(key));
    let line = || PredefinedMenuItem::separator(handle);
    let menu =
        |key, entries: &[&dyn IsMenuItem<Wry>]| Submenu::with_items(handle, words.text(key), true, entries);
    let named = |id, key, entries: &[&dyn IsMenuItem<Wry>]| {
        Submenu::with_id_and_items(handle, id, words.text(key), true, entries)
    };
    let about = AboutMetadata {
        name: Some(handle.package_info().name.clone()),
        version: Some(handle.package_info().version.to_string()),
        copyright: handle.config().bundle.copyright.clone(),
        ..AboutMetadata::default()
    };
    let own: [&dyn IsMenuItem<Wry>; 8] = [
        &PredefinedMenuItem::about(handle, text("native.menuAbout"), Some(about))?,
        &line()?,
        &PredefinedMenuItem::services(handle, text("native.menuServices"))?,
        &line()?,
        &PredefinedMenuItem::hide(handle, text("native.menuHide"))?,
        &PredefinedMenuItem::hide_others(handle, text("native.menuHideOthers"))?,
        &line()?,
        &MenuItem::with_id(
            handle,
            QUIT_ID,
            words.text("native.menuQuit"),
            true,
            Some("Cmd+Q"),
        )?,
    ];
    let close = PredefinedMenuItem::close_window(handle, text("native.menuClose"))?;
    let edit: [&dyn IsMenuItem<Wry>; 7] = [
        &PredefinedMenuItem::undo(handle, text("native.menuUndo"))?,
        &PredefinedMenuItem::redo(handle, text("native.menuRedo"))?,
        &line()?,
        &PredefinedMenuItem::cut(handle, text("native.menuCut"))?,
        &PredefinedMenuItem::copy(handle, text("native.menuCopy"))?,
        &PredefinedMenuItem::paste(handle, text("native.menuPaste"))?,
        &PredefinedMenuItem::select_all(handle, text("native.menuSelectAll"))?,
    ];
    let full_screen = PredefinedMenuItem::fullscreen(handle, text("native.menuFullScreen"))?;
    let window: [&dyn IsMenuItem<Wry>; 4] = [
        &PredefinedMenuItem::minimize(handle, text("native.menuMinimize"))?,
        &PredefinedMenuItem::maximize(handle, text("native.menuZoom"))?,
        &line()?,
        &close,
    ];
    Menu::with_items(
        handle,
        &[
            &Submenu::with_items(handle, &handle.package_info().name, true, &own)?,
            &menu("native.menuFile", &[&close])?,
            &menu("native.menuEdit", &edit)?,
            &menu("native.menuView", &[&full_screen])?,
            &named(WINDOW_SUBMENU_ID, "native.menuWindow", &window)?,
            &named(HELP_SUBMENU_ID, "native.menuHelp", &[])?,
        ],
    )
}

/// The person may have chosen another language.
pub(super) fn speak(handle: &AppHandle, words: Words) {
    let spoken = bar(handle, words).and_then(|bar| handle.set_menu(bar));
    if let Err(error) = spoken {
        tracing::warn!(%error, "the menu bar cannot be changed");
    }
}

/// Something was chosen in it, or in the tray's, which has entries of its own.
pub(super) fn chosen(asks: &Asks, event: &MenuEvent) {
    if event.id() == QUIT_ID {
        asks.send(Ask::Quit);
    }
}
