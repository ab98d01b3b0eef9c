//! Passwords: hashing and checking them with Argon2id, a few at a time.
//!
//! Never logs or keeps a password, and takes as long for an unknown user as for a known one.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::{Semaphore, oneshot};

use crate::Error;

/// The longest password, in bytes: hashing is not to be made expensive by its input.
const MAX_BYTES: usize = 1024;
/// How many passwords may be in work or wait for it: some seconds' worth. More are told to come again.
const MAX_WAITING: usize = 256;

/// Hashes passwords on threads of its own, as many as the machine has cores. Each hash takes 19 MiB, and what one
/// thread used the next hash uses again: on threads that come and go the system's allocator keeps all of it.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    work: mpsc::Sender<Work>,
    /// For those that are hashed and those that wait for it.
    places: Arc<Semaphore>,
}

type Work = Box<dyn FnOnce() + Send>;

impl Passwords {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (work, queue) = mpsc::channel::<Work>();
        let queue = Arc::new(Mutex::new(queue));
        for _core in 0..cores {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(work) = next else { return };
                    work();
                }
            });
        }
        Self {
            work,
            places: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }

    /// The hash to store for a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Error> {
        if password.is_empty() || password.len() > MAX_BYTES {
            return Err(Error::invalid(
                "password",
                format!("needs 1 to {MAX_BYTES} bytes"),
            ));
        }
        self.blocking(move || {
            Argon2::default()
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| Error::Internal(error.to_string()))
        })
        .await?
    }

    /// Whether `password` belongs to `hash`. Without a hash the same work is done, for nothing.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        if password.len() > MAX_BYTES {
            return Ok(false);
        }
        self.blocking(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| DUMMY.to_owned());
            let fits = PasswordHash::new(&hash).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.as_bytes(), &hash)
                    .is_ok()
            });
            known && fits
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::RateLimited { seconds: 5 })?;
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move || {
            let _nobody_waits = answer.send(work());
            drop(place);
        });
        self.work.send(work).map_err(|_| Error::Unavailable)?;
        answered.await.map_err(|_| Error::Unavailable)
    }
}

/// What is checked against when there is no such user: of the same cost as what is stored for others.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$l6/A+zWRXBxrNJQQlIG9rQ$UFIx3q4ZYm0JYFUdvxZRrQmYjX74/XgVGx39sjb6e5Y";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unknown_user_costs_as_much_as_a_known_one() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        let cost = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(cost(&hash), cost(DUMMY));
        let verify = async |password: &str, hash: Option<&str>| {
            let (password, hash) = (password.to_owned(), hash.map(str::to_owned));
            passwords.verify(password, hash).await.unwrap()
        };
        assert!(verify("correct horse", Some(&hash)).await);
        assert!(!verify("wrong", Some(&hash)).await);
        assert!(verify("nobody has this password", Some(DUMMY)).await);
        assert!(!verify("nobody has this password", None).await);
    }

    #[tokio::test]
    async fn no_more_wait_than_can_be_served() {
        let passwords = Passwords::new();
        let all = Arc::clone(&passwords.places)
            .acquire_many_owned(MAX_WAITING as u32)
            .await
            .unwrap();
        let refused = passwords.hash("correct horse".to_owned()).await;
        assert!(matches!(refused, Err(Error::RateLimited { .. })));
        drop(all);
        assert!(passwords.hash("correct horse".to_owned()).await.is_ok());
    }
}
