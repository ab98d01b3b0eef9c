//! Files that were fetched to be shown: kept, so that they are there at once the next time, and without a network.
//!
//! Owns: the folder `received` of a profile, which only its owner can read; its files are sealed as the others are. It takes
//! up to a quota, and what has not been used for the longest time goes first.
//!
//! Never does: touch a copy of what is still to be sent (those have a folder of their own), or fail a fetch because
//! there is no room to keep what it brought.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use khaya_wire::{FileId, UserId};
use sha2::{Digest, Sha256};
use tokio::{fs, io::AsyncWriteExt as _, sync::Mutex};
use uuid::Uuid;

use super::{make_private, part_of, sealed};
use crate::{api::Content, store::FileKey};

/// The quota, as long as nobody has set another one, in bytes.
pub const DEFAULT_QUOTA: u64 = 500_000_000;

/// What a file is called that is not whole yet.
const PART: &str = "part";

/// A file that somebody may have here: ids are those of a server, and what one person may see another may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Which {
    pub(crate) server: String,
    pub(crate) user: UserId,
    pub(crate) file: FileId,
    pub(crate) thumbnail: bool,
}

impl Which {
    /// A name that tells nothing.
    fn name(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.server.as_str(), self.user.as_str(), self.file.as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update([u8::from(self.thumbnail)]);
        hash.finalize()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The folder of what was fetched.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    folder: PathBuf,
    key: Arc<OnceLock<FileKey>>,
    quota: Arc<AtomicU64>,
    /// How much there is, once somebody has looked.
    total: Arc<Mutex<Option<u64>>>,
}

impl Received {
    /// The folder in a profile's folder. It is made when it is needed.
    pub(crate) fn of_profile(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("received"),
            key: Arc::default(),
            quota: Arc::new(AtomicU64::new(DEFAULT_QUOTA)),
            total: Arc::default(),
        }
    }

    /// The store is open, and this is the key of its files.
    pub(crate) fn unlock(&self, key: FileKey) {
        self.key.get_or_init(|| key);
    }

    /// Keeps no more than this from now on, in bytes; with 0, nothing.
    pub(crate) async fn set_quota(&self, bytes: u64) {
        self.quota.store(bytes, Ordering::Relaxed);
        let mut total = self.total.lock().await;
        *total = Some(self.prune(bytes).await);
    }

    /// What is kept of this file; using it makes it young again.
    pub(crate) async fn get(&self, which: &Which) -> Option<Content> {
        let path = self.folder.join(which.name());
        match self.read(&path).await {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                // Of another key, or damaged: it is fetched anew.
                tracing::info!(%error, "a file that was kept cannot be read");
                fs::remove_file(&path).await.ok();
                None
            }
        }
    }

    /// Keeps a file, where there is room.
    pub(crate) async fn put(&self, which: &Which, content: &Content) {
        let quota = self.quota.load(Ordering::Relaxed);
        if content.bytes.len() as u64 > quota {
            return;
        }
        let mut total = self.total.lock().await;
        let before = match *total {
            Some(before) => before,
            // What a run left that ended in the middle goes, too.
            None => self.prune(quota).await,
        };
        let after = match self.write(&which.name(), content).await {
            Ok(size) => before + size,
            Err(error) => {
                tracing::info!(%error, "a file that was fetched is not kept");
                before
            }
        };
        *total = Some(if after > quota {
            // Some more, so that not every file makes another one go.
            self.prune(quota / 10 * 9).await
        } else {
            after
        });
    }

    async fn read(&self, path: &Path) -> io::Result<Content> {
        let Some(key) = self.key.get() else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut reader = sealed::Reader::open(path, key).await?;
        let mut all = Vec::new();
        while let Some(piece) = reader.next().await? {
            all.extend(piece);
        }
        // The type, a byte that is in none, and the file.
        let end = all
            .iter()
            .position(|byte| *byte == 0)
            .ok_or(io::ErrorKind::InvalidData)?;
        let bytes = all.split_off(end + 1);
        all.truncate(end);
        let mime_type = String::from_utf8(all).map_err(|_| io::ErrorKind::InvalidData)?;
        let file = std::fs::File::options().write(true).open(path);
        // When it was written last is when it was used last; where that cannot be said, it goes a little early.
        file.and_then(|file| file.set_modified(SystemTime::now())).ok();
        Ok(Content {
            mime_type,
            bytes: bytes.into(),
        })
    }

    /// Writes a file, whole or not at all. Answers how much room it takes.
    async fn write(&self, name: &str, content: &Content) -> io::Result<u64> {
        let Some(key) = self.key.get() else {
            return Err(io::Error::other("the store is not open"));
        };
        make_private(&self.folder).await?;
        let path = self.folder.join(name);
        let part = self.folder.join(format!("{}.{PART}", Uuid::new_v4()));
        let earlier = fs::metadata(&path).await.map_or(0, |file| file.len());
        let written = async {
            let mut writer = sealed::Writer::create(&part, key).await?;
            writer.write(content.mime_type.as_bytes()).await?;
            writer.write(&[0]).await?;
            writer.write(&content.bytes).await?;
            writer.finish().await?;
            let size = fs::metadata(&part).await?.len();
            fs::rename(&part, &path).await?;
            Ok(size.saturating_sub(earlier))
        };
        let written: io::Result<u64> = written.await;
        if written.is_err() {
            fs::remove_file(&part).await.ok();
        }
        written
    }

    /// Removes what was used the longest time ago until no more than `most` bytes are left, and whatever is not whole.
    /// Answers how much is left.
    async fn prune(&self, most: u64) -> u64 {
        let Ok(mut entries) = fs::read_dir(&self.folder).await else {
            return 0;
        };
        let (mut files, mut total) = (Vec::new(), 0);
        while let Ok(Some(entry)) = entries.next_entry().await {
            let (path, Ok(about)) = (entry.path(), entry.metadata().await) else {
                continue;
            };
            if path.extension().is_some_and(|extension| extension == PART) {
                fs::remove_file(&path).await.ok();
                continue;
            }
            total += about.len();
            files.push((
                about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                about.len(),
                path,
            ));
        }
        files.sort();
        for (_, size, path) in files {
            if total <= most {
                break;
            }
            match fs::remove_file(&path).await {
                Ok(()) => total -= size,
                Err(error) => tracing::warn!(%error, "a file that was kept stays"),
            }
        }
        total
    }
}

