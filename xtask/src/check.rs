//! What must hold before a change is taken: formatting, lints, licences, sources.

use std::{path::PathBuf, process::Command};

use crate::{
    Outcome,
    packages::Purpose,
    steps::{self, ask, cargo, root, say, target},
    system::prepare,
};

/// Whether to compare with the database of known vulnerabilities, which has to be downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advisories {
    Check,
    Leave,
}

/// Runs all checks; the first that fails ends it.
pub(crate) fn run(advisories: Advisories) -> Outcome {
    prepare(Purpose::Run)?;
    say("Formatting");
    steps::run(cargo().args(["fmt", "--all", "--check"]))?;
    say("Lints");
    steps::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]))?;
    say("Licences and sources of dependencies");
    let deny = cargo_deny()?;
    let mut command = Command::new(deny);
    command
        .current_dir(root())
        .args(["--workspace", "check", "bans", "licenses", "sources"]);
    match advisories {
        Advisories::Check => {
            command.arg("advisories");
        }
        Advisories::Leave => println!("    (known vulnerabilities: `cargo xtask check --advisories`)"),
    }
    steps::run(&mut command)
}

/// cargo-deny as it is installed, or built into the target folder.
fn cargo_deny() -> Outcome<PathBuf> {
    if ask("cargo-deny", &["--version"]).is_some() {
        return Ok("cargo-deny".into());
    }
    let tools = target().join("tools");
    let program = tools
        .join("bin")
        .join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if ask(&program, &["--version"]).is_none() {
        say("cargo-deny is missing; building it into the target folder (some minutes, once)");
        let mut install = cargo();
        install
            .args(["install", "cargo-deny", "--locked", "--root"])
            .arg(&tools);
        steps::run(install.env("CARGO_TARGET_DIR", target().join("tools-build")))?;
    }
    Ok(program)
}
