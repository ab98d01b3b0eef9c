//! A key closed up: with a passphrase of the person's, or with another key.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a nonce from the system; from a passphrase its key is
//! derived by Argon2id (RFC 9106) with the second of that document's recommended sets of parameters.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{LENGTH, StoreKey, hex};
use crate::{intent::Secret, store::StoreError};

/// RFC 9106, section 4: 64 MiB, three passes, four lanes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;

/// The most that a file may ask for: it may be anybody's.
const MOST_MEMORY_KIB: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 100;

/// What is sealed is good for this purpose only.
const PURPOSE: &[u8] = b"khaya store key";

/// The passphrase is not the one that the key was sealed with, or what was sealed is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase does not open the key")]
pub struct WrongPassphrase;

/// A key that a passphrase opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wrapped {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    key: Sealed,
}

/// A key that another key opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    nonce: String,
    text: String,
}

impl Wrapped {
    /// Takes its time, and 64 MiB.
    pub(super) fn new(key: &StoreKey, passphrase: &Secret) -> Result<Self, StoreError> {
        let salt = random::<16>()?;
        let wrapping = derive(passphrase, &salt, (MEMORY_KIB, PASSES, LANES))
            .ok_or_else(|| StoreError::Internal("no key can be derived".to_owned()))?;
        Ok(Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: hex(&salt).to_string(),
            key: Sealed::new(key, &wrapping)?,
        })
    }

    pub(super) fn open(&self, passphrase: &Secret) -> Result<StoreKey, WrongPassphrase> {
        if self.memory_kib > MOST_MEMORY_KIB || self.passes > MOST_PASSES {
            return Err(WrongPassphrase);
        }
        let salt = bytes(&self.salt).ok_or(WrongPassphrase)?;
        let costs = (self.memory_kib, self.passes, self.lanes);
        let wrapping = derive(passphrase, &salt, costs).ok_or(WrongPassphrase)?;
        self.key.open(&wrapping).ok_or(WrongPassphrase)
    }
}

impl Sealed {
    pub(super) fn new(key: &StoreKey, with: &StoreKey) -> Result<Self, StoreError> {
        let nonce = random::<24>()?;
        let payload = Payload {
            msg: key.0.as_slice(),
            aad: PURPOSE,
        };
        let text = cipher(with)
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| StoreError::Internal("the key cannot be sealed".to_owned()))?;
        Ok(Self {
            nonce: hex(&nonce).to_string(),
            text: hex(&text).to_string(),
        })
    }

    pub(super) fn open(&self, with: &StoreKey) -> Option<StoreKey> {
        let nonce: [u8; 24] = bytes(&self.nonce)?.try_into().ok()?;
        let payload = Payload {
            msg: &bytes(&self.text)?,
            aad: PURPOSE,
        };
        let opened = Zeroizing::new(cipher(with).decrypt(&XNonce::from(nonce), payload).ok()?);
        let key: [u8; LENGTH] = opened.as_slice().try_into().ok()?;
        Some(StoreKey(Zeroizing::new(key)))
    }
}

fn cipher(key: &StoreKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(*key.0).into())
}

fn derive(passphrase: &Secret, salt: &[u8], (memory, passes, lanes): (u32, u32, u32)) -> Option<StoreKey> {
    let parameters = Params::new(memory, passes, lanes, Some(LENGTH)).ok()?;
    let mut key = Zeroizing::new([0; LENGTH]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(passphrase.expose().as_bytes(), salt, key.as_mut_slice())
        .ok()?;
    Some(StoreKey(key))
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Internal(error.to_string()))?;
    Ok(bytes)
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}
