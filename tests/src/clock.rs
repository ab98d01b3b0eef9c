//! A clock on the wall that a test moves: libfaketime gives a program the time that a file says. The program's other
//! clock, by which it waits, goes on as it does.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use crate::desktop::Desktop;

/// Where distributions keep what moves a program's clock on the wall.
const FAKETIME: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

/// The clock of the programs that are started with its environment.
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// One that shows the true time.
    ///
    /// # Errors
    /// When libfaketime is missing.
    pub fn new(desktop: &Desktop) -> Result<Self> {
        let mut libraries = FAKETIME.into_iter().map(PathBuf::from);
        let library = libraries.find(|path| path.exists());
        let clock = Self {
            library: library.context("libfaketime is installed")?,
            file: desktop.home().join("clock"),
        };
        clock.advance_to(0)?;
        Ok(clock)
    }

    /// What a program is started with.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }

    /// Shows so many seconds more than the true time.
    ///
    /// # Errors
    /// When its file cannot be written.
    pub fn advance_to(&self, seconds: u64) -> Result<()> {
        Ok(fs::write(&self.file, format!("+{seconds}"))?)
    }
}
