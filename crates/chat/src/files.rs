//! Files on their way to the server: a copy of each, kept until the server has it. And those that came from it
//! ([`received`]).
//!
//! Owns: the folder `outgoing` of a profile, which only its owner can read, and the names in it. What is in there is
//! encrypted, as the store is ([`sealed`]).
//!
//! Never does: take a path from the page. Who attaches a file names it by what [`Outgoing::stage`] answers.

pub(crate) mod received;
mod sealed;

use std::{
    collections::HashSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use khaya_wire::FileId;
use serde::{Deserialize, Serialize};
use tokio::{fs, io::AsyncReadExt as _};
use uuid::Uuid;

pub use received::DEFAULT_QUOTA;
pub(crate) use sealed::Reader;

use crate::{
    api::ApiError,
    store::{FileKey, StoreError},
    view::Failure,
};

/// How much is read at once of a file that is copied.
const PIECE: usize = 64 * 1024;

/// A file that is ready to be sent with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StagedFile {
    /// Of the copy on this computer; the server will give another one.
    pub id: FileId,
    pub name: String,
    pub mime_type: String,
    /// In bytes.
    pub size: u64,
}

/// The folder of the copies.
#[derive(Debug, Clone)]
pub struct Outgoing {
    folder: PathBuf,
    /// There once the store is open.
    key: Arc<OnceLock<FileKey>>,
}

impl Outgoing {
    /// The folder in a profile's folder. It is made when it is needed.
    #[must_use]
    pub fn of_profile(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("outgoing"),
            key: Arc::default(),
        }
    }

    /// The store is open, and this is the key of its files. There is one for as long as the app runs.
    pub fn unlock(&self, key: FileKey) {
        self.key.get_or_init(|| key);
    }

    /// Copies a file. When this returns, the copy is on the disk.
    ///
    /// # Errors
    /// When the file cannot be read, or there is no room for the copy.
    pub async fn stage(&self, source: &Path, name: String, mime_type: String) -> io::Result<StagedFile> {
        make_private(&self.folder).await?;
        let id = new_id();
        let copy = self.path(&id);
        let staged = async {
            let mut source = fs::File::open(source).await?;
            let mut to = sealed::Writer::create(&copy, self.key()?).await?;
            let (mut size, mut piece) = (0, vec![0; PIECE]);
            loop {
                let read = source.read(&mut piece).await?;
                if read == 0 {
                    break;
                }
                to.write(&piece[..read]).await?;
                size += read as u64;
            }
            to.finish().await?;
            Ok(StagedFile {
                id,
                name,
                mime_type,
                size,
            })
        };
        let staged: io::Result<StagedFile> = staged.await;
        if staged.is_err() {
            // Half a copy is of no use; that it may not be there is fine.
            fs::remove_file(&copy).await.ok();
        }
        staged
    }

    /// Opens a copy.
    pub(crate) async fn open(&self, id: &FileId) -> io::Result<Reader> {
        Reader::open(&self.path(id), self.key()?).await
    }

    /// Where the copy is. An id has no character that leads elsewhere.
    fn path(&self, id: &FileId) -> PathBuf {
        self.folder.join(id.as_str())
    }

    fn key(&self) -> io::Result<&FileKey> {
        self.key
            .get()
            .ok_or_else(|| io::Error::other("the store is not open"))
    }

    /// What is in a copy of at most `limit` bytes.
    ///
    /// # Errors
    /// When there is none, or it is larger.
    pub async fn read(&self, id: &FileId, limit: usize) -> io::Result<Arc<[u8]>> {
        let mut copy = self.open(id).await?;
        if copy.size() > limit as u64 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut bytes = Vec::new();
        while let Some(piece) = copy.next().await? {
            bytes.extend(piece);
        }
        Ok(bytes.into())
    }

    /// Removes copies that are needed no more.
    pub async fn forget(&self, files: &[FileId]) {
        for file in files {
            if let Err(error) = fs::remove_file(self.path(file)).await
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%error, "a copy of a file stays");
            }
        }
    }

    /// Removes every copy but these. To be called before there is a key: nothing is copied meanwhile.
    pub(crate) async fn keep_only(&self, named: &HashSet<FileId>) {
        let Ok(mut entries) = fs::read_dir(&self.folder).await else {
            // There is none before something was sent.
            return;
        };
        let mut unnamed = Vec::new();
        while let Ok(Some(entry)) = entries.next_entry().await {
            let id = entry.file_name().to_str().and_then(|name| FileId::new(name).ok());
            unnamed.extend(id.filter(|id| !named.contains(id)));
        }
        if !unnamed.is_empty() {
            tracing::info!(
                count = unnamed.len(),
                "copies of files that no message names are removed"
            );
        }
        self.forget(&unnamed).await;
    }
}

/// What the person is told of a file on this computer that cannot be read or written.
pub(crate) fn failure(error: &io::Error) -> Failure {
    let full = StoreError::DiskFull;
    if StoreError::from(error) == full {
        full.failure()
    } else {
        ApiError::LocalFile(error.to_string()).failure()
    }
}

/// Where a file is written before it is whole: beside it, under a name that nobody else has. Browsers use `NAME.part`.
pub(crate) fn part_of(to: &Path) -> PathBuf {
    to.with_file_name(format!(".{}.part", Uuid::new_v4()))
}

/// Makes a folder that only its owner can read.
async fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(folder).await
}

fn new_id() -> FileId {
    FileId::new(Uuid::new_v4().to_string())
        .unwrap_or_else(|_| unreachable!("a UUID has only characters that an id may have"))
}
