//! The pictures in `docs/screenshots`, and those of every screen in the target folder, taken of the real windows on the
//! demo team.

use std::process::Command;

use crate::{
    Outcome,
    packages::Purpose,
    steps::{build_workspace, built, root, run as step, say, target},
    system::{System, prepare},
};

/// Takes all pictures anew.
pub(crate) fn run() -> Outcome {
    if !System::here().drives_windows() {
        return Err("The pictures are taken on a desktop without a screen, which only Linux has.".to_owned());
    }
    prepare(Purpose::Pictures)?;
    build_workspace(&[])?;
    say("Taking the pictures");
    let all = target().join("screenshots");
    step(
        Command::new(built("screenshots"))
            .arg(root().join("docs/screenshots"))
            .arg(&all),
    )?;
    println!("    every screen in every look: {}", all.display());
    Ok(())
}
