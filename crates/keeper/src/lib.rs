//! What an app leaves behind that ends while notices of its are on the screen: a small program, the keeper, which holds
//! their connection to the bus, and starts the app again when one of them is clicked.
//!
//! Here is what both agree on: how the keeper is found and started, and what it is told. It is told numbers and links,
//! never what a notice says. Not by its command line, which others on the computer can read.

#![cfg(target_os = "linux")]

use std::{
    env,
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The keeper's file.
const PROGRAM: &str = "khaya-keeper";

/// Where it lies, from the folder of the app: beside it, as it was built, or where packages put it.
const PLACES: [&str; 2] = ["", "../libexec"];

/// Names the notices in the keeper's environment: a line for each, the number and the link.
pub const NOTICES: &str = "KHAYA_NOTICES";

/// A notice on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its number on the connection.
    pub id: u32,
    /// What the app is started with when it is clicked.
    pub link: String,
}

/// What starts the keeper of these notices. `bus` is the socket of the connection that they were shown on: once the keeper
/// runs, nobody else may use it. `app` and `arguments` are how the app is started, in the keeper's environment.
///
/// # Errors
/// When there is no keeper beside this program.
pub fn command<S: AsRef<OsStr>>(
    bus: OwnedFd,
    notices: &[Kept],
    app: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> io::Result<Command> {
    let mut command = Command::new(find()?);
    command
        .arg(app)
        .args(arguments)
        .env(NOTICES, written(notices))
        .stdin(bus)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A terminal's Ctrl-C is not for it.
        .process_group(0);
    Ok(command)
}

/// The notices that were written into the environment; what is none is left out.
#[must_use]
pub fn read(text: &str) -> Vec<Kept> {
    let line = |line: &str| {
        let (id, link) = line.split_once(' ')?;
        Some(Kept {
            id: id.parse().ok()?,
            link: link.to_owned(),
        })
    };
    text.lines().filter_map(line).collect()
}

fn written(notices: &[Kept]) -> String {
    let lines: Vec<_> = notices
        .iter()
        .map(|Kept { id, link }| format!("{id} {link}"))
        .collect();
    lines.join("\n")
}

fn find() -> io::Result<PathBuf> {
    let app = env::current_exe()?;
    let folder = app.parent().unwrap_or(&app);
    let mut places = PLACES.iter().map(|place| folder.join(place).join(PROGRAM));
    places.find(|program| program.is_file()).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no {PROGRAM} beside {}", app.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let kept = |id, link: &str| Kept {
            id,
            link: link.to_owned(),
        };
        let notices = [kept(1, "khaya://chat/a/m"), kept(u32::MAX, "khaya://chat/b")];
        assert_eq!(read(&written(&notices)), notices);
        assert_eq!(read(""), []);
        assert_eq!(
            read("x khaya://chat/a\n7\n2 khaya://chat/a"),
            [kept(2, "khaya://chat/a")]
        );
    }
}
