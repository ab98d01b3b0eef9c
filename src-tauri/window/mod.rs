//! The main window: Tauri, the web view, and the page in it.
//!
//! It shows the page that is part of the app and nothing else: navigation, new windows and downloads are refused.
//! Never holds state of its own: it hands on what the page asks and what the app answers.

mod asker;
mod commands;
mod files;
#[cfg(test)]
mod granted;
#[cfg(target_os = "macos")]
mod menu;
mod settings;

use anyhow::Context;
use tauri::{
    AppHandle, Emitter, EventTarget, Manager, RunEvent, WebviewUrl, WebviewWindow, WebviewWindowBuilder,
    Window, WindowEvent,
    webview::{NewWindowResponse, PageLoadEvent},
};
use tauri_plugin_window_state::{AppHandleExt, StateFlags};
use tokio::sync::mpsc;
use url::Url;

use self::{asker::Asker, files::Incoming, settings::SettingsFile};
#[cfg(target_os = "macos")]
use crate::{
    ask::{Ask, Asks},
    settings::Settings,
    words::Words,
};
use crate::{
    link::{End, ToApp, ToWindow},
    profile::Profile,
};

/// The window's label: what capabilities and events name it by.
const MAIN: &str = "main";

const MIN_SIZE: (f64, f64) = (360.0, 480.0);
const SIZE: (f64, f64) = (1024.0, 720.0);

/// Whether a window is on the screen before its page is loaded. WebKitGTK that composes nothing waits up to half a second
/// when it is to draw, for the process of the page; and that waits until this process, which stands still, has brought
/// it the page.
const SHOWS_AT_ONCE: bool = !cfg!(target_os = "linux");

/// What is remembered of a window: not whether it was visible, since a hidden one is none of a person's wishes.
const REMEMBERED: StateFlags = StateFlags::SIZE
    .union(StateFlags::POSITION)
    .union(StateFlags::MAXIMIZED)
    .union(StateFlags::FULLSCREEN);

/// Runs the window system until the app says [`ToWindow::End`] and, where the window is a part of the app's process,
/// the app ends. `begin` is called once it runs; macOS tells what is opened to who runs already. Must be called on the
/// main thread.
pub(crate) fn run(
    profile: Profile,
    (to_app, hears): End<ToWindow, ToApp>,
    #[cfg(target_os = "macos")] asks: Asks,
    begin: impl FnOnce(&AppHandle) + Send + 'static,
) -> anyhow::Result<()> {
    let window_state = tauri_plugin_window_state::Builder::default()
        .with_filename(profile.window_state().to_string_lossy())
        .with_state_flags(REMEMBERED)
        .build();
    let builder = tauri::Builder::default()
        .plugin(tauri_plugin_store::Builder::default().build())
        .plugin(
            tauri_plugin_opener::Builder::default()
                .open_js_links_on_click(false)
                .build(),
        )
        .plugin(tauri_plugin_dialog::init())
        .register_asynchronous_uri_scheme_protocol(files::SCHEME, files::serve_picture)
        .plugin(window_state);
    #[cfg(not(target_os = "linux"))]
    let builder = builder.plugin(tauri_plugin_notification::init());
    #[cfg(target_os = "macos")]
    let builder = {
        let asks = asks.clone();
        let words = Words::of(&Settings::read(&profile));
        builder
            .menu(move |handle| menu::bar(handle, words))
            .on_menu_event(move |_, event| menu::chosen(&asks, &event))
    };
    // The system ends the process of a page that it finds too large, or that nobody sees.
    #[cfg(target_os = "macos")]
    let builder = builder.on_web_content_process_terminate(|web_view| {
        tracing::error!("the process of the page has ended; the page begins anew");
        if let Err(error) = web_view.reload() {
            tracing::error!(%error, "the page does not begin anew");
        }
    });
    let app = builder
        .invoke_handler(tauri::generate_handler![
            commands::alive,
            commands::catch_up,
            commands::check_for_update,
            commands::diagnosis,
            commands::dispatch,
            commands::flushed,
            commands::forget_lock,
            commands::install_update,
            commands::licences,
            commands::lock_now,
            commands::open_link,
            commands::open_profile,
            commands::save_settings,
            commands::set_autostart,
            commands::set_lock,
            commands::settings,
            commands::snapshot,
            files::append_file,
            files::begin_file,
            files::detach_file,
            files::drop_file,
            files::end_file,
            files::export_chats,
            files::import_chats,
            files::save_file,
            commands::system,
            commands::test_notice,
            commands::unlock,
        ])
        .on_window_event(on_event)
        .setup(move |app| {
            let handle = app.handle();
            handle.manage(SettingsFile::open(handle, &profile)?);
            handle.manage(Incoming::open(&profile)?);
            handle.manage(profile);
            handle.manage(Asker::new(to_app));
            tauri::async_runtime::spawn(obey(handle.clone(), hears));
            tracing::debug!("the window system is there");
            begin(handle);
            Ok(())
        })
        .build(context())
        .context("the window system cannot be used")?;
    app.run_return(move |_, event| {
        #[cfg(target_os = "macos")]
        hear_system(&asks, &event);
        // The app ends when it says so, not with its last window; only then is there a code.
        if let RunEvent::ExitRequested { api, code: None, .. } = event {
            api.prevent_exit();
        }
    });
    Ok(())
}

