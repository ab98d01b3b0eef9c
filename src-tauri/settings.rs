//! What a person has chosen, in a file of the profile kept by tauri-plugin-store.
//!
//! One flat JSON object. The shell reads the few keys that it acts on; the page keeps its own beside them. Never a
//! secret: the file is plain text.

use std::{fs, sync::Arc};

use serde_json::{Map, Value};
use tauri::{AppHandle, Wry};
use tauri_plugin_store::{Store, StoreBuilder};

use crate::profile::Profile;

/// The most that the page may keep, in bytes of JSON.
const MAX_BYTES: usize = 4 * 1024;

/// The keys that the shell acts on, and what holds when they are absent.
const CLOSE_TO_TRAY: (&str, bool) = ("closeToTray", true);
const NOTICE_TEXT: (&str, bool) = ("noticeText", true);
const NOTICE_SOUND: (&str, bool) = ("noticeSound", true);
/// Set by the shell alone: the person has been told that closing goes to the tray.
const TRAY_TOLD: (&str, bool) = ("trayTold", false);

/// The settings of the profile. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Settings {
    store: Arc<Store<Wry>>,
}

/// Why settings were not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("the settings are larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the settings could not be saved: {0}")]
    Store(#[from] tauri_plugin_store::Error),
}

impl Settings {
    /// Reads the file, or begins with none. A file that cannot be read is set aside, not overwritten.
    pub(crate) fn open(app: &AppHandle, profile: &Profile) -> Result<Self, SettingsError> {
        let path = profile.settings();
        if let Ok(bytes) = fs::read(&path)
            && serde_json::from_slice::<Map<String, Value>>(&bytes).is_err()
        {
            let aside = path.with_extension("json.damaged");
            let moved = fs::rename(&path, &aside);
            tracing::error!(?aside, ?moved, "the settings cannot be read and begin anew");
        }
        Ok(Self {
            store: StoreBuilder::new(app, path).disable_auto_save().build()?,
        })
    }

    /// Closing the window leaves the app in the tray.
    pub(crate) fn close_to_tray(&self) -> bool {
        self.flag(CLOSE_TO_TRAY)
    }

    /// A notice shows the text of the message.
    pub(crate) fn notice_text(&self) -> bool {
        self.flag(NOTICE_TEXT)
    }

    /// A notice makes a sound.
    pub(crate) fn notice_sound(&self) -> bool {
        self.flag(NOTICE_SOUND)
    }

    /// Whether this is the first time that the window goes to the tray. True once.
    pub(crate) fn first_time_in_tray(&self) -> bool {
        let told = self.flag(TRAY_TOLD);
        if !told {
            self.store.set(TRAY_TOLD.0, true);
            if let Err(error) = self.store.save() {
                tracing::warn!(%error, "the settings could not be saved");
            }
        }
        !told
    }

    /// All of them, for the page.
    pub(crate) fn all(&self) -> Map<String, Value> {
        self.store
            .entries()
            .into_iter()
            .filter(|(key, _)| key != TRAY_TOLD.0)
            .collect()
    }

    /// Puts `settings` in place of all that the page had, and saves.
    pub(crate) fn replace(&self, settings: Map<String, Value>) -> Result<(), SettingsError> {
        if Value::Object(settings.clone()).to_string().len() > MAX_BYTES {
            return Err(SettingsError::TooLarge);
        }
        for key in self.all().keys().filter(|key| !settings.contains_key(*key)) {
            self.store.delete(key);
        }
        for (key, value) in settings.into_iter().filter(|(key, _)| key != TRAY_TOLD.0) {
            self.store.set(key, value);
        }
        Ok(self.store.save()?)
    }

    fn flag(&self, (key, default): (&str, bool)) -> bool {
        self.store
            .get(key)
            .and_then(|value| value.as_bool())
            .unwrap_or(default)
    }
}