/// Writes what is kept to a place of the person's, whole or not at all.
pub(crate) async fn save(content: &Content, to: &Path) -> io::Result<()> {
    let part = part_of(to);
    let saved = async {
        let mut file = fs::File::create(&part).await?;
        file.write_all(&content.bytes).await?;
        // What the writing failed with is told by nothing else.
        file.flush().await?;
        file.sync_all().await?;
        fs::rename(&part, to).await
    };
    let saved: io::Result<()> = saved.await;
    if saved.is_err() {
        fs::remove_file(&part).await.ok();
    }
    saved
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::StoreKey;

    fn which(file: usize) -> Which {
        Which {
            server: "https://chat.example.org".to_owned(),
            user: UserId::new("me").unwrap(),
            file: FileId::new(format!("f{file}")).unwrap(),
            thumbnail: false,
        }
    }

    fn content(size: usize) -> Content {
        Content {
            mime_type: "image/png".to_owned(),
            bytes: (0..size).map(|at| (at % 251) as u8).collect(),
        }
    }

    fn open(folder: &Path) -> Received {
        let received = Received::of_profile(folder);
        received.unlock(
            StoreKey::from_text(&crate::intent::Secret::new("7".repeat(64)))
                .unwrap()
                .for_files(),
        );
        received
    }

    /// Makes a file one that was used so long ago.
    fn age(received: &Received, file: usize, hours: u64) {
        let path = received.folder.join(which(file).name());
        let used = SystemTime::now() - Duration::from_secs(hours * 3600);
        std::fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(used)
            .unwrap();
    }

    fn names(received: &Received) -> usize {
        std::fs::read_dir(&received.folder).unwrap().count()
    }

    #[tokio::test]
    async fn what_was_kept_is_there_for_whom_it_was_and_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let received = open(folder.path());
        for size in [0, 1, 200_000] {
            received.put(&which(size), &content(size)).await;
            assert_eq!(received.get(&which(size)).await, Some(content(size)));
        }
        let other = [
            Which {
                user: UserId::new("you").unwrap(),
                ..which(1)
            },
            Which {
                server: "https://other.example.org".to_owned(),
                ..which(1)
            },
            Which {
                thumbnail: true,
                ..which(1)
            },
        ];
        for other in &other {
            assert_eq!(received.get(other).await, None);
        }
        // The next run, and one with another key.
        assert_eq!(open(folder.path()).get(&which(1)).await, Some(content(1)));
        let locked = Received::of_profile(folder.path());
        assert_eq!(locked.get(&which(1)).await, None, "before the store is open");
        locked.unlock(StoreKey::generate().unwrap().for_files());
        assert_eq!(locked.get(&which(1)).await, None);
        for entry in std::fs::read_dir(&received.folder).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(9).any(|window| window == b"image/png"));
        }
    }

    #[tokio::test]
    async fn what_was_used_the_longest_time_ago_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let outgoing = folder.path().join("outgoing");
        std::fs::create_dir(&outgoing).unwrap();
        std::fs::write(outgoing.join("unsent"), [0; 90_000]).unwrap();
        let received = open(folder.path());
        received.set_quota(100_000).await;
        for file in 0..9 {
            received.put(&which(file), &content(10_000)).await;
            age(&received, file, 100 - file as u64);
        }
        assert!(received.get(&which(0)).await.is_some(), "used just now");
        received.put(&which(9), &content(10_000)).await;
        assert_eq!(received.get(&which(1)).await, None, "the oldest one");
        for file in [0, 9] {
            assert!(received.get(&which(file)).await.is_some(), "{file}");
        }
        received.put(&which(10), &content(100_001)).await;
        assert_eq!(
            received.get(&which(10)).await,
            None,
            "larger than all there may be"
        );
        received.set_quota(25_000).await;
        assert_eq!(names(&received), 2);
        received.set_quota(0).await;
        assert_eq!(names(&received), 0);
        received.put(&which(0), &content(1)).await;
        assert_eq!(names(&received), 0);
        assert!(
            outgoing.join("unsent").exists(),
            "what is to be sent is not counted"
        );
    }

    #[tokio::test]
    async fn what_a_run_left_that_ended_in_the_middle_goes() {
        let folder = tempfile::tempdir().unwrap();
        let received = open(folder.path());
        received.put(&which(1), &content(10)).await;
        std::fs::write(received.folder.join("half.part"), [0; 1000]).unwrap();
        let path = received.folder.join(which(1).name());
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let next = open(folder.path());
        assert_eq!(next.get(&which(1)).await, None, "half a file is none");
        next.put(&which(2), &content(10)).await;
        assert_eq!(names(&next), 1);
        assert_eq!(next.get(&which(2)).await, Some(content(10)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    #[ignore = "long: mounts a file system of its own, for which a process needs a name space of its own"]
    fn a_full_disk_takes_nothing_away() {
        const DISK: &str = "KHAYA_TEST_DISK";
        const NAME: &str = "files::received::tests::a_full_disk_takes_nothing_away";
        if let Some(disk) = std::env::var_os(DISK) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            return runtime.block_on(fill(Path::new(&disk)));
        }
        let folder = tempfile::tempdir().unwrap();
        let test = std::env::current_exe().unwrap();
        let status = std::process::Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c"])
            .arg("mount -t tmpfs -o size=2m none \"$1\" && exec \"$2\" --exact \"$3\" --ignored --nocapture")
            .arg("sh")
            .args([folder.path(), &test, Path::new(NAME)])
            .env(DISK, folder.path())
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Keeps files on a disk until there is no room, and when there is again.
    #[cfg(target_os = "linux")]
    async fn fill(disk: &Path) {
        let received = open(&disk.join("profile"));
        let mut kept = 0;
        while kept < 100 {
            received.put(&which(kept), &content(100_000)).await;
            if received.get(&which(kept)).await.is_none() {
                break;
            }
            kept += 1;
        }
        assert!((5..25).contains(&kept), "{kept} of 100 kB each on 2 MB");
        for size in (0..100_000).step_by(7_000) {
            // Of one that is here already, too.
            received.put(&which(200), &content(size)).await;
            received.put(&which(0), &content(100_000)).await;
        }
        for file in 0..kept {
            assert_eq!(received.get(&which(file)).await, Some(content(100_000)), "{file}");
        }
        let is_part = |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|end| end == PART);
        let mut entries = std::fs::read_dir(&received.folder).unwrap();
        assert!(
            !entries.any(|entry| is_part(entry.unwrap())),
            "no half of a file stays"
        );
        let to = disk.join("saved");
        let error = save(&content(300_000), &to).await.unwrap_err();
        assert_eq!(super::super::failure(&error).code, "disk_full");
        assert!(!to.exists());
        received.set_quota(500_000).await;
        received.put(&which(300), &content(100_000)).await;
        assert!(received.get(&which(300)).await.is_some(), "there is room");
        save(&content(300_000), &to).await.unwrap();
    }
}
