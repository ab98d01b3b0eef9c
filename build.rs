//! Declares the commands that the page may be granted. What is not declared here, or not granted in
//! `capabilities/`, is refused. And writes down whose work is in the app, and what the app itself says in each language.

use std::{collections::BTreeMap, env, fmt::Write, fs, path::PathBuf, process::Command};

use serde_json::Value;

fn main() {
    write_licences();
    write_words();
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
    write("licences.txt", &lines.join("\n"));
}

/// `name v1.2.3 (more)<TAB>licence`, as a line of our own; `None` for our own packages.
fn licence(line: &str) -> Option<String> {
    let (package, licence) = line.split_once('\t')?;
    let mut words = package.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    let is_ours = name == "khaya" || name.starts_with("khaya-");
    (!is_ours).then(|| format!("{name}\t{version}\t{licence}"))
}

/// Of the words of each language those that `src-tauri/words.rs` has: what is said where there may be no page.
fn write_words() {
    const LANGUAGES: &str = "ui/locales";
    println!("cargo::rerun-if-changed={LANGUAGES}");
    let files = fs::read_dir(LANGUAGES).expect("the page has languages");
    let mut files: Vec<PathBuf> = files
        .map(|file| file.expect("a language can be read").path())
        .collect();
    files.sort();
    let mut code = String::from("static LANGUAGES: &[(&str, &[(&str, &str)])] = &[\n");
    for file in files {
        let text = fs::read_to_string(&file).expect("a language can be read");
        let words: BTreeMap<String, Value> = serde_json::from_str(&text).expect("a language is an object");
        let words = words.iter().filter_map(|(key, entry)| {
            let is_said = key.starts_with("native.") || key.starts_with("failure.");
            Some((key, entry.as_str().filter(|_| is_said)?))
        });
        let tag = file
            .file_stem()
            .and_then(|tag| tag.to_str())
            .expect("a language has a tag");
        let words: Vec<(&String, &str)> = words.collect();
        writeln!(code, "({tag:?}, &{words:?}),").expect("a text takes it");
    }
    write("words.rs", &(code + "];"));
}

fn write(name: &str, text: &str) {
    fs::write(PathBuf::from(var("OUT_DIR")).join(name), text)
        .expect("the folder of the build can be written");
}

fn var(name: &str) -> std::ffi::OsString {
    env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"))
}
