//! Two people in two real windows, against a real server: the main job, and what happens around it.
#![cfg(target_os = "linux")]

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    app::{App, Options},
    flow::{Level, Pair, composer, sent, shown_once, signed_in},
    locator::{Role, containing, starting},
    page::{chats, messages},
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
};
use serde_json::Value;

#[tokio::test]
async fn two_people_chat_in_two_windows() {
    on_desktop("desktop_chat", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        pair.ada.page().transport("WebSocket").await?;
        pair.talk("once").await?;
        pair.write_elsewhere("once").await?;
        pair.talk("twice").await?;

        let path = format!("/chat/{}/messages", team.direct);
        let page = team.cem.rest.call("GET", &path, Value::Null).await?;
        ensure!(page.status == 404, "{page:?}");
        let page = team.ada.rest.get(&path).await?;
        ensure!(
            page["items"].as_array().is_some_and(|items| items.len() == 4),
            "{page}"
        );
        pair.sign_out().await
    })
    .await;
}

#[tokio::test]
async fn tokens_are_in_the_keyring_and_nowhere_else() {
    on_desktop("desktop_tokens", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        pair.talk("in secret").await?;
        let mut secrets = vec![PASSWORD.to_owned()];
        for (app, profile) in [(&pair.ada, "ada"), (&pair.bob, "bob")] {
            let session = desktop.secret(&format!("{profile}/session")).await?;
            let session = session.with_context(|| format!("{profile}'s session in the keyring"))?;
            let tokens = tokens_of(&session)?;
            let count = tokens.len();
            ensure!(
                count == 2,
                "a token and a refresh token in {profile}'s entry, not {count}"
            );
            secrets.extend(tokens);
            let kept = app.page().everything_kept().await?;
            for secret in &secrets {
                ensure!(!kept.contains(secret.as_str()), "{profile}'s page keeps a secret");
                ensure!(
                    !app.log()?.contains(secret.as_str()),
                    "{profile}'s log tells a secret"
                );
            }
        }
        nowhere_below(desktop.home(), &secrets)?;
        // What people write is on disk, and nobody reads it there.
        let texts = ["Shall we, in secret?", "We shall, in secret."].map(str::to_owned);
        nowhere_below(desktop.home(), &texts)?;
        pair.sign_out().await?;
        nowhere_below(desktop.home(), &texts)?;
        for profile in ["ada", "bob"] {
            ensure!(
                desktop.secret(&format!("{profile}/session")).await?.is_none(),
                "{profile}'s session is kept"
            );
        }
        nowhere_below(desktop.home(), &secrets)?;
        let log = team.server.log()?;
        ensure!(
            !secrets.iter().any(|secret| log.contains(secret.as_str())),
            "the server's log tells a secret"
        );
        Ok(())
    })
    .await;
}

/// The key Return (WebDriver, section 17.4.2).
const ENTER: char = '\u{E006}';

