//! Files that people send: where their bytes lie, what is seen of pictures, what they are called, and when they go.
//!
//! Who may read which is decided in [`crate::store::files`], and what is said over HTTP in `http::files`. Never
//! lets a file be where the database does not know of it: a row comes before the first byte and goes after the last.

pub(crate) mod name;
pub(crate) mod picture;
mod storage;
mod sweep;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use khaya_wire::UserId;
use tokio::sync::Semaphore;

pub(crate) use self::{
    storage::{Kind, Storage},
    sweep::sweep,
};
use crate::{Config, Error};

/// How many uploads of one person run at once.
const UPLOADS_OF_ONE: usize = 4;
/// How long one upload may take.
pub(crate) const UPLOAD_TIMEOUT: Duration = Duration::from_secs(3600);

/// What is kept while the server runs.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) storage: Storage,
    running: Arc<Mutex<HashMap<UserId, usize>>>,
    /// Looking at a picture takes a core and a lot of memory.
    looking: Arc<Semaphore>,
}

impl Files {
    /// Gets the storage ready. Says nothing to a storage that is elsewhere: it may come back later.
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            storage: Storage::open(&config.files, &config.data)?,
            running: Arc::default(),
            looking: Arc::new(Semaphore::new((cores / 2).clamp(1, 4))),
        })
    }

    /// Counts an upload of somebody's until what is given is dropped.
    pub(crate) fn begin(&self, user: &UserId) -> Result<Running, Error> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let uploads = running.entry(user.clone()).or_default();
        if *uploads >= UPLOADS_OF_ONE {
            return Err(Error::RateLimited { seconds: 1 });
        }
        *uploads += 1;
        Ok(Running {
            running: Arc::clone(&self.running),
            user: user.clone(),
        })
    }

    /// Looks at what may be a picture, on a thread where that stops nobody.
    pub(crate) async fn look(&self, bytes: bytes::Bytes) -> Result<picture::Picture, picture::Unseen> {
        let permit = Arc::clone(&self.looking).acquire_owned().await;
        tokio::task::spawn_blocking(move || {
            let seen = picture::look(&bytes);
            drop(permit);
            seen
        })
        .await
        // A decoder that panics has met something that is no picture.
        .unwrap_or(Err(picture::Unseen::Damaged))
    }
}

/// An upload that is under way.
#[derive(Debug)]
pub(crate) struct Running {
    running: Arc<Mutex<HashMap<UserId, usize>>>,
    user: UserId,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(uploads) = running.get_mut(&self.user) {
            *uploads -= 1;
            if *uploads == 0 {
                running.remove(&self.user);
            }
        }
    }
}
