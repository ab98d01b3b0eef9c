//! The step from one version to the next: the new program takes the place of the old one, which is kept beside it and
//! comes back when the new one does not start.
//!
//! For what its person may write: a program's file (an AppImage, one in one's own folder, on Windows what was installed
//! for one person), on macOS the bundle that the program is in. What a package manager put in place, that replaces.

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

/// What a bundle of macOS is called after the dot.
const BUNDLE: &str = "app";

/// The program on the disk, and its places.
#[derive(Debug, Clone)]
pub(super) struct Installation {
    /// What is replaced: the program's file, or the bundle that it is in.
    place: PathBuf,
    /// The program within a bundle. None: the place is the program.
    within: Option<PathBuf>,
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
        let installation = Self::of(crate::profile::program().ok()?);
        installation.is_ours().then_some(installation)
    }

    fn of(program: PathBuf) -> Self {
        let bundle = program
            .ancestors()
            .skip(1)
            .find(|folder| folder.extension().is_some_and(|extension| extension == BUNDLE));
        match bundle {
            Some(bundle) => Self {
                within: program.strip_prefix(bundle).ok().map(Path::to_owned),
                place: bundle.to_owned(),
            },
            None => Self {
                place: program,
                within: None,
            },
        }
    }

    /// Where the new version is put until it takes its place.
    pub(super) fn staging(&self) -> PathBuf {
        self.beside("update")
    }

    /// Makes the downloaded file a program, or the bundle that is packed in it, and has it say its version: one that
    /// cannot even do that is not put in place. To be called for a file whose signature was checked.
    pub(super) fn stage(&self, version: &Version, arguments: Vec<String>) -> Result<Staged, UpdateError> {
        let staging = self.staging();
        match self.within {
            Some(_) => unpack(&staging, &self.unpacked())?,
            None => make_executable(&staging).map_err(UpdateError::Disk)?,
        }
        let said = version_of(&self.program_in(&staging)).ok_or(UpdateError::DoesNotRun)?;
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
        let _ = remove(&self.staging());
        let _ = remove(&self.unpacked());
    }

    /// Where a bundle is unpacked.
    fn unpacked(&self) -> PathBuf {
        self.beside("unpacked")
    }

    /// Whether the program and its folder can be changed.
    fn is_ours(&self) -> bool {
        let probe = self.beside("probe");
        let made = fs::File::create(&probe).is_ok();
        let _ = fs::remove_file(&probe);
        made
    }

    /// The program of an installation that lies here.
    fn program_in(&self, place: &Path) -> PathBuf {
        match &self.within {
            Some(within) => place.join(within),
            None => place.to_owned(),
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.place.as_os_str().to_owned();
        name.push(".");
        name.push(ending);
        name.into()
    }
}

