//! Where a test leaves what helps to understand a failure: `test-artifacts/NAME` in the target folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The folder of one test, emptied when the test starts.
#[derive(Debug, Clone)]
pub struct Artifacts {
    folder: PathBuf,
}

impl Artifacts {
    /// Makes the folder for the test `name`.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(name: &str) -> Result<Self> {
        let folder = target_folder()?.join("test-artifacts").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// A program of the workspace that was built beside this test.
///
/// # Errors
/// When it was not built.
pub fn built_program(name: &str) -> Result<PathBuf> {
    let program = profile_folder()?.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    anyhow::ensure!(
        program.exists(),
        "{} is missing; `cargo xtask test` builds it, or `cargo build --workspace --bins`",
        program.display()
    );
    Ok(program)
}

/// An example of the workspace that was built beside this test.
///
/// # Errors
/// When it was not built.
pub fn built_example(name: &str) -> Result<PathBuf> {
    let program = profile_folder()?
        .join("examples")
        .join(format!("{name}{}", env::consts::EXE_SUFFIX));
    anyhow::ensure!(
        program.exists(),
        "{} is missing; `cargo xtask test` builds it, or `cargo build --workspace --examples`",
        program.display()
    );
    Ok(program)
}

/// The last lines of a log, for a failure's message.
#[must_use]
pub fn tail(log: &Path, lines: usize) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_else(|error| format!("(cannot be read: {error})"));
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// `tests/interop/node`
#[must_use]
pub fn node_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/node")
}

/// `target/debug` or `target/release`: a test runs from its `deps`, a program from the folder itself.
fn profile_folder() -> Result<PathBuf> {
    let own = env::current_exe().context("where this program lies")?;
    let folder = own.parent().context("a program lies in a folder")?;
    let folder = if folder.ends_with("deps") {
        folder.parent().context("`deps` lies in a folder")?
    } else {
        folder
    };
    Ok(folder.to_owned())
}

fn target_folder() -> Result<PathBuf> {
    let profile = profile_folder()?;
    Ok(profile
        .parent()
        .context("a profile's folder lies in the target folder")?
        .to_owned())
}
