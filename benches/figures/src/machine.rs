//! What the figures are taken on.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
};

/// The processor, memory, system, load and commit, for the head of a report.
#[must_use]
pub fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("an unknown processor", |rest| {
            rest.trim_start_matches(['\t', ' ', ':'])
        });
    let threads =
        thread::available_parallelism().map_or_else(|_| "?".to_owned(), |threads| threads.to_string());
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes >> 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{model}, {threads} threads, {memory} GiB, {} {}, load {} at the beginning; commit {}; {}",
        std::env::consts::OS,
        kernel.trim(),
        load.split(' ').next().unwrap_or("unknown"),
        said("git", &["describe", "--always", "--dirty"]),
        said("rustc", &["--version"]),
    )
}

/// What a program prints in a line, such as its version.
#[must_use]
pub fn said(program: &str, arguments: &[&str]) -> String {
    match Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
    {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(_) | Err(_) => "unknown".to_owned(),
    }
}
