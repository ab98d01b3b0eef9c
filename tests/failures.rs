//! What can go wrong for a person at the door and at home: each is a clear sentence on the page, and nothing is
//! lost.
#![cfg(target_os = "linux")]

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    app::{App, Options},
    disk::fill,
    flow::{composer, sent, shown_once},
    locator::{Role, named},
    page::messages,
    scenario::on_desktop,
    server::PASSWORD,
    stub::{HtmlServer, dead_address},
    team::Team,
};

/// Of a profile on a disk of its own.
const DISK: u64 = 64 * 1024 * 1024;

#[tokio::test]
async fn a_sign_in_that_fails_says_why_and_keeps_what_was_typed() {
    on_desktop("failures_sign_in", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let html = HtmlServer::start().await?;
        let dead = dead_address().await?;
        let options = Options {
            profile: "ada",
            ..Options::default()
        };
        let app = App::start(desktop, &options).await?;
        let page = app.page();
        let mut sentences = Vec::new();
        for (server, password) in [
            (team.address(), "not the password"),
            (dead.as_str(), PASSWORD),
            (html.address(), PASSWORD),
            ("http://", PASSWORD),
        ] {
            page.sign_in(server, "ada", password).await?;
            let sentence = page.alert_but(&sentences).await?;
            ensure_clear(&sentence)?;
            ensure!(page.value(&named(Role::Textbox, "Server")).await? == server);
            ensure!(page.value(&named(Role::Textbox, "Username")).await? == "ada");
            sentences.push(sentence);
        }
        page.sign_in(team.address(), "ada", PASSWORD).await?;
        page.connection("Connected").await?;
        std::fs::write(desktop.artifacts().path("sentences.txt"), sentences.join("\n"))?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_is_told_and_costs_no_word() {
    on_desktop("failures_full_disk", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let options = Options {
            profile: "ada",
            disk: Some(DISK),
            ..Options::default()
        };
        let app = App::start(desktop, &options).await?;
        let page = app.page();
        page.sign_in(team.address(), "ada", PASSWORD).await?;
        page.connection("Connected").await?;
        page.open_chat("Bob").await?;
        page.send("While there was room").await?;
        page.find(&messages().with(sent("While there was room"))).await?;

        let filler = app.data_seen_by_app().join("filler");
        fill(&filler)?;
        let text = "A long thought that I do not want to lose. ".repeat(4);
        let text = text.trim();
        page.fill(&composer(), text).await?;
        page.click(&named(Role::Button, "Send")).await?;
        let sentence = page.alert().await?;
        ensure_clear(&sentence)?;
        ensure!(sentence.to_lowercase().contains("disk"), "{sentence}");
        ensure!(
            page.value(&composer()).await? == text,
            "what was typed is gone from the field"
        );
        team.bob
            .send(&team.direct, "Said while there was no room")
            .await?;

        std::fs::remove_file(&filler)?;
        page.click(&named(Role::Button, "Send")).await?;
        page.find(&messages().with(sent("A long thought"))).await?;
        page.click(&named(Role::Button, "Refresh")).await?;
        for text in [
            "While there was room",
            "Said while there was no room",
            "A long thought",
        ] {
            shown_once(page, text, &[]).await?;
        }
        let path = format!("/chat/{}/messages", team.direct);
        let on_server = team.bob.rest.get(&path).await?;
        let on_server = on_server["items"].as_array().context("items")?;
        ensure!(on_server.len() == 3, "{on_server:?}");
        ensure!(
            on_server.iter().any(|message| message["content"] == text),
            "{on_server:?}"
        );
        page.connection("Connected").await
    })
    .await;
}

/// A sentence for a person: with a capital and a full stop, and no word of a programmer.
fn ensure_clear(sentence: &str) -> Result<()> {
    let sentence = sentence.trim();
    let lower = sentence.to_lowercase();
    let is_sentence = sentence.chars().next().is_some_and(char::is_uppercase) && sentence.contains('.');
    let jargon = [
        "error(",
        "{",
        "}",
        "os error",
        "json",
        "expected value",
        "http status",
        "undefined",
        "null",
    ];
    let found: Vec<&&str> = jargon.iter().filter(|word| lower.contains(**word)).collect();
    ensure!(
        is_sentence && sentence.len() >= 15 && found.is_empty(),
        "not a clear sentence: {sentence:?} {found:?}"
    );
    Ok(())
}
