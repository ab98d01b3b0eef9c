//! The app updates itself over loopback: to what was signed as what it is, and to nothing else.
#![cfg(target_os = "linux")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    app::{App, Options},
    artifacts::built_program,
    desktop::Desktop,
    family::end_all_with,
    flow::composer,
    locator::{Role, named},
    page::Page,
    releases::{Announced, Releases},
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
    wait::eventually,
};

const NEW: &str = "99.0.0";

/// A program in its own folder, which stands for an AppImage: it may be replaced.
struct Installed {
    program: PathBuf,
    folder: PathBuf,
}

impl Installed {
    /// The program that is tested, in a folder of its own.
    fn new(desktop: &Desktop) -> Result<Self> {
        let folder = desktop.home().join("Applications");
        fs::create_dir_all(&folder)?;
        let program = folder.join("khaya");
        fs::copy(built_program("khaya")?, &program)?;
        Ok(Self { program, folder })
    }

    /// A version that says what it is called, does what `then` says, and else is the one that is tested.
    fn newer(&self, version: &str, then: &str) -> Result<Vec<u8>> {
        let real = built_program("khaya")?;
        let script = format!(
            "#!/bin/sh\nif [ \"$1\" = --version ]; then echo \"khaya {version}\"; exit; fi\n\
             touch '{folder}/new-version-ran'\n{then}\nexec '{real}' \"$@\"\n",
            folder = self.folder.display(),
            real = real.display()
        );
        Ok(script.into_bytes())
    }

    fn holds(&self, program: &[u8]) -> Result<bool> {
        Ok(fs::read(&self.program)? == program)
    }

    fn has_run_newer(&self) -> bool {
        self.folder.join("new-version-ran").exists()
    }
}

async fn started(desktop: &Desktop, releases: &Releases, installed: &Installed, team: &Team) -> Result<App> {
    let environment = releases.environment();
    let environment: Vec<(&str, &str)> = environment
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let options = Options {
        profile: "ada",
        program: Some(&installed.program),
        environment: &environment,
        ..Options::default()
    };
    let app = App::start(desktop, &options).await?;
    app.page().sign_in(team.address(), "ada", PASSWORD).await?;
    app.page().connection("Connected").await?;
    Ok(app)
}

async fn find_update(page: &Page) -> Result<()> {
    page.click(&named(Role::Button, "Settings")).await?;
    page.click(&named(Role::Button, "Check for a new version")).await
}

/// The version is announced, fetched, and refused with this sentence; the app goes on as it was.
async fn refuses(
    page: &Page,
    releases: &Releases,
    installed: &Installed,
    announced: Announced<'_>,
    sentence: &str,
) -> Result<()> {
    releases.announce(announced)?;
    find_update(page).await?;
    page.shows(&format!("Version {NEW} is available.")).await?;
    page.close_dialog().await?;
    page.click(&named(Role::Button, "Update")).await?;
    page.click(&named(Role::Button, "Settings")).await?;
    page.shows(sentence).await?;
    page.close_dialog().await?;
    let before = fs::read(built_program("khaya")?)?;
    ensure!(installed.holds(&before)?, "it was replaced");
    ensure!(
        !installed.folder.join("khaya.update").exists(),
        "what was refused is kept"
    );
    ensure!(!installed.has_run_newer(), "what was refused has run");
    Ok(())
}

/// One that is older is no new one, whoever signed it.
async fn passes_over_older(
    page: &Page,
    releases: &Releases,
    installed: &Installed,
    announced: Announced<'_>,
) -> Result<()> {
    releases.announce(Announced {
        version: "0.0.1",
        signed_as: "0.0.1",
        ..announced
    })?;
    find_update(page).await?;
    page.shows("This is the newest version.").await?;
    ensure!(!installed.has_run_newer());
    page.close_dialog().await
}

#[tokio::test]
async fn what_is_not_what_its_makers_signed_is_refused_and_the_app_goes_on() {
    on_desktop("update_refused", async |desktop| {
        let releases = Releases::start().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let installed = Installed::new(desktop)?;
        let app = started(desktop, &releases, &installed, &team).await?;
        let page = app.page();

        let good = installed.newer(NEW, "")?;
        let other = installed.newer("98.0.0", "")?;
        let broken = b"not a program at all".to_vec();
        let well = Announced {
            version: NEW,
            signed_as: NEW,
            program: &good,
            forged: false,
            truncated: false,
        };
        let cases = [
            (
                Announced { forged: true, ..well },
                "is not signed by those who make Khaya",
            ),
            (
                Announced {
                    signed_as: "98.0.0",
                    ..well
                },
                "is signed as another one",
            ),
            (
                Announced {
                    truncated: true,
                    ..well
                },
                "was cut off on its way",
            ),
            (
                Announced {
                    program: &other,
                    ..well
                },
                "is signed as another one",
            ),
            (
                Announced {
                    program: &broken,
                    ..well
                },
                "does not run on this computer",
            ),
        ];
        for (announced, sentence) in cases {
            refuses(page, &releases, &installed, announced, sentence).await?;
        }
        passes_over_older(page, &releases, &installed, well).await?;
        page.open_chat("Bob").await?;
        page.send("Still here").await
    })
    .await;
}

