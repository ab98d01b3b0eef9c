//! The key of the open store, and that the keyring gets it as soon as it can.
//!
//! Owns: the one writer of the file beside the store that tells of its key.
//!
//! Never does: leave a key that opens a store, of now or of before, in no place at all.

use std::{path::PathBuf, sync::Arc};

use tokio::{sync::Mutex, task};

use super::{errands::in_time, run::wall};
use crate::{
    archive,
    intent::Secret,
    shell::{SecretName, Secrets, SecretsError, SecretsFuture},
    store::{Exported, KeyFile, Progress, StoreError, StoreKey},
    view::Failure,
};

/// The keyring, for who keeps a session in it: with the session, the store's key is kept there too.
pub(super) struct Keyholder {
    secrets: Arc<dyn Secrets>,
    folder: PathBuf,
    key: StoreKey,
    file: Mutex<KeyFile>,
}

impl Keyholder {
    pub(super) fn new(secrets: Arc<dyn Secrets>, folder: PathBuf, key: StoreKey, file: KeyFile) -> Self {
        Self {
            secrets,
            folder,
            key,
            file: Mutex::new(file),
        }
    }

    /// Writes everything of who is signed in to a file of the person's.
    pub(super) async fn export(
        &self,
        to: PathBuf,
        progress: Box<dyn Fn(Progress) + Send>,
    ) -> Result<Exported, Failure> {
        let (folder, key) = (self.folder.clone(), self.key.clone());
        let written = task::spawn_blocking(move || archive::write(&folder, &key, wall(), &to, progress));
        written
            .await
            .map_err(|error| StoreError::Internal(error.to_string()).failure())?
    }

    /// Sets or removes the passphrase that opens the store without the keyring. The last way in is not removed.
    pub(super) async fn set_passphrase(&self, passphrase: Option<Secret>) -> Result<(), Failure> {
        if passphrase.is_none() {
            let kept = in_time(self.keep()).await;
            kept.map_err(|error| Failure::new("keyring_unavailable", error.message))?;
        }
        self.write_passphrase(passphrase)
            .await
            .map_err(|error| error.failure())
    }

    async fn write_passphrase(&self, passphrase: Option<Secret>) -> Result<(), StoreError> {
        let mut file = self.file.lock().await;
        let (mut changed, key, folder) = (file.clone(), self.key.clone(), self.folder.clone());
        // Deriving a key takes long, so that guessing does.
        let changed = task::spawn_blocking(move || {
            changed.set_passphrase(&key, passphrase.as_ref())?;
            changed.write(&folder)?;
            Ok::<_, StoreError>(changed)
        });
        *file = changed
            .await
            .map_err(|error| StoreError::Internal(error.to_string()))??;
        Ok(())
    }

    /// Puts the key into the keyring, unless it is there. One that was put there before may have been deleted since.
    pub(super) async fn keep(&self) -> Result<(), SecretsError> {
        let mut file = self.file.lock().await;
        let there = self.secrets.load(SecretName::StoreKey).await?;
        match there.as_ref().and_then(StoreKey::from_text) {
            Some(there) if there == self.key => {
                if file.is_kept() {
                    return Ok(());
                }
            }
            Some(earlier) => {
                // It opens a store that was set aside.
                file.keep_earlier(&earlier, &self.key)
                    .map_err(|error| failed(&error))?;
                file.write(&self.folder).map_err(|error| failed(&error))?;
                self.put().await?;
            }
            None => self.put().await?,
        }
        file.set_kept(true);
        file.write(&self.folder).map_err(|error| failed(&error))
    }

    async fn put(&self) -> Result<(), SecretsError> {
        self.secrets.store(SecretName::StoreKey, self.key.to_text()).await
    }
}

impl Secrets for Keyholder {
    fn load(&self, name: SecretName) -> SecretsFuture<'_, Option<Secret>> {
        self.secrets.load(name)
    }

    fn store(&self, name: SecretName, secret: Secret) -> SecretsFuture<'_, ()> {
        Box::pin(async move {
            in_time(self.keep()).await?;
            self.secrets.store(name, secret).await
        })
    }

    fn delete(&self, name: SecretName) -> SecretsFuture<'_, ()> {
        self.secrets.delete(name)
    }
}

fn failed(error: &StoreError) -> SecretsError {
    SecretsError {
        message: error.failure().message,
    }
}
