//! A keyring that goes away, is locked, or loses entries while the app runs: a real daemon, a real window. Each is told,
//! and nothing is lost.
#![cfg(target_os = "linux")]

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    app::{App, Options},
    desktop::{Desktop, KEYRING_PASSWORD},
    flow::{composer, sent, shown_once, signed_in},
    locator::{Role, containing, named},
    page::{Page, chats, messages},
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
    wait::eventually,
};

/// Sessions are so short that each is renewed, and kept anew, while the test waits.
const SHORT: [&str; 2] = ["--token-ttl", "6"];

const DRAFT: &str = "Half a thought";

#[tokio::test]
async fn a_keyring_that_goes_away_under_a_running_app_loses_nothing() {
    on_desktop("keyring_gone", async |desktop| {
        let team = Team::start(desktop.artifacts(), &SHORT).await?;
        let ada = with_a_draft(desktop, &team).await?;
        let page = ada.page();
        let before = desktop
            .secret("ada/session")
            .await?
            .context("a session is kept")?;

        desktop.end_keyring()?;
        let choice = named(Role::Dialog, "Your session can’t be kept safe");
        page.find(&choice).await?;
        page.shows("No keyring answers on this computer").await?;
        desktop.picture("gone").await?;
        page.click(
            &choice
                .clone()
                .with(named(Role::Button, "Stay signed in until I quit")),
        )
        .await?;
        page.gone(&choice).await?;
        // What is written meanwhile arrives.
        page.open_chat("Bob").await?;
        page.send("Without a keyring").await?;
        page.find(&messages().with(sent("Without a keyring"))).await?;
        let bob = team.bob.rest.sign_in("bob", PASSWORD).await?;
        bob.send(&team.direct, "I hear you").await?;
        shown_once(page, "I hear you", &["Bob"]).await?;

        desktop.start_keyring(KEYRING_PASSWORD).await?;
        page.click(&named(Role::Button, "Settings")).await?;
        page.click(&named(Role::Dialog, "Settings").with(named(Role::Button, "Try again")))
            .await?;
        kept_anew(desktop, &before).await?;
        ada.kill().await?;
        everything_is_there(desktop, &["Without a keyring", "I hear you"]).await
    })
    .await;
}

#[tokio::test]
async fn a_keyring_whose_entries_are_deleted_gets_them_again() {
    on_desktop("keyring_deleted", async |desktop| {
        let team = Team::start(desktop.artifacts(), &SHORT).await?;
        let ada = with_a_draft(desktop, &team).await?;
        ada.page().open_chat("Bob").await?;
        ada.page().send("Before it was deleted").await?;
        ada.page()
            .find(&messages().with(sent("Before it was deleted")))
            .await?;
        let key = desktop.secret("ada/store-key").await?.context("a key is kept")?;
        desktop.forget_secret("ada/session").await?;
        desktop.forget_secret("ada/store-key").await?;
        eventually("the key to be kept again", async || {
            let kept = desktop.secret("ada/store-key").await?;
            Ok(kept.filter(|kept| *kept == key).map(drop))
        })
        .await?;
        kept_anew(desktop, "").await?;
        ada.page().connection("Connected").await?;
        ada.kill().await?;
        everything_is_there(desktop, &["Before it was deleted"]).await
    })
    .await;
}

#[tokio::test]
async fn a_keyring_with_another_password_is_told_and_opens_with_the_right_one() {
    on_desktop("keyring_locked", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = with_a_draft(desktop, &team).await?;
        ada.page().open_chat("Bob").await?;
        ada.page().send("Before it was locked").await?;
        ada.page()
            .find(&messages().with(sent("Before it was locked")))
            .await?;

        // Locked while the app runs: it goes on.
        let lock = [
            "call",
            "--session",
            "--dest",
            "org.freedesktop.secrets",
            "--object-path",
        ];
        let at = [
            "/org/freedesktop/secrets",
            "--method",
            "org.freedesktop.Secret.Service.Lock",
        ];
        let what = ["['/org/freedesktop/secrets/collection/login']"];
        desktop.run("gdbus", &[&lock[..], &at, &what].concat()).await?;
        ada.page().send("While it was locked").await?;
        ada.page()
            .find(&messages().with(sent("While it was locked")))
            .await?;
        ada.kill().await?;

        desktop.end_keyring()?;
        desktop.start_keyring("not the password").await?;
        let ada = started(desktop).await?;
        let page = ada.page();
        let told = named(Role::Dialog, "What is stored here is locked");
        page.find(&told).await?;
        page.shows("The keyring is locked").await?;
        desktop.picture("locked").await?;
        let again = told.clone().with(named(Role::Button, "Ask the keyring again"));
        page.click(&again).await?;
        page.find(&told).await?;

        desktop.end_keyring()?;
        desktop.start_keyring(KEYRING_PASSWORD).await?;
        page.click(&again).await?;
        page.gone(&told).await?;
        complete(page, &["Before it was locked", "While it was locked"]).await
    })
    .await;
}

/// Ada, signed in, with a draft in the garden and nothing open.
async fn with_a_draft(desktop: &Desktop, team: &Team) -> Result<App> {
    let ada = signed_in(desktop, "ada", team.address()).await?;
    ada.page().open_chat("Garden").await?;
    ada.page().type_text(&composer(), DRAFT).await?;
    ada.page().open_chat("Bob").await?;
    ada.page()
        .find(&chats().with(containing(Role::Item, &["Garden", DRAFT])))
        .await?;
    Ok(ada)
}

/// Waits until the keyring holds a session that is not this one.
async fn kept_anew(desktop: &Desktop, before: &str) -> Result<()> {
    eventually("the session to be kept again", async || {
        let kept = desktop.secret("ada/session").await?;
        Ok(kept.filter(|kept| kept != before).map(drop))
    })
    .await
}

async fn started(desktop: &Desktop) -> Result<App> {
    let options = Options {
        profile: "ada",
        ..Options::default()
    };
    App::start(desktop, &options).await
}

/// The next start needs no password, and has all that there was.
async fn everything_is_there(desktop: &Desktop, texts: &[&str]) -> Result<()> {
    complete(started(desktop).await?.page(), texts).await
}

async fn complete(page: &Page, texts: &[&str]) -> Result<()> {
    page.connection("Connected").await?;
    page.open_chat("Bob").await?;
    for text in texts {
        shown_once(page, text, &[]).await?;
    }
    page.open_chat("Garden").await?;
    let draft = page.value(&composer()).await?;
    ensure!(draft == DRAFT, "the draft is “{draft}”");
    Ok(())
}
