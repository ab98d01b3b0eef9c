//! A process and all that it started: who belongs to it, and what it costs.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The program that runs pages, of whose name the system keeps no more than the beginning.
const PAGES: &str = "WebKitWebProcess";

/// One line of proc_pid_stat(5).
#[derive(Debug)]
struct Stat {
    id: u32,
    name: String,
    parent: u32,
}

/// A process, those that it started, and those that they started.
///
/// # Errors
/// When there is no `/proc`.
pub fn family(process: u32) -> Result<Vec<u32>> {
    let all = processes()?;
    let mut family = vec![process];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(all.iter().filter(|it| it.parent == parent).map(|it| it.id));
        next += 1;
    }
    Ok(family)
}

/// The memory of a process and all that it started, in KiB: each page is counted once, and one that others have too
/// by its part (proc_pid_smaps(5), `Pss`).
///
/// # Errors
/// When the first of them is gone.
pub fn proportional_size(process: u32) -> Result<u64> {
    let own = size_of(process).context("the process is gone")?;
    let started = family(process)?;
    // One of the others may end while they are read.
    Ok(own + started.into_iter().skip(1).filter_map(size_of).sum::<u64>())
}

/// What pages hold in memory of their own, in KiB: that of the processes among those that a process started which run
/// pages, without the programs and libraries that are mapped into it. Those are shared with each other page on the
/// machine, so that a part of them comes and goes with windows of others.
///
/// # Errors
/// When there is none.
pub fn size_of_pages(process: u32) -> Result<u64> {
    let own_size = |id| Some(of_memory(id, "Pss_Anon:")? + of_memory(id, "Pss_Shmem:")?);
    let sizes: Vec<u64> = pages(process)?.into_iter().filter_map(own_size).collect();
    ensure!(!sizes.is_empty(), "no process runs a page");
    Ok(sizes.iter().sum())
}

/// Those among the processes that a process started which run pages.
///
/// # Errors
/// When there is no `/proc`.
pub fn pages(process: u32) -> Result<Vec<u32>> {
    let started = family(process)?;
    let pages = processes()?
        .into_iter()
        .filter(|it| started.contains(&it.id) && PAGES.starts_with(&it.name));
    Ok(pages.map(|it| it.id).collect())
}

/// Sends a signal to a process, which may have ended by itself.
pub fn signal(process: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        kill_process(pid, signal).ok();
    }
}

/// Ends every process whose command line names this profile's folder: for an app that has started itself anew.
///
/// # Errors
/// When there is no `/proc`.
pub fn end_all_with(data: &Path) -> Result<()> {
    for stat in all_with(data)? {
        signal(stat.id, Signal::KILL);
    }
    Ok(())
}

/// The processes whose command line names this profile's folder, but for those that one of them started: each one's id,
/// and the name of its program.
///
/// # Errors
/// When there is no `/proc`.
pub fn heads_with(data: &Path) -> Result<Vec<(u32, String)>> {
    let all = all_with(data)?;
    let is_head = |it: &&Stat| !all.iter().any(|other| other.id == it.parent);
    let heads = all.iter().filter(is_head);
    Ok(heads.map(|it| (it.id, it.name.clone())).collect())
}

fn all_with(data: &Path) -> Result<Vec<Stat>> {
    let names_it = |stat: &Stat| {
        let line = fs::read(format!("/proc/{}/cmdline", stat.id)).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.any(|word| word == data.as_os_str().as_encoded_bytes())
    };
    Ok(processes()?.into_iter().filter(names_it).collect())
}

/// The child of `parent` that runs the program `name`.
pub(crate) fn child_named(parent: u32, name: &str) -> Result<Option<u32>> {
    let all = processes()?;
    Ok(all
        .into_iter()
        .find(|it| it.parent == parent && it.name == name)
        .map(|it| it.id))
}

fn size_of(process: u32) -> Option<u64> {
    of_memory(process, "Pss:")
}

fn of_memory(process: u32, field: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn processes() -> Result<Vec<Stat>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(id) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end while the list is read.
        let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // The name stands in parentheses and may hold any of its own; the parent is the second field after it.
        let Some((start, rest)) = text.rsplit_once(") ") else {
            continue;
        };
        let name = start.split_once('(').map(|(_, name)| name.to_owned());
        let parent = rest.split(' ').nth(1).and_then(|parent| parent.parse().ok());
        if let (Some(name), Some(parent)) = (name, parent) {
            all.push(Stat { id, name, parent });
        }
    }
    Ok(all)
}
