//! Passwords: hashing and checking them with Argon2id, a few at a time.
//!
//! Never logs or keeps a password, and takes as long for an unknown user as for a known one.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use rand::RngCore as _;
use tokio::sync::{Semaphore, oneshot};

use crate::{Error, token::constant_time_eq};

/// The longest password, in bytes: hashing is not to be made expensive by its input.
const MAX_BYTES: usize = 1024;
/// How many passwords may be in work or wait for it: some seconds' worth. More are told to come again.
const MAX_WAITING: usize = 256;

/// Hashes passwords on threads of its own, as many as the machine has cores. Each hash takes 19 MiB, which its thread
/// uses again for the next one, and gives back when nobody waits.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    work: mpsc::Sender<Work>,
    /// For those that are hashed and those that wait for it.
    places: Arc<Semaphore>,
}

type Work = Box<dyn FnOnce(&mut Memory) + Send>;
/// What hashing works in.
type Memory = Vec<Block>;

impl Passwords {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (work, queue) = mpsc::channel::<Work>();
        let queue = Arc::new(Mutex::new(queue));
        let places = Arc::new(Semaphore::new(MAX_WAITING));
        for _core in 0..cores {
            let (queue, places) = (Arc::clone(&queue), Arc::clone(&places));
            thread::spawn(move || {
                let mut memory = Memory::new();
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(work) = next else { return };
                    work(&mut memory);
                    if MAX_WAITING - places.available_permits() < cores {
                        memory = Memory::new();
                    }
                }
            });
        }
        Self { work, places }
    }

    /// The hash to store for a new password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Error> {
        if password.is_empty() || password.len() > MAX_BYTES {
            return Err(Error::invalid(
                "password",
                format!("needs 1 to {MAX_BYTES} bytes"),
            ));
        }
        self.blocking(move |memory| {
            make(password.as_bytes(), memory).map_err(|error| Error::Internal(error.to_string()))
        })
        .await?
    }

    /// Whether `password` belongs to `hash`. Without a hash the same work is done, for nothing.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        if password.len() > MAX_BYTES {
            return Ok(false);
        }
        self.blocking(move |memory| {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| DUMMY.to_owned());
            let fits = PasswordHash::new(&hash)
                .is_ok_and(|hash| fits(password.as_bytes(), &hash, memory).unwrap_or(false));
            known && fits
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::RateLimited { seconds: 5 })?;
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |memory| {
            let done = work(memory);
            drop(place);
            let _nobody_waits = answer.send(done);
        });
        self.work.send(work).map_err(|_| Error::Unavailable)?;
        answered.await.map_err(|_| Error::Unavailable)
    }
}

fn make(password: &[u8], memory: &mut Memory) -> Result<String, argon2::password_hash::Error> {
    let argon2 = Argon2::default();
    let mut salt = [0; Salt::RECOMMENDED_LENGTH];
    rand::rng().fill_bytes(&mut salt);
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    fill(&argon2, password, &salt, &mut output, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(argon2.params())?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(Output::new(&output)?),
    };
    Ok(hash.to_string())
}

fn fits(
    password: &[u8],
    hash: &PasswordHash,
    memory: &mut Memory,
) -> Result<bool, argon2::password_hash::Error> {
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
        return Ok(false);
    };
    let version = hash.version.map(Version::try_from).transpose()?;
    let argon2 = Argon2::new(
        hash.algorithm.as_str().try_into()?,
        version.unwrap_or_default(),
        Params::try_from(hash)?,
    );
    let mut output = vec![0; expected.len()];
    fill(&argon2, password, salt.as_ref(), &mut output, memory)?;
    Ok(constant_time_eq(expected.as_bytes(), &output))
}

fn fill(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
    memory: &mut Memory,
) -> Result<(), argon2::Error> {
    memory.resize(argon2.params().block_count(), Block::new());
    argon2.hash_password_into_with_memory(password, salt, output, memory)
}

/// What is checked against when there is no such user: of the same cost as what is stored for others.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$l6/A+zWRXBxrNJQQlIG9rQ$UFIx3q4ZYm0JYFUdvxZRrQmYjX74/XgVGx39sjb6e5Y";

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher as _, PasswordVerifier as _};

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

    #[test]
    fn memory_that_was_used_before_changes_nothing() {
        let mut memory = Memory::new();
        let hash = make(b"correct horse", &mut memory).unwrap();
        let hash = PasswordHash::new(&hash).unwrap();
        assert!(!fits(b"wrong", &hash, &mut memory).unwrap());
        assert!(fits(b"correct horse", &hash, &mut memory).unwrap());
        assert!(fits(b"correct horse", &hash, &mut Memory::new()).unwrap());
        // As the crate itself makes and reads them.
        let theirs = Argon2::default().hash_password(b"correct horse").unwrap();
        assert!(fits(b"correct horse", &theirs, &mut memory).unwrap());
        assert!(Argon2::default().verify_password(b"correct horse", &hash).is_ok());
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
