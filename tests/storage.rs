//! What is kept on this computer, in a real window: written to a file and brought back from it, bounded, and deleted
//! several at once; and whose work is in the app.
#![cfg(target_os = "linux")]

use std::{fs, os::unix::fs::PermissionsExt as _};

use anyhow::{Result, ensure};
use khaya_tests::{
    desktop::Desktop,
    flow::{Level, Pair, composer, sent, signed_in},
    locator::{Locator, Role, any, containing, named},
    page::{Page, messages},
    scenario::on_desktop,
    team::Team,
    wait::eventually,
};
use serde_json::{Value, json};

#[tokio::test]
async fn chats_are_exported_and_what_was_not_sent_comes_back() {
    on_desktop("storage_export", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let page = ada.page();
        page.open_chat("Bob").await?;
        page.send("We met under the jacaranda").await?;
        page.find(&messages().with(sent("We met under the jacaranda")))
            .await?;
        page.fill(&composer(), "Never sent: the recipe").await?;
        page.open_chat("Garden").await?;

        let file = desktop.home().join("export.jsonl");
        open_settings(page).await?;
        page.click(&settings().with(named(Role::Button, "Export…")))
            .await?;
        desktop.choose_file("Save", &file).await?;
        page.shows("The file is written, with ").await?;
        let written = fs::read_to_string(&file)?;
        let lines: Vec<Value> = written
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        ensure!(
            lines.first().is_some_and(|line| line["type"] == "export")
                && lines.last().is_some_and(|line| line["type"] == "end")
                && written.contains("We met under the jacaranda")
                && written.contains("Never sent: the recipe"),
            "{written}"
        );
        ensure!(
            fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600,
            "others can read it"
        );

        // The draft is thrown away, and comes back from the file.
        page.click(&settings().with(named(Role::Button, "Close"))).await?;
        page.open_chat("Bob").await?;
        ensure!(
            page.value(&composer()).await? == "Never sent: the recipe",
            "the draft is there"
        );
        page.type_text(&composer(), THROW_AWAY).await?;
        ensure!(
            page.value(&composer()).await?.is_empty(),
            "the draft is thrown away"
        );
        page.open_chat("Garden").await?;
        open_settings(page).await?;
        page.click(&settings().with(named(Role::Button, "Import…")))
            .await?;
        desktop.choose_file("Open", &file).await?;
        page.shows("1 draft or unsent message is back").await?;
        page.click(&settings().with(named(Role::Button, "Close"))).await?;
        page.open_chat("Bob").await?;
        page.until("the draft", async || {
            Ok((page.value(&composer()).await? == "Never sent: the recipe").then_some(()))
        })
        .await?;

        // A file that is no export is told as one, and changes nothing.
        let other = desktop.home().join("other.jsonl");
        fs::write(&other, "no export")?;
        open_settings(page).await?;
        page.click(&settings().with(named(Role::Button, "Import…")))
            .await?;
        desktop.choose_file("Open", &other).await?;
        page.find(&settings().with(any(Role::Alert))).await.map(drop)
    })
    .await;
}

#[tokio::test]
async fn how_much_is_kept_is_chosen_and_the_licences_are_told() {
    on_desktop("storage_settings", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let page = ada.page();
        open_settings(page).await?;
        page.session().execute(CHOOSE, json!("100")).await?;
        let kept = ada.data().join("settings.json");
        eventually("the choice to be kept", async || {
            let settings: Value = serde_json::from_slice(&fs::read(&kept)?)?;
            Ok((settings["keepFiles"] == "100").then_some(()))
        })
        .await?;
        page.session().execute(LICENCES, Value::Null).await?;
        // One of those without which there would be no app.
        page.shows("tauri").await?;
        page.shows("MIT").await
    })
    .await;
}

#[tokio::test]
async fn several_messages_are_deleted_together() {
    on_desktop("storage_selection", async |desktop: &Desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.page(), pair.bob.page());
        bob.send("Mine stays").await?;
        for text in ["First slip", "Second slip"] {
            ada.send(text).await?;
            bob.find(&item(&[text])).await?;
        }
        // Somebody else's is not hers to delete.
        select(ada, "Mine stays").await?;
        ada.shows("1 message selected").await?;
        ensure!(ada.count(&bar("Delete")).await? == 0, "she may not");
        ada.click(&bar("Cancel")).await?;

        select(ada, "First slip").await?;
        ada.click(&item(&["Second slip"])).await?;
        ada.shows("2 messages selected").await?;
        ada.click(&bar("Delete")).await?;
        ada.click(&named(Role::Dialog, "Delete 2 messages?").with(named(Role::Button, "Delete")))
            .await?;
        for page in [ada, bob] {
            for text in ["First slip", "Second slip"] {
                page.gone(&item(&[text])).await?;
            }
            page.find(&item(&["Mine stays"])).await?;
        }
        Ok(())
    })
    .await;
}

async fn open_settings(page: &Page) -> Result<()> {
    page.click(&named(Role::Button, "Settings")).await?;
    page.find(&settings().with(named(Role::Button, "Sign out")))
        .await
        .map(drop)
}

async fn select(page: &Page, text: &str) -> Result<()> {
    page.focus(&item(&[text])).await?;
    page.click(&item(&[text]).with(named(Role::Button, "More")))
        .await?;
    page.click(&named(Role::MenuItem, "Select")).await
}

fn settings() -> Locator {
    named(Role::Dialog, "Settings")
}

/// What can be done with the messages that are selected.
fn bar(name: &str) -> Locator {
    named(Role::Button, name)
}

/// A message of the open chat whose name has all of `parts`.
fn item(parts: &[&str]) -> Locator {
    messages().with(containing(Role::Item, parts))
}

/// Control and A, then Backspace (WebDriver, section 17.4.2).
const THROW_AWAY: &str = "\u{E009}a\u{E000}\u{E003}";

/// As a person does with the mouse or the keys.
const CHOOSE: &str = "
    const select = document.querySelector('[name=keepFiles]');
    select.value = arguments[0];
    select.dispatchEvent(new Event('change', { bubbles: true }));";

const LICENCES: &str = "document.querySelector('[data-part=licences] summary').click();";
