//! The lock of the app: a passphrase of its own, without which nobody who sits down at an open desktop reads or
//! writes in it.
//!
//! Owns whether the app is locked, and what checks the passphrase: an Argon2 hash in the keyring. That there is a
//! lock also stands in a file of the profile, so that a keyring that does not answer opens nothing.
//! Never decides when to lock; and never guards against who can read this person's keyring and files.

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use khaya_chat::intent::Secret;
use tokio::{
    sync::{Mutex, watch},
    task,
    time::Instant,
};

use crate::{link::Refusal, profile::Profile, secrets::Keyring};

/// The shortest passphrase, in characters, and the longest, in bytes.
const SHORTEST: usize = 6;
const LONGEST: usize = 1024;

/// How many passphrases may be tried before there is a pause, and how long the first one is; each is twice as long
/// as the one before, up to the longest.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The lock of one profile. Clones are the same lock.
#[derive(Clone)]
pub(crate) struct AppLock(Arc<Inner>);

struct Inner {
    keyring: Arc<Keyring>,
    /// There is a lock if this file is there.
    marker: PathBuf,
    is_set: AtomicBool,
    locked: watch::Sender<bool>,
    attempts: Mutex<Attempts>,
}

#[derive(Debug, Default)]
struct Attempts {
    failed: u32,
    /// Until then none is looked at.
    pause: Option<Instant>,
}

impl AppLock {
    /// The lock of this profile, locked if there is one.
    pub(crate) fn open(profile: &Profile, keyring: Arc<Keyring>) -> Self {
        let marker = profile.app_lock();
        let is_set = marker.exists();
        Self(Arc::new(Inner {
            keyring,
            marker,
            is_set: AtomicBool::new(is_set),
            locked: watch::Sender::new(is_set),
            attempts: Mutex::default(),
        }))
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::SeqCst)
    }

    pub(crate) fn is_locked(&self) -> bool {
        *self.0.locked.borrow()
    }

    /// Tells when it is locked and when it is opened, from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<bool> {
        self.0.locked.subscribe()
    }

    /// Locks, if there is a lock.
    pub(crate) fn lock(&self) {
        if self.is_set() {
            self.0.locked.send_replace(true);
        }
    }

    /// Opens it with the passphrase.
    pub(crate) async fn unlock(&self, passphrase: Secret) -> Result<(), Refusal> {
        self.check(passphrase).await?;
        self.0.locked.send_replace(false);
        Ok(())
    }

    /// Sets, changes or (with no new one) takes away the passphrase. The one before has to be known.
    pub(crate) async fn set(&self, current: Option<Secret>, new: Option<Secret>) -> Result<(), Refusal> {
        if self.is_set() {
            self.check(current.unwrap_or_else(|| Secret::new(""))).await?;
        }
        let Some(new) = new else {
            return self.remove().await;
        };
        let length = new.expose().chars().count();
        if length < SHORTEST || new.expose().len() > LONGEST {
            let sentence = format!("The passphrase needs {SHORTEST} characters or more.");
            return Err(Refusal::new("passphrase_short", &sentence));
        }
        let hash = blocking(move || {
            Argon2::default()
                .hash_password(new.expose().as_bytes())
                .map(|it| it.to_string())
        })
        .await?
        .map_err(|_| broken())?;
        self.0
            .keyring
            .store_app_lock(Secret::new(hash))
            .await
            .map_err(no_keyring)?;
        fs::write(&self.0.marker, "").map_err(|error| not_written(&error))?;
        self.0.is_set.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Takes the lock away without its passphrase: for who signs out with it, since then there is nothing to guard.
    pub(crate) async fn remove(&self) -> Result<(), Refusal> {
        match fs::remove_file(&self.0.marker) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(not_written(&error)),
            Ok(()) | Err(_) => {}
        }
        self.0.is_set.store(false, Ordering::SeqCst);
        self.0.locked.send_replace(false);
        if let Err(error) = self.0.keyring.delete_app_lock().await {
            // Without its file it locks nothing, and the next one replaces it.
            tracing::warn!(%error, "the passphrase of a lock that is gone stays in the keyring");
        }
        Ok(())
    }

    async fn check(&self, passphrase: Secret) -> Result<(), Refusal> {
        // One after the other, so that many at once get no further.
        let mut attempts = self.0.attempts.lock().await;
        let left = attempts
            .pause
            .map(|pause| pause.saturating_duration_since(Instant::now()));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            let sentence = format!("Too many attempts. Try again in {} s.", left.as_secs() + 1);
            return Err(Refusal::new("lock_pause", &sentence));
        }
        let hash = self.0.keyring.load_app_lock().await.map_err(no_keyring)?;
        let Some(hash) = hash else {
            return Err(Refusal::new(
                "lock_lost",
                "The keyring does not hold the passphrase any more. Sign out to go on; what is not sent stays on this computer.",
            ));
        };
        let fits = blocking(move || {
            PasswordHash::new(hash.expose()).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(passphrase.expose().as_bytes(), &hash)
                    .is_ok()
            })
        })
        .await?;
        if fits {
            *attempts = Attempts::default();
            return Ok(());
        }
        attempts.failed += 1;
        attempts.pause = pause_after(attempts.failed).map(|pause| Instant::now() + pause);
        Err(Refusal::new("wrong_passphrase", "This is not the passphrase."))
    }
}

