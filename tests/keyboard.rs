//! Everything that people do with messages, without a mouse: real keys into a real window.
#![cfg(target_os = "linux")]

use anyhow::{Result, bail};
use khaya_tests::{
    app::{App, Options},
    desktop::Desktop,
    flow::{composer, sent, shown_once, signed_in},
    locator::{Locator, Role, containing, named, starting},
    page::{Page, chats, messages},
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
};

#[tokio::test]
async fn a_day_without_a_mouse() {
    on_desktop("keyboard", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let bob = signed_in(desktop, "bob", team.address()).await?;
        let bob = bob.page();
        bob.open_chat("Ada").await?;
        let ada = App::start(
            desktop,
            &Options {
                profile: "ada",
                ..Options::default()
            },
        )
        .await?;
        desktop.activate(&ada.window(desktop).await?).await?;
        let page = ada.page();
        let keys = Keys { desktop, page };

        // The first field has the focus already.
        page.find(&named(Role::Textbox, "Server")).await?;
        keys.reach("Server").await?;
        keys.type_text(team.address()).await?;
        keys.press("Tab").await?;
        keys.type_text("ada").await?;
        keys.press("Tab").await?;
        keys.type_text(PASSWORD).await?;
        keys.press("Return").await?;
        page.connection("Connected").await?;
        page.find(&chats().with(starting(Role::Item, "Bob"))).await?;

        // To a chat by its name; what is typed then is a message.
        keys.press("ctrl+k").await?;
        keys.type_text("bo").await?;
        keys.press("Return").await?;
        page.find(&named(Role::Region, "Bob")).await?;
        keys.reach("Message").await?;
        keys.type_text("By hand").await?;
        keys.press("Return").await?;
        page.find(&messages().with(sent("By hand"))).await?;
        bob.send("Both of them?").await?;
        shown_once(page, "Both of them?", &["Bob"]).await?;

        // To the messages, and an answer to the last.
        keys.reach_back("Bob: Both of them?").await?;
        keys.press("r").await?;
        page.shows("Replying to Bob: Both of them?").await?;
        keys.type_text("All ten fingers").await?;
        keys.press("Return").await?;
        bob.find(&item(&["Ada", "replying to Bob", "All ten fingers"]))
            .await?;

        // A reaction, by looking for it.
        keys.reach_back("Ada (you), replying to Bob").await?;
        keys.press("Up").await?;
        keys.press("plus").await?;
        keys.reach("Find an emoji").await?;
        keys.type_text("tada").await?;
        keys.press("Return").await?;
        bob.find(&item(&["Both of them?"]).with(starting(Role::Button, "🎉 1, by Ada")))
            .await?;

        // What was written last is changed.
        keys.reach("Message").await?;
        keys.press("Up").await?;
        page.shows("Editing: All ten fingers").await?;
        keys.type_text(" and a thumb").await?;
        keys.press("Return").await?;
        bob.find(&item(&["All ten fingers and a thumb", "edited"]))
            .await?;

        // The menu of a message, left again; and the end of one.
        keys.reach_back("Ada (you), replying to Bob").await?;
        keys.press("shift+F10").await?;
        page.find(&named(Role::MenuItem, "Copy text")).await?;
        keys.press("Escape").await?;
        page.gone(&named(Role::MenuItem, "Copy text")).await?;
        keys.press("Delete").await?;
        page.find(&named(Role::Dialog, "Delete this message?")).await?;
        keys.reach("Delete").await?;
        keys.press("Return").await?;
        bob.find(&item(&["Ada", "This message was deleted"])).await?;

        // Two of them are copied together.
        keys.reach_back("Ada (you), replying to Bob").await?;
        keys.press("Up").await?;
        keys.press("x").await?;
        page.shows("1 message selected").await?;
        keys.press("shift+Up").await?;
        page.shows("2 messages selected").await?;
        keys.reach("Copy").await?;
        keys.press("Return").await?;
        page.hides("messages selected").await?;
        keys.reach("Message").await?;
        keys.press("ctrl+v").await?;
        page.until("both of them in the box", async || {
            let text = page.value(&composer()).await?;
            Ok((text.contains("By hand") && text.contains("Both of them?")).then_some(()))
        })
        .await?;
        keys.press("ctrl+a").await?;
        keys.press("Delete").await?;

        // Found again, from another chat.
        keys.press("alt+Up").await?;
        keys.press("alt+Down").await?;
        page.find(&named(Role::Region, "Garden")).await?;
        keys.press("ctrl+shift+f").await?;
        keys.type_text("hand").await?;
        page.find(&named(Role::List, "Messages found").with(containing(Role::Item, &["By hand"])))
            .await?;
        keys.press("Down").await?;
        keys.press("Return").await?;
        page.find(&named(Role::Region, "Bob")).await?;

        // Out of the house.
        keys.press("ctrl+comma").await?;
        page.find(&named(Role::Dialog, "Settings")).await?;
        keys.reach("Sign out").await?;
        keys.press("Return").await?;
        page.connection("Signed out").await
    })
    .await;
}

/// The keyboard of the window that has it.
struct Keys<'a> {
    desktop: &'a Desktop,
    page: &'a Page,
}

impl Keys<'_> {
    async fn press(&self, key: &str) -> Result<()> {
        self.desktop.run("xdotool", &["key", key]).await.map(drop)
    }

    async fn type_text(&self, text: &str) -> Result<()> {
        self.desktop
            .run("xdotool", &["type", "--delay", "15", text])
            .await
            .map(drop)
    }

    /// Goes forward by the tabulator until what has the focus is called so.
    async fn reach(&self, name: &str) -> Result<()> {
        self.reach_by("Tab", name).await
    }

    /// The same, backward.
    async fn reach_back(&self, name: &str) -> Result<()> {
        self.reach_by("shift+Tab", name).await
    }

    async fn reach_by(&self, key: &str, name: &str) -> Result<()> {
        let mut passed = Vec::new();
        for _ in 0..60 {
            self.page.painted().await?;
            let label = self.page.focused().await?;
            if label.starts_with(name) {
                return Ok(());
            }
            passed.push(label);
            self.press(key).await?;
        }
        bail!("{name} is not reached by {key}; passed {passed:?}")
    }
}

/// A message of the open chat whose name has all of `parts`.
fn item(parts: &[&str]) -> Locator {
    messages().with(containing(Role::Item, parts))
}
