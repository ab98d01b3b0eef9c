//! Passwords: hashing and checking them with Argon2id, a few at a time.
//!
//! Never logs or keeps a password, and takes as long for an unknown user as for a known one.

use std::sync::Arc;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::Error;

/// The longest password, in bytes: hashing is not to be made expensive by its input.
const MAX_BYTES: usize = 1024;
/// How many passwords may be in work or wait for it: some seconds' worth. More are told to come again.
const MAX_WAITING: usize = 256;

/// Hashes passwords on blocking threads, no more at once than the machine has cores: each takes 19 MiB.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    /// For those that are hashed and those that wait for it.
    places: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            permits: Arc::new(Semaphore::new(cores)),
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
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| Error::Unavailable)?;
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop((permit, place));
            result
        })
        .await
        .map_err(|_| Error::Unavailable)
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
