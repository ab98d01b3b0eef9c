//! What was written arrives once and in order, whatever is killed: the app without its window, a real server, and a
//! network between them that fails. And what was missed comes back whole.

use std::collections::VecDeque;

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    artifacts::Artifacts,
    headless::Headless,
    proxy::{Network, Proxy},
    rest::Account,
    team::Team,
    wait::within,
};
use serde_json::{Value, json};

/// How long all may take to arrive once nothing fails any more: the longest wait of the outbox, and then some.
const ARRIVAL: std::time::Duration = std::time::Duration::from_secs(180);

#[tokio::test]
async fn every_message_arrives_once_and_in_order() -> Result<()> {
    send_under_fire("outbox", 40, 3).await
}

#[tokio::test]
#[ignore = "long: a thousand messages, and each part killed fifty times"]
async fn a_thousand_messages_arrive_once_and_in_order() -> Result<()> {
    send_under_fire("outbox_long", 1000, 50).await
}

#[tokio::test]
async fn a_draft_that_was_taken_outlives_a_power_cut() -> Result<()> {
    let artifacts = Artifacts::new("outbox_draft")?;
    let team = Team::start(&artifacts, &[]).await?;
    let mut app = Headless::start(&artifacts)?;
    app.sign_in(team.address(), "ada").await?;
    let draft =
        |number: u32| json!({ "type": "saveDraft", "chatId": team.direct, "text": format!("{number}") });
    let mut number = 0;
    for round in 0..8 {
        for _ in 0..=round {
            number += 1;
            app.want(draft(number)).await?;
        }
        // One that may or may not get there.
        app.begin(&draft(number + 1))?;
        app.restart()?;
        let kept = row(&app.view().await?, &team.direct)["draft"].clone();
        let kept: u32 = kept.as_str().context("there is a draft")?.parse()?;
        ensure!(
            kept == number || kept == number + 1,
            "{number} was taken, {kept} is there"
        );
        number = kept;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_missed_while_asleep_is_there_whole_and_in_order() -> Result<()> {
    const MISSED: usize = 500;
    let artifacts = Artifacts::new("outbox_asleep")?;
    let team = Team::start(&artifacts, &[]).await?;
    let proxy = Proxy::start(team.address()).await?;
    let mut app = Headless::start(&artifacts)?;
    app.sign_in(proxy.address(), "ada").await?;
    app.want(json!({ "type": "openChat", "chatId": team.direct }))
        .await?;
    app.view_with("an empty chat", |view| view["open"]["isLoading"] == false)
        .await?;
    proxy.set(Network::Down);
    app.view_with("no connection", |view| view["connection"]["state"] != "connected")
        .await?;
    for number in 0..MISSED {
        write(&team.bob, &team.direct, number).await?;
    }
    proxy.set(Network::Open);
    let began = std::time::Instant::now();
    app.want(json!({ "type": "refresh" })).await?;
    let last = format!("number {}", MISSED - 1);
    app.view_with("all of them in the list", |view| {
        row(view, &team.direct)["unread"] == MISSED
    })
    .await?;
    // A window asks for what is newer while its end is in view; here that is done by hand.
    app.want(json!({ "type": "jumpToNewest" })).await?;
    let view = app
        .view_with("the last of them, and what leads to it", |view| {
            let timeline = view["timeline"].as_array();
            let shown = timeline.and_then(|items| items.last()).map(|item| &item["text"]);
            shown.is_some_and(|text| *text == last) && row(view, &team.direct)["unread"] == MISSED
        })
        .await?;
    println!("{MISSED} messages in {:?}", began.elapsed());
    let texts: Vec<_> = view["timeline"]
        .as_array()
        .context("a timeline")?
        .iter()
        .map(|item| item["text"].clone())
        .collect();
    let first = MISSED - texts.len();
    let expected: Vec<_> = (first..MISSED)
        .map(|number| json!(format!("number {number}")))
        .collect();
    ensure!(texts == expected, "{texts:?}");
    Ok(())
}

#[tokio::test]
async fn a_file_arrives_whole_though_the_app_is_killed_on_its_way() -> Result<()> {
    let artifacts = Artifacts::new("outbox_file")?;
    let team = Team::start(&artifacts, &[]).await?;
    let proxy = Proxy::start(team.address()).await?;
    let mut app = Headless::start(&artifacts)?;
    app.sign_in(proxy.address(), "ada").await?;
    app.want(json!({ "type": "openChat", "chatId": team.direct }))
        .await?;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|place| (place % 251) as u8).collect();
    let source = artifacts.path("Fotos für Zoë.bin");
    std::fs::write(&source, &bytes)?;
    let file = app.attach(&source).await?;
    // From here on there is the copy only.
    std::fs::remove_file(&source)?;
    proxy.set(Network::BlackHole);
    let intent = json!({
        "type": "send", "chatId": team.direct, "text": "see", "attachments": [file]
    });
    app.want(intent).await?;
    app.restart()?;
    proxy.set(Network::Open);
    app.want(json!({ "type": "refresh" })).await?;
    let view = app
        .view_with("the message with its file", |view| {
            view["timeline"][0]["state"]["state"] == "sent"
        })
        .await?;
    let attachment = &view["timeline"][0]["attachments"][0];
    ensure!(attachment["name"] == "Fotos für Zoë.bin", "{attachment}");
    let saved = artifacts.path("saved.bin");
    app.save(attachment["id"].as_str().context("an id")?, &saved)
        .await?;
    ensure!(std::fs::read(&saved)? == bytes, "it is the same");
    within(ARRIVAL, "the copy to go", async || {
        let left = std::fs::read_dir(app.folder().join("outgoing"))?.count();
        Ok((left == 0).then_some(()))
    })
    .await
}

/// What is done to one of the parts.
#[derive(Debug, Clone, Copy)]
enum Fault {
    AppInTheMiddle,
    App,
    Network(Network),
    Server,
    ServerInTheMiddle,
    /// The server gets the message, and the app dies before it hears so.
    AppWithoutAnswer,
}

async fn send_under_fire(name: &str, count: usize, times: usize) -> Result<()> {
    let artifacts = Artifacts::new(name)?;
    let mut team = Team::start(&artifacts, &["--token-ttl", "86400"]).await?;
    let proxy = Proxy::start(team.address()).await?;
    let mut app = Headless::start(&artifacts)?;
    app.sign_in(proxy.address(), "ada").await?;
    app.want(json!({ "type": "openChat", "chatId": team.direct }))
        .await?;
    let mut faults = faults(times);
    let each = (count / faults.len()).max(1);
    for number in 0..count {
        let intent = json!({
            "type": "send", "chatId": team.direct, "text": format!("number {number}")
        });
        let fault = if number % each == each - 1 {
            faults.pop_front()
        } else {
            None
        };
        match fault {
            Some(fault) => under(fault, &mut team, &proxy, &mut app, &intent).await?,
            None => app.want(intent).await?,
        }
    }
    ensure!(faults.is_empty(), "{} faults were not made", faults.len());
    let expected: Vec<_> = (0..count).map(|number| format!("number {number}")).collect();
    let arrived = within(ARRIVAL, "all of them", async || {
        let texts = texts(&team.bob, &team.direct).await?;
        Ok((texts.len() >= count).then_some(texts))
    })
    .await?;
    ensure!(arrived == expected, "arrived: {arrived:?}");
    app.view_with("nothing that waits", |view| {
        let waits = |item: &Value| item["state"]["state"] == "sending";
        view["timeline"]
            .as_array()
            .is_some_and(|items| !items.is_empty() && !items.iter().any(waits))
    })
    .await?;
    Ok(())
}

/// So many of each part, in an order that is always the same.
fn faults(times: usize) -> VecDeque<Fault> {
    let apps = [Fault::AppInTheMiddle, Fault::App, Fault::AppWithoutAnswer];
    let networks = [Network::Down, Network::NoAnswers, Network::BlackHole].map(Fault::Network);
    let servers = [Fault::ServerInTheMiddle, Fault::Server];
    (0..times)
        .flat_map(|round| {
            [
                apps[round % apps.len()],
                networks[round % networks.len()],
                servers[round % servers.len()],
            ]
        })
        .collect()
}

/// Sends while something fails, and puts it right again.
async fn under(
    fault: Fault,
    team: &mut Team,
    proxy: &Proxy,
    app: &mut Headless,
    intent: &Value,
) -> Result<()> {
    match fault {
        Fault::App => {
            app.restart()?;
            app.want(intent.clone()).await?;
        }
        Fault::AppInTheMiddle => {
            app.begin(intent)?;
            app.restart()?;
            send_if_not_kept(app, &team.direct, intent).await?;
        }
        Fault::AppWithoutAnswer => {
            proxy.set(Network::NoAnswers);
            app.want(intent.clone()).await?;
            app.kill();
            proxy.set(Network::Open);
            app.restart()?;
        }
        Fault::Network(network) => {
            proxy.set(network);
            app.want(intent.clone()).await?;
            proxy.set(Network::Open);
        }
        Fault::Server => {
            team.server.kill();
            app.want(intent.clone()).await?;
            team.server.restart().await?;
        }
        Fault::ServerInTheMiddle => {
            app.begin(intent)?;
            team.server.restart().await?;
        }
    }
    // As somebody would who sees that it is right again.
    app.want(json!({ "type": "refresh" })).await
}

/// What was on its way to the disk when the app died is there, or is written once more.
async fn send_if_not_kept(app: &mut Headless, chat: &str, intent: &Value) -> Result<()> {
    let view = app.view().await?;
    if row(&view, chat)["preview"]["text"] == intent["text"] {
        return Ok(());
    }
    app.want(intent.clone()).await
}

fn row<'a>(view: &'a Value, chat: &str) -> &'a Value {
    view["chats"]
        .as_array()
        .and_then(|chats| chats.iter().find(|row| row["id"] == chat))
        .unwrap_or(&Value::Null)
}

async fn write(who: &Account, chat: &str, number: usize) -> Result<()> {
    let body = json!({ "content": format!("number {number}") });
    who.rest
        .ok("POST", &format!("/chat/{chat}/messages"), body)
        .await?;
    Ok(())
}

/// All messages of a chat, oldest first.
async fn texts(who: &Account, chat: &str) -> Result<Vec<String>> {
    let mut texts = VecDeque::new();
    let mut place = String::new();
    loop {
        let path = format!("/chat/{chat}/messages?limit=100{place}");
        let page = who.rest.ok("GET", &path, Value::Null).await?;
        for item in page["items"].as_array().context("a page")?.iter().rev() {
            texts.push_front(item["content"].as_str().unwrap_or_default().to_owned());
        }
        match page["nextCursor"].as_str() {
            Some(cursor) => place = format!("&before={cursor}"),
            None => return Ok(texts.into()),
        }
    }
}
