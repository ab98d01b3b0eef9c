//! Messages are found in a real window: in one chat and in all, narrowed down, by keys alone, and also while the server
//! is away.
#![cfg(target_os = "linux")]

use anyhow::ensure;
use khaya_tests::{
    flow::signed_in,
    locator::{Locator, Role, containing, named, starting},
    page::messages,
    scenario::on_desktop,
    team::Team,
};

/// Keys of WebDriver (section 17.4.2).
const CONTROL: &str = "\u{E009}";
const SHIFT: &str = "\u{E008}";
const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";
const DOWN: &str = "\u{E015}";

#[tokio::test]
async fn a_message_is_found_and_jumped_to_by_keys_alone() {
    on_desktop("finding", async |desktop| {
        let mut team = Team::start(desktop.artifacts(), &[]).await?;
        team.bob.send(&team.garden, "The marmalade is ready").await?;
        for number in 0..120 {
            team.cem
                .send(&team.garden, &format!("Weeds, bed {number}"))
                .await?;
        }
        team.bob.send(&team.direct, "Marmalade for two?").await?;
        team.ada.send(&team.direct, "Only marmalade").await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let ada = ada.page();
        ada.open_chat("Bob").await?;
        let window = named(Role::Dialog, "Search messages");
        let field = window.clone().with(named(Role::Searchbox, "Search messages"));

        // In the chat that is open.
        let composer = named(Role::Textbox, "Message");
        ada.type_text(&composer, &format!("{CONTROL}f{CONTROL}")).await?;
        ada.type_text(&field, "marmal").await?;
        ada.find(&hit(&["Bob in Bob", "Marmalade for two?"])).await?;
        ada.find(&hit(&["Ada (you) in Bob", "Only marmalade"])).await?;
        ensure!(
            ada.count(&hit(&[])).await? == 2,
            "only this chat is looked through"
        );

        // Everywhere, and narrowed down. What somebody types stays.
        ada.type_text(&field, ESCAPE).await?;
        ada.gone(&window).await?;
        ada.type_text(&composer, &format!("{CONTROL}{SHIFT}f{SHIFT}{CONTROL}"))
            .await?;
        ada.find(&hit(&["Bob in Garden", "The marmalade is ready"]))
            .await?;
        ada.fill(&field, "marmalade from:ada").await?;
        ada.gone(&hit(&["Bob in Garden"])).await?;
        ada.find(&hit(&["Ada (you) in Bob"])).await?;
        ada.fill(&field, "marmalade in:Garden").await?;
        ada.gone(&hit(&["in Bob"])).await?;
        ada.find(&hit(&["in Garden"])).await?;
        desktop.picture("found").await?;

        // Down, and there: in another chat, far back.
        ada.type_text(&field, DOWN).await?;
        let row = hit(&["in Garden"]).with(khaya_tests::locator::any(Role::Button));
        ada.type_text(&row, ENTER).await?;
        ada.gone(&window).await?;
        ada.find(&starting(Role::Region, "Garden")).await?;
        ada.find(&messages().with(containing(Role::Item, &["The marmalade is ready"])))
            .await?;

        ada.type_text(&composer, &format!("{CONTROL}{SHIFT}f{SHIFT}{CONTROL}"))
            .await?;
        ada.fill(&field, "nothing like it").await?;
        ada.shows("No message has “nothing like it”.").await?;
        ada.fill(&field, "from:nobodyatall tea").await?;
        ada.shows("nobodyatall").await?;

        // Without the server there is what is on the disk, and it says so.
        team.server.kill();
        ada.fill(&field, "marmalade").await?;
        ada.find(&hit(&["Bob in Garden", "The marmalade is ready"]))
            .await?;
        ada.shows("3 messages. ").await
    })
    .await;
}

/// A message that was found, whose name has all of `parts`.
fn hit(parts: &[&str]) -> Locator {
    named(Role::List, "Messages found").with(containing(Role::Item, parts))
}
