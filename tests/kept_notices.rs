//! Notices that are on the screen when the app ends, with a real notification daemon: a click on one starts the app at its
//! message. What waits for that click waits no longer than it has to.
#![cfg(target_os = "linux")]

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    app::{App, Options},
    artifacts::built_program,
    desktop::Desktop,
    family::{end_all_with, family, heads_with, proportional_size, signal},
    in_tray::{InTray, told},
    locator::{Role, named},
    panel::Panel,
    process::Process,
    scenario::on_desktop,
    team::Team,
    wait::eventually,
};
use rustix::process::Signal;

const APP: &str = "khaya";
const KEEPER: &str = "khaya-keeper";

/// What the keeper may have, in KiB.
const SMALL: u64 = 5 * 1024;

/// More messages than fit on the screen.
const LATER: usize = 30;

/// All that runs of an app for a profile, which ends with the test.
struct Running(PathBuf);

impl Drop for Running {
    fn drop(&mut self) {
        end_all_with(&self.0).ok();
    }
}

impl Running {
    /// Waits until exactly these programs run for the profile, and gives their ids.
    async fn are(&self, programs: &[&str]) -> Result<Vec<u32>> {
        eventually(format!("{programs:?} to run"), async || {
            let heads = heads_with(&self.0)?;
            let names: Vec<&str> = heads.iter().map(|(_, name)| &**name).collect();
            Ok((names == programs).then(|| heads.iter().map(|(id, _)| *id).collect()))
        })
        .await
    }

    /// Starts the app of who signed in before.
    fn start(&self, desktop: &Desktop) -> Result<Process> {
        let mut command = desktop.command(built_program(APP)?);
        command.args(["--hidden", "--profile", "ada", "--data-dir"]);
        Process::spawn("again", command.arg(&self.0), desktop.artifacts())
    }
}

/// An app of Ada's in the tray, which has found one unread message of Bob's, and tells of what comes now.
async fn hidden(desktop: &Desktop, team: &Team, panel: &Panel) -> Result<(InTray, Running)> {
    team.bob.send(&team.direct, "Before it looked").await?;
    let app = InTray::start_with(desktop, team, &["--hidden"])?;
    let running = Running(app.data().to_owned());
    told(panel, "1 unread message").await?;
    Ok((app, running))
}

#[tokio::test]
async fn a_click_starts_the_app_that_was_quit() {
    on_desktop("kept_click", async |desktop| {
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let (mut app, running) = hidden(desktop, &team, &panel).await?;
        let message = team.cem.send(&team.garden, "The gate is open").await?;
        desktop.until_notices(1).await?;
        team.bob.send(&team.direct, "A word aside").await?;
        desktop.until_notices(2).await?;
        panel.choose("Quit").await?;
        app.ended().await?;

        let keeper = running.are(&[KEEPER]).await?[0];
        desktop.until_notices(2).await?;
        let knows = fs::read(format!("/proc/{keeper}/environ"))?;
        let knows = String::from_utf8_lossy(&knows);
        let id = message["id"].as_str().context("an id")?;
        let link = format!("khaya://chat/{}/{id}", team.garden);
        ensure!(knows.contains(&link), "{knows}");
        ensure!(!knows.contains("The gate is open"), "{knows}");
        let size = proportional_size(keeper)?;
        fs::write(desktop.artifacts().path("keeper"), format!("{size} KiB\n"))?;
        ensure!(size < SMALL, "the keeper has {size} KiB");

        desktop.click_notice().await?;
        let app = running.are(&[APP]).await?[0];
        let window = eventually("a window", async || {
            for process in family(app)? {
                if let Some(window) = desktop.windows_of(process).await?.into_iter().next() {
                    return Ok(Some(window));
                }
            }
            Ok(None)
        })
        .await?;
        desktop.activate(&window).await?;
        // The chat of the notice is read, and no other; and what the keeper cannot serve any more is off the screen.
        told(&panel, "2 unread messages").await?;
        let unread: Vec<String> = panel.menu().await?.into_iter().map(|entry| entry.label).collect();
        ensure!(unread.contains(&"Bob (2)".to_owned()), "{unread:?}");
        desktop.until_notices(0).await
    })
    .await;
}

#[tokio::test]
async fn nothing_waits_without_need() {
    on_desktop("kept_ends", async |desktop| {
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let (mut app, running) = hidden(desktop, &team, &panel).await?;
        // Nothing is on the screen.
        panel.choose("Quit").await?;
        app.ended().await?;
        running.are(&[]).await?;

        // All of it is taken away.
        let mut app = running.start(desktop)?;
        one_notice(desktop, &team, &panel, 1).await?;
        panel.choose("Quit").await?;
        ensure!(app.ended().await?.success());
        running.are(&[KEEPER]).await?;
        desktop.dismiss_notices().await?;
        running.are(&[]).await?;

        // The app is started by hand.
        let mut app = running.start(desktop)?;
        one_notice(desktop, &team, &panel, 3).await?;
        panel.choose("Quit").await?;
        ensure!(app.ended().await?.success());
        running.are(&[KEEPER]).await?;
        let mut app = running.start(desktop)?;
        running.are(&[APP]).await?;
        desktop.until_notices(0).await?;

        // The session ends.
        one_notice(desktop, &team, &panel, 5).await?;
        signal(app.id(), Signal::TERM);
        ensure!(app.ended().await?.success());
        running.are(&[]).await.map(drop)
    })
    .await;
}

/// Brings the one notice of Bob's chat on the screen, of an app that has just started and knows of so many unread messages.
async fn one_notice(desktop: &Desktop, team: &Team, panel: &Panel, unread: usize) -> Result<()> {
    // The first may have come before the app looked, which tells nobody of it.
    for more in 1..=2 {
        team.bob.send(&team.direct, "One more").await?;
        told(panel, &format!("{} unread messages", unread + more)).await?;
    }
    desktop.until_notices(1).await
}

#[tokio::test]
async fn its_link_leads_to_the_message_after_a_cold_start() {
    on_desktop("kept_link", async |desktop| {
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let (mut app, running) = hidden(desktop, &team, &panel).await?;
        let message = team.cem.send(&team.garden, "Mind the step").await?;
        desktop.until_notices(1).await?;
        panel.choose("Quit").await?;
        app.ended().await?;
        running.are(&[KEEPER]).await?;
        for number in 1..=LATER {
            team.cem.send(&team.garden, &format!("Later, {number}")).await?;
        }

        let id = message["id"].as_str().context("an id")?;
        let options = Options {
            profile: "ada",
            link: Some(&format!("khaya://chat/{}/{id}", team.garden)),
            ..Options::default()
        };
        let ada = App::start(desktop, &options).await?;
        ada.page().find(&named(Role::Region, "Garden")).await?;
        let is_there = async || {
            Ok(ada
                .page()
                .focused()
                .await?
                .contains("Mind the step")
                .then_some(()))
        };
        ada.page()
            .until("the message to have the focus", is_there)
            .await?;
        running.are(&[APP]).await.map(drop)
    })
    .await;
}
