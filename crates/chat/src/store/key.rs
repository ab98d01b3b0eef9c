//! The key of the store: 32 random bytes, without which its files are noise.
//!
//! Owns: how a key is made, written down for the keyring, and given to SQLCipher, and the file beside the store
//! that says which key it is ([`KeyFile`]).
//!
//! Never does: write a key to a file in plain text, or print one. Where keys are kept is not decided here.

mod file;
mod sealed;

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use file::KeyFile;
pub use sealed::WrongPassphrase;

pub(super) use file::name as file_name;

use super::StoreError;
use crate::intent::Secret;

/// In bytes.
const LENGTH: usize = 32;

/// The key of one profile's store.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreKey(Zeroizing<[u8; LENGTH]>);

impl StoreKey {
    /// A key that nobody has.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, StoreError> {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|error| StoreError::Internal(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// A key as the keyring has it; `None` where that is no key.
    #[must_use]
    pub fn from_text(text: &Secret) -> Option<Self> {
        let digits = text.expose().as_bytes();
        if digits.len() != 2 * LENGTH {
            return None;
        }
        let mut bytes = Zeroizing::new([0; LENGTH]);
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = u8::try_from(digit(0)? << 4 | digit(1)?).ok()?;
        }
        Some(Self(bytes))
    }

    /// As the keyring is to have it.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        Secret::new(hex(self.0.as_slice()).as_str())
    }

    /// SQLCipher's way of writing a key from which nothing is to be derived.
    pub(super) fn literal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("\"x'{}'\"", *hex(self.0.as_slice())))
    }

    /// The key of the files beside the store.
    #[must_use]
    pub fn for_files(&self) -> FileKey {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        // The store's key is random and of one length: a hash of it with a name is as good as any derivation.
        bytes.copy_from_slice(
            &Sha256::new()
                .chain_update(b"khaya file key")
                .chain_update(self.0.as_slice())
                .finalize(),
        );
        FileKey(bytes)
    }

    /// Says which key it is, and nothing else about it.
    fn fingerprint(&self) -> String {
        let hash = Sha256::new()
            .chain_update(b"khaya store key")
            .chain_update(self.0.as_slice())
            .finalize();
        hex(&hash[..8]).to_string()
    }
}

/// The key of the files that are kept beside the store: copies of what is sent and of what was shown.
#[derive(Clone)]
pub struct FileKey(Zeroizing<[u8; LENGTH]>);

impl FileKey {
    pub(crate) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(…)")
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

fn hex(bytes: &[u8]) -> Zeroizing<String> {
    // It never grows, so no half of a key is left behind in memory.
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_keyring_and_is_not_printed() {
        let key = StoreKey::generate().unwrap();
        let text = key.to_text();
        assert_eq!(StoreKey::from_text(&text), Some(key.clone()));
        assert_ne!(StoreKey::generate().unwrap(), key);
        assert!(!format!("{key:?} {}", key.fingerprint()).contains(&text.expose()[..8]));
    }

    #[test]
    fn what_is_no_key_is_none() {
        for text in ["", "x", &"g".repeat(64), &"0".repeat(63), &"ä".repeat(32)] {
            assert_eq!(StoreKey::from_text(&Secret::new(text)), None, "{text}");
        }
    }
}
