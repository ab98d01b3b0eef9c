//! The computer sleeps: the app stands still, an hour passes on the wall, and what was connected leads nowhere.
#![cfg(target_os = "linux")]

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    artifacts::built_program,
    clock::Clock,
    desktop::Desktop,
    process::Process,
    proxy::Proxy,
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
    wait::{eventually, within},
};
use rustix::process::{Pid, Signal, kill_process};

/// How soon after waking everything must be there.
const BACK: Duration = Duration::from_secs(3);

#[tokio::test]
#[ignore = "long: it holds the app to three seconds, which other tests on the same cores would take away"]
async fn is_back_and_complete_soon_after_waking() {
    on_desktop("sleep", async |desktop| {
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let proxy = Proxy::start(team.address()).await?;
        let clock = Clock::new(desktop)?;
        let app = hidden(desktop, proxy.address(), &clock)?;
        team.bob.send(&team.direct, "Before").await?;
        eventually("the first message", async || {
            let told = panel.tool_tip().await?;
            ensure!(told == "1 unread message", "the tray says “{told}”");
            Ok(Some(()))
        })
        .await?;

        signal(&app, Signal::STOP)?;
        proxy.forget();
        for number in 0..20 {
            team.bob
                .send(&team.direct, &format!("While it slept, {number}"))
                .await?;
            team.cem
                .send(&team.garden, &format!("In the garden, {number}"))
                .await?;
        }
        clock.advance_to(3600)?;
        signal(&app, Signal::CONT)?;
        within(BACK, "all that was missed", async || {
            let told = panel.tool_tip().await?;
            ensure!(told == "41 unread messages", "the tray says “{told}”");
            Ok(Some(()))
        })
        .await?;
        let lost = proxy.seen().into_nowhere;
        ensure!(lost == 0, "{lost} calls went over connections that lead nowhere");
        // Live again, too.
        team.bob.send(&team.direct, "After").await?;
        within(BACK, "a message after waking", async || {
            Ok((panel.tool_tip().await? == "42 unread messages").then_some(()))
        })
        .await?;
        let log = fs::read_to_string(app.log())?;
        ensure!(!log.contains("panicked"), "{log}");
        Ok(())
    })
    .await;
}

/// Ada's app in the tray, with this clock on its wall.
fn hidden(desktop: &Desktop, server: &str, clock: &Clock) -> Result<Process> {
    let mut command = desktop.command(built_program("khaya")?);
    command.args([
        "--profile",
        "ada",
        "--hidden",
        "--server",
        server,
        "--sign-in",
        "ada",
        "--password-stdin",
    ]);
    command.arg("--data-dir").arg(desktop.home().join("profiles/ada"));
    command.envs(clock.environment());
    command.env("KHAYA_LOG", "khaya=debug,khaya_chat=debug,khaya_socketio=debug");
    let mut app = Process::spawn("app-ada", &mut command, desktop.artifacts())?;
    app.write_line(PASSWORD)?;
    Ok(app)
}

fn signal(app: &Process, signal: Signal) -> Result<()> {
    let pid = i32::try_from(app.id()).ok().and_then(Pid::from_raw);
    Ok(kill_process(pid.context("a process id")?, signal)?)
}
