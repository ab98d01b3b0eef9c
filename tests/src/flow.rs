//! What two people do in two windows, the same against every server: sign in, open a chat, type, send, answer,
//! sign out.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{
    app::{App, Options},
    desktop::Desktop,
    locator::{Locator, Role, containing, named},
    page::{Page, chats, messages},
    server::PASSWORD,
};

/// How much a server has of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Base,
    Full,
}

/// Ada and Bob, each in a window of their own.
#[derive(Debug)]
pub struct Pair {
    pub ada: App,
    pub bob: App,
    level: Level,
}

impl Pair {
    /// Opens both windows and signs in by the form; leaves both with their direct chat open.
    ///
    /// # Errors
    /// When one of them does not get that far.
    pub async fn sign_in(desktop: &Desktop, server: &str, level: Level) -> Result<Self> {
        let ada = signed_in(desktop, "ada", server).await?;
        let bob = signed_in(desktop, "bob", server).await?;
        ada.page().open_chat("Bob").await?;
        bob.page().open_chat("Ada").await?;
        Ok(Self { ada, bob, level })
    }

    /// Types, sends and answers. `round` makes the texts different from those of other rounds.
    ///
    /// # Errors
    /// When something is not shown, or shown twice.
    pub async fn talk(&self, round: &str) -> Result<()> {
        let (ada, bob) = (self.ada.page(), self.bob.page());
        let (question, answer) = (format!("Shall we, {round}?"), format!("We shall, {round}."));

        ada.type_text(&composer(), "Shall").await?;
        bob.shows("Ada is typing…").await?;
        ada.send(&question).await?;
        shown_once(ada, &question, &["Ada"]).await?;
        shown_once(bob, &question, &["Ada"]).await?;
        bob.find(&chats().with(containing(Role::Item, &["Ada", &question])))
            .await?;
        ada.find(&chats().with(containing(Role::Item, &["Bob", &question])))
            .await?;
        ensure!(
            ada.value(&composer()).await?.is_empty(),
            "what was sent is still in the field"
        );
        ada.find(&messages().with(sent(&question))).await?;

        bob.send(&answer).await?;
        shown_once(ada, &answer, &["Bob"]).await?;
        shown_once(bob, &answer, &["Bob"]).await?;
        bob.hides("Ada is typing…").await?;
        shown_once(ada, &question, &[]).await?;
        shown_once(bob, &question, &[]).await
    }

    /// Writes into a chat that the other has not opened: it is told in the other's list.
    ///
    /// # Errors
    /// When it is not.
    pub async fn write_elsewhere(&self, round: &str) -> Result<()> {
        let (ada, bob) = (self.ada.page(), self.bob.page());
        let news = format!("News from the garden, {round}");
        ada.open_chat("Garden").await?;
        ada.send(&news).await?;
        ada.find(&messages().with(sent(&news))).await?;
        if self.level == Level::Base {
            // There are no events for chats that are not open, so a person may ask.
            bob.click(&named(Role::Button, "Refresh")).await?;
        }
        let unread = ["Garden", "1 unread message", &news];
        bob.find(&chats().with(containing(Role::Item, &unread))).await?;
        bob.open_chat("Garden").await?;
        shown_once(bob, &news, &["Ada"]).await?;
        ada.open_chat("Bob").await?;
        bob.open_chat("Ada").await
    }

    /// Signs both out.
    ///
    /// # Errors
    /// When the form does not come back.
    pub async fn sign_out(&self) -> Result<()> {
        for app in [&self.ada, &self.bob] {
            let page = app.page();
            page.click(&named(Role::Button, "Settings")).await?;
            page.click(&named(Role::Button, "Sign out")).await?;
            page.find(&named(Role::Button, "Sign in")).await?;
            page.connection("Signed out").await?;
            page.gone(&chats()).await?;
        }
        Ok(())
    }
}

/// Starts the app with a profile named after `username` and signs in by the form.
///
/// # Errors
/// When it does not connect.
pub async fn signed_in(desktop: &Desktop, username: &str, server: &str) -> Result<App> {
    let options = Options {
        profile: username,
        ..Options::default()
    };
    let app = App::start(desktop, &options).await?;
    app.page().sign_in(server, username, PASSWORD).await?;
    app.page().connection("Connected").await?;
    Ok(app)
}

/// Waits for a message in the open chat, and makes sure that it is there once.
///
/// # Errors
/// When it is not.
pub async fn shown_once(page: &Page, text: &str, more: &[&str]) -> Result<()> {
    let item = messages().with(containing(Role::Item, &[&[text], more].concat()));
    page.find(&item).await?;
    let shown = page.count(&item).await?;
    ensure!(shown == 1, "“{text}” is shown {shown} times");
    Ok(())
}

/// One's own message that the server has, whether or not somebody read it.
#[must_use]
pub fn sent(text: &str) -> Locator {
    containing(Role::Item, &[text]).without(&["Sending", "Not sent"])
}

/// The field for a message.
#[must_use]
pub fn composer() -> Locator {
    named(Role::Textbox, "Message")
}

/// Takes the window off the screen, and waits until the page knows.
///
/// # Errors
/// When it stays.
pub async fn minimise(desktop: &Desktop, app: &App, window: &str) -> Result<()> {
    desktop
        .run("xdotool", &["windowminimize", "--sync", window])
        .await?;
    focus_is(app, false).await
}

/// Waits until the page knows whether its window has the focus.
///
/// # Errors
/// When it does not come to know.
pub async fn focus_is(app: &App, wanted: bool) -> Result<()> {
    let page = app.page();
    page.until(&format!("the window's focus to be {wanted}"), async || {
        let has_focus = page
            .session()
            .execute("return document.hasFocus()", Value::Null)
            .await?;
        Ok((has_focus == wanted).then_some(()))
    })
    .await
}
