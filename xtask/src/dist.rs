//! `cargo xtask dist`: what is handed to people. On Linux a deb and an rpm; the packages for macOS and Windows are
//! made in the workflow, by Tauri's own tool.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{
    Outcome,
    packages::Purpose,
    steps::{ask, cargo, root, run as step, say, target},
    system::{System, prepare},
};

/// What makes packages, and of which version it is known that it does.
const TOOLS: [(&str, &str); 2] = [("cargo-deb", "^3"), ("cargo-generate-rpm", "^0.21")];

/// Builds for release and makes the packages.
pub(crate) fn run() -> Outcome {
    if !System::here().drives_windows() {
        return Err("Packages for macOS and Windows are made by `npx @tauri-apps/cli@2 build`; see docs/releasing.md."
            .to_owned());
    }
    prepare(Purpose::Dist)?;
    let [deb, rpm] = TOOLS.map(|(tool, version)| installed(tool, version));
    let (deb, rpm) = (deb?, rpm?);
    say("Building for release");
    // Tauri's tool says so by this; whoever builds by cargo says it too: commands that no window may use are left out.
    let mut build = cargo();
    build.env("REMOVE_UNUSED_COMMANDS", root());
    step(build.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "khaya",
        "--package",
        "khaya-keeper",
        "--features",
        "khaya/custom-protocol",
    ]))?;
    let folder = target().join("dist");
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    say("Making the deb");
    let mut make = std::process::Command::new(deb);
    make.current_dir(root())
        .args(["--no-build", "--no-strip", "--package", "khaya", "--output"]);
    step(make.arg(&folder))?;
    say("Making the rpm");
    let mut make = std::process::Command::new(rpm);
    make.current_dir(root())
        // rpm's own finder names what the program itself is linked with. The tool's would name what those libraries are
        // linked with on this distribution too, which another has in other versions, or not at all.
        .args(["--auto-req", "find-requires", "--output"])
        .arg(&folder);
    step(make.arg("--target-dir").arg(target()))?;
    report(&folder)
}

/// Says how large everything is.
fn report(folder: &Path) -> Outcome {
    let program = target().join("release/khaya");
    let packages = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut files: Vec<PathBuf> = std::iter::once(program).chain(packages).collect();
    files.sort();
    say("Made");
    for file in files {
        let size = fs::metadata(&file)
            .map_err(|error| format!("{}: {error}", file.display()))?
            .len();
        println!("    {:>7.1} MB  {}", size as f64 / 1e6, file.display());
    }
    Ok(())
}

/// The tool as it is installed, or built into the target folder.
fn installed(tool: &str, version: &str) -> Outcome<PathBuf> {
    if ask(tool, &["--version"]).is_some() {
        return Ok(tool.into());
    }
    let tools = target().join("tools");
    let program = tools
        .join("bin")
        .join(format!("{tool}{}", env::consts::EXE_SUFFIX));
    if ask(&program, &["--version"]).is_none() {
        say(&format!(
            "{tool} is missing; building it into the target folder (some minutes, once)"
        ));
        let mut install = cargo();
        install
            .args(["install", tool, "--version", version, "--locked", "--root"])
            .arg(&tools);
        step(install.env("CARGO_TARGET_DIR", target().join("tools-build")))?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    /// The version of the workspace, which is this package's too.
    const VERSION: &str = env!("CARGO_PKG_VERSION");

    #[test]
    fn what_the_packages_say_of_themselves_is_this_version() {
        let changelog = include_str!("../../packaging/linux/changelog");
        assert!(
            changelog.starts_with(&format!("khaya ({VERSION}-1) ")),
            "{changelog}"
        );
        let metadata = include_str!("../../packaging/linux/chat.khaya.desktop.metainfo.xml");
        let newest = metadata.split("<release ").nth(1).unwrap_or_default();
        assert!(newest.starts_with(&format!("version=\"{VERSION}\" ")), "{newest}");
    }
}
