//! A small disk of a test's own, to be filled.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

/// Makes `unshare`, a command for the program of that name, run `program` where `folder` is a file system of its own
/// that holds `bytes`. It is gone with the process.
pub fn on_own_disk(mut unshare: Command, folder: &Path, bytes: u64, program: &Path) -> Command {
    unshare.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        // Who is not root may mount in a user namespace of their own.
        unshare.args(["--map-current-user", "--keep-caps"]);
    }
    let script = r#"mount -t tmpfs -o "size=$1" khaya-test "$2" && shift 2 && exec "$@""#;
    unshare.args(["--", "sh", "-c", script, "sh", &bytes.to_string()]);
    unshare.arg(folder).arg(program);
    unshare
}

/// A folder as a process sees it that has a disk of its own there.
#[must_use]
pub fn seen_by(process: u32, folder: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{process}/root"));
    root.join(folder.strip_prefix("/").unwrap_or(folder))
}

/// Writes a file until there is no room.
///
/// # Errors
/// When writing ends for another reason.
pub fn fill(file: &Path) -> Result<()> {
    let mut file = File::create(file)?;
    // Ever smaller pieces, so that not even a page of memory is left.
    for size in [1024 * 1024, 4096, 1] {
        let piece = vec![0; size];
        let stopped = loop {
            if let Err(error) = file.write_all(&piece) {
                break error;
            }
        };
        ensure!(stopped.kind() == io::ErrorKind::StorageFull, "{stopped}");
    }
    Ok(())
}
