//! Where the files of one profile are. Two profiles share none.
//!
//! Never reads or writes what is in them; it only makes the directories, readable for their owner alone.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

#[cfg(unix)]
use rustix::{fs::Mode, process::umask};

use crate::arguments::{Arguments, profile};

/// The name of the app's directory among the data of all apps.
const APP_DIR: &str = "khaya";

/// One account's place on this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Profile {
    name: String,
    root: PathBuf,
    /// The command line said where it is.
    is_elsewhere: bool,
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// The system names no directory for data, as without a home directory.
    #[error("there is no place for the app's data; name one with --data-dir")]
    NoDataDir,
    /// A directory cannot be made: no right, a file in its place, a full disk.
    #[error("the directory {path} cannot be used")]
    Directory { path: PathBuf, source: io::Error },
}

impl Profile {
    /// Finds the profile's directory and makes it if it is missing.
    pub(crate) fn open(arguments: &Arguments) -> Result<Self, ProfileError> {
        let root = match &arguments.data_dir {
            Some(directory) => directory.clone(),
            None => dirs::data_dir()
                .ok_or(ProfileError::NoDataDir)?
                .join(APP_DIR)
                .join(&arguments.profile),
        };
        let failed = |source| ProfileError::Directory {
            path: root.clone(),
            source,
        };
        private_directory(&root).map_err(failed)?;
        // One spelling of the path, so that the lock and its name are the same for every way of writing it.
        let root = fs::canonicalize(&root).map_err(failed)?;
        let profile = Self {
            name: arguments.profile.clone(),
            root,
            is_elsewhere: arguments.data_dir.is_some(),
        };
        for directory in [profile.logs(), profile.webview(), profile.incoming()] {
            private_directory(&directory).map_err(|source| ProfileError::Directory {
                path: directory.clone(),
                source,
            })?;
        }
        Ok(profile)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The command line by which this profile is found again.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["--profile".to_owned(), self.name.clone()];
        if self.is_elsewhere {
            arguments.extend(["--data-dir".to_owned(), self.root.to_string_lossy().into_owned()]);
        }
        arguments
    }

    /// Whether a link that the system opens leads to this profile.
    #[cfg(any(target_os = "windows", test))]
    pub(crate) fn takes_links(&self) -> bool {
        self.name == crate::arguments::DEFAULT_PROFILE && !self.is_elsewhere
    }

    /// The names of all profiles on this computer, in order; none for one whose place the command line named, which
    /// knows of no others.
    pub(crate) fn all(&self) -> Vec<String> {
        if self.is_elsewhere {
            return Vec::new();
        }
        let Some(entries) = self.root.parent().and_then(|folder| fs::read_dir(folder).ok()) else {
            return vec![self.name.clone()];
        };
        let directories = entries.flatten().filter(|entry| entry.path().is_dir());
        let names = directories.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| profile(name).is_ok()).collect();
        names.sort();
        names
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// What the web view keeps. It holds nothing of ours: the page stores nothing.
    pub(crate) fn webview(&self) -> PathBuf {
        self.root.join("webview")
    }

    /// Files that the page is handing over, while it does.
    pub(crate) fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("settings.json")
    }

    pub(crate) fn window_state(&self) -> PathBuf {
        self.root.join("window.json")
    }

    /// Made when the person has been told that closing the window leaves the app in the tray. True the first time.
    pub(crate) fn first_time_in_tray(&self) -> bool {
        fs::File::create_new(self.root.join("told-of-tray")).is_ok()
    }

    /// Made when the person has been told that closing the window quits the app. True the first time.
    pub(crate) fn first_time_without_tray(&self) -> bool {
        fs::File::create_new(self.root.join("told-of-closing")).is_ok()
    }

    /// There is a lock of the app if this file is there.
    pub(crate) fn app_lock(&self) -> PathBuf {
        self.root.join("app-lock")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
}

/// The program as a person would start it again: of an AppImage the image, not what it has unpacked for this run.
pub(crate) fn program() -> io::Result<PathBuf> {
    match env::var_os("APPIMAGE") {
        Some(image) => Ok(image.into()),
        None => env::current_exe(),
    }
}

/// Whatever file this process makes from now on, only its owner may read. Answers what held before.
#[cfg(unix)]
pub(crate) fn keep_files_private() -> Mode {
    umask(Mode::RWXG.union(Mode::RWXO))
}

fn private_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn open(directory: &Path) -> Result<Profile, ProfileError> {
        Profile::open(&Arguments::parse_from([
            "khaya",
            "--data-dir",
            directory.to_str().unwrap(),
        ]))
    }

    #[test]
    fn makes_what_is_missing_and_keeps_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("a/b");
        let profile = open(&root).unwrap();
        fs::write(profile.settings(), "{}").unwrap();
        assert_eq!(open(&root.join("../b")).unwrap(), profile);
        assert!(profile.settings().is_file());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn is_found_again_by_its_arguments() {
        let directory = tempfile::tempdir().unwrap();
        let profile = open(directory.path()).unwrap();
        let again = Arguments::parse_from(std::iter::once("khaya".to_owned()).chain(profile.arguments()));
        assert_eq!(Profile::open(&again).unwrap(), profile);
        assert!(!profile.takes_links(), "the system knows nothing of its place");
        assert!(
            profile.all().is_empty(),
            "one whose place was named knows of no others"
        );
    }

    #[test]
    fn says_what_is_in_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = open(&file.join("x")).unwrap_err();
        assert!(error.to_string().contains("file/x"), "{error}");
    }
}
