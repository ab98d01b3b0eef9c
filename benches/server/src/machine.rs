//! The machine: a core for the server and one for the load, many open files, and what a process has used.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// How many files a process may have open.
const FILES: u64 = 32_768;
/// Open files besides the sockets.
const SPARE: u64 = 500;

/// Which core does what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    load: usize,
}

impl Cores {
    /// The last two that this process may run on, and this process bound to the last.
    pub(crate) fn take() -> Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).rev().filter(|core| allowed.is_set(*core));
        let (Some(load), Some(server)) = (cores.next(), cores.next()) else {
            anyhow::bail!("this takes two cores: one for the server, one for the load");
        };
        let mut own = CpuSet::new();
        own.set(load);
        sched_setaffinity(None, &own)?;
        Ok(Self { server, load })
    }
}

/// Lets this process and those that it starts have many files open. Gives how many sockets that makes.
pub(crate) fn raise_file_limit() -> Result<usize> {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: Some(FILES),
        maximum: Some(limits.maximum.unwrap_or(u64::MAX).max(FILES)),
    };
    if setrlimit(Resource::Nofile, raised).is_err() {
        // Only root may go beyond the hard limit.
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: limits.maximum,
                maximum: limits.maximum,
            },
        )?;
    }
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    ensure!(
        allowed > 2 * SPARE,
        "only {allowed} open files are allowed (`ulimit -n`)"
    );
    Ok(usize::try_from(allowed - SPARE)?)
}

/// User and system time of all threads of a process so far.
pub(crate) fn cpu_of(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold anything.
    let fields = stat.rsplit_once(')').context("a name in parentheses")?.1;
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse().unwrap_or(0))
        .sum();
    Ok(Duration::from_millis(
        ticks * 1000 / rustix::param::clock_ticks_per_second(),
    ))
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident_of(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kilobytes: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .context("VmRSS")?
        .parse()?;
    Ok(kilobytes * 1024)
}

/// A paragraph for the head of a report.
pub(crate) fn describe(cores: Cores) -> String {
    format!(
        "{}; node {}; the server on core {}, the load on core {}\nmin / median / max",
        bench_figures::machine(),
        bench_figures::said("node", &["--version"]),
        cores.server,
        cores.load,
    )
}
