//! Notices, as a real notification daemon gets them: one for each message while nobody looks, none otherwise.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use khaya_tests::{
    app::App,
    desktop::Desktop,
    flow::{Level, Pair, composer, focus_is, minimise, shown_once, signed_in},
    locator::{Role, containing, named},
    notices::Notices,
    page::chats,
    scenario::on_desktop,
    team::Team,
    wait::eventually,
};

/// More messages than fit on the screen.
const LATER: usize = 30;

#[tokio::test]
async fn each_message_is_told_once_while_nobody_looks_and_never_otherwise() {
    on_desktop("notices_once", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let mut notices = desktop.notices().await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.window(desktop).await?, pair.bob.window(desktop).await?);

        // Bob looks at his window, Ada does not look at hers: hers tells, in order, one for one.
        look_at(desktop, &pair, &bob).await?;
        for text in ["First of three", "Second of three", "Third of three"] {
            pair.bob.page().send(text).await?;
            told(&mut notices, &pair.ada, "Bob", text).await?;
        }
        // Also of a chat that is not open; and her own message from elsewhere is no news.
        team.ada.send(&team.direct, "My own words").await?;
        team.cem.send(&team.garden, "From the garden").await?;
        told(&mut notices, &pair.ada, "Cem", "From the garden").await?;

        let garden = chats().with(containing(Role::Item, &["Garden", "From the garden"]));
        pair.bob.page().find(&garden).await?;

        // While she looks at the chat, nothing is told.
        look_at(desktop, &pair, &ada).await?;
        pair.ada.page().send("I am here").await?;
        shown_once(pair.bob.page(), "I am here", &[]).await?;
        let to_bob = notices.next().await?;
        ensure!(
            to_bob.body.contains("I am here") || to_bob.summary.contains("I am here"),
            "{to_bob:?}"
        );
        team.bob.send(&team.direct, "While you look").await?;
        shown_once(pair.ada.page(), "While you look", &[]).await?;

        // A last one for each shows that nothing else came before it.
        look_at(desktop, &pair, &bob).await?;
        team.cem.send(&team.garden, "The last one").await?;
        told(&mut notices, &pair.ada, "Cem", "The last one").await?;
        let more = notices.pending().await?;
        ensure!(more.is_empty(), "{more:?}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_click_on_a_notice_raises_the_window_on_its_chat() {
    on_desktop("notices_click", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let mut notices = desktop.notices().await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.window(desktop).await?, pair.bob.window(desktop).await?);
        pair.ada.page().type_text(&composer(), "Not yet sent").await?;
        look_at(desktop, &pair, &bob).await?;

        team.cem.send(&team.garden, "Come into the garden").await?;
        told(&mut notices, &pair.ada, "Cem", "Come into the garden").await?;
        desktop.click_notice().await?;
        pair.ada.page().find(&named(Role::Region, "Garden")).await?;
        shown_once(pair.ada.page(), "Come into the garden", &["Cem"]).await?;
        eventually("the window to come to the front", async || {
            Ok((desktop.active_window().await? == ada).then_some(()))
        })
        .await?;
        pair.ada.page().open_chat("Bob").await?;
        ensure!(pair.ada.page().value(&composer()).await? == "Not yet sent");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_notice_from_the_history_opens_its_message() {
    on_desktop("notices_history", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let daemon = desktop.remembering().await?;
        let mut notices = desktop.notices().await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let window = ada.window(desktop).await?;
        minimise(desktop, &ada, &window).await?;

        // Each chat has one notice on the screen, which tells of its newest message.
        for (from, chat, text) in [
            (&team.cem, &team.garden, "The gate is open"),
            (&team.bob, &team.direct, "A word aside"),
            (&team.cem, &team.garden, "Mind the step"),
        ] {
            from.send(chat, text).await?;
            told(&mut notices, &ada, &from.name, text).await?;
        }
        daemon.until_shown(2).await?;
        daemon.dismiss_all().await?;
        for number in 1..=LATER {
            let text = format!("Later, {number}");
            team.cem.send(&team.garden, &text).await?;
            told(&mut notices, &ada, "Cem", &text).await?;
        }
        daemon.until_shown(1).await?;
        // What is read on another computer is told here no more.
        team.ada.read_all(&team.garden).await?;
        daemon.until_shown(0).await?;

        // The history has all three still, and a click leads to the message, wherever it is by now.
        for count in 1..=3 {
            daemon.bring_back().await?;
            daemon.until_shown(count).await?;
        }
        let newest = format!("Later, {LATER}");
        for (text, chat) in [
            ("Mind the step", "Garden"),
            ("A word aside", "Bob"),
            (&newest, "Garden"),
        ] {
            daemon.click(text).await?;
            ada.page().find(&named(Role::Region, chat)).await?;
            let is_there = async || Ok(ada.page().focused().await?.contains(text).then_some(()));
            ada.page()
                .until(&format!("“{text}” to have the focus"), is_there)
                .await?;
        }
        eventually("the window to come to the front", async || {
            Ok((desktop.active_window().await? == window).then_some(()))
        })
        .await
    })
    .await;
}

#[tokio::test]
async fn a_restricted_message_is_told_to_those_it_is_for() {
    on_desktop("notices_restricted", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let mut notices = desktop.notices().await?;
        let cem = signed_in(desktop, "cem", team.address()).await?;
        let bob = signed_in(desktop, "bob", team.address()).await?;
        let path = format!("/chat/{}/messages", team.garden);
        let secret = serde_json::json!({ "content": "For Bob alone", "visibleTo": [team.bob.id] });

        desktop.activate(&bob.window(desktop).await?).await?;
        focus_is(&cem, false).await?;
        team.ada.rest.ok("POST", &path, secret.clone()).await?;
        bob.page().open_chat("Garden").await?;
        shown_once(bob.page(), "For Bob alone", &["Ada"]).await?;
        // Cem is told of the next one, and had nothing before it.
        team.ada.send(&team.garden, "For all").await?;
        told(&mut notices, &cem, "Ada", "For all").await?;
        cem.page().open_chat("Garden").await?;
        shown_once(cem.page(), "For all", &["Ada"]).await?;
        ensure!(!cem.page().everything_kept().await?.contains("For Bob alone"));
        cem.page().find(&chats()).await?;
        Ok(())
    })
    .await;
}

/// Gives the keyboard to a window, and waits until both apps know where it is.
async fn look_at(desktop: &Desktop, pair: &Pair, window: &str) -> Result<()> {
    desktop.activate(window).await?;
    for app in [&pair.ada, &pair.bob] {
        let has_it = app.window(desktop).await? == window;
        focus_is(app, has_it).await?;
    }
    Ok(())
}

/// Waits for the next notice, which must be this one and of this app.
async fn told(notices: &mut Notices, app: &App, sender: &str, text: &str) -> Result<()> {
    let notice = notices.next().await?;
    let said = format!("{} {}", notice.summary, notice.body);
    ensure!(
        said.contains(sender) && said.contains(text),
        "not {sender}'s “{text}”: {notice:?}"
    );
    ensure!(
        notice.process == Some(app.process()),
        "of another app, not {}: {notice:?}",
        app.process()
    );
    Ok(())
}
