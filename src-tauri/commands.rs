//! What the page may ask. Each command is declared in `build.rs` and granted to the main window in `capabilities/`.
//!
//! The page is not trusted: whatever it sends may be anything. State never comes back as an answer, but for the
//! snapshot that a new page begins with.

use khaya_chat::{Intent, view::Failure};
use serde_json::{Map, Value};
use tauri::{AppHandle, State};
use tauri_plugin_opener::OpenerExt;
use tokio::sync::oneshot;
use url::Url;

use crate::{
    app::App,
    settings::Settings,
    updates::{self, Snapshot},
};

/// The most that the page may give to keep for the next page, in bytes of JSON.
const MAX_KEPT_BYTES: usize = 4 * 1024;

/// Does what a person wants.
#[tauri::command]
pub(crate) async fn dispatch(app: State<'_, App>, intent: Value) -> Result<(), Failure> {
    let intent: Intent = serde_json::from_value(intent).map_err(|error| {
        // Not the error itself: it may quote what was sent, and that may be a password.
        tracing::error!(category = ?error.classify(), "the page sent an intent that is none");
        failure(
            "invalid_intent",
            "The window asked for something that the app does not know.",
        )
    })?;
    app.chat().dispatch(intent).await
}

/// All that a new page shows.
#[tauri::command]
pub(crate) async fn snapshot(app: State<'_, App>) -> Result<Snapshot, Failure> {
    let (reply, answer) = oneshot::channel();
    app.tell_updates(updates::Request::Snapshot(reply)).await;
    answer.await.map_err(|_| failure("ended", "The app is closing."))
}

/// Says that the page lives and has applied the update with this number.
#[tauri::command]
pub(crate) async fn alive(app: State<'_, App>, number: u64) -> Result<(), Failure> {
    app.tell_updates(updates::Request::Alive(number)).await;
    Ok(())
}

/// Says that all that was typed has been saved; `page` is kept for the next page.
#[tauri::command]
pub(crate) async fn flushed(app: State<'_, App>, page: Value) -> Result<(), Failure> {
    if page.to_string().len() > MAX_KEPT_BYTES {
        app.page_flushed();
        return Err(failure("payload_too_large", "The page wants to keep too much."));
    }
    app.tell_updates(updates::Request::Keep(page)).await;
    app.page_flushed();
    Ok(())
}

/// What was chosen.
#[tauri::command]
pub(crate) fn settings(settings: State<'_, Settings>) -> Map<String, Value> {
    settings.all()
}

/// Keeps what is chosen.
#[tauri::command(async)]
pub(crate) fn save_settings(
    current: State<'_, Settings>,
    settings: Map<String, Value>,
) -> Result<(), Failure> {
    current.replace(settings).map_err(|error| {
        tracing::warn!(%error, "settings were not saved");
        failure(
            "settings_not_saved",
            &format!("Your settings were not saved: {error}."),
        )
    })
}

/// Opens a link in the browser.
#[tauri::command(async)]
pub(crate) fn open_link(app: AppHandle, url: String) -> Result<(), Failure> {
    let url = external(&url).ok_or_else(|| failure("invalid_link", "This link cannot be opened."))?;
    app.opener()
        .open_url(url.as_str(), None::<&str>)
        .map_err(|error| {
            tracing::warn!(%error, "a link could not be opened");
            failure("link_not_opened", "No app on this computer opens links.")
        })
}

/// The address of a page or of a person: nothing that names a file, starts a program, or hides where it leads.
fn external(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    match url.scheme() {
        "https" | "http" => (url.username().is_empty() && url.password().is_none()).then_some(url),
        "mailto" => Some(url),
        _ => None,
    }
}

fn failure(code: &str, message: &str) -> Failure {
    Failure {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_pages_and_mail_alone() {
        for good in [
            "https://example.org/a?b#c",
            "http://127.0.0.1:1/",
            "mailto:a@example.org",
        ] {
            assert_eq!(external(good).unwrap().as_str(), good);
        }
        for bad in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://bank.example@evil.example/",
            "https://a:b@example.org/",
            "smb://host/share",
            "khaya://chat/1",
            "/etc/passwd",
            "",
        ] {
            assert_eq!(external(bad), None, "{bad}");
        }
    }
}
