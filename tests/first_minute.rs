//! The first minute of somebody who has an address, a name and a password: from the form to an answer with a picture, with
//! the mouse and without. How long each step took is written down; nothing is asserted of it, since machines differ.
#![cfg(target_os = "linux")]

use std::{fs, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};
use khaya_tests::{
    app::{App, Options},
    desktop::Desktop,
    flow::composer,
    locator::{Role, any, containing, named, starting},
    page::{Page, chats, messages},
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
    wait::eventually,
};
use serde_json::json;

const QUESTION: &str = "What does the roof look like?";
const ANSWER: &str = "Like this";

#[tokio::test]
async fn a_newcomer_with_a_mouse() {
    on_desktop("first_minute_mouse", async |desktop| {
        let first = First::start(desktop).await?;
        let mut steps = Steps::begin();
        let page = first.app.page();
        page.sign_in(first.team.address(), "ada", PASSWORD).await?;
        page.find(&chats().with(any(Role::Item))).await?;
        steps.done("signed in");
        page.open_chat("Bob").await?;
        let question = messages().with(containing(Role::Item, &[QUESTION]));
        page.focus(&question).await?;
        page.click(&question.with(named(Role::Button, "Reply"))).await?;
        steps.done("answering");
        page.attach(&[&first.picture(desktop).await?]).await?;
        page.find(&named(Role::List, "Files to send")).await?;
        page.fill(&composer(), ANSWER).await?;
        page.click(&named(Role::Button, "Send")).await?;
        first.has_come().await?;
        steps.done("answered");
        fs::write(desktop.artifacts().path("steps.json"), steps.told())?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_newcomer_with_a_keyboard() {
    on_desktop("first_minute_keyboard", async |desktop| {
        let first = First::start(desktop).await?;
        let mut steps = Steps::begin();
        let page = first.app.page();
        desktop.activate(&first.app.window(desktop).await?).await?;
        // The first field has the focus already.
        page.find(&named(Role::Textbox, "Server")).await?;
        for (number, text) in [first.team.address(), "ada", PASSWORD].into_iter().enumerate() {
            if number > 0 {
                press(desktop, "Tab").await?;
            }
            desktop.run("xdotool", &["type", "--delay", "15", text]).await?;
        }
        press(desktop, "Return").await?;
        page.find(&chats().with(starting(Role::Item, "Bob"))).await?;
        steps.done("signed in");
        press(desktop, "ctrl+k").await?;
        desktop.run("xdotool", &["type", "--delay", "15", "bob"]).await?;
        press(desktop, "Return").await?;
        page.find(&messages().with(containing(Role::Item, &[QUESTION])))
            .await?;
        reach(desktop, page, "shift+Tab", "Bob: ").await?;
        press(desktop, "r").await?;
        page.shows("Replying to Bob").await?;
        steps.done("answering");
        // The system's own dialog is answered by the driver.
        page.attach(&[&first.picture(desktop).await?]).await?;
        page.find(&named(Role::List, "Files to send")).await?;
        reach(desktop, page, "Tab", "Message").await?;
        desktop.run("xdotool", &["type", "--delay", "15", ANSWER]).await?;
        press(desktop, "Return").await?;
        first.has_come().await?;
        steps.done("answered");
        fs::write(desktop.artifacts().path("steps.json"), steps.told())?;
        Ok(())
    })
    .await;
}

/// An app that nobody has signed in to yet, and a colleague who has asked something.
struct First {
    team: Team,
    app: App,
}

impl First {
    async fn start(desktop: &Desktop) -> Result<Self> {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        team.bob.send(&team.direct, QUESTION).await?;
        let app = App::start(
            desktop,
            &Options {
                profile: "ada",
                ..Options::default()
            },
        )
        .await?;
        Ok(Self { team, app })
    }

    async fn picture(&self, desktop: &Desktop) -> Result<std::path::PathBuf> {
        let path = desktop.home().join("roof.png");
        let target = path.to_str().context("a path that is text")?;
        desktop
            .run("convert", &["-size", "320x200", "plasma:tomato-gold", target])
            .await?;
        Ok(path)
    }

    /// Waits until the colleague has the answer, with its picture and what it answers.
    async fn has_come(&self) -> Result<()> {
        let path = format!("/chat/{}/messages", self.team.direct);
        eventually("the answer", async || {
            let page = self.team.bob.rest.get(&path).await?;
            let items = page["items"].as_array().context("messages")?;
            let Some(answer) = items.iter().find(|item| item["content"] == ANSWER) else {
                return Ok(None);
            };
            ensure!(
                answer["replyTo"].is_string() && answer["attachments"][0]["name"] == "roof.png",
                "{answer}"
            );
            Ok(Some(()))
        })
        .await
    }
}

/// When each step was done.
struct Steps {
    began: Instant,
    done: Vec<(&'static str, u128)>,
}

impl Steps {
    fn begin() -> Self {
        Self {
            began: Instant::now(),
            done: Vec::new(),
        }
    }

    fn done(&mut self, step: &'static str) {
        self.done.push((step, self.began.elapsed().as_millis()));
    }

    fn told(&self) -> String {
        format!("{:#}\n", json!({ "milliseconds": self.done }))
    }
}

async fn press(desktop: &Desktop, key: &str) -> Result<()> {
    desktop.run("xdotool", &["key", key]).await.map(drop)
}

/// Goes on by a key until what has the focus is called so.
async fn reach(desktop: &Desktop, page: &Page, key: &str, name: &str) -> Result<()> {
    for _ in 0..20 {
        page.painted().await?;
        if page.focused().await?.starts_with(name) {
            return Ok(());
        }
        press(desktop, key).await?;
    }
    bail!("{name} is not reached by {key}")
}
