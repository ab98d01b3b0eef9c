//! What the page may ask. Each command is declared in `build.rs` and granted to the main window in `capabilities/`.
//!
//! The page is not trusted: whatever it sends may be anything. State never comes back as an answer, but for the
//! snapshot that a new page begins with.

use serde_json::{Map, Value, value::RawValue};
use tauri::{AppHandle, State};
use tauri_plugin_opener::OpenerExt;
use url::Url;

use super::{asker::Asker, settings::SettingsFile};
use crate::link::{Question, Refusal, Reply};

/// What the page gets: JSON, or why there is none.
type Answer = Result<Box<RawValue>, Refusal>;

/// Does what a person wants.
#[tauri::command]
pub(super) async fn dispatch(asker: State<'_, Asker>, intent: Value) -> Answer {
    json(asker.ask(Question::Dispatch(intent)).await?)
}

/// All that a new page shows.
#[tauri::command]
pub(super) async fn snapshot(asker: State<'_, Asker>) -> Answer {
    json(asker.ask(Question::Snapshot).await?)
}

/// Says that the page lives and has applied the update with this number.
#[tauri::command]
pub(super) async fn alive(asker: State<'_, Asker>, number: u64) -> Answer {
    json(asker.ask(Question::Alive(number)).await?)
}

/// Says that all that was typed has been saved; `page` is kept for the next page.
#[tauri::command]
pub(super) async fn flushed(asker: State<'_, Asker>, page: Value) -> Answer {
    json(asker.ask(Question::Flushed(page)).await?)
}

/// What was chosen.
#[tauri::command]
pub(super) fn settings(file: State<'_, SettingsFile>) -> Map<String, Value> {
    file.all()
}

/// Keeps what is chosen.
#[tauri::command]
pub(super) async fn save_settings(
    file: State<'_, SettingsFile>,
    asker: State<'_, Asker>,
    settings: Map<String, Value>,
) -> Result<(), Refusal> {
    file.replace(&settings).map_err(|error| {
        tracing::warn!(%error, "settings were not saved");
        Refusal::new(
            "settings_not_saved",
            &format!("Your settings were not saved: {error}."),
        )
    })?;
    asker.tell_settings(settings).await;
    Ok(())
}

/// Opens a link in the browser.
#[tauri::command(async)]
pub(super) fn open_link(app: AppHandle, url: String) -> Result<(), Refusal> {
    let url = external(&url).ok_or_else(|| Refusal::new("invalid_link", "This link cannot be opened."))?;
    app.opener()
        .open_url(url.as_str(), None::<&str>)
        .map_err(|error| {
            tracing::warn!(%error, "a link could not be opened");
            Refusal::new("link_not_opened", "No app on this computer opens links.")
        })
}

/// Of a question whose answer is JSON.
pub(super) fn json(reply: Reply) -> Answer {
    match reply {
        Reply::Json(json) => Ok(json),
        Reply::File(_) | Reply::Picture { .. } => {
            Err(Refusal::new("internal", "Something went wrong inside the app."))
        }
    }
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
