//! Where secrets are between two runs: entries in the system's keyring for the session, the key of the store, and what
//! checks the passphrase of the app's lock.
//!
//! Never falls back to anything else: where there is no keyring, or it is locked, the caller learns why and the
//! person decides. Never logs what is stored.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use keyring_core::{CredentialStore, Entry, Error};
use khaya_chat::{
    intent::Secret,
    shell::{SecretName, Secrets, SecretsError, SecretsFuture},
};
use tokio::task;

/// The service under which all entries of the app stand.
const SERVICE: &str = "khaya";

/// What stands behind the profile's name in the entry of the app's lock.
const APP_LOCK: &str = "app-lock";

/// Finds the system's keyring, for the first time in this process or once more.
type Open = fn(Time) -> keyring_core::Result<Arc<CredentialStore>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    First,
    Again,
}

/// The entries of one profile.
pub(crate) struct Keyring {
    place: Arc<Place>,
}

struct Place {
    profile: String,
    open: Open,
    /// Another one as soon as somebody has given up waiting for an answer over this one.
    line: Mutex<Arc<Line>>,
}

/// A connection to the keyring, used by one at a time.
#[derive(Default)]
struct Line {
    store: Mutex<Store>,
}

/// Whoever waits for an answer. A keyring that ends while it asks for a password never gives one: then who waits next
/// does so elsewhere.
struct Waiting {
    place: Arc<Place>,
    line: Arc<Line>,
    is_answered: bool,
}

/// What is known of the keyring.
#[derive(Default)]
enum Store {
    #[default]
    NeverOpened,
    Open(Arc<CredentialStore>),
    /// It could not be opened, or has failed since: it may start later, or be restarted.
    Failed,
}

impl Keyring {
    /// The keyring of this system. It is opened when it is first needed.
    pub(crate) fn of_system(profile: &str) -> Self {
        Self::new(profile, open_system)
    }

    fn new(profile: &str, open: Open) -> Self {
        let place = Place {
            profile: profile.to_owned(),
            open,
            line: Mutex::default(),
        };
        Self {
            place: Arc::new(place),
        }
    }

    /// What checks the passphrase of the app's lock.
    pub(crate) fn load_app_lock(&self) -> SecretsFuture<'_, Option<Secret>> {
        self.load_of(APP_LOCK)
    }

    pub(crate) fn store_app_lock(&self, secret: Secret) -> SecretsFuture<'_, ()> {
        self.store_of(APP_LOCK, secret)
    }

    pub(crate) fn delete_app_lock(&self) -> SecretsFuture<'_, ()> {
        self.delete_of(APP_LOCK)
    }

    /// One that ends with the value.
    #[cfg(test)]
    pub(crate) fn mock() -> Self {
        Self::new("bob", |_| Ok(keyring_core::mock::Store::new()?))
    }

    fn load_of(&self, user: &'static str) -> SecretsFuture<'_, Option<Secret>> {
        self.run(user, |entry| match entry.get_secret() {
            Ok(bytes) => String::from_utf8(bytes)
                .map(|text| Some(Secret::new(text)))
                .map_err(|error| Error::BadEncoding(error.into_bytes())),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn store_of(&self, user: &'static str, secret: Secret) -> SecretsFuture<'_, ()> {
        self.run(user, move |entry| entry.set_secret(secret.expose().as_bytes()))
    }

    fn delete_of(&self, user: &'static str) -> SecretsFuture<'_, ()> {
        self.run(user, |entry| match entry.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(error),
        })
    }

    fn run<T: Send + 'static>(
        &self,
        user: &'static str,
        action: impl Fn(&Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> SecretsFuture<'_, T> {
        let waiting = Waiting::new(&self.place);
        let (place, line) = (Arc::clone(&waiting.place), Arc::clone(&waiting.line));
        // The keyring may ask the person for a password: that takes as long as it takes, and must hold up no task.
        let work = task::spawn_blocking(move || place.with_entry(&line, user, action));
        Box::pin(async move {
            let answer = work.await;
            waiting.end();
            match answer {
                Ok(result) => result.map_err(|error| {
                    tracing::warn!(%error, "the keyring failed");
                    SecretsError {
                        message: sentence(&error),
                    }
                }),
                Err(error) => {
                    tracing::error!(%error, "the keyring's task ended");
                    Err(SecretsError {
                        message: sentence(&Error::NoDefaultStore),
                    })
                }
            }
        })
    }
}

impl Secrets for Keyring {
    fn load(&self, name: SecretName) -> SecretsFuture<'_, Option<Secret>> {
        self.load_of(user(name))
    }

    fn store(&self, name: SecretName, secret: Secret) -> SecretsFuture<'_, ()> {
        self.store_of(user(name), secret)
    }

    fn delete(&self, name: SecretName) -> SecretsFuture<'_, ()> {
        self.delete_of(user(name))
    }
}

impl Place {
    fn with_entry<T>(
        &self,
        line: &Line,
        user: &str,
        action: impl Fn(&Entry) -> keyring_core::Result<T>,
    ) -> keyring_core::Result<T> {
        let act = |store: &CredentialStore| {
            let entry = store.build(SERVICE, &format!("{}/{}", self.profile, user), None);
            entry.and_then(|entry| action(&entry))
        };
        let mut store = line.store.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut open, is_new) = match std::mem::replace(&mut *store, Store::Failed) {
            Store::Open(open) => (open, false),
            Store::NeverOpened => ((self.open)(Time::First)?, true),
            Store::Failed => ((self.open)(Time::Again)?, true),
        };
        let mut result = act(&*open);
        if !is_new && matches!(result, Err(Error::PlatformFailure(_))) {
            // A keyring that was restarted does not know who speaks.
            open = (self.open)(Time::Again)?;
            result = act(&*open);
        }
        if !matches!(result, Err(Error::PlatformFailure(_))) {
            *store = Store::Open(open);
        }
        result
    }
}

