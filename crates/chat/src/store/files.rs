//! The store's files in a profile's folder: their names, who may read them, and how they go aside.
//!
//! Owns: that only their owner can read them, that one which replaces another does so whole, and that what cannot
//! be read is renamed and kept.
//!
//! Never does: look into them.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{StoreError, key};

/// What was fetched, and can be fetched again.
pub(super) const CHATS: &str = "chat.db";

/// Who was signed in, and what they typed that is not sent.
pub(super) const UNSENT: &str = "unsent.db";

/// The files that SQLite may have beside one of its own.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Why a file goes aside. Part of its new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aside {
    Damaged,
    /// Its key is not there.
    Locked,
    /// A later version of the app wrote it.
    Newer,
}

impl Aside {
    fn word(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Locked => "locked",
            Self::Newer => "newer",
        }
    }
}

/// Makes a file that only its owner can read. SQLite gives the files beside it the same permissions.
pub(super) fn keep_private(path: &Path) -> Result<(), StoreError> {
    private(path, false)
        .map(drop)
        .map_err(|error| StoreError::from(&error))
}

/// Writes a file, whole or not at all.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let new = path.with_extension("new");
    let written = private(&new, true).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| StoreError::from(&error))
}

/// Whether a file begins as a database does that is not encrypted.
pub(super) fn is_plain(path: &Path) -> Result<bool, StoreError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut head = Vec::with_capacity(MAGIC.len());
    let read = fs::File::open(path).and_then(|file| {
        let most = MAGIC.len().try_into().unwrap_or(u64::MAX);
        io::Read::read_to_end(&mut io::Read::take(file, most), &mut head)
    });
    match read {
        Ok(_) => Ok(head == MAGIC),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::from(&error)),
    }
}

/// Whether there is anything in a file.
pub(super) fn is_there(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Renames a database, and what is beside it, to the first free name.
pub(super) fn set_aside(path: &Path, why: Aside) -> Result<PathBuf, StoreError> {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let name = |number: u32| format!("{stem}.{}-{number}.db", why.word());
    let number = (1..)
        .find(|number| !path.with_file_name(name(*number)).exists())
        .unwrap_or_default();
    let aside = path.with_file_name(name(number));
    move_database(path, &aside)?;
    if why == Aside::Locked {
        // The sealed key goes with what it opens.
        let key = path.with_file_name(key::file_name());
        if key.exists() {
            fs::copy(
                &key,
                path.with_file_name(format!("{stem}.locked-{number}.key.json")),
            )
            .map_err(|error| StoreError::from(&error))?;
        }
    }
    Ok(aside)
}

/// Whether a database of this name was set aside once, and is still there.
pub(super) fn is_any_aside(path: &Path) -> Result<bool, StoreError> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(path);
    for entry in fs::read_dir(folder).map_err(|error| StoreError::from(&error))? {
        let name = entry.map_err(|error| StoreError::from(&error))?.file_name();
        let name = name.to_string_lossy();
        let is_aside = |why: Aside| name.starts_with(&format!("{stem}.{}-", why.word()));
        if [Aside::Damaged, Aside::Locked, Aside::Newer]
            .into_iter()
            .any(is_aside)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Copies a database as it is before a migration, in place of the copy of the migration before. What is in its log
/// must be in the file by now.
pub(super) fn back_up(path: &Path, version: usize) -> Result<(), StoreError> {
    let copy = |version: usize| path.with_extension(format!("before-{version}.db"));
    let new = path.with_extension("new");
    let copied = fs::copy(path, &new).and_then(|_| fs::rename(&new, copy(version)));
    copied.map_err(|error| StoreError::from(&error))?;
    for earlier in 0..version {
        remove_database(&copy(earlier))?;
    }
    Ok(())
}

/// Renames a database, and what is beside it.
pub(super) fn move_database(from: &Path, to: &Path) -> Result<(), StoreError> {
    for end in BESIDE {
        let beside = with_end(from, end);
        if beside.exists() {
            fs::rename(beside, with_end(to, end)).map_err(|error| StoreError::from(&error))?;
        }
    }
    fs::rename(from, to).map_err(|error| StoreError::from(&error))
}

/// Removes a database of which nothing is wanted any more, and what is beside it.
pub(super) fn remove_database(path: &Path) -> Result<(), StoreError> {
    remove_beside(path)?;
    remove(path)
}

/// Removes what is beside a database that was closed in order: nothing of it is in there any more.
pub(super) fn remove_beside(path: &Path) -> Result<(), StoreError> {
    BESIDE.iter().try_for_each(|end| remove(&with_end(path, end)))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::from(&error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn private(path: &Path, empty: bool) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.create(true);
    if empty {
        options.write(true).truncate(true);
    } else {
        options.append(true);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let file = options.mode(0o600).open(path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

impl From<&io::Error> for StoreError {
    fn from(error: &io::Error) -> Self {
        use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let kind = error.kind();
        if matches!(kind, StorageFull | QuotaExceeded) {
            Self::DiskFull
        } else if matches!(kind, PermissionDenied | ReadOnlyFilesystem) {
            Self::NoPermission(error.to_string())
        } else {
            Self::Unusable(error.to_string())
        }
    }
}
