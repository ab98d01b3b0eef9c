//! Measurements: each is a package of its own in `benches/`, so that what it compares with never comes into the
//! product's lock file.

use std::process::Command;

use crate::{
    Outcome, interop,
    packages::Purpose,
    steps::{cargo, root, run as step, say, target},
    system::prepare,
};

/// Measurements of one of the product's own programs, as it is released.
const OF_PROGRAMS: &[(&str, &str)] = &[("server", "khaya-server")];

/// The measurement of the app on a desktop: it compares with nobody, and uses what the tests use.
const DESKTOP: &str = "desktop";

/// Builds `benches/NAME` for release and runs it.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Outcome {
    if name == DESKTOP {
        return desktop();
    }
    let manifest = root().join("benches").join(name).join("Cargo.toml");
    if !manifest.with_file_name("src").join("main.rs").is_file() {
        return Err(format!(
            "There is no measurement {name}. There are: {}",
            names().join(", ")
        ));
    }
    prepare(Purpose::Run)?;
    prepare(Purpose::Interop)?;
    interop::install()?;
    interop::install_node_packages(&format!("benches/{name}/node"))?;
    say(&format!("Building the measurement {name}"));
    for (_, program) in OF_PROGRAMS.iter().filter(|(bench, _)| *bench == name) {
        step(cargo().args(["build", "--release", "--package", program]))?;
    }
    let folder = target().join("benches");
    let mut build = cargo();
    build
        .args(["build", "--release", "--manifest-path"])
        .arg(manifest);
    step(build.arg("--target-dir").arg(&folder))?;
    say(&format!("Measuring {name}"));
    let program = folder
        .join("release")
        .join(format!("bench-{name}{}", std::env::consts::EXE_SUFFIX));
    let mut bench = Command::new(program);
    bench
        .current_dir(root())
        .args(arguments)
        .env("KHAYA_TARGET", target());
    step(&mut bench)
}

fn desktop() -> Outcome {
    prepare(Purpose::Test)?;
    say("Building the measurement desktop");
    let mut build = cargo();
    // As it is released.
    build.env("REMOVE_UNUSED_COMMANDS", root());
    build.args([
        "build",
        "--release",
        "--package",
        "khaya",
        "--features",
        "khaya/custom-protocol",
    ]);
    build.args(["--package", "khaya-server", "--package", "khaya-tests", "--bins"]);
    step(&mut build)?;
    say("Measuring desktop");
    step(&mut Command::new(target().join("release/bench-desktop")))
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("benches"))
        .into_iter()
        .flatten()
        .flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("src/main.rs").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.push(DESKTOP.to_owned());
    names.sort();
    names
}
