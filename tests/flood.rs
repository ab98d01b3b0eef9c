//! A page into which very much comes stays small, and leaves time to who types.
#![cfg(target_os = "linux")]

use std::{cell::Cell, fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures_util::{StreamExt as _, stream};
use khaya_tests::{
    app::{App, Options},
    desktop::Desktop,
    family::size_of_pages,
    flow::{composer, signed_in},
    page::Page,
    rest::Account,
    scenario::on_desktop,
    team::Team,
};
use serde_json::{Value, json};
use tokio::time;

/// A team in a hurry is not to be told to wait.
const NO_LIMITS: [&str; 4] = [
    "--max-requests-per-user",
    "1000000",
    "--max-requests-per-address",
    "1000000",
];

/// The most rows of messages that the page may hold while it follows the newest.
const MOST_ROWS: u64 = 120;

/// As many come before the page is first looked at: it has all that it will ever need then, and the web view has seen
/// how much there is to collect.
const WARM_UP: usize = 10_000;

/// So many come at once, and that often: five hundred in a second. What time is measured of is then the page's work, and
/// not that of a machine which does all that it can.
const AT_ONCE: usize = 10;
const EVERY: Duration = Duration::from_millis(20);

/// How much the page's memory may grow, in percent.
const MOST_GROWTH: u64 = 10;

/// So many words are typed before the line is emptied.
const WORDS: usize = 20;

#[tokio::test]
async fn a_page_stays_small_in_a_flood() {
    on_desktop("flood", async |desktop| {
        let flood = Flood::start(desktop).await?;
        flood.send_one_of_each().await?;
        flood.pour(3_000).await?;
        let left = flood.window.page().session().execute(LEFT, Value::Null).await?;
        ensure!(
            left == json!([]),
            "of messages that have gone, others show {left}"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "long: some minutes"]
async fn a_page_stays_small_in_a_flood_of_a_hundred_thousand() {
    on_desktop("great_flood", async |desktop| {
        let flood = Flood::start(desktop).await?;
        flood.pour(WARM_UP).await?;
        let before = flood.memory()?;
        flood.pour(100_000).await?;
        let after = flood.memory()?;
        let told = format!("the page's memory: {before} KiB before, {after} KiB after\n");
        fs::write(desktop.artifacts().path("memory.txt"), &told)?;
        ensure!(after * 100 <= before * (100 + MOST_GROWTH), "{told}");
        Ok(())
    })
    .await;
}

/// A chat that is open, and those who write in it.
struct Flood<'a> {
    desktop: &'a Desktop,
    team: Team,
    window: App,
    /// A window in which nothing happens. As late as its frames are those of any page at that time.
    still: App,
}

impl<'a> Flood<'a> {
    async fn start(desktop: &'a Desktop) -> Result<Self> {
        let team = Team::start(desktop.artifacts(), &NO_LIMITS).await?;
        let window = signed_in(desktop, "ada", team.address()).await?;
        window.page().open_chat("Garden").await?;
        let nobody = Options {
            profile: "nobody",
            ..Options::default()
        };
        let still = App::start(desktop, &nobody).await?;
        desktop.activate(&window.window(desktop).await?).await?;
        window.page().focus(&composer()).await?;
        Ok(Self {
            desktop,
            team,
            window,
            still,
        })
    }

    /// Has a message come in that is all that a drop of the flood is not, and waits until all of it is shown.
    async fn send_one_of_each(&self) -> Result<()> {
        let Team { ada, bob, garden, .. } = &self.team;
        let first = bob.send(garden, "The first of all").await?;
        let path = self.desktop.home().join("first.png");
        let target = path.to_str().context("a path that is text")?;
        self.desktop
            .run("convert", &["-size", "90x40", "plasma:tomato-gold", target])
            .await?;
        let file = bob.upload("first.png", "image/png", fs::read(&path)?).await?;
        let body = json!({ "content": "See `this`", "replyTo": first["id"], "attachmentIds": [file] });
        let messages = format!("/chat/{garden}/messages");
        let sent = bob.rest.ok("POST", &messages, body).await?;
        let id = sent["id"].as_str().context("a message has an id")?;
        for change in [format!("{id}/pin"), format!("{id}/reactions/%F0%9F%8E%89")] {
            ada.rest
                .ok("PUT", &format!("{messages}/{change}"), json!({}))
                .await?;
        }
        let page = self.window.page();
        page.until("all that there can be of a message", async || {
            let shown = page.session().execute(LEFT, Value::Null).await?;
            Ok((shown == json!(["picture", "pin", "quote", "reaction"])).then_some(()))
        })
        .await
    }

    /// Has `count` messages come in while somebody types.
    async fn pour(&self, count: usize) -> Result<()> {
        let (page, still) = (self.window.page(), self.still.page());
        for page in [page, still] {
            page.session().execute(WATCH, Value::Null).await?;
        }
        let all = Cell::new(false);
        let send = async {
            let people: [&Account; 3] = [&self.team.bob, &self.team.cem, &self.team.dora];
            let garden = &self.team.garden;
            let drops = stream::unfold((0, time::interval(EVERY)), async |(number, mut ticks)| {
                if number % AT_ONCE == 0 {
                    ticks.tick().await;
                }
                (number < count).then_some((number, (number + 1, ticks)))
            });
            let sent = drops
                .map(|number| {
                    let who = people[number % people.len()];
                    async move { who.send(garden, &format!("Drop {number}, and **more**")).await }
                })
                .buffer_unordered(AT_ONCE)
                .fold(Ok(()), async |all: Result<()>, one| all.and(one.map(drop)))
                .await;
            all.set(true);
            sent
        };
        let typed = async {
            let mut words = 0;
            while !all.get() {
                if words % WORDS == 0 {
                    self.desktop.run("xdotool", &["key", "ctrl+a"]).await?;
                }
                let keys = ["type", "--delay", "80", "type "];
                self.desktop.run("xdotool", &keys).await?;
                words += 1;
            }
            Ok::<_, anyhow::Error>(words)
        };
        let (sent, typed): (Result<()>, _) = tokio::join!(send, typed);
        sent?;
        let words = typed?;
        let last = format!("The last of {count} drops");
        self.team.bob.send(&self.team.garden, &last).await?;
        until_shown(page, &last).await?;
        let mut told = page.session().execute(WATCHED, json!(words)).await?;
        let bare = still.session().execute(WATCHED, Value::Null).await?;
        told["milliseconds"]["still"] = bare["milliseconds"]["frames"].clone();
        let name = format!("flood-{count}.json");
        fs::write(self.desktop.artifacts().path(&name), format!("{told:#}\n"))?;
        let rows = told["rows"].as_u64().context("a number of rows")?;
        ensure!(
            rows <= MOST_ROWS,
            "the page holds {rows} rows after {count} messages"
        );
        let value = page.value(&composer()).await?;
        ensure!(value.starts_with("type "), "what was typed is not there: {value}");
        Ok(())
    }

    /// The proportional size of the process that runs the page, in KiB.
    fn memory(&self) -> Result<u64> {
        size_of_pages(self.window.process())
    }
}

async fn until_shown(page: &Page, text: &str) -> Result<()> {
    page.until(text, async || {
        let shown = page.session().execute(SHOWS_LAST, json!(text)).await?;
        Ok((shown == true).then_some(()))
    })
    .await
}

/// From now on, how long each frame takes, and how long after each key its letter is painted.
const WATCH: &str = "
    const frames = [];
    const keys = [];
    window.watched = { frames, keys };
    let last = performance.now();
    (function frame() {
        if (window.watched?.frames !== frames) return;
        const now = performance.now();
        frames.push(now - last);
        last = now;
        requestAnimationFrame(frame);
    })();
    window.watchedInput ??= document.addEventListener('input', ({ timeStamp }) => {
        const painted = window.watched.keys;
        requestAnimationFrame(() => setTimeout(() => painted.push(performance.now() - timeStamp)));
    }) ?? true;";

/// What is to be seen in the messages that no drop of the flood has.
const LEFT: &str = "
    const all = { picture: 'img', pin: '[data-part=pinned]', quote: '[data-part=quote]', reaction: '.reaction' };
    const isSeen = (css) => [...document.querySelectorAll(`li.message ${css}`)].some((one) => one.checkVisibility());
    return Object.keys(all).filter((name) => isSeen(all[name]));";

const SHOWS_LAST: &str = "return document.querySelector('[aria-label=Messages] > :last-child')?.textContent.includes(arguments[0]) ?? false;";

const WATCHED: &str = "
    const { frames, keys } = window.watched;
    window.watched = undefined;
    const told = (times) => {
        const sorted = times.toSorted((a, b) => a - b);
        const at = (part) => Math.round(sorted[Math.floor((sorted.length - 1) * part)]);
        return { count: times.length, median: at(0.5), p99: at(0.99), longest: at(1) };
    };
    return {
        words: arguments[0],
        rows: document.querySelectorAll('li.message').length,
        elements: document.querySelectorAll('*').length,
        milliseconds: { frames: told(frames), keys: told(keys) },
    };";
