//! The window's life: what is there when it comes back, where it stands, what closing does, and what happens when its
//! page dies or hangs.
#![cfg(target_os = "linux")]

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    app::{App, Options},
    artifacts::built_program,
    desktop::Desktop,
    family::{family, pages, signal},
    flow::signed_in,
    in_tray::{InTray, close, told},
    locator::{Role, named},
    process::{Process, output},
    scenario::on_desktop,
    team::Team,
    wait::{PATIENCE, eventually, within},
};
use rustix::process::Signal;
use serde_json::json;

/// How long a page may be silent before it is taken for dead, and a new one to come.
const NOTICED: Duration = Duration::from_secs(120);

/// Enough for a timeline that has to be scrolled.
const MESSAGES: usize = 60;

#[tokio::test]
async fn the_same_chat_place_and_draft_come_back() {
    on_desktop("window_same", async |desktop| {
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        for number in 1..=MESSAGES {
            team.bob.send(&team.direct, &format!("Message {number}")).await?;
        }
        team.ada.read_all(&team.direct).await?;
        team.bob.send(&team.direct, "The newest").await?;
        let mut app = InTray::start(desktop, &team)?;
        app.until_painted().await?;
        app.show_chat(desktop, &panel, &team.direct).await?;
        let window = app.window(desktop).await?;
        desktop
            .run("xdotool", &["type", "--delay", "20", "Half a thought"])
            .await?;
        let typed = picture(desktop, &window, "typed").await?;
        desktop
            .run("xdotool", &["mousemove", "--window", &window, "600", "300"])
            .await?;
        desktop.run("xdotool", &["click", "--repeat", "5", "4"]).await?;
        desktop
            .run("xdotool", &["mousemove", "--window", &window, "600", "60"])
            .await?;
        let scrolled = eventually("the timeline to be scrolled and to stand still", async || {
            let one = picture(desktop, &window, "scrolled").await?;
            let other = picture(desktop, &window, "scrolled-too").await?;
            let moved = difference(desktop, &typed, &one).await? > MOVED;
            let stands = difference(desktop, &one, &other).await? < SAME;
            Ok((moved && stands).then_some(one))
        })
        .await?;

        app.close(desktop).await?;
        app.reopen(&panel).await?;
        let window = app.window(desktop).await?;
        desktop.activate(&window).await?;
        eventually("the same picture", async || {
            let reopened = picture(desktop, &window, "reopened").await?;
            let differs = difference(desktop, &scrolled, &reopened).await?;
            ensure!(differs < SAME, "{differs} points differ");
            Ok(Some(()))
        })
        .await
    })
    .await;
}

/// How many points of the picture may differ: those of the caret, and of the row below the mouse.
const SAME: u64 = 4000;

/// How many differ at least when the timeline has moved.
const MOVED: u64 = 8000;

async fn picture(desktop: &Desktop, window: &str, name: &str) -> Result<PathBuf> {
    let path = desktop.artifacts().path(&format!("{name}.png"));
    desktop.picture_of(window, &path).await?;
    Ok(path)
}

/// How many points of two pictures differ.
async fn difference(desktop: &Desktop, one: &Path, other: &Path) -> Result<u64> {
    let mut compare = desktop.command("sh");
    // It says how many on the standard error, and by its status that there are some.
    compare.args([
        "-c",
        "compare -metric AE -fuzz 10% \"$0\" \"$1\" null: 2>&1 || [ $? = 1 ]",
    ]);
    compare.arg(one).arg(other);
    let said = output(compare, "").await?;
    let number: f64 = said.trim().parse().with_context(|| said.clone())?;
    Ok(number as u64)
}

