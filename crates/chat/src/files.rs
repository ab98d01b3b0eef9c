//! Files on their way to the server: a copy of each, kept until the server has it.
//!
//! Owns: the folder `outgoing` of a profile, which only its owner can read, and the names in it.
//!
//! Never does: take a path from the page. Who attaches a file names it by what [`Outgoing::stage`] answers.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use khaya_wire::FileId;
use serde::{Deserialize, Serialize};
use tokio::fs;
use uuid::Uuid;

/// A file that is ready to be sent with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
pub struct Outgoing(PathBuf);

impl Outgoing {
    /// The folder in a profile's folder. It is made when it is needed.
    #[must_use]
    pub fn of_profile(data_dir: &Path) -> Self {
        Self(data_dir.join("outgoing"))
    }

    /// Copies a file. When this returns, the copy is on the disk.
    ///
    /// # Errors
    /// When the file cannot be read, or there is no room for the copy.
    pub async fn stage(&self, source: &Path, name: String, mime_type: String) -> io::Result<StagedFile> {
        self.make_private().await?;
        let id = new_id();
        let copy = self.path(&id);
        let staged = async {
            let size = fs::copy(source, &copy).await?;
            fs::File::open(&copy).await?.sync_all().await?;
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

    /// Where the copy is. An id has no character that leads elsewhere.
    #[must_use]
    pub fn path(&self, id: &FileId) -> PathBuf {
        self.0.join(id.as_str())
    }

    /// What is in a copy of at most `limit` bytes.
    ///
    /// # Errors
    /// When there is none, or it is larger.
    pub async fn read(&self, id: &FileId, limit: usize) -> io::Result<Arc<[u8]>> {
        let path = self.path(id);
        if fs::metadata(&path).await?.len() > limit as u64 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(fs::read(path).await?.into())
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

    async fn make_private(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(&self.0).await
    }
}

fn new_id() -> FileId {
    FileId::new(Uuid::new_v4().to_string())
        .unwrap_or_else(|_| unreachable!("a UUID has only characters that an id may have"))
}
