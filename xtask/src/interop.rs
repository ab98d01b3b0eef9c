//! The official packages of other languages: Node's beside the programs that use them, Python's in the target folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use crate::{
    Outcome,
    steps::{root, run, say, target},
};

/// Installs what is missing or out of date, in the exact versions that the repository names.
pub(crate) fn install() -> Outcome {
    install_node_packages("tests/interop/node")?;
    install_python_packages()
}

/// Installs the Node packages that a folder of the repository names, if it names any.
pub(crate) fn install_node_packages(folder: &str) -> Outcome {
    let folder = root().join(folder);
    if !folder.join("package-lock.json").exists() {
        return Ok(());
    }
    // npm writes this file last.
    if is_newer(
        &folder.join("node_modules/.package-lock.json"),
        &folder.join("package-lock.json"),
    ) {
        return Ok(());
    }
    say(&format!("Installing Node packages in {}", folder.display()));
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(["ci", "--no-audit", "--no-fund", "--cache"])
        .arg(target().join("npm-cache"));
    run(npm.current_dir(folder))
}

fn install_python_packages() -> Outcome {
    let requirements = root().join("crates/socketio/tests/servers/requirements.txt");
    let venv = target().join("interop-python");
    // Written last, by us.
    let mark = venv.join("installed");
    if !requirements.exists() || is_newer(&mark, &requirements) {
        return Ok(());
    }
    say("Installing the official Python packages in the target folder");
    let python = if cfg!(windows) { "python" } else { "python3" };
    // What an attempt before has left, perhaps with another Python, is in the way.
    run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&venv))?;
    let mut pip = Command::new(python_of(&venv));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-cache-dir",
    ]);
    run(pip.args(["--require-hashes", "-r"]).arg(requirements))?;
    fs::write(&mark, "").map_err(|error| format!("cannot write {}: {error}", mark.display()))
}

fn python_of(venv: &Path) -> PathBuf {
    if cfg!(windows) {
        venv.join(r"Scripts\python.exe")
    } else {
        venv.join("bin/python")
    }
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let time = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    match (time(file), time(than)) {
        (Some(file), Some(than)) => file >= than,
        (Some(_) | None, _) => false,
    }
}
