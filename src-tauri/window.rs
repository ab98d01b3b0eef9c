//! The main window: made when it is shown, destroyed when it is closed to the tray.
//!
//! It shows the page that is part of the app and nothing else: navigation, new windows and downloads are refused.

use tauri::{
    AppHandle, Manager, WebviewUrl, WebviewWindow, WebviewWindowBuilder, Window, WindowEvent,
    webview::NewWindowResponse,
};
use tauri_plugin_window_state::StateFlags;
use url::Url;

use crate::{
    app::{App, Ask},
    profile::Profile,
};

/// The window's label: what capabilities and events name it by.
pub(crate) const MAIN: &str = "main";

const TITLE: &str = "Khaya";
const MIN_SIZE: (f64, f64) = (360.0, 480.0);
const SIZE: (f64, f64) = (1024.0, 720.0);

/// What is remembered of a window: not whether it was visible, since a hidden one is none of a person's wishes.
pub(crate) fn remembered() -> StateFlags {
    StateFlags::SIZE | StateFlags::POSITION | StateFlags::MAXIMIZED | StateFlags::FULLSCREEN
}

/// Shows the window above others, with the focus; makes it first if it is gone.
pub(crate) fn show(handle: &AppHandle) {
    let handle = handle.clone();
    on_main_thread(&handle.clone(), move || {
        let shown = match handle.get_webview_window(MAIN) {
            Some(window) => raise(&window),
            None => build(&handle),
        };
        if let Err(error) = shown {
            tracing::error!(%error, "the window cannot be shown");
        }
    });
}

/// Takes the window from the screen; it stays otherwise.
pub(crate) fn hide(handle: &AppHandle) {
    if let Some(window) = handle.get_webview_window(MAIN)
        && let Err(error) = window.hide()
    {
        tracing::warn!(%error, "the window cannot be hidden");
    }
}

/// Ends the window and the page in it.
pub(crate) fn destroy(handle: &AppHandle) {
    if let Some(window) = handle.get_webview_window(MAIN)
        && let Err(error) = window.destroy()
    {
        tracing::warn!(%error, "the window cannot be destroyed");
    }
}

pub(crate) fn is_there(handle: &AppHandle) -> bool {
    handle.get_webview_window(MAIN).is_some()
}

/// Tells in the title how much is unread.
pub(crate) fn tell_unread(handle: &AppHandle, unread: u64) {
    if let Some(window) = handle.get_webview_window(MAIN)
        && let Err(error) = window.set_title(&title(handle.state::<Profile>().name(), unread))
    {
        tracing::warn!(%error, "the title cannot be set");
    }
}

/// Hears what happens to the window. Called on the main thread.
pub(crate) fn on_event(window: &Window, event: &WindowEvent) {
    let app = window.state::<App>();
    // The enum is Tauri's and may grow; the rest of it is not ours to act on.
    if let WindowEvent::CloseRequested { api, .. } = event {
        api.prevent_close();
        app.asks().send(Ask::Close);
    } else if let WindowEvent::Focused(focused) = event {
        app.set_focused(*focused);
    } else if matches!(event, WindowEvent::Destroyed) {
        app.set_focused(false);
    }
}

fn build(handle: &AppHandle) -> tauri::Result<()> {
    let profile = handle.state::<Profile>();
    let unread = handle.state::<App>().chat().view().borrow().unread;
    let window = WebviewWindowBuilder::new(handle, MAIN, WebviewUrl::App("index.html".into()))
        .title(title(profile.name(), unread))
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(MIN_SIZE.0, MIN_SIZE.1)
        .data_directory(profile.webview())
        .zoom_hotkeys_enabled(true)
        .on_navigation(is_our_page)
        .on_new_window(|url, _| {
            tracing::warn!(scheme = url.scheme(), "a new window was refused");
            NewWindowResponse::Deny
        })
        .on_download(|_, _| false)
        .build()?;
    raise(&window)
}

fn raise(window: &WebviewWindow) -> tauri::Result<()> {
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

/// The address under which Tauri serves the page, which differs by system.
fn is_our_page(url: &Url) -> bool {
    let ours = matches!(
        (url.scheme(), url.host_str()),
        ("tauri", Some("localhost")) | ("http" | "https", Some("tauri.localhost"))
    );
    if !ours {
        tracing::warn!(scheme = url.scheme(), "a navigation was refused");
    }
    ours
}

fn title(profile: &str, unread: u64) -> String {
    let name = if profile == crate::arguments::DEFAULT_PROFILE {
        TITLE.to_owned()
    } else {
        format!("{TITLE} – {profile}")
    };
    if unread == 0 {
        name
    } else {
        format!("({unread}) {name}")
    }
}

fn on_main_thread(handle: &AppHandle, action: impl FnOnce() + Send + 'static) {
    if let Err(error) = handle.run_on_main_thread(action) {
        tracing::error!(%error, "the main thread is gone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_tells_profile_and_unread() {
        assert_eq!(title("default", 0), "Khaya");
        assert_eq!(title("bob", 3), "(3) Khaya – bob");
    }

    #[test]
    fn stays_on_our_page() {
        for ours in [
            "tauri://localhost/index.html",
            "http://tauri.localhost/",
            "https://tauri.localhost/x",
        ] {
            assert!(is_our_page(&Url::parse(ours).unwrap()), "{ours}");
        }
        for other in [
            "https://example.org/",
            "http://localhost/",
            "tauri://example/",
            "file:///etc/passwd",
            "about:blank",
        ] {
            assert!(!is_our_page(&Url::parse(other).unwrap()), "{other}");
        }
    }
}