#[tokio::test]
async fn the_window_stands_where_it_was_and_never_beside_the_screen() {
    on_desktop("window_place", async |desktop| {
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let mut app = InTray::start(desktop, &team)?;
        app.until_painted().await?;
        let window = app.window(desktop).await?;
        desktop
            .run("xdotool", &["windowsize", "--sync", &window, "700", "600"])
            .await?;
        desktop
            .run("xdotool", &["windowmove", "--sync", &window, "420", "230"])
            .await?;
        let chosen = place(desktop, &window).await?;
        for _ in 0..2 {
            app.close(desktop).await?;
            app.reopen(&panel).await?;
            place_is(desktop, &app, "as it was chosen", |place| place == chosen).await?;
        }
        panel.choose("Quit").await?;
        app.ended().await?;

        // What is remembered is of a larger monitor, beside the one that is left.
        let file = app.data().join("window.json");
        let mut kept: serde_json::Value = serde_json::from_slice(&fs::read(&file)?)?;
        for (name, value) in [("x", 4000), ("y", 2500), ("width", 3000), ("height", 2000)] {
            ensure!(kept["main"][name].is_number(), "{kept}");
            kept["main"][name] = json!(value);
        }
        fs::write(&file, kept.to_string())?;
        let mut app = InTray::start(desktop, &team)?;
        app.until_painted().await?;
        place_is(desktop, &app, "on the screen", |[x, y, width, height]| {
            let [across, down] = SCREEN;
            (0..across / 2).contains(&x) && (0..down / 2).contains(&y) && width <= across && height <= down
        })
        .await
    })
    .await;
}

/// Of the desktop.
const SCREEN: [i64; 2] = [1600, 1000];

async fn place_is(
    desktop: &Desktop,
    app: &InTray,
    what: &str,
    is_it: impl Fn([i64; 4]) -> bool,
) -> Result<()> {
    let window = app.window(desktop).await?;
    eventually(format!("the window's place to be {what}"), async || {
        let place = place(desktop, &window).await?;
        ensure!(is_it(place), "it is {place:?}");
        Ok(Some(()))
    })
    .await
}

/// Where a window is, and how large.
async fn place(desktop: &Desktop, window: &str) -> Result<[i64; 4]> {
    let said = desktop
        .run("xdotool", &["getwindowgeometry", "--shell", window])
        .await?;
    let value = |name: &str| -> Result<i64> {
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        Ok(line.context("a value")?.parse()?)
    };
    Ok([value("X")?, value("Y")?, value("WIDTH")?, value("HEIGHT")?])
}