impl Waiting {
    fn new(place: &Arc<Place>) -> Self {
        let line = place.line.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            place: Arc::clone(place),
            line: Arc::clone(&line),
            is_answered: false,
        }
    }

    fn end(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut line = self.place.line.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_answered && Arc::ptr_eq(&line, &self.line) {
            *line = Arc::new(Line {
                store: Mutex::new(Store::Failed),
            });
        }
    }
}

impl Drop for Line {
    /// A keyring says goodbye over the bus, which blocks: not where tasks run.
    fn drop(&mut self) {
        let store = self.store.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Store::Open(open) = std::mem::take(store) {
            thread::spawn(move || drop(open));
        }
    }
}

/// What stands behind the profile's name in an entry's user.
fn user(name: SecretName) -> &'static str {
    match name {
        SecretName::Session => "session",
        SecretName::StoreKey => "store-key",
    }
}

/// What is wrong and what to do, for the person.
fn sentence(error: &Error) -> String {
    match error {
        Error::NoStorageAccess(_) => {
            "The keyring is locked, or access to it was denied. Unlock it and try again, or go on without it: then you are \
             signed in, and what is stored on this computer can be read, until the app ends."
        }
        Error::TooLong(..) => {
            "The session is too long for this system's keyring. You can stay signed in until the app ends."
        }
        Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::BadStoreFormat(_) | Error::Ambiguous(_) => {
            "What the keyring holds for this profile cannot be read. Sign in again to replace it."
        }
        // The enum may grow; whatever else it is, there is no keyring that works.
        Error::PlatformFailure(_)
        | Error::NoEntry
        | Error::Invalid(..)
        | Error::NoDefaultStore
        | Error::NotSupportedByStore(_)
        | _ => {
            "No keyring answers on this computer. Start one, such as GNOME Keyring, KWallet or KeePassXC, and try \
             again, or go on without it: then you are signed in, and what is stored on this computer can be read, until the \
             app ends."
        }
    }
    .to_owned()
}

/// The package `keyring` chooses the store of each system, once in a process; what it found, or that it found none,
/// stays. A keyring that starts later is found by the same store made anew.
fn open_system(time: Time) -> keyring_core::Result<Arc<CredentialStore>> {
    let chosen = match (time, keyring::Entry::store_status()) {
        (Time::First, Ok(())) => keyring_core::get_default_store(),
        (Time::First, Err(_)) | (Time::Again, _) => None,
    };
    match chosen {
        Some(store) => Ok(store),
        None => open_anew(),
    }
}

