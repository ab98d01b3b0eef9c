//! What the figures were taken on.

use std::{fs, process::Stdio, thread};

use anyhow::Result;
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
    let mut rustc = Command::new("rustc");
    let mut node = Command::new("node");
    let mut python = programs.python();
    Ok(format!(
        "{model}, {} threads, kernel {}, load at the start {}\n{}; node {}; {}\nmin / median / max",
        thread::available_parallelism()?,
        kernel.trim(),
        load.split(' ').next().unwrap_or("unknown"),
        version(rustc.arg("--version")).await,
        version(node.arg("--version")).await,
        version(python.arg("--version")).await,
    ))
}

async fn version(command: &mut Command) -> String {
    match command.stdin(Stdio::null()).output().await {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(_) => "unknown".to_owned(),
    }
}
