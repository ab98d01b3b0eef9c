//! What a stretch of work costs this process.

use std::{fs, time::Instant};

use anyhow::{Context as _, Result};
use cpu_time::ProcessTime;
use serde_json::json;

/// The begin of a stretch.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    wall: Instant,
    /// User and system time of all threads.
    cpu: ProcessTime,
}

impl Stretch {
    #[must_use]
    pub fn begin() -> Self {
        Self {
            wall: Instant::now(),
            cpu: ProcessTime::now(),
        }
    }

    /// Prints the line that the runner reads. Memory is the peak of the process's life.
    ///
    /// # Errors
    /// When the system does not tell the memory.
    pub fn print(self, client: &str, events: u64) -> Result<()> {
        let line = json!({
            "client": client,
            "events": events,
            "wall_s": self.wall.elapsed().as_secs_f64(),
            "cpu_s": self.cpu.elapsed().as_secs_f64(),
            "rss_mb": peak_resident_bytes()? as f64 / f64::from(1 << 20),
        });
        println!("{line}");
        Ok(())
    }
}

/// The largest resident size so far.
///
/// # Errors
/// Where there is no `/proc`.
pub fn peak_resident_bytes() -> Result<u64> {
    status("VmHWM:")
}

/// The resident size.
///
/// # Errors
/// Where there is no `/proc`.
pub fn resident_bytes() -> Result<u64> {
    status("VmRSS:")
}

fn status(field: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("memory is told by Linux only")?;
    let kilobytes: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next())
        .with_context(|| format!("{field} in /proc/self/status"))?
        .parse()?;
    Ok(kilobytes * 1024)
}
