//! What ends by the clock on the wall: the hour without notices, and the hour after which an app that nobody uses locks.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use khaya_tests::{
    app::{App, Options},
    clock::Clock,
    desktop::Desktop,
    flow::{minimise, shown_once},
    in_tray::told,
    locator::{Role, named},
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
    wait::eventually,
};

const HOUR: u64 = 60 * 60;

/// Chooses an hour in a list of minutes.
const AN_HOUR: &str = "
    arguments[0].value = '60';
    arguments[0].dispatchEvent(new Event('change', { bubbles: true }));";

/// Ada's app, with this clock on its wall.
async fn with_clock(desktop: &Desktop, team: &Team, clock: &Clock) -> Result<App> {
    let environment = clock.environment();
    let environment = environment.each_ref().map(|(name, value)| (*name, &**value));
    let options = Options {
        profile: "ada",
        environment: &environment,
        ..Options::default()
    };
    let ada = App::start(desktop, &options).await?;
    ada.page().sign_in(team.address(), "ada", PASSWORD).await?;
    ada.page().connection("Connected").await?;
    Ok(ada)
}

#[tokio::test]
async fn an_hour_without_notices_is_an_hour() {
    on_desktop("clock_quiet", async |desktop| {
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let clock = Clock::new(desktop)?;
        let ada = with_clock(desktop, &team, &clock).await?;
        let window = ada.window(desktop).await?;
        minimise(desktop, &ada, &window).await?;
        let mut notices = desktop.notices().await?;
        team.bob.send(&team.direct, "Before the hour").await?;
        ensure!(notices.next().await?.body == "Before the hour");

        let is_quiet = async |wanted: bool| {
            eventually(format!("the mark of the hour to be {wanted}"), async || {
                let menu = panel.menu().await?;
                let is_it = menu
                    .iter()
                    .any(|entry| entry.label.starts_with("Do not disturb") && entry.checked);
                Ok((is_it == wanted).then_some(()))
            })
            .await
        };
        // The menu is made anew for what is unread.
        told(&panel, "1 unread message").await?;
        panel.choose("Do not disturb").await?;
        is_quiet(true).await?;
        clock.advance_to(HOUR - 60)?;
        team.bob.send(&team.direct, "Within the hour").await?;
        told(&panel, "2 unread messages").await?;

        // The app looks at the wall once a minute, and whenever the settings change.
        clock.advance_to(HOUR + 60)?;
        ada.page().click(&named(Role::Button, "Settings")).await?;
        ada.page().click(&named(Role::Checkbox, "Play a sound")).await?;
        team.bob.send(&team.direct, "After the hour").await?;
        let next = notices.next().await?;
        ensure!(next.body == "After the hour", "{next:?}");
        let more = notices.pending().await?;
        ensure!(more.is_empty(), "{more:?}");
        is_quiet(false).await
    })
    .await;
}

#[tokio::test]
async fn an_app_that_was_not_used_for_as_long_as_was_chosen_locks() {
    on_desktop("clock_lock", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let clock = Clock::new(desktop)?;
        let ada = with_clock(desktop, &team, &clock).await?;
        let page = ada.page();
        page.open_chat("Bob").await?;
        page.click(&named(Role::Button, "Settings")).await?;
        page.fill(&named(Role::Textbox, "New passphrase"), "a gate of yew")
            .await?;
        page.click(&named(Role::Button, "Set a lock")).await?;
        page.find(&named(Role::Textbox, "Current passphrase")).await?;
        let after = named(Role::Button, "Lock when I have not used it for");
        let after = page.find(&after).await?;
        page.session().execute_on(&after, AN_HOUR).await?;
        page.close_dialog().await?;

        // Nothing was done in it since, and it was not long.
        clock.advance_to(HOUR - 120)?;
        team.bob.send(&team.direct, "Within the hour").await?;
        shown_once(page, "Within the hour", &[]).await?;
        clock.advance_to(HOUR + 60)?;
        page.find(&named(Role::Button, "Unlock")).await?;
        let held = page.everything_kept().await?;
        ensure!(
            !held.contains("Within the hour"),
            "the page of a locked app holds it"
        );
        Ok(())
    })
    .await;
}