#[tokio::test]
async fn messages_written_fast_arrive_one_by_one() {
    on_desktop("desktop_fast", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        ada.page().open_chat("Bob").await?;
        let texts: Vec<String> = (1..=40).map(|number| format!("Quick {number}.")).collect();
        let keys: String = texts
            .iter()
            .flat_map(|text| text.chars().chain([ENTER]))
            .collect();
        ada.page().type_text(&composer(), &keys).await?;
        ada.page().find(&messages().with(sent("Quick 40."))).await?;

        let path = format!("/chat/{}/messages", team.direct);
        let on_server = team.ada.rest.get(&path).await?;
        let on_server: Vec<&str> = on_server["items"]
            .as_array()
            .context("items")?
            .iter()
            .filter_map(|it| it["content"].as_str())
            .collect();
        ensure!(on_server == texts, "{on_server:?}");
        ensure!(
            ada.page().value(&composer()).await?.is_empty(),
            "something is left in the field"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back_costs_no_message() {
    on_desktop("desktop_reconnect", async |desktop| {
        let mut team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.page(), pair.bob.page());
        pair.talk("before").await?;

        team.server.kill();
        ada.connection("Reconnecting…").await?;
        bob.connection("Reconnecting…").await?;
        for text in ["Written in the dark, first", "Written in the dark, second"] {
            ada.send(text).await?;
            ada.find(&messages().with(containing(Role::Item, &[text, "Sending"])))
                .await?;
        }
        ada.connection("Offline").await?;

        team.server.restart().await?;
        team.ada
            .send(&team.direct, "Sent from elsewhere meanwhile")
            .await?;
        ada.connection("Connected").await?;
        bob.connection("Connected").await?;
        let texts = [
            "Written in the dark, first",
            "Written in the dark, second",
            "Sent from elsewhere meanwhile",
            "Shall we, before?",
        ];
        for text in texts {
            ada.find(&messages().with(sent(text))).await?;
            shown_once(ada, text, &[]).await?;
            shown_once(bob, text, &[]).await?;
        }
        pair.talk("after").await?;

        // Both see the same messages in the same order, and the server has each once.
        let on_server = team
            .ada
            .rest
            .get(&format!("/chat/{}/messages", team.direct))
            .await?;
        let on_server: Vec<&str> = on_server["items"]
            .as_array()
            .context("items")?
            .iter()
            .filter_map(|it| it["content"].as_str())
            .collect();
        ensure!(on_server.len() == 7, "{on_server:?}");
        for page in [ada, bob] {
            let shown = page.names(&messages().with(containing(Role::Item, &[]))).await?;
            ensure!(shown.len() == on_server.len(), "{shown:?} and {on_server:?}");
            for (name, text) in shown.iter().zip(&on_server) {
                ensure!(name.contains(text), "{shown:?} and {on_server:?}");
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_was_there_is_there_at_the_next_start_before_the_network() {
    on_desktop("desktop_restart", async |desktop| {
        let mut team = Team::start(desktop.artifacts(), &[]).await?;
        team.bob.send(&team.direct, "Kept on disk").await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        ada.page().open_chat("Bob").await?;
        shown_once(ada.page(), "Kept on disk", &["Bob"]).await?;
        ada.page()
            .type_text(&composer(), "A draft that I did not send")
            .await?;
        ada.page().shows("Connected").await?;
        // What a person typed is saved by itself; the list shows it for a chat that is not open.
        ada.page().open_chat("Garden").await?;
        ada.page()
            .find(&chats().with(containing(Role::Item, &["Bob", "A draft that I did not send"])))
            .await?;
        team.server.kill();
        ada.page().connection("Reconnecting…").await?;
        ada.page().open_chat("Bob").await?;
        ada.page().send("Typed while nobody listened").await?;
        ada.page()
            .find(&messages().with(containing(
                Role::Item,
                &["Typed while nobody listened", "Sending"],
            )))
            .await?;
        ada.kill().await?;

        let options = Options {
            profile: "ada",
            ..Options::default()
        };
        let ada = App::start(desktop, &options).await?;
        ada.page()
            .find(&chats().with(starting(Role::Item, "Garden")))
            .await?;
        ada.page().open_chat("Bob").await?;
        shown_once(ada.page(), "Kept on disk", &["Bob"]).await?;
        shown_once(ada.page(), "Typed while nobody listened", &["Sending"]).await?;

        team.server.restart().await?;
        ada.page().connection("Connected").await?;
        ada.page()
            .find(&messages().with(sent("Typed while nobody listened")))
            .await?;
        shown_once(ada.page(), "Typed while nobody listened", &[]).await?;
        let on_server = team
            .bob
            .rest
            .get(&format!("/chat/{}/messages", team.direct))
            .await?;
        ensure!(
            on_server["items"]
                .as_array()
                .is_some_and(|items| items.len() == 2),
            "{on_server}"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_second_start_of_a_profile_raises_the_first() {
    on_desktop("desktop_second_start", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let pair = Pair::sign_in(desktop, team.address(), Level::Full).await?;
        let (ada, bob) = (pair.ada.window(desktop).await?, pair.bob.window(desktop).await?);
        pair.ada.page().type_text(&composer(), "Half a thought").await?;
        desktop.activate(&bob).await?;

        let mut second = pair.ada.start_again(desktop, None)?;
        let sentence = second
            .line("a sentence", |line| (!line.is_empty()).then(|| line.to_owned()))
            .await?;
        ensure!(
            sentence.contains("open already") && sentence.ends_with('.'),
            "{sentence}"
        );
        let status = second.ended().await?;
        ensure!(status.success(), "{status}");
        khaya_tests::wait::eventually("the first window to come to the front", async || {
            Ok((desktop.active_window().await? == ada).then_some(()))
        })
        .await?;
        ensure!(pair.ada.page().value(&composer()).await? == "Half a thought");
        pair.ada.page().connection("Connected").await
    })
    .await;
}

/// The tokens in what the keyring holds.
fn tokens_of(session: &str) -> Result<Vec<String>> {
    let session: Value = serde_json::from_str(session)?;
    let fields = session.as_object().context("an object")?;
    let tokens = fields
        .iter()
        .filter(|(name, _)| name.to_lowercase().ends_with("token"));
    Ok(tokens
        .filter_map(|(_, token)| token.as_str().map(str::to_owned))
        .collect())
}

/// Makes sure that no file below `folder` holds a secret, neither as UTF-8 nor as UTF-16.
fn nowhere_below(folder: &Path, secrets: &[String]) -> Result<()> {
    let needles: Vec<Vec<u8>> = secrets
        .iter()
        .flat_map(|secret| {
            [
                secret.as_bytes().to_vec(),
                secret.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            ]
        })
        .collect();
    let mut folders = vec![folder.to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                files += 1;
                // A file may go while the folder is read.
                let bytes = fs::read(entry.path()).unwrap_or_default();
                let holds = needles.iter().any(|needle| contains(&bytes, needle));
                ensure!(!holds, "{} holds a secret", entry.path().display());
            }
        }
    }
    ensure!(
        files > 3,
        "the search found {files} files only: it looked in the wrong place"
    );
    Ok(())
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    let Some((&first, _)) = needle.split_first() else {
        return false;
    };
    let starts = bytes.iter().enumerate().filter(|&(_, &byte)| byte == first);
    starts
        .map(|(start, _)| start)
        .any(|start| bytes[start..].starts_with(needle))
}
