//! The step from one version to the next: the new program takes the place of the old one, which is kept beside it and
//! comes back when the new one does not start.
//!
//! On Linux, for a program that its person may write (an AppImage, an unpacked archive). What a package manager or an
//! installer put in place, it also replaces.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use semver::Version;

use super::UpdateError;

/// Names the file that a program makes that was started in place of another: it has come so far that it is of use.
const PROOF: &str = "KHAYA_UPDATE_PROOF";

/// Names the version that did not start, to the one that came back.
const FAILED: &str = "KHAYA_UPDATE_FAILED";

/// How long a new version may take to show that it works.
const START_TIME: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// How long it may take to say its version.
const VERSION_TIME: Duration = Duration::from_secs(20);

/// The program on the disk, and its places.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    program: PathBuf,
}

/// A new version that lies ready beside the program.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    installation: Installation,
    version: Version,
    /// How the program is started anew.
    arguments: Vec<String>,
}

impl Installation {
    /// That of the running program, if this app may replace it.
    pub(super) fn find() -> Option<Self> {
        let installation = Self {
            program: crate::profile::program().ok()?,
        };
        installation.is_ours().then_some(installation)
    }

    /// Where the new version is put until it takes its place.
    pub(super) fn staging(&self) -> PathBuf {
        self.beside("update")
    }

    /// Makes the downloaded file a program, and has it say its version: one that cannot even do that is not put in
    /// place. To be called for a file whose signature was checked.
    pub(super) fn stage(&self, version: &Version, arguments: Vec<String>) -> Result<Staged, UpdateError> {
        let staging = self.staging();
        make_executable(&staging).map_err(UpdateError::Disk)?;
        let said = version_of(&staging).ok_or(UpdateError::DoesNotRun)?;
        if said.trim() != format!("khaya {version}") {
            return Err(UpdateError::OtherVersion);
        }
        Ok(Staged {
            installation: self.clone(),
            version: version.clone(),
            arguments,
        })
    }

    /// Forgets what was downloaded.
    pub(super) fn discard(&self) {
        // There may be none.
        let _ = fs::remove_file(self.staging());
    }

    /// Whether the program and its folder can be changed.
    fn is_ours(&self) -> bool {
        let probe = self.beside("probe");
        let made = fs::File::create(&probe).is_ok();
        let _ = fs::remove_file(&probe);
        made && cfg!(target_os = "linux")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.program.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        name.into()
    }
}

impl Staged {
    /// Puts the new version in place, starts it, and waits until it works. If it does not, the version before comes
    /// back and is started. To be called when nothing of this app runs any more.
    pub(crate) fn hand_over(&self) -> io::Result<()> {
        let Installation { program } = &self.installation;
        let previous = self.installation.beside("previous");
        let proof = self.installation.beside("started");
        let _ = fs::remove_file(&proof);
        let _ = fs::remove_file(&previous);
        fs::hard_link(program, &previous).or_else(|_| fs::copy(program, &previous).map(drop))?;
        if let Err(error) = fs::rename(self.installation.staging(), program) {
            tracing::error!(%error, "the new version cannot be put in place");
            return self.start_previous();
        }
        tracing::info!(version = %self.version, "a new version is in place");
        let works = match self.command().env(PROOF, &proof).spawn() {
            Ok(child) => works(child, &proof),
            Err(error) => {
                tracing::error!(%error, "the new version cannot be started");
                false
            }
        };
        let _ = fs::remove_file(&proof);
        if works {
            return Ok(());
        }
        tracing::error!(version = %self.version, "the new version does not work; the one before comes back");
        fs::rename(&previous, program)?;
        self.start_previous()
    }

    fn start_previous(&self) -> io::Result<()> {
        let mut command = self.command();
        command.env(FAILED, self.version.to_string()).spawn().map(drop)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.installation.program);
        command.args(&self.arguments).stdin(Stdio::null());
        forget_in(&mut command);
        command
    }
}

/// What this program was told of an update is not for the one that it starts.
pub(crate) fn forget_in(command: &mut Command) {
    command.env_remove(PROOF).env_remove(FAILED);
}

/// Says to the version before, if it waits for that, that this one works.
pub(crate) fn prove_that_it_works() {
    if let Some(proof) = env::var_os(PROOF)
        && let Err(error) = fs::write(proof, "")
    {
        tracing::warn!(%error, "the version before does not learn that this one works");
    }
}

/// The version that should have come and did not start.
pub(crate) fn failed_version() -> Option<Version> {
    env::var(FAILED).ok()?.parse().ok()
}

/// Waits for the proof. Who ends in order before has also worked.
fn works(mut child: Child, proof: &Path) -> bool {
    let end = Instant::now() + START_TIME;
    while Instant::now() < end {
        if proof.exists() {
            return true;
        }
        match child.try_wait() {
            Ok(None) => thread::sleep(PAUSE),
            Ok(Some(status)) => return status.success(),
            Err(_) => return false,
        }
    }
    // It hangs; it may be gone by now.
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// What the program prints for `--version`, if it does so in time and ends well.
fn version_of(program: &Path) -> Option<String> {
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let end = Instant::now() + VERSION_TIME;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(PAUSE);
    }
    let output = child.wait_with_output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "there every file that is called so is a program"
)]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}
