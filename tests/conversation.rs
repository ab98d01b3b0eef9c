//! What people do with messages and chats in two real windows, by the names that a screen reader tells: reply, edit,
//! react, pin, delete, choose who can see a message, mute, rename.
#![cfg(target_os = "linux")]

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    flow::{Level, Pair, composer, sent, shown_once},
    locator::{Locator, Role, containing, named, starting},
    page::{Page, chats, messages},
    scenario::on_desktop,
    team::Team,
    wait::eventually,
};

/// Keys of WebDriver (section 17.4.2).
const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";
const UP: &str = "\u{E013}";

#[tokio::test]
async fn a_message_is_answered_changed_reacted_to_pinned_and_deleted() {
    on_desktop("conversation_message", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.page(), pair.bob.page());

        // Marks are read, and not heard.
        ada.send("The **plan** for `Friday`").await?;
        shown_once(bob, "The plan for Friday", &["Ada"]).await?;

        // An answer says to whom, and leads back.
        choose(bob, "The plan for Friday", "Reply").await?;
        bob.shows("Replying to Ada: The plan for Friday").await?;
        bob.send("Which plan?").await?;
        for page in [ada, bob] {
            page.find(&item(&["Bob", "replying to Ada", "Which plan?"]))
                .await?;
        }
        ada.click(&item(&["Which plan?"]).with(containing(Role::Button, &["Ada", "The plan for Friday"])))
            .await?;

        // The arrow takes back what was written last; Escape leaves it as it was, and a draft with it.
        ada.type_text(&composer(), UP).await?;
        ada.shows("Editing: The plan for Friday").await?;
        ensure!(ada.value(&composer()).await? == "The **plan** for `Friday`");
        ada.type_text(&composer(), ESCAPE).await?;
        ada.hides("Editing:").await?;
        ensure!(
            ada.value(&composer()).await?.is_empty(),
            "the edited text stays in the field"
        );
        ada.type_text(&composer(), UP).await?;
        ada.fill(&composer(), "The plan for Saturday").await?;
        ada.type_text(&composer(), ENTER).await?;
        for page in [ada, bob] {
            page.find(&item(&["Ada", "The plan for Saturday", "edited"]))
                .await?;
            page.gone(&item(&["The plan for Friday, "])).await?;
        }

        // A reaction is a switch, and says who.
        choose(bob, "The plan for Saturday", "React with 🎉").await?;
        ada.find(&item(&["The plan for Saturday"]).with(named(Role::Button, "🎉 1, by Bob")))
            .await?;
        ada.click(&item(&["The plan for Saturday"]).with(named(Role::Button, "🎉 1, by Bob")))
            .await?;
        bob.find(&item(&["The plan for Saturday"]).with(named(Role::Button, "🎉 2, by Ada and you")))
            .await?;
        bob.click(&item(&["The plan for Saturday"]).with(named(Role::Button, "🎉 2, by Ada and you")))
            .await?;
        bob.find(&item(&["The plan for Saturday"]).with(named(Role::Button, "🎉 1, by Ada")))
            .await?;

        choose(ada, "The plan for Saturday", "Pin in the chat").await?;
        bob.find(&item(&["The plan for Saturday", "pinned"])).await?;
        choose(bob, "The plan for Saturday", "Unpin").await?;
        ada.find(&item(&["The plan for Saturday"]).without(&["pinned"]))
            .await?;

        // What cannot be undone is asked about first.
        choose(ada, "The plan for Saturday", "Delete").await?;
        ada.click(&dialog("Delete this message?").with(named(Role::Button, "Cancel")))
            .await?;
        ada.find(&item(&["The plan for Saturday"])).await?;
        choose(ada, "The plan for Saturday", "Delete").await?;
        ada.click(&dialog("Delete this message?").with(named(Role::Button, "Delete")))
            .await?;
        for page in [ada, bob] {
            page.find(&item(&["Ada", "This message was deleted"])).await?;
            page.gone(&item(&["The plan for Saturday, "])).await?;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn who_can_see_a_message_is_chosen_and_told() {
    on_desktop("conversation_audience", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.page(), pair.bob.page());
        for page in [ada, bob] {
            page.open_chat("Garden").await?;
        }
        ada.click(&named(Role::Button, "Who can see it")).await?;
        let who = dialog("Who can see the next message?");
        ada.click(&who.clone().with(starting(Role::Checkbox, "Bob")))
            .await?;
        ada.click(&who.with(named(Role::Button, "Choose"))).await?;
        ada.shows("Only Bob can see this").await?;
        ada.send("A cake for Cem").await?;
        bob.find(&item(&["Ada", "A cake for Cem", "can see this"]))
            .await?;
        ada.find(&messages().with(sent("A cake for Cem"))).await?;

        // The next one is for everyone again; for Cem there is that one only.
        ada.send("Who brings plates?").await?;
        bob.find(&item(&["Who brings plates?"]).without(&["can see this"]))
            .await?;
        let page = team
            .cem
            .rest
            .get(&format!("/chat/{}/messages", team.garden))
            .await?;
        ensure!(
            !page.to_string().contains("cake") && page.to_string().contains("plates"),
            "{page}"
        );

        // An answer reaches no further than what it answers.
        choose(bob, "A cake for Cem", "Reply").await?;
        bob.send("I bake it").await?;
        ada.find(&item(&["Bob", "I bake it", "can see this"])).await?;
        let page = team
            .cem
            .rest
            .get(&format!("/chat/{}/messages", team.garden))
            .await?;
        ensure!(!page.to_string().contains("bake"), "{page}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_group_is_renamed_muted_and_left() {
    on_desktop("conversation_group", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.page(), pair.bob.page());
        ada.open_chat("Garden").await?;
        ada.click(&named(Role::Button, "About this chat")).await?;
        let about = dialog("Garden");
        ada.fill(&about.clone().with(named(Role::Textbox, "Group name")), "Orchard")
            .await?;
        ada.fill(&about.clone().with(named(Role::Textbox, "Topic")), "Apples")
            .await?;
        ada.click(&about.with(named(Role::Button, "Save"))).await?;
        bob.find(&chats().with(starting(Role::Item, "Orchard"))).await?;
        ada.click(&dialog("Orchard").with(named(Role::Button, "Close")))
            .await?;
        ada.shows("Apples").await?;

        bob.open_chat("Orchard").await?;
        bob.click(&named(Role::Button, "About this chat")).await?;
        bob.click(&dialog("Orchard").with(starting(Role::Checkbox, "Mute")))
            .await?;
        // Behind a dialog nothing can be found.
        bob.click(&dialog("Orchard").with(named(Role::Button, "Close")))
            .await?;
        bob.find(&chats().with(containing(Role::Item, &["Orchard", "muted"])))
            .await?;
        bob.click(&named(Role::Button, "About this chat")).await?;
        bob.click(&dialog("Orchard").with(named(Role::Button, "Leave the group")))
            .await?;
        bob.click(&dialog("Leave the group").with(named(Role::Button, "Leave the group")))
            .await?;
        bob.gone(&chats().with(starting(Role::Item, "Orchard"))).await?;
        // The window shows at once what the server learns in a moment.
        eventually("three members, after one of four left", async || {
            let chat = team.ada.rest.get(&format!("/chat/{}", team.garden)).await?;
            let members = chat["members"].as_array().context("members")?.len();
            Ok((members == 3).then_some(()))
        })
        .await
    })
    .await;
}

/// Chooses `what` from the menu of the message with `text`.
async fn choose(page: &Page, text: &str, what: &str) -> Result<()> {
    // What can be done stands beside the message that has the focus.
    page.focus(&item(&[text])).await?;
    page.click(&item(&[text]).with(named(Role::Button, "More")))
        .await?;
    page.click(&named(Role::MenuItem, what)).await
}

/// A message of the open chat whose name has all of `parts`.
fn item(parts: &[&str]) -> Locator {
    messages().with(containing(Role::Item, parts))
}

fn dialog(name: &str) -> Locator {
    named(Role::Dialog, name)
}
