//! A keyring for tests, and a place for profiles.

use std::{collections::HashMap, sync::Mutex};

use khaya_chat::{
    intent::Secret,
    shell::{SecretName, Secrets, SecretsError, SecretsFuture},
    store::StoreKey,
};
use tokio::sync::oneshot;

/// A keyring that can be locked, can keep one waiting, and forgets when it is told to.
#[derive(Default)]
pub(crate) struct Keyring {
    is_locked: Mutex<bool>,
    held: Mutex<Option<Held>>,
    pub(crate) entries: Mutex<HashMap<&'static str, Secret>>,
}

/// The next answer, which is held back.
struct Held {
    asked: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

impl Keyring {
    pub(crate) fn lock(&self, locked: bool) {
        *self.is_locked.lock().unwrap() = locked;
    }

    /// Holds the next answer back until the second of what is returned is dropped; the first ends when it is asked for.
    pub(crate) fn hold(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let ((asked, is_asked), (release, released)) = (oneshot::channel(), oneshot::channel());
        *self.held.lock().unwrap() = Some(Held { asked, released });
        (is_asked, release)
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
        let held = self.held.lock().unwrap().take();
        Box::pin(async move {
            if let Some(Held { asked, released }) = held {
                asked.send(()).unwrap();
                // Dropped or sent: either way it is over.
                let _ = released.await;
            }
            result
        })
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
