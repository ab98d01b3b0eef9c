//! What the figures were taken on.

use std::{fs, process::Stdio, thread};

use anyhow::Result;
use serde_json::Value;
use tokio::process::Command;

use crate::client::Programs;

/// A paragraph for the head of a report.
pub(crate) async fn describe(programs: &Programs) -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| {
            rest.trim_start_matches(['\t', ' ', ':'])
        });
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes >> 20);
    Ok(format!(
        "On {model}, {} threads, {memory} GiB, Linux {}, load {} at the beginning; commit {}.\n\
         Server: socket.io {} on Node {}. Clients: the floor is tokio-tungstenite {} and one typed parse by \
         serde_json; rust_socketio {}; socket.io-client {}; python-socketio {} on {}. {}.",
        thread::available_parallelism()?,
        kernel.trim(),
        load.split(' ').next().unwrap_or("unknown"),
        said(Command::new("git").args(["describe", "--always", "--dirty"])).await,
        npm_package(programs, "socket.io"),
        said(Command::new("node").arg("--version")).await,
        crate_version("tokio-tungstenite"),
        crate_version("rust_socketio"),
        npm_package(programs, "socket.io-client"),
        said(programs.python().args([
            "-c",
            "import importlib.metadata as m; print(m.version('python-socketio'))"
        ]))
        .await,
        said(programs.python().arg("--version")).await,
        said(Command::new("rustc").arg("--version")).await,
    ))
}

async fn said(command: &mut Command) -> String {
    match command.stdin(Stdio::null()).output().await {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(_) | Err(_) => "unknown".to_owned(),
    }
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
