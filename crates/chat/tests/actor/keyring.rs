//! A keyring for tests, and a place for profiles.

use std::{collections::HashMap, sync::Mutex};

use khaya_chat::{
    intent::Secret,
    shell::{SecretName, Secrets, SecretsError, SecretsFuture},
    store::StoreKey,
};

/// A keyring that can be locked, and forgets when it is told to.
#[derive(Default)]
pub(crate) struct Keyring {
    is_locked: Mutex<bool>,
    pub(crate) entries: Mutex<HashMap<&'static str, Secret>>,
}

impl Keyring {
    pub(crate) fn lock(&self, locked: bool) {
        *self.is_locked.lock().unwrap() = locked;
    }

    pub(crate) fn forget(&self) {
        self.entries.lock().unwrap().clear();
    }

    pub(crate) fn key(&self) -> Option<StoreKey> {
        self.entries
            .lock()
            .unwrap()
            .get(entry(SecretName::StoreKey))
            .and_then(StoreKey::from_text)
    }

    fn answer<T: Send + 'static>(
        &self,
        action: impl FnOnce(&mut HashMap<&'static str, Secret>) -> T,
    ) -> SecretsFuture<'_, T> {
        let result = if *self.is_locked.lock().unwrap() {
            Err(SecretsError {
                message: "The keyring is locked.".to_owned(),
            })
        } else {
            Ok(action(&mut self.entries.lock().unwrap()))
        };
        Box::pin(async move { result })
    }
}

impl Secrets for Keyring {
    fn load(&self, name: SecretName) -> SecretsFuture<'_, Option<Secret>> {
        self.answer(|entries| entries.get(entry(name)).cloned())
    }

    fn store(&self, name: SecretName, secret: Secret) -> SecretsFuture<'_, ()> {
        self.answer(|entries| drop(entries.insert(entry(name), secret)))
    }

    fn delete(&self, name: SecretName) -> SecretsFuture<'_, ()> {
        self.answer(|entries| drop(entries.remove(entry(name))))
    }
}

pub(crate) fn entry(name: SecretName) -> &'static str {
    match name {
        SecretName::Session => "session",
        SecretName::StoreKey => "store-key",
    }
}

/// A folder on a disk that does not wait, where there is one.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}
