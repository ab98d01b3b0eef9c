//! The file of what a person has chosen, kept by tauri-plugin-store.
//!
//! One flat JSON object. The page owns its keys; those that the app acts on are named in [`crate::settings`].

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value};
use tauri::{AppHandle, Wry};
use tauri_plugin_store::{Store, StoreBuilder};

use crate::{profile::Profile, settings::LANGUAGE, words::Words};

/// The most that the page may keep, in bytes of JSON.
const MAX_BYTES: usize = 4 * 1024;

/// The settings of the profile.
pub(super) struct SettingsFile {
    store: Arc<Store<Wry>>,
    path: PathBuf,
}

/// Why settings were not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    #[error("they are larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the file cannot be written: {0}")]
    Store(#[from] tauri_plugin_store::Error),
    #[error("the file cannot be made private: {0}")]
    Rights(#[source] io::Error),
}

impl SettingsFile {
    /// Reads the file, or begins with none. A file that cannot be read is set aside, not overwritten.
    pub(super) fn open(app: &AppHandle, profile: &Profile) -> Result<Self, SettingsError> {
        let path = profile.settings();
        if let Ok(bytes) = fs::read(&path)
            && serde_json::from_slice::<Map<String, Value>>(&bytes).is_err()
        {
            let aside = path.with_extension("json.damaged");
            let moved = fs::rename(&path, &aside);
            tracing::error!(?aside, ?moved, "the settings cannot be read and begin anew");
        }
        let store = StoreBuilder::new(app, &path).disable_auto_save().build()?;
        Ok(Self { store, path })
    }

    /// All of them, for the page.
    pub(super) fn all(&self) -> Map<String, Value> {
        self.store.entries().into_iter().collect()
    }

    /// Those of the language that was chosen.
    pub(super) fn words(&self) -> Words {
        let chosen = self.store.get(LANGUAGE);
        Words::wanted(chosen.and_then(|tag| Some(tag.as_str()?.to_owned())))
    }

    /// Puts `settings` in place of what is there, and saves.
    pub(super) fn replace(&self, settings: &Map<String, Value>) -> Result<(), SettingsError> {
        if Value::Object(settings.clone()).to_string().len() > MAX_BYTES {
            return Err(SettingsError::TooLarge);
        }
        self.store.clear();
        for (key, value) in settings {
            self.store.set(key, value.clone());
        }
        self.store.save()?;
        make_private(&self.path).map_err(SettingsError::Rights)
    }
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "there the profile's directory is private by inheritance"
)]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}