/// A link that was opened, which may come before anything else, or a click on the icon in the Dock.
#[cfg(target_os = "macos")]
fn hear_system(asks: &Asks, event: &RunEvent) {
    if let RunEvent::Opened { urls } = event {
        for url in urls {
            match url.as_str().parse() {
                Ok(link) => asks.send(Ask::Follow(link)),
                Err(error) => tracing::warn!(%error, "the system brought a link that is none"),
            }
        }
    } else if let RunEvent::Reopen { .. } = event {
        asks.send(Ask::Open);
    }
}

/// The page, and what it may do: `tauri.conf.json` and `capabilities/`.
fn context() -> tauri::Context {
    tauri::generate_context!()
}

/// Does what the app says, until it is gone.
async fn obey(handle: AppHandle, mut hears: mpsc::Receiver<ToWindow>) {
    let mut title = String::new();
    while let Some(message) = hears.recv().await {
        match message {
            ToWindow::Show => show(&handle, title.clone()),
            ToWindow::Hide => hide(&handle),
            ToWindow::Title(text) => {
                with_window(&handle, |window| window.set_title(&text));
                title = text;
            }
            ToWindow::Locked(locked) => handle.state::<Asker>().set_locked(locked),
            ToWindow::Reload => with_window(&handle, WebviewWindow::reload),
            ToWindow::Event { name, payload } => {
                let target = EventTarget::webview_window(MAIN);
                // As text, which the page reads: an event is a script, and what is compiled of one that builds objects
                // stays in the web view's memory for long.
                if let Err(error) = handle.emit_to(target, name.as_str(), payload) {
                    tracing::warn!(%error, "the page could not be told");
                }
            }
            ToWindow::Answer { number, answer } => handle.state::<Asker>().answered(number, answer),
            ToWindow::End => end(&handle),
        }
    }
    handle.exit(0);
}

/// Ends the page. A process that is only the window ends as soon as the app hangs up.
fn end(handle: &AppHandle) {
    with_window(handle, WebviewWindow::destroy);
}

/// Takes the window off the screen. Its place is saved now: later it has none.
fn hide(handle: &AppHandle) {
    on_main_thread(handle, |handle| {
        // Elsewhere this would wait for the main thread with a lock that the main thread takes at every move.
        if let Err(error) = handle.save_window_state(REMEMBERED) {
            tracing::warn!(%error, "the place of the window is not saved");
        }
        with_window(handle, WebviewWindow::hide);
    });
}

/// Shows the window above others, with the focus; makes it first if it is gone.
fn show(handle: &AppHandle, title: String) {
    on_main_thread(handle, move |handle| {
        let shown = match handle.get_webview_window(MAIN) {
            Some(window) => raise(&window),
            None => build(handle, &title),
        };
        if let Err(error) = shown {
            tracing::error!(%error, "the window cannot be shown");
        }
    });
}

fn on_main_thread(handle: &AppHandle, action: impl FnOnce(&AppHandle) + Send + 'static) {
    let on_main = handle.clone();
    if let Err(error) = handle.run_on_main_thread(move || action(&on_main)) {
        tracing::error!(%error, "the main thread is gone");
    }
}