/// How long nobody may try after so many failures in a row.
fn pause_after(failed: u32) -> Option<Duration> {
    let doublings = failed.checked_sub(TRIES)?;
    Some((FIRST_PAUSE * 2u32.saturating_pow(doublings.min(10))).min(LONGEST_PAUSE))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    task::spawn_blocking(work).await.map_err(|_| broken())
}

fn no_keyring(error: khaya_chat::shell::SecretsError) -> Refusal {
    Refusal::new("keyring_unavailable", &error.message)
}

fn not_written(error: &io::Error) -> Refusal {
    tracing::warn!(%error, "the lock's file cannot be changed");
    Refusal::new(
        "store_failed",
        "The lock cannot be changed: the profile's directory cannot be written.",
    )
}

fn broken() -> Refusal {
    Refusal::new("internal", "Something went wrong inside the app.")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    fn profile(directory: &tempfile::TempDir) -> Profile {
        let directory = directory.path().to_str().unwrap();
        Profile::open(&Arguments::parse_from(["khaya", "--data-dir", directory])).unwrap()
    }

    fn code(result: Result<(), Refusal>) -> String {
        result.map_or_else(|refusal| refusal.code, |()| "ok".to_owned())
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[tokio::test]
    async fn opens_with_the_passphrase_alone_and_outlives_the_app() {
        let directory = tempfile::tempdir().unwrap();
        let (profile, keyring) = (profile(&directory), Arc::new(Keyring::mock()));
        let lock = AppLock::open(&profile, Arc::clone(&keyring));
        lock.lock();
        assert!(!lock.is_locked(), "there is no lock yet");
        assert_eq!(
            code(lock.set(None, Some(secret("short"))).await),
            "passphrase_short"
        );
        assert_eq!(code(lock.set(None, Some(secret("six words or so"))).await), "ok");
        assert!(!lock.is_locked());
        lock.lock();
        assert!(lock.is_locked());
        assert_eq!(code(lock.unlock(secret("six words")).await), "wrong_passphrase");
        assert!(lock.is_locked());
        assert_eq!(code(lock.unlock(secret("six words or so")).await), "ok");
        assert!(!lock.is_locked());

        let again = AppLock::open(&profile, Arc::clone(&keyring));
        assert!(again.is_locked(), "a new start is locked");
        assert_eq!(code(again.set(None, None).await), "wrong_passphrase");
        assert_eq!(code(again.set(Some(secret("six words or so")), None).await), "ok");
        assert!(!again.is_locked() && !AppLock::open(&profile, keyring).is_set());
    }

    #[tokio::test]
    async fn a_keyring_that_lost_the_passphrase_opens_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let profile = profile(&directory);
        let lock = AppLock::open(&profile, Arc::new(Keyring::mock()));
        lock.set(None, Some(secret("passphrase"))).await.unwrap();
        let lock = AppLock::open(&profile, Arc::new(Keyring::mock()));
        assert_eq!(code(lock.unlock(secret("passphrase")).await), "lock_lost");
        assert!(lock.is_locked());
        lock.remove().await.unwrap();
        assert!(!lock.is_set());
    }

    #[tokio::test(start_paused = true)]
    async fn guessing_is_slowed_down() {
        let directory = tempfile::tempdir().unwrap();
        let lock = AppLock::open(&profile(&directory), Arc::new(Keyring::mock()));
        lock.set(None, Some(secret("passphrase"))).await.unwrap();
        lock.lock();
        for _ in 0..TRIES {
            assert_eq!(code(lock.unlock(secret("guess")).await), "wrong_passphrase");
        }
        assert_eq!(code(lock.unlock(secret("passphrase")).await), "lock_pause");
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(code(lock.unlock(secret("passphrase")).await), "ok");
        assert_eq!(pause_after(TRIES - 1), None);
        assert_eq!(pause_after(TRIES + 2), Some(FIRST_PAUSE * 4));
        assert_eq!(pause_after(u32::MAX), Some(LONGEST_PAUSE));
    }
}