#[cfg(target_os = "linux")]
fn open_anew() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(target_os = "macos")]
fn open_anew() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(target_os = "windows")]
fn open_anew() -> keyring_core::Result<Arc<CredentialStore>> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    };

    use SecretName::{Session, StoreKey};
    use keyring_core::mock;
    use tokio::sync::oneshot;

    use super::*;

    fn mock() -> Keyring {
        Keyring::mock()
    }

    fn exposed(secret: Option<Secret>) -> Option<String> {
        secret.map(|secret| secret.expose().to_owned())
    }

    #[tokio::test]
    async fn stores_loads_and_deletes() {
        let keyring = mock();
        assert_eq!(exposed(keyring.load(Session).await.unwrap()), None);
        keyring.delete(Session).await.unwrap();
        for session in ["one", "{\"token\":\"ä\"}"] {
            keyring.store(Session, Secret::new(session)).await.unwrap();
            assert_eq!(
                exposed(keyring.load(Session).await.unwrap()).as_deref(),
                Some(session)
            );
        }
        keyring.delete(Session).await.unwrap();
        assert_eq!(exposed(keyring.load(Session).await.unwrap()), None);
    }

    #[tokio::test]
    async fn stands_under_the_names_of_the_contract() {
        let keyring = mock();
        for (name, entry) in [(Session, "bob/session"), (StoreKey, "bob/store-key")] {
            keyring.store(name, Secret::new(entry)).await.unwrap();
            let names = keyring
                .place
                .with_entry(&Line::default(), user(name), |entry| Ok(entry.get_specifiers()))
                .unwrap();
            assert_eq!(names, Some(("khaya".to_owned(), entry.to_owned())));
        }
        assert_eq!(
            exposed(keyring.load(Session).await.unwrap()).as_deref(),
            Some("bob/session")
        );
    }

    #[test]
    fn a_keyring_that_was_restarted_is_asked_once_more() {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let keyring = Keyring::new("bob", |_| {
            STARTS.fetch_add(1, Ordering::Relaxed);
            Ok(mock::Store::new()?)
        });
        let asked = AtomicU32::new(0);
        let of_one_start = |_: &Entry| match (
            STARTS.load(Ordering::Relaxed),
            asked.fetch_add(1, Ordering::Relaxed),
        ) {
            (1, 1) => Err(Error::PlatformFailure("no session".into())),
            (start, _) => Ok(start),
        };
        let line = Line::default();
        let answers = [(); 3].map(|()| keyring.place.with_entry(&line, "session", of_one_start).ok());
        assert_eq!(answers, [Some(1), Some(2), Some(2)]);
        let never = |_: &Entry| Err::<(), _>(Error::PlatformFailure("gone".into()));
        assert!(keyring.place.with_entry(&line, "session", never).is_err());
        assert_eq!(STARTS.load(Ordering::Relaxed), 3, "once more, and no more");
    }

    #[tokio::test]
    async fn says_what_is_wrong_and_works_once_the_keyring_is_there() {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let keyring = Keyring::new("bob", |time| {
            match (time, STARTS.fetch_add(1, Ordering::Relaxed)) {
                (Time::First, 0) => Err(Error::PlatformFailure("no bus".into())),
                (Time::Again, 1) => Err(Error::NoStorageAccess("locked".into())),
                (Time::Again, 2) => Ok(mock::Store::new()?),
                other => panic!("opened out of turn: {other:?}"),
            }
        });
        let absent = keyring.store(Session, Secret::new("x")).await.unwrap_err();
        assert!(absent.message.starts_with("No keyring answers"), "{absent}");
        let locked = keyring.load(Session).await.unwrap_err();
        assert!(locked.message.starts_with("The keyring is locked"), "{locked}");
        keyring.store(Session, Secret::new("x")).await.unwrap();
        assert_eq!(
            exposed(keyring.load(Session).await.unwrap()).as_deref(),
            Some("x")
        );
    }

    #[tokio::test]
    async fn who_never_gets_an_answer_holds_up_nobody_else() {
        let keyring = mock();
        let (asks, asked) = oneshot::channel();
        let (answer, answers) = mpsc::channel::<()>();
        let once = Mutex::new(Some((asks, answers)));
        let stuck = keyring.run("session", move |_| {
            if let Some((asks, answers)) = once.lock().unwrap().take() {
                asks.send(()).unwrap();
                let _ = answers.recv();
            }
            Ok(())
        });
        asked.await.unwrap();
        drop(stuck);
        keyring.store(Session, Secret::new("x")).await.unwrap();
        drop(answer);
    }
}