impl Staged {
    /// Puts the new version in place, starts it, and waits until it works. If it does not, the version before comes
    /// back and is started. To be called when nothing of this app runs any more.
    pub(crate) fn hand_over(&self) -> io::Result<()> {
        let Installation { place, .. } = &self.installation;
        let previous = self.installation.beside("previous");
        let proof = self.installation.beside("started");
        let _ = fs::remove_file(&proof);
        if let Err(error) = put_in_place(&self.installation.staging(), place, &previous) {
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
        put_back(&previous, place)?;
        self.start_previous()
    }

    fn start_previous(&self) -> io::Result<()> {
        let mut command = self.command();
        command.env(FAILED, self.version.to_string()).spawn().map(drop)
    }

    fn command(&self) -> Command {
        let Installation { place, .. } = &self.installation;
        let mut command = Command::new(self.installation.program_in(place));
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

/// Puts what is new in the place of what is there, which is kept.
fn put_in_place(new: &Path, place: &Path, previous: &Path) -> io::Result<()> {
    // There may be none.
    let _ = remove(previous);
    if cfg!(windows) || place.is_dir() {
        // A folder is not replaced by another, nor a file there from which a program runs; both can be moved.
        fs::rename(place, previous)?;
        return fs::rename(new, place).inspect_err(|_| {
            if let Err(error) = fs::rename(previous, place) {
                tracing::error!(%error, "the version before cannot be put back");
            }
        });
    }
    // At no moment is there none.
    fs::hard_link(place, previous).or_else(|_| fs::copy(place, previous).map(drop))?;
    fs::rename(new, place)
}

/// Puts what was kept in the place of what is there.
fn put_back(previous: &Path, place: &Path) -> io::Result<()> {
    if place.is_dir() {
        fs::remove_dir_all(place)?;
    }
    fs::rename(previous, place)
}

/// Puts the bundle that is packed in a file in the place of that file.
fn unpack(packed: &Path, folder: &Path) -> Result<(), UpdateError> {
    // There may be one of a time before.
    let _ = remove(folder);
    fs::create_dir(folder).map_err(UpdateError::Disk)?;
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(packed).arg("-C").arg(folder);
    let status = tar.stdin(Stdio::null()).stderr(Stdio::null()).status();
    let mut entries = fs::read_dir(folder).map_err(UpdateError::Disk)?;
    match (status, entries.next(), entries.next()) {
        (Ok(status), Some(Ok(bundle)), None) if status.success() => fs::remove_file(packed)
            .and_then(|()| fs::rename(bundle.path(), packed))
            .and_then(|()| fs::remove_dir(folder))
            .map_err(UpdateError::Disk),
        (_, _, _) => Err(UpdateError::DoesNotRun),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
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

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    /// A bundle with a program that says this version.
    fn bundle(place: &Path, version: &str) {
        let folder = place.join("Contents/MacOS");
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("khaya");
        fs::write(&program, format!("#!/bin/sh\necho khaya {version}\n")).unwrap();
        make_executable(&program).unwrap();
    }

    /// An installed bundle of version 1, for which this has been downloaded.
    fn installed(packed: impl FnOnce(&Path) -> Vec<u8>) -> (tempfile::TempDir, Installation) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("Khaya.app");
        bundle(&place, "1.0.0");
        let installation = Installation::of(place.join("Contents/MacOS/khaya"));
        assert_eq!(installation.place, place);
        assert!(installation.is_ours());
        fs::write(installation.staging(), packed(folder.path())).unwrap();
        (folder, installation)
    }

    /// The bundle of this version, packed as it is published.
    fn packed(folder: &Path, version: &str) -> Vec<u8> {
        let from = folder.join("made");
        bundle(&from.join("Khaya.app"), version);
        let mut tar = Command::new("tar");
        tar.args(["-czf", "-", "-C"]).arg(&from).arg("Khaya.app");
        tar.output().unwrap().stdout
    }

    fn version(installation: &Installation) -> Option<String> {
        version_of(&installation.program_in(&installation.place))
    }

    #[test]
    fn a_bundle_takes_the_place_of_the_one_before_and_gives_it_back() {
        let (_folder, installation) = installed(|folder| packed(folder, "2.0.0"));
        let staged = installation.stage(&Version::new(2, 0, 0), Vec::new()).unwrap();
        assert_eq!(staged.version, Version::new(2, 0, 0));
        let previous = installation.beside("previous");
        put_in_place(&installation.staging(), &installation.place, &previous).unwrap();
        assert_eq!(version(&installation).as_deref(), Some("khaya 2.0.0\n"));
        put_back(&previous, &installation.place).unwrap();
        assert_eq!(version(&installation).as_deref(), Some("khaya 1.0.0\n"));
        assert!(!previous.exists() && !installation.unpacked().exists());
    }

    #[test]
    fn what_is_no_bundle_of_that_version_is_not_put_in_place() {
        let version_2 = Version::new(2, 0, 0);
        let (_folder, installation) = installed(|folder| packed(folder, "3.0.0"));
        let staged = installation.stage(&version_2, Vec::new());
        assert!(matches!(staged, Err(UpdateError::OtherVersion)), "{staged:?}");
        let (_folder, installation) = installed(|_| b"no archive".to_vec());
        let staged = installation.stage(&version_2, Vec::new());
        assert!(matches!(staged, Err(UpdateError::DoesNotRun)), "{staged:?}");
        installation.discard();
        assert!(!installation.staging().exists() && !installation.unpacked().exists());
        assert_eq!(version(&installation).as_deref(), Some("khaya 1.0.0\n"));
    }

    #[test]
    fn a_bundle_stays_when_nothing_can_take_its_place() {
        let (_folder, installation) = installed(|_| Vec::new());
        installation.discard();
        let previous = installation.beside("previous");
        put_in_place(&installation.staging(), &installation.place, &previous).unwrap_err();
        assert_eq!(version(&installation).as_deref(), Some("khaya 1.0.0\n"));
    }
}
