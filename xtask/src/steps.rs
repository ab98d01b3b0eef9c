//! Running one program after another, and where things lie.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Outcome;

/// Says what comes next.
pub(crate) fn say(sentence: &str) {
    println!("\x1b[1m==>\x1b[0m {sentence}");
}

/// Runs a program to its end, with its output for all to see.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = shown(command);
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cannot run `{shown}`: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` failed ({status})"))
    }
}

/// What a program prints, or `None` when it is missing or fails.
pub(crate) fn ask(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// The cargo that runs this, in the folder of the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Builds every program of the workspace, and `more` of its targets, all in one go: the same dependencies with
/// the same features serve all of them.
pub(crate) fn build_workspace(more: &[&str]) -> Outcome {
    say("Building (the first time takes some minutes)");
    run(cargo().args(["build", "--workspace", "--bins"]).args(more))
}

/// A program that [`build_workspace`] made.
pub(crate) fn built(program: &str) -> PathBuf {
    target()
        .join("debug")
        .join(format!("{program}{}", env::consts::EXE_SUFFIX))
}

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// The target folder, as cargo chooses it.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
