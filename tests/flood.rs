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

/// As many come before the page is first looked at: it has all that it will ever need then, what it does often is
/// compiled, and the web view has seen how much there is to collect.
const WARM_UP: usize = 10_000;

/// The memory is that of the page while so many come, of as many looks as there are words typed meanwhile: the web view
/// lets some megabytes come together before it collects them, so that one look alone may see any of that.
const LOOKED_AT: usize = 10_000;

/// So many come at once, and that often: five hundred in a second. What time is measured of is then the page's work, and
/// not that of a machine which does all that it can.
const AT_ONCE: usize = 10;
const EVERY: Duration = Duration::from_millis(20);

/// So many rows has the bare page, as many as are seen of the app's.
const BARE_ROWS: usize = 20;

/// How much the page's memory may grow, in percent.
const MOST_GROWTH: u64 = 10;

/// So many words are typed before the line is emptied.
const WORDS: usize = 20;

#[tokio::test]
async fn a_page_stays_small_in_a_flood() {
    on_desktop("flood", async |desktop| {
        let flood = Flood::start(desktop).await?;
        flood.send_one_of_each().await?;
        let (poured, forgot) = tokio::join!(flood.pour(3_000), flood.forget_who_follows());
        forgot.and(poured)?;
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
        flood.pour_beside_bare_page(LOOKED_AT).await?;
        flood.pour(WARM_UP).await?;
        let before = flood.pour(LOOKED_AT).await?;
        flood.pour(100_000 - 2 * LOOKED_AT).await?;
        let after = flood.pour(LOOKED_AT).await?;
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
    /// How often it has been poured.
    pours: Cell<usize>,
}

impl<'a> Flood<'a> {
    async fn start(desktop: &'a Desktop) -> Result<Self> {
        let team = Team::start(desktop.artifacts(), &NO_LIMITS).await?;
        let window = signed_in(desktop, "ada", team.address()).await?;
        window.page().open_chat("Garden").await?;
        window.page().focus(&composer()).await?;
        Ok(Self {
            desktop,
            team,
            window,
            pours: Cell::new(0),
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

    /// Has `count` messages come in while somebody types, and gives the page's memory meanwhile in KiB, the median.
    async fn pour(&self, count: usize) -> Result<u64> {
        let page = self.window.page();
        page.session().execute(WATCH, Value::Null).await?;
        let mut sizes = self.send_and_type(count).await?;
        let last = format!("The last of {count} drops");
        self.team.bob.send(&self.team.garden, &last).await?;
        until_shown(page, &last).await?;
        let mut told = page.session().execute(WATCHED, Value::Null).await?;
        sizes.sort_unstable();
        let median = *sizes.get(sizes.len() / 2).context("a word was typed")?;
        told["kibibytes"] = json!({ "least": sizes.first(), "median": median, "most": sizes.last() });
        self.pours.set(self.pours.get() + 1);
        self.write(&format!("flood-{}-{count}", self.pours.get()), &told)?;
        let rows = told["rows"].as_u64().context("a number of rows")?;
        ensure!(
            rows <= MOST_ROWS,
            "the page holds {rows} rows after {count} messages"
        );
        let unread = told["unread"].as_u64().context("a number of unread messages")?;
        ensure!(
            unread < u64::try_from(count)? / 2,
            "{unread} of {count} messages are unread to who looks at them"
        );
        let value = page.value(&composer()).await?;
        ensure!(value.starts_with("type "), "what was typed is not there: {value}");
        Ok(median)
    }

    /// In the midst of it, has the app believe that nobody follows the newest.
    async fn forget_who_follows(&self) -> Result<()> {
        let page = self.window.page();
        page.until("a thousand drops", async || {
            let shown = page.session().execute(NEWEST_DROP, Value::Null).await?;
            Ok(shown.as_u64().filter(|number| *number > 1_000))
        })
        .await?;
        let intent = json!({ "type": "follow", "chatId": self.team.garden, "rows": null });
        page.session().execute(DISPATCH, intent).await.map(drop)
    }

    /// The same, but somebody types into a page that only shows as many rows as often, with nothing of the app's in it; the
    /// app's own is out of sight. No page is quicker than that one on this machine, at this time.
    async fn pour_beside_bare_page(&self, count: usize) -> Result<()> {
        let nobody = Options {
            profile: "nobody",
            ..Options::default()
        };
        let bare = App::start(self.desktop, &nobody).await?;
        let window = self.window.window(self.desktop).await?;
        self.desktop.run("xdotool", &["windowminimize", &window]).await?;
        self.desktop.activate(&bare.window(self.desktop).await?).await?;
        let session = bare.page().session();
        let milliseconds = u64::try_from(EVERY.as_millis())?;
        let pour = json!({ "atOnce": AT_ONCE, "every": milliseconds, "rows": BARE_ROWS });
        session.execute(BARE, pour).await?;
        session.execute(WATCH, Value::Null).await?;
        self.send_and_type(count).await?;
        let told = session.execute(WATCHED, Value::Null).await?;
        self.write("bare", &told)?;
        bare.kill().await?;
        self.desktop.activate(&window).await?;
        // Who comes back finds what was not read; who writes is with the newest.
        self.window.page().send("Here again").await?;
        self.window.page().focus(&composer()).await
    }

    /// Sends `count` messages, and types all that time into what has the keyboard. Gives the size of the page after each word.
    async fn send_and_type(&self, count: usize) -> Result<Vec<u64>> {
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
            let mut sizes = Vec::new();
            while !all.get() {
                if sizes.len() % WORDS == 0 {
                    self.desktop.run("xdotool", &["key", "ctrl+a"]).await?;
                }
                let keys = ["type", "--delay", "80", "type "];
                self.desktop.run("xdotool", &keys).await?;
                sizes.push(size_of_pages(self.window.process())?);
            }
            Ok::<_, anyhow::Error>(sizes)
        };
        let (sent, typed): (Result<()>, _) = tokio::join!(send, typed);
        sent.and(typed)
    }

    /// Leaves figures among the artifacts.
    fn write(&self, name: &str, told: &Value) -> Result<()> {
        let path = self.desktop.artifacts().path(&format!("{name}.json"));
        fs::write(path, format!("{told:#}\n")).context("the figures")
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
        const painted = window.watched?.keys;
        requestAnimationFrame(() => setTimeout(() => painted?.push(performance.now() - timeStamp)));
    }) ?? true;";

/// What is to be seen in the messages that no drop of the flood has.
const LEFT: &str = "
    const all = { picture: 'img', pin: '[data-part=pinned]', quote: '[data-part=quote]', reaction: '.reaction' };
    const isSeen = (css) => [...document.querySelectorAll(`li.message ${css}`)].some((one) => one.checkVisibility());
    return Object.keys(all).filter((name) => isSeen(all[name]));";

/// A page that shows rows, and nothing else: a field to type into, and from now on as many new rows as often.
const BARE: &str = "
    const { atOnce, every, rows } = arguments[0];
    for (const sheet of document.styleSheets) sheet.disabled = true;
    const list = document.createElement('ul');
    const field = document.createElement('textarea');
    document.body.replaceChildren(list, field);
    field.focus();
    let number = 0;
    setInterval(() => {
        for (let one = 0; one < atOnce; one += 1) {
            const row = document.createElement('li');
            row.textContent = `Drop ${number}, and more`;
            list.append(row);
            number += 1;
        }
        while (list.children.length > rows) list.firstChild.remove();
    }, every);";

const NEWEST_DROP: &str = "
    const newest = document.querySelector('[aria-label=Messages] > :last-child')?.textContent;
    return Number(/Drop (\\d+)/u.exec(newest)?.[1] ?? 0);";

const DISPATCH: &str = "window.__TAURI__.core.invoke('dispatch', { intent: arguments[0] });";

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
        rows: document.querySelectorAll('li.message').length,
        unread: Number((/^\\((.+)\\)/u.exec(document.title)?.[1] ?? '0').replace(/\\D/gu, '')),
        elements: document.querySelectorAll('*').length,
        milliseconds: { frames: told(frames), keys: told(keys) },
    };";
