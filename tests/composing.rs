//! Writing in a real window, with real keys: what was completed or inserted is undone like what was typed, an input
//! method's keys are its own, and a link to a message leads back to it.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use khaya_tests::{
    app::App,
    desktop::Desktop,
    flow::{composer, sent, shown_once, signed_in},
    locator::{Locator, Role, containing, named, starting},
    page::messages,
    scenario::on_desktop,
    team::Team,
};
use serde_json::{Value, json};

#[tokio::test]
async fn what_was_completed_or_inserted_is_undone() {
    on_desktop("undo", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = Writer::start(desktop, &team).await?;
        ada.type_text("Well done :tad").await?;
        ada.app.page().find(&starting(Role::Option, "🎉")).await?;
        ada.press("Return").await?;
        ada.holds("Well done 🎉 ").await?;
        ada.press("ctrl+z").await?;
        ada.holds("Well done :tad").await?;
        ada.press("ctrl+shift+z").await?;
        ada.holds("Well done 🎉 ").await?;

        let page = ada.app.page();
        page.click(&named(Role::Button, "Emoji")).await?;
        page.until("the focus on the emoji", async || {
            Ok((page.focused().await? == "Find an emoji").then_some(()))
        })
        .await?;
        ada.type_text("rocket").await?;
        page.find(&starting(Role::Option, "🚀")).await?;
        ada.press("Return").await?;
        ada.holds("Well done 🎉 🚀").await?;
        ada.press("ctrl+z").await?;
        ada.holds("Well done 🎉 ").await
    })
    .await;
}

/// There is no input method on a test's desktop; the events are those of WebKit with one (UI Events, section 5.7).
#[tokio::test]
async fn the_keys_of_an_input_method_send_nothing() {
    on_desktop("composition", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = Writer::start(desktop, &team).await?;
        ada.type_text("kaigi").await?;
        for enter in [
            json!({ "isComposing": true, "keyCode": 229 }),
            // WebKit's own order: the composition has ended, and then comes the key that ended it.
            json!({ "isComposing": false, "keyCode": 229 }),
        ] {
            let page = ada.app.page();
            let taken = page.session().execute(ENTER, enter.clone()).await?;
            ensure!(taken == false, "the app took Enter of an input method: {enter}");
            ada.holds("kaigi").await?;
        }
        // Nor do they take what is suggested.
        ada.type_text(" :tad").await?;
        ada.app.page().find(&starting(Role::Option, "🎉")).await?;
        let enter = json!({ "isComposing": false, "keyCode": 229 });
        let taken = ada.app.page().session().execute(ENTER, enter).await?;
        ensure!(taken == false, "a suggestion took Enter of an input method");
        ada.holds("kaigi :tad").await?;
        ada.press("Escape").await?;
        ada.press("Return").await?;
        shown_once(ada.app.page(), "kaigi :tad", &[]).await?;
        ada.holds("").await
    })
    .await;
}

#[tokio::test]
async fn the_link_to_a_message_leads_back_to_it() {
    on_desktop("message_link", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        team.bob.send(&team.direct, "Look at the very first").await?;
        for number in 0..120 {
            team.bob.send(&team.direct, &format!("Later, {number}")).await?;
        }
        let ada = Writer::start(desktop, &team).await?;
        let page = ada.app.page();
        page.click(&named(Role::Button, "Search in this chat")).await?;
        let field = named(Role::Searchbox, "Search messages");
        page.type_text(&field, "very first").await?;
        let found = named(Role::List, "Messages found").with(containing(Role::Item, &["very first"]));
        page.click(&found.with(starting(Role::Button, ""))).await?;
        page.gone(&named(Role::Dialog, "Search messages")).await?;
        let first = item("Look at the very first");
        page.focus(&first).await?;
        page.click(&first.clone().with(named(Role::Button, "More")))
            .await?;
        page.click(&named(Role::MenuItem, "Copy link")).await?;

        page.focus(&composer()).await?;
        ada.press("ctrl+v").await?;
        page.until("the link in the field", async || {
            Ok(page
                .value(&composer())
                .await?
                .starts_with("khaya://chat/")
                .then_some(()))
        })
        .await?;
        ada.press("Return").await?;
        page.find(&messages().with(sent("khaya://chat/"))).await?;
        page.gone(&first).await?;
        page.session().execute(FOLLOW, Value::Null).await?;
        page.find(&first).await.map(drop)
    })
    .await;
}

/// Ada, in whose window real keys arrive.
struct Writer<'a> {
    desktop: &'a Desktop,
    app: App,
}

impl<'a> Writer<'a> {
    /// Opens the window with the chat with Bob, and the focus on the field.
    async fn start(desktop: &'a Desktop, team: &Team) -> Result<Self> {
        let app = signed_in(desktop, "ada", team.address()).await?;
        app.page().open_chat("Bob").await?;
        desktop.activate(&app.window(desktop).await?).await?;
        app.page().focus(&composer()).await?;
        Ok(Self { desktop, app })
    }

    async fn press(&self, key: &str) -> Result<()> {
        self.desktop.run("xdotool", &["key", key]).await.map(drop)
    }

    async fn type_text(&self, text: &str) -> Result<()> {
        let keys = ["type", "--delay", "15", text];
        self.desktop.run("xdotool", &keys).await.map(drop)
    }

    /// Waits until the field holds this.
    async fn holds(&self, text: &str) -> Result<()> {
        let page = self.app.page();
        page.until(&format!("“{text}” in the field"), async || {
            Ok((page.value(&composer()).await? == text).then_some(()))
        })
        .await
    }
}

/// A message of the open chat.
fn item(text: &str) -> Locator {
    messages().with(containing(Role::Item, &[text]))
}

/// Whether the app took the key for itself.
const ENTER: &str = "
    const enter = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...arguments[0] });
    document.activeElement.dispatchEvent(enter);
    return enter.defaultPrevented;";

/// Clicks the link, which has no name of its own but its address.
const FOLLOW: &str = "document.querySelector('li.message a[href^=\"khaya://chat/\"]').click();";