#[tokio::test]
async fn closing_is_told_once_and_quits_where_that_was_chosen() {
    on_desktop("window_closing", async |desktop| {
        let panel = desktop.panel().await?;
        let mut notices = desktop.notices().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let mut app = InTray::start(desktop, &team)?;
        app.until_painted().await?;
        told(&panel, "No unread messages").await?;
        app.close(desktop).await?;
        let notice = notices.next().await?;
        ensure!(notice.summary == "Khaya goes on in the tray", "{notice:?}");
        app.reopen(&panel).await?;
        app.close(desktop).await?;
        // The next one that is told is another.
        team.bob.send(&team.direct, "While it was hidden").await?;
        let notice = notices.next().await?;
        ensure!(notice.body == "While it was hidden", "{notice:?}");
        panel.choose("Quit").await?;
        app.ended().await?;

        fs::write(app.data().join("settings.json"), r#"{"closeToTray":false}"#)?;
        let mut app = InTray::start(desktop, &team)?;
        app.until_painted().await?;
        close(desktop, &app.window(desktop).await?).await?;
        app.ended().await
    })
    .await;
}

#[tokio::test]
async fn a_desktop_without_a_tray_is_told_before_closing_quits() {
    on_desktop("window_no_tray", async |desktop| {
        const SENTENCE: &str = "This desktop has no tray: closing the window quits Khaya";
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        ada.page().click(&named(Role::Button, "Settings")).await?;
        ada.page().shows(SENTENCE).await?;
        ada.page().close_dialog().await?;
        let window = ada.window(desktop).await?;
        close(desktop, &window).await?;
        let alert = ada.page().alert().await?;
        ensure!(alert.contains(SENTENCE), "{alert}");
        close(desktop, &window).await?;
        gone(ada.process()).await?;

        // Nor does it hide where nobody could find it.
        let options = Options {
            profile: "bob",
            hidden: true,
            ..Options::default()
        };
        let bob = App::start(desktop, &options).await?;
        bob.window(desktop).await.map(drop)
    })
    .await;
}

async fn gone(process: u32) -> Result<()> {
    eventually("the app to be gone", async || {
        Ok((!fs::exists(format!("/proc/{process}/exe"))?).then_some(()))
    })
    .await
}

#[tokio::test]
async fn begins_in_the_tray_and_a_click_on_a_notice_opens_its_chat() {
    on_desktop("window_hidden", async |desktop| {
        let panel = desktop.panel().await?;
        let notices = desktop.answering().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let mut app = InTray::start_with(desktop, &team, &["--hidden"])?;
        team.bob.send(&team.direct, "Before it looked").await?;
        told(&panel, "1 unread message").await?;
        team.bob.send(&team.direct, "To you").await?;
        notices.shown("To you").await?;
        team.cem.send(&team.garden, "To all of us").await?;
        let notice = notices.shown("To all of us").await?;
        told(&panel, "3 unread messages").await?;
        ensure!(pages(app.id())?.is_empty(), "it began with a window");
        notices.choose(notice.id, "default").await?;
        app.until_painted().await?;
        desktop.activate(&app.window(desktop).await?).await?;
        // The chat that the notice told of is read, and no other.
        told(&panel, "2 unread messages").await?;
        let menu = panel.menu().await?;
        let unread: Vec<&str> = menu
            .iter()
            .map(|entry| &*entry.label)
            .filter(|label| label.ends_with(')'))
            .collect();
        ensure!(unread == ["Bob (2)"], "{menu:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn another_profile_is_opened_from_the_tray() {
    on_desktop("window_profiles", async |desktop| {
        let panel = desktop.panel().await?;
        let runs = |profile: &str| {
            desktop
                .home()
                .join(".local/share/khaya")
                .join(profile)
                .join("instance")
        };
        let start = |profile: &'static str| {
            let mut command = desktop.command(built_program("khaya")?);
            command.args(["--hidden", "--profile", profile]);
            Process::spawn(profile, &mut command, desktop.artifacts())
        };
        let mut home = start("home")?;
        exists(&runs("home"), true).await?;
        panel.choose("Quit").await?;
        ensure!(home.ended().await?.success());
        exists(&runs("home"), false).await?;

        let work = start("work")?;
        exists(&runs("work"), true).await?;
        panel.choose("home").await?;
        let opened = exists(&runs("home"), true).await;
        // It is a process of its own, and would stay.
        for process in family(work.id())? {
            signal(process, Signal::KILL);
        }
        opened
    })
    .await;
}

async fn exists(file: &Path, wanted: bool) -> Result<()> {
    eventually(format!("{} to be there: {wanted}", file.display()), async || {
        Ok((file.exists() == wanted).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_page_that_dies_is_opened_anew() {
    on_desktop("window_dead", async |desktop| {
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let mut app = InTray::start(desktop, &team)?;
        app.until_painted().await?;
        told(&panel, "No unread messages").await?;
        kill_pages(&app).await?;
        app.until_painted().await?;
        // One that dies before it has shown anything leaves a window that nobody could see.
        app.close(desktop).await?;
        panel.click().await?;
        kill_pages(&app).await?;
        app.until_painted().await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_page_that_hangs_begins_anew() {
    on_desktop("window_hangs", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let mut app = InTray::start(desktop, &team)?;
        app.until_painted().await?;
        desktop.activate(&app.window(desktop).await?).await?;
        let stopped = pages(app.id())?;
        for page in &stopped {
            signal(*page, Signal::STOP);
        }
        let noticed = within(NOTICED, "another page", async || {
            Ok(pages(app.id())?
                .iter()
                .any(|page| !stopped.contains(page))
                .then_some(()))
        })
        .await;
        // What stands still does not see that it should end.
        for page in stopped {
            signal(page, Signal::KILL);
        }
        noticed?;
        app.until_painted().await.map(drop)
    })
    .await;
}

/// Ends what runs the app's page, as a fault in it would.
async fn kill_pages(app: &InTray) -> Result<()> {
    let running = within(PATIENCE, "a page", async || {
        let pages = pages(app.id())?;
        Ok((!pages.is_empty()).then_some(pages))
    })
    .await?;
    for page in running {
        signal(page, Signal::KILL);
    }
    Ok(())
}
