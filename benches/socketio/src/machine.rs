//! What the figures were taken on.

use std::fs;

use bench_figures::{machine, said};
use serde_json::Value;

use crate::client::Programs;

/// A paragraph for the head of a report.
pub(crate) fn describe(programs: &Programs) -> String {
    let python = programs.python();
    let python = python.to_string_lossy();
    format!(
        "On {}.\n\
         Server: socket.io {} on Node {}. Clients: the floor is tokio-tungstenite {} and one typed parse by \
         serde_json; rust_socketio {}; socket.io-client {}; python-socketio {} on {}.",
        machine(),
        npm_package(programs, "socket.io"),
        said("node", &["--version"]),
        crate_version("tokio-tungstenite"),
        crate_version("rust_socketio"),
        npm_package(programs, "socket.io-client"),
        said(
            &python,
            &[
                "-c",
                "import importlib.metadata as m; print(m.version('python-socketio'))"
            ]
        ),
        said(&python, &["--version"]),
    )
}

fn npm_package(programs: &Programs, name: &str) -> String {
    let text = fs::read_to_string(programs.npm_package(name)).unwrap_or_default();
    let package: Value = serde_json::from_str(&text).unwrap_or_default();
    package["version"].as_str().unwrap_or("unknown").to_owned()
}

/// The version that this was built with; the newest, where there are several.
fn crate_version(name: &str) -> &'static str {
    let named = format!("name = \"{name}\"");
    let mut lines = include_str!("../Cargo.lock").lines();
    let mut version = "unknown";
    while lines.any(|line| line == named) {
        version = lines
            .next()
            .and_then(|line| line.strip_prefix("version = "))
            .map_or(version, |version| version.trim_matches('"'));
    }
    version
}