#[tokio::test]
async fn updates_itself_and_keeps_what_was_typed() {
    on_desktop("update_taken", async |desktop| {
        let releases = Releases::start().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let installed = Installed::new(desktop)?;
        let before = fs::read(&installed.program)?;
        let app = started(desktop, &releases, &installed, &team).await?;
        let page = app.page();
        page.open_chat("Bob").await?;
        page.type_text(&composer(), "Half a thought").await?;
        let program = installed.newer(NEW, "")?;
        releases.announce(Announced {
            version: NEW,
            signed_as: NEW,
            program: &program,
            forged: false,
            truncated: false,
        })?;
        find_update(page).await?;
        page.shows("Everything is better.").await?;
        desktop.picture("available").await?;
        page.close_dialog().await?;
        // Not while somebody writes: it says so until the pause is long enough.
        eventually("the new version to run", async || {
            // The page goes with the old version.
            page.click_now(&named(Role::Button, "Update")).await.ok();
            Ok(installed.has_run_newer().then_some(()))
        })
        .await?;
        ensure!(installed.holds(&program)?);
        ensure!(
            fs::read(installed.folder.join("khaya.previous"))? == before,
            "the one before is kept"
        );
        eventually("the old version to let go", async || {
            Ok((!Path::new(&format!("/proc/{}/exe", app.process())).exists()).then_some(()))
        })
        .await?;
        let draft = eventually("the new version's window", async || {
            let log = newest_log(app.data())?;
            Ok(log.contains("the window is painted").then_some(()))
        })
        .await;
        desktop.picture("updated").await?;
        end_all_with(app.data())?;
        draft
    })
    .await;
}

#[tokio::test]
async fn the_teams_own_server_hands_the_new_version_out() {
    on_desktop("update_server", async |desktop| {
        let folder = desktop.home().join("releases");
        fs::create_dir_all(&folder)?;
        let options = ["--updates", folder.to_str().context("text")?];
        let team = Team::start(desktop.artifacts(), &options).await?;
        let releases = Releases::handed_out_by(team.address(), folder.clone())?;
        let installed = Installed::new(desktop)?;
        let app = started(desktop, &releases, &installed, &team).await?;
        let page = app.page();

        let program = installed.newer(NEW, "")?;
        let well = Announced {
            version: NEW,
            signed_as: NEW,
            program: &program,
            forged: false,
            truncated: false,
        };
        let not_theirs = "is not signed by those who make Khaya";
        for (announced, sentence) in [
            (Announced { forged: true, ..well }, not_theirs),
            // What the server has is shorter than what was signed.
            (
                Announced {
                    truncated: true,
                    ..well
                },
                not_theirs,
            ),
            (
                Announced {
                    signed_as: "98.0.0",
                    ..well
                },
                "is signed as another one",
            ),
        ] {
            refuses(page, &releases, &installed, announced, sentence).await?;
        }
        passes_over_older(page, &releases, &installed, well).await?;

        releases.announce(well)?;
        find_update(page).await?;
        page.shows("Everything is better.").await?;
        page.close_dialog().await?;
        page.click(&named(Role::Button, "Update")).await?;
        let taken = eventually("the new version to run", async || {
            Ok(installed.has_run_newer().then_some(()))
        })
        .await;
        end_all_with(app.data())?;
        taken?;
        ensure!(installed.holds(&program)?);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_version_that_does_not_start_gives_way_to_the_one_before() {
    on_desktop("update_failed", async |desktop| {
        let releases = Releases::start().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let installed = Installed::new(desktop)?;
        let before = fs::read(&installed.program)?;
        let notices = desktop.answering().await?;
        let app = started(desktop, &releases, &installed, &team).await?;
        let page = app.page();
        let program = installed.newer(NEW, "exit 3")?;
        releases.announce(Announced {
            version: NEW,
            signed_as: NEW,
            program: &program,
            forged: false,
            truncated: false,
        })?;
        find_update(page).await?;
        page.shows("Everything is better.").await?;
        page.close_dialog().await?;
        page.click(&named(Role::Button, "Update")).await?;
        let notice = notices.shown("The version before").await;
        end_all_with(app.data())?;
        ensure!(notice?.summary == format!("Khaya {NEW} did not start"));
        ensure!(installed.has_run_newer() && installed.holds(&before)?);
        let mode = fs::metadata(&installed.program)?.permissions().mode();
        ensure!(mode & 0o111 != 0, "{mode:o}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_runs_the_computer_can_turn_updates_off() {
    on_desktop("update_policy", async |desktop| {
        let releases = Releases::start().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let installed = Installed::new(desktop)?;
        let policy = desktop.home().join("policy.json");
        fs::write(&policy, "{\"updates\": false}")?;
        let environment = releases.environment();
        let mut environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        environment.push(("KHAYA_POLICY", policy.to_str().context("text")?));
        let options = Options {
            profile: "ada",
            program: Some(&installed.program),
            environment: &environment,
            ..Options::default()
        };
        let app = App::start(desktop, &options).await?;
        let page = app.page();
        page.sign_in(team.address(), "ada", PASSWORD).await?;
        page.connection("Connected").await?;
        page.click(&named(Role::Button, "Settings")).await?;
        page.shows("Whoever runs this computer has turned updates off.")
            .await?;
        page.gone(&named(Role::Button, "Check for a new version")).await
    })
    .await;
}

/// What the app's first process has logged in this profile.
fn newest_log(data: &Path) -> Result<String> {
    let mut text = String::new();
    for entry in fs::read_dir(data.join("logs"))? {
        let path = entry?.path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("khaya"))
        {
            text = fs::read_to_string(&path)?;
        }
    }
    // From the last start on.
    Ok(text.rsplit(": starting").next().unwrap_or_default().to_owned())
}
