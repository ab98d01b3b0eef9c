//! Where the bytes of files lie: a folder, or a bucket of something that speaks S3.
//!
//! Knows nothing of people and messages. What it says is stored is on the disk.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use khaya_wire::FileId;
use object_store::{
    GetOptions, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig, aws::AmazonS3Builder,
    buffered::BufWriter, local::LocalFileSystem, path::Path as Key, prefix::PrefixStore,
};
use url::Url;

use crate::{Error, config::FilesAt};

/// How much of an upload is kept in memory on its way into a folder.
const FOLDER_PART: usize = 256 * 1024;
/// The smallest part that S3 takes but for the last (Amazon S3, "Multipart upload limits").
const BUCKET_PART: usize = 5 * 1024 * 1024;

/// What there is of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Original,
    Thumbnail,
}

/// The place of all files.
pub(crate) struct Storage {
    objects: Arc<dyn ObjectStore>,
    /// Where it is a folder.
    folder: Option<PathBuf>,
    part: usize,
}

impl fmt::Debug for Storage {
    /// Without what opens it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl Storage {
    pub(crate) fn open(at: &FilesAt, data: &Path) -> Result<Self, Error> {
        match at {
            FilesAt::Data => Self::in_folder(data.join("files")),
            FilesAt::Folder(folder) => Self::in_folder(folder.clone()),
            FilesAt::Bucket(url) => Self::in_bucket(url),
        }
    }

    fn in_folder(folder: PathBuf) -> Result<Self, Error> {
        make_private(&folder)
            .map_err(|source| Error::io(format!("cannot use {}", folder.display()), source))?;
        let objects = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
        Ok(Self {
            objects: Arc::new(objects),
            folder: Some(folder),
            part: FOLDER_PART,
        })
    }

    /// Credentials, region and endpoint are taken from the `AWS_…` variables, as Amazon's own tools do.
    fn in_bucket(url: &Url) -> Result<Self, Error> {
        let retry = RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(20),
            ..RetryConfig::default()
        };
        let bucket = AmazonS3Builder::from_env()
            .with_bucket_name(url.host_str().unwrap_or_default())
            .with_retry(retry)
            .build()?;
        let prefix = Key::from(url.path());
        Ok(Self {
            objects: Arc::new(PrefixStore::new(bucket, prefix)),
            folder: None,
            part: BUCKET_PART,
        })
    }

    /// Takes a file bit by bit. What is written is there only once it is shut down.
    pub(crate) fn writer(&self, id: &FileId) -> BufWriter {
        BufWriter::with_capacity(Arc::clone(&self.objects), key(Kind::Original, id), self.part)
            .with_max_concurrency(1)
    }

    pub(crate) async fn put(&self, kind: Kind, id: &FileId, bytes: Vec<u8>) -> Result<(), Error> {
        self.objects.put(&key(kind, id), PutPayload::from(bytes)).await?;
        Ok(())
    }

    pub(crate) async fn bytes(&self, kind: Kind, id: &FileId) -> Result<Bytes, Error> {
        Ok(self.objects.get(&key(kind, id)).await?.bytes().await?)
    }

    /// A part of a file that is not empty, as it is read.
    pub(crate) async fn part(
        &self,
        id: &FileId,
        range: std::ops::Range<u64>,
    ) -> Result<BoxStream<'static, object_store::Result<Bytes>>, Error> {
        let options = GetOptions {
            range: Some(range.into()),
            ..GetOptions::default()
        };
        let key = key(Kind::Original, id);
        Ok(self.objects.get_opts(&key, options).await?.into_stream())
    }

    /// Deletes all that there is of a file, half an upload too. What is not there is deleted.
    pub(crate) async fn delete(&self, id: &FileId) -> Result<(), Error> {
        for kind in [Kind::Original, Kind::Thumbnail] {
            match self.objects.delete(&key(kind, id)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        // What an upload is written into until it is whole: object_store's name, with its first number.
        let half = folder.join(format!("{}#1", key(Kind::Original, id)));
        match tokio::fs::remove_file(&half).await {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format!("cannot delete {}", half.display()), source))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn key(kind: Kind, id: &FileId) -> Key {
    let folder = match kind {
        Kind::Original => "originals",
        Kind::Thumbnail => "thumbnails",
    };
    Key::from_iter([folder, id.as_str()])
}

/// Makes the folder so that only its owner can look into it.
fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}
