//! The file beside the store that says which key it has, and holds that key sealed.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::{
    StoreKey,
    sealed::{Sealed, Wrapped, WrongPassphrase},
};
use crate::{
    intent::Secret,
    store::{StoreError, files},
};

const NAME: &str = "store-key.json";

/// What is known of the store's key without having it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyFile {
    fingerprint: String,
    /// Whether the keyring has taken the key. One that it has not is gone when the app ends, unless it is wrapped.
    is_kept: bool,
    /// The key, for whoever knows the passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<Wrapped>,
    /// Keys of earlier stores that were set aside, for whoever has this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Sealed>,
}

impl KeyFile {
    /// For a key that the keyring has taken, or not yet.
    #[must_use]
    pub fn new(key: &StoreKey, is_kept: bool) -> Self {
        Self {
            fingerprint: key.fingerprint(),
            is_kept,
            recovery: None,
            earlier: Vec::new(),
        }
    }

    /// Reads the file in `folder`. `None` where there is none that can be understood.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, StoreError> {
        match fs::read(folder.join(NAME)) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::from(&error)),
        }
    }

    /// Puts it into `folder`, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let text = serde_json::to_vec(self).map_err(|error| StoreError::Internal(error.to_string()))?;
        files::replace(&folder.join(NAME), &text)
    }

    /// Whether it speaks of this key.
    #[must_use]
    pub fn is_of(&self, key: &StoreKey) -> bool {
        self.fingerprint == key.fingerprint()
    }

    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Whether the keyring has the key now.
    pub fn set_kept(&mut self, is_kept: bool) {
        self.is_kept = is_kept;
    }

    /// Whether a passphrase opens it.
    #[must_use]
    pub fn can_recover(&self) -> bool {
        self.recovery.is_some()
    }

    /// Opens it by the passphrase. Takes as long as a guess is to cost.
    ///
    /// # Errors
    /// [`WrongPassphrase`], also when there is none.
    pub fn recover(&self, passphrase: &Secret) -> Result<StoreKey, WrongPassphrase> {
        let key = self.recovery.as_ref().ok_or(WrongPassphrase)?.open(passphrase)?;
        if self.is_of(&key) {
            Ok(key)
        } else {
            Err(WrongPassphrase)
        }
    }

    /// From now on this passphrase opens it, or none does.
    ///
    /// # Errors
    /// When the system has no randomness, or no memory, to give.
    pub fn set_passphrase(&mut self, key: &StoreKey, passphrase: Option<&Secret>) -> Result<(), StoreError> {
        self.recovery = passphrase
            .map(|passphrase| Wrapped::new(key, passphrase))
            .transpose()?;
        Ok(())
    }

    /// Keeps the key of an earlier store, which `key` replaces in the keyring.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn keep_earlier(&mut self, earlier: &StoreKey, key: &StoreKey) -> Result<(), StoreError> {
        self.earlier.push(Sealed::new(earlier, key)?);
        Ok(())
    }

    /// The keys of earlier stores.
    #[must_use]
    pub fn earlier(&self, key: &StoreKey) -> Vec<StoreKey> {
        self.earlier
            .iter()
            .filter_map(|sealed| sealed.open(key))
            .collect()
    }
}

/// The file's name, for who moves it along with the store.
pub(in crate::store) fn name() -> &'static str {
    NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passphrase_opens_the_key_and_no_other_does() {
        let folder = tempfile::tempdir().unwrap();
        let key = StoreKey::generate().unwrap();
        let mut file = KeyFile::new(&key, true);
        let right = Secret::new("correct horse");
        assert_eq!(file.recover(&right), Err(WrongPassphrase));
        file.set_passphrase(&key, Some(&right)).unwrap();
        file.write(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join(NAME)).unwrap();
        assert!(!text.contains(key.to_text().expose()));
        let read = KeyFile::read(folder.path()).unwrap().unwrap();
        assert_eq!(read, file);
        assert_eq!(read.recover(&right), Ok(key));
        assert_eq!(read.recover(&Secret::new("Correct horse")), Err(WrongPassphrase));
    }

    #[test]
    fn an_earlier_key_is_opened_by_the_one_that_replaced_it() {
        let [earlier, key, other] = [(); 3].map(|()| StoreKey::generate().unwrap());
        let mut file = KeyFile::new(&key, true);
        file.keep_earlier(&earlier, &key).unwrap();
        assert_eq!(file.earlier(&key), [earlier]);
        assert!(file.earlier(&other).is_empty());
    }

    #[test]
    fn a_file_that_asks_for_all_memory_is_refused() {
        let key = StoreKey::generate().unwrap();
        let mut file = KeyFile::new(&key, true);
        file.set_passphrase(&key, Some(&Secret::new("x"))).unwrap();
        let text = serde_json::to_string(&file).unwrap();
        let greedy = text.replace("\"memoryKib\":65536", "\"memoryKib\":4294967295");
        assert_ne!(greedy, text);
        let greedy: KeyFile = serde_json::from_str(&greedy).unwrap();
        assert_eq!(greedy.recover(&Secret::new("x")), Err(WrongPassphrase));
    }

    #[test]
    fn what_cannot_be_understood_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(KeyFile::read(folder.path()).unwrap(), None);
        fs::write(folder.path().join(NAME), b"{\"fingerprint\":").unwrap();
        assert_eq!(KeyFile::read(folder.path()).unwrap(), None);
    }
}