fn build(handle: &AppHandle, title: &str) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(handle, MAIN, WebviewUrl::App("index.html".into()))
        .title(title)
        .inner_size(SIZE.0, SIZE.1)
        .min_inner_size(MIN_SIZE.0, MIN_SIZE.1)
        .data_directory(handle.state::<Profile>().webview())
        .zoom_hotkeys_enabled(true)
        // The page takes what is dropped, by itself.
        .disable_drag_drop_handler()
        .on_navigation(is_our_page)
        .on_new_window(|url, _| {
            tracing::warn!(scheme = url.scheme(), "a new window was refused");
            NewWindowResponse::Deny
        })
        .on_download(|_, _| false)
        .visible(SHOWS_AT_ONCE)
        .on_page_load(|window, load| {
            tracing::debug!(event = ?load.event(), "the page");
            match load.event() {
                PageLoadEvent::Started => {}
                PageLoadEvent::Finished => page_loaded(&window),
            }
        })
        .build()?;
    #[cfg(target_os = "linux")]
    end_with_page(&window)?;
    tracing::debug!("the web view is there");
    if SHOWS_AT_ONCE { raise(&window) } else { Ok(()) }
}

/// A window whose page has died is of no use. The app sees that it ends, and opens another.
#[cfg(target_os = "linux")]
fn end_with_page(window: &WebviewWindow) -> tauri::Result<()> {
    use webkit2gtk::WebViewExt;
    let handle = window.app_handle().clone();
    window.with_webview(move |web_view| {
        web_view.inner().connect_web_process_terminated(move |_, reason| {
            tracing::error!(?reason, "the process of the page has ended");
            handle.exit(1);
        });
    })
}

/// The web view has a page to show, its first or the same anew.
fn page_loaded(window: &WebviewWindow) {
    let shown = match window.is_visible() {
        Ok(false) => raise(window),
        Ok(true) => Ok(()),
        Err(error) => Err(error),
    };
    if let Err(error) = shown {
        tracing::error!(%error, "the window cannot be shown");
    }
}

fn raise(window: &WebviewWindow) -> tauri::Result<()> {
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

fn with_window(handle: &AppHandle, action: impl FnOnce(&WebviewWindow) -> tauri::Result<()>) {
    if let Some(window) = handle.get_webview_window(MAIN)
        && let Err(error) = action(&window)
    {
        tracing::warn!(%error, "the window did not do what it should");
    }
}

/// Hears what happens to the window. Called on the main thread.
fn on_event(window: &Window, event: &WindowEvent) {
    let asker = window.state::<Asker>();
    // The enum is Tauri's and may grow; the rest of it is not ours to act on.
    if let WindowEvent::CloseRequested { api, .. } = event {
        api.prevent_close();
        asker.tell(ToApp::CloseRequested);
    } else if let WindowEvent::Focused(focused) = event {
        asker.tell(ToApp::Focused(*focused));
    }
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

#[cfg(test)]
mod tests {
    use tauri::ipc::Origin;

    use super::*;

    #[test]
    fn commands_are_for_our_page_in_its_window_alone() {
        let mut context = context();
        let rules = context.runtime_authority_mut();
        let may = |command: &str, window: &str, origin: &Origin| {
            rules.resolve_access(command, window, window, origin).is_some()
        };
        let elsewhere = [
            "https://example.org/",
            "http://127.0.0.1:4000/",
            "http://localhost/",
            "https://tauri.localhost.example.org/",
            "data:text/html,x",
            "file:///etc/passwd",
            "about:blank",
        ]
        .map(|url| Origin::Remote {
            url: Url::parse(url).unwrap(),
        });
        for granted in [
            "snapshot",
            "dispatch",
            "unlock",
            "save_file",
            "plugin:event|listen",
        ] {
            assert!(may(granted, MAIN, &Origin::Local), "{granted}");
            assert!(!may(granted, "another", &Origin::Local), "{granted}");
            for origin in &elsewhere {
                assert!(!may(granted, MAIN, origin), "{granted} from {origin}");
            }
        }
        for refused in [
            "plugin:event|emit",
            "plugin:event|emit_to",
            "plugin:store|load",
            "plugin:store|set",
            "plugin:opener|open_url",
            "plugin:opener|open_path",
            "plugin:dialog|open",
            "plugin:window|close",
            "plugin:window-state|filename",
            "plugin:webview|create_webview_window",
            "plugin:path|resolve_directory",
            "plugin:app|version",
            "nothing_like_it",
        ] {
            assert!(!may(refused, MAIN, &Origin::Local), "{refused}");
        }
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
