//! An app of Ada's that is closed to the tray and opened from it, as a person does.
//!
//! Owns: its window's coming and going, seen from the screen, the processes and the log. Never looks into a page.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    artifacts::built_program,
    desktop::Desktop,
    family::{family, proportional_size},
    panel::Panel,
    process::Process,
    server::PASSWORD,
    team::Team,
    wait::eventually,
};

/// What the app logs when a page has painted what it shows.
const PAINTED: &str = "the window is painted";

/// A running app.
#[derive(Debug)]
pub struct InTray {
    process: Process,
    data: PathBuf,
    painted: usize,
}

impl InTray {
    /// Starts it with a window. No driver holds it, so that it is what a person has.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(desktop: &Desktop, team: &Team) -> Result<Self> {
        Self::start_with(desktop, team, &[])
    }

    /// The same, with more on its command line.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_with(desktop: &Desktop, team: &Team, more: &[&str]) -> Result<Self> {
        let data = desktop.home().join("profiles/ada");
        let mut command = desktop.command(built_program("khaya")?);
        command.args(["--profile", "ada", "--server", team.address(), "--sign-in", "ada"]);
        command.arg("--password-stdin").args(more);
        command.arg("--data-dir").arg(&data);
        let mut process = Process::spawn("khaya", &mut command, desktop.artifacts())?;
        process.write_line(PASSWORD)?;
        // One that ran before has logged into the same file.
        let painted = fs::read_to_string(process.log())?.matches(PAINTED).count();
        Ok(Self {
            process,
            data,
            painted,
        })
    }

    /// The profile's folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The id of the app's own process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Opens the chat by its link, and waits until some of it has been seen.
    ///
    /// # Errors
    /// When it does not come to the front.
    pub async fn show_chat(&self, desktop: &Desktop, panel: &Panel, chat: &str) -> Result<()> {
        told(panel, "1 unread message").await?;
        let mut second = desktop.command(built_program("khaya")?);
        second.args(["--profile", "ada", "--data-dir"]).arg(&self.data);
        second.arg(format!("khaya://chat/{chat}"));
        let mut second = Process::spawn("second", &mut second, desktop.artifacts())?;
        ensure!(second.ended().await?.success());
        desktop.activate(&self.window(desktop).await?).await?;
        told(panel, "No unread messages").await
    }

    /// The X id of its window.
    ///
    /// # Errors
    /// When none can be seen.
    pub async fn window(&self, desktop: &Desktop) -> Result<String> {
        eventually("the app's window", async || {
            for process in family(self.process.id())? {
                if let Some(window) = desktop.windows_of(process).await?.into_iter().next() {
                    return Ok(Some(window));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Closes the window as a person would, and waits until nothing of it is left: nor of what WebKit started, which
    /// outlives it a little and until then has its part of the libraries.
    ///
    /// # Errors
    /// When something stays.
    pub async fn close(&self, desktop: &Desktop) -> Result<()> {
        let started = family(self.process.id())?.split_off(1);
        close(desktop, &self.window(desktop).await?).await?;
        eventually("the window's processes to be gone", async || {
            let is_there = |id: &u32| Path::new(&format!("/proc/{id}/exe")).exists();
            Ok((!started.iter().any(is_there)).then_some(()))
        })
        .await
    }

    /// Clicks the tray, and gives how many milliseconds later the page was painted.
    ///
    /// # Errors
    /// When nothing is painted.
    pub async fn reopen(&mut self, panel: &Panel) -> Result<u64> {
        panel.click().await?;
        self.until_painted().await
    }

    /// Waits until a window that was opened is painted, and gives how many milliseconds that took.
    ///
    /// # Errors
    /// When nothing is painted.
    pub async fn until_painted(&mut self) -> Result<u64> {
        let line = eventually("a painted window", async || {
            let log = self.log()?;
            Ok(log
                .lines()
                .filter(|line| line.contains(PAINTED))
                .nth(self.painted)
                .map(str::to_owned))
        })
        .await?;
        self.painted += 1;
        let (_, milliseconds) = line.rsplit_once("milliseconds=").context("a time")?;
        Ok(milliseconds.trim().parse()?)
    }

    /// Waits until it has ended, as it was asked to.
    ///
    /// # Errors
    /// When it stays, or fails.
    pub async fn ended(&mut self) -> Result<()> {
        let status = self.process.ended().await?;
        ensure!(status.success(), "{status}");
        Ok(())
    }

    fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.process.log())?)
    }

    /// The memory of it and of all that it started, in MiB, each page counted by its part.
    ///
    /// # Errors
    /// When it is gone.
    pub fn megabytes(&self) -> Result<u64> {
        Ok(proportional_size(self.process.id())? / 1024)
    }
}

/// Closes a window as a person would.
///
/// # Errors
/// When it is gone already.
pub async fn close(desktop: &Desktop, window: &str) -> Result<()> {
    desktop.activate(window).await?;
    desktop.run("xdotool", &["key", "alt+F4"]).await.map(drop)
}

/// Waits until the tray says this.
///
/// # Errors
/// When it does not.
pub async fn told(panel: &Panel, line: &str) -> Result<()> {
    eventually(format!("“{line}” in the tray"), async || {
        Ok((panel.tool_tip().await? == line).then_some(()))
    })
    .await
}
