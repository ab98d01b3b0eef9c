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
        let data = desktop.home().join("profiles/ada");
        let mut command = desktop.command(built_program("khaya")?);
        command.args(["--profile", "ada", "--server", team.address(), "--sign-in", "ada"]);
        command.args(["--password-stdin", "--data-dir"]).arg(&data);
        let mut process = Process::spawn("khaya", &mut command, desktop.artifacts())?;
        process.write_line(PASSWORD)?;
        Ok(Self {
            process,
            data,
            painted: 0,
        })
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

    async fn window(&self, desktop: &Desktop) -> Result<String> {
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
        let window = self.window(desktop).await?;
        let started = family(self.process.id())?.split_off(1);
        desktop.activate(&window).await?;
        desktop.run("xdotool", &["key", "alt+F4"]).await?;
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

async fn told(panel: &Panel, line: &str) -> Result<()> {
    eventually(format!("“{line}” in the tray"), async || {
        Ok((panel.tool_tip().await? == line).then_some(()))
    })
    .await
}
