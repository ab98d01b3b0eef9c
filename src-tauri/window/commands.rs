//! What the page may ask. Each command is declared in `build.rs` and granted to the main window in `capabilities/`.
//!
//! The page is not trusted: whatever it sends may be anything. State never comes back as an answer, but for the
//! snapshot that a new page begins with, and what an event is too small for.

use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use tauri::{AppHandle, Manager, State};
use tauri_plugin_opener::OpenerExt;
use url::Url;

use super::{asker::Asker, settings::SettingsFile};
use crate::{
    link::{DesktopWish, Passphrase, Question, Refusal, Reply},
    words,
};

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

/// What has changed and is more than an event carries.
#[tauri::command]
pub(super) async fn catch_up(asker: State<'_, Asker>) -> Answer {
    asker.ensure_open()?;
    json(asker.ask(Question::CatchUp).await?)
}

/// Says that the page lives and has painted the update with this number.
#[tauri::command]
pub(super) async fn alive(asker: State<'_, Asker>, number: u64, active: Option<bool>) -> Answer {
    let active = active.unwrap_or(false);
    json(asker.ask(Question::Alive { number, active }).await?)
}

/// Says that all that was typed has been saved; `page` is kept for the next page.
#[tauri::command]
pub(super) async fn flushed(asker: State<'_, Asker>, page: Value) -> Answer {
    json(asker.ask(Question::Flushed(page)).await?)
}

/// What the settings show of the app and its system.
#[tauri::command]
pub(super) async fn system(asker: State<'_, Asker>) -> Answer {
    json(asker.ask(Question::System).await?)
}

/// Whose work is in the app: a line for each package with its name, version and licence.
#[tauri::command]
pub(super) fn licences(asker: State<'_, Asker>) -> Result<&'static str, Refusal> {
    asker.ensure_open()?;
    Ok(include_str!(concat!(env!("OUT_DIR"), "/licences.txt")))
}

/// What helps those who look for a fault.
#[tauri::command]
pub(super) async fn diagnosis(asker: State<'_, Asker>) -> Answer {
    json(asker.ask(Question::Diagnosis).await?)
}

/// Opens the app's lock.
#[tauri::command]
pub(super) async fn unlock(asker: State<'_, Asker>, passphrase: String) -> Answer {
    json(asker.ask(Question::Unlock(Passphrase::new(passphrase))).await?)
}

/// Signs out, and takes away the lock whose passphrase nobody knows any more.
#[tauri::command]
pub(super) async fn forget_lock(asker: State<'_, Asker>) -> Answer {
    json(asker.ask(Question::ForgetLock).await?)
}

/// Sets, changes or takes away the passphrase of the app's lock.
#[tauri::command]
pub(super) async fn set_lock(
    asker: State<'_, Asker>,
    current: Option<String>,
    new: Option<String>,
) -> Answer {
    let passphrase = |text: Option<String>| text.map(Passphrase::new);
    let (current, new) = (passphrase(current), passphrase(new));
    wish(&asker, DesktopWish::SetLock { current, new }).await
}

/// Locks the app, if it has a lock.
#[tauri::command]
pub(super) async fn lock_now(asker: State<'_, Asker>) -> Answer {
    wish(&asker, DesktopWish::LockNow).await
}

/// Has the app start with the desktop, or not.
#[tauri::command]
pub(super) async fn set_autostart(asker: State<'_, Asker>, on: bool) -> Answer {
    wish(&asker, DesktopWish::SetAutostart(on)).await
}

/// Shows a notice.
#[tauri::command]
pub(super) async fn test_notice(asker: State<'_, Asker>) -> Answer {
    wish(&asker, DesktopWish::TestNotice).await
}

/// Asks whether there is a new version.
#[tauri::command]
pub(super) async fn check_for_update(asker: State<'_, Asker>) -> Answer {
    wish(&asker, DesktopWish::CheckForUpdate).await
}

/// Fetches the new version, and starts it in place of this one.
#[tauri::command]
pub(super) async fn install_update(asker: State<'_, Asker>) -> Answer {
    wish(&asker, DesktopWish::InstallUpdate).await
}

/// Opens the window of another profile.
#[tauri::command]
pub(super) async fn open_profile(asker: State<'_, Asker>, name: String) -> Answer {
    wish(&asker, DesktopWish::OpenProfile(name)).await
}

async fn wish(asker: &Asker, wish: DesktopWish) -> Answer {
    json(asker.ask(Question::Desktop(wish)).await?)
}

/// What was chosen, and the languages of which one holds where none was.
#[derive(Serialize)]
pub(super) struct Chosen {
    chosen: Map<String, Value>,
    languages: Vec<String>,
}

/// What was chosen. A locked page may know how it is to look.
#[tauri::command]
pub(super) fn settings(file: State<'_, SettingsFile>) -> Chosen {
    Chosen {
        chosen: file.all(),
        languages: words::system_languages(),
    }
}

/// Keeps what is chosen.
#[tauri::command]
pub(super) async fn save_settings(
    app: AppHandle,
    asker: State<'_, Asker>,
    settings: Map<String, Value>,
) -> Result<(), Refusal> {
    asker.ensure_open()?;
    let file = app.state::<SettingsFile>();
    file.replace(&settings).map_err(|error| {
        tracing::warn!(%error, "settings were not saved");
        Refusal::new(
            "settings_not_saved",
            &format!("Your settings were not saved: {error}."),
        )
    })?;
    #[cfg(target_os = "macos")]
    super::menu::speak(&app, file.words());
    asker.tell_settings(settings).await;
    Ok(())
}

/// Opens a link in the browser.
#[tauri::command(async)]
pub(super) fn open_link(app: AppHandle, asker: State<'_, Asker>, url: String) -> Result<(), Refusal> {
    asker.ensure_open()?;
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
