//! Declares the commands that the page may be granted. What is not declared here, or not granted in
//! `capabilities/`, is refused. And writes down whose work is in the app.

use std::{env, fs, path::PathBuf, process::Command};

fn main() {
    write_licences();
    let manifest = tauri_build::AppManifest::new().commands(&[
        "alive",
        "append_file",
        "begin_file",
        "detach_file",
        "catch_up",
        "check_for_update",
        "diagnosis",
        "dispatch",
        "drop_file",
        "end_file",
        "export_chats",
        "flushed",
        "forget_lock",
        "import_chats",
        "install_update",
        "licences",
        "lock_now",
        "open_link",
        "save_file",
        "open_profile",
        "save_settings",
        "set_autostart",
        "set_lock",
        "settings",
        "snapshot",
        "system",
        "test_notice",
        "unlock",
    ]);
    let attributes = tauri_build::Attributes::new().app_manifest(manifest);
    tauri_build::try_build(attributes).expect("the configuration of the desktop app is valid");
}

/// One line for each package that is built into the app: name, version and licence. Cargo knows all three.
fn write_licences() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    let var = |name| env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"));
    let mut tree = Command::new(var("CARGO"));
    tree.args([
        "tree",
        "--locked",
        "--offline",
        "--package",
        "khaya",
        "--edges",
        "normal",
    ]);
    tree.args([
        "--prefix",
        "none",
        "--no-dedupe",
        "--format",
        "{p}\t{l}",
        "--target",
    ]);
    let output = tree.arg(var("TARGET")).output().expect("cargo can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo cannot tell the licences: {errors}"
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<String> = text.lines().filter_map(licence).collect();
    lines.sort_unstable();
    lines.dedup();
    fs::write(
        PathBuf::from(var("OUT_DIR")).join("licences.txt"),
        lines.join("\n"),
    )
    .expect("the folder of the build can be written");
}

/// `name v1.2.3 (more)<TAB>licence`, as a line of our own; `None` for our own packages.
fn licence(line: &str) -> Option<String> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let is_ours = name == "khaya" || name.starts_with("khaya-");
    (!is_ours).then(|| format!("{name}\t{version}\t{licence}"))
}
