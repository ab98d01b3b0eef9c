//! Whoever reads keeps their place, whatever happens to the messages around; and a page that is flooded stays small.
#![cfg(target_os = "linux")]

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    flow::signed_in,
    locator::{Role, containing},
    page::messages,
    rest::Account,
    scenario::on_desktop,
    team::Team,
};
use serde_json::{Value, json};

/// A team in a hurry is not to be told to wait.
const NO_LIMITS: [&str; 4] = [
    "--max-requests-per-user",
    "100000",
    "--max-requests-per-address",
    "100000",
];

/// How many changes there are each time that somebody reads a page further up, and how many pages they read.
const CHANGES: usize = 100;
const PAGES: usize = 5;

#[tokio::test]
async fn what_is_read_moves_by_a_pixel_at_most() {
    on_desktop("reading_place", async |desktop| {
        let mut random = Random::new();
        let team = Team::start(desktop.artifacts(), &NO_LIMITS).await?;
        let path = desktop.home().join("tall.png");
        let target = path.to_str().context("a path that is text")?;
        desktop
            .run("convert", &["-size", "200x600", "plasma:tomato-gold", target])
            .await?;
        let bytes = fs::read(&path)?;
        let people = [&team.bob, &team.cem];
        let mut sent = Vec::new();
        for number in 0..400 {
            let who = people[random.below(2)];
            let answer = if number % 20 == 7 {
                let picture = who.upload("tall.png", "image/png", bytes.clone()).await?;
                who.send_with_file(&team.garden, "A tall one", &picture).await?
            } else {
                who.send(&team.garden, &random.text(number)).await?
            };
            sent.push((who, id_of(&answer)?));
        }
        let window = signed_in(desktop, "ada", team.address()).await?;
        let page = window.page();
        page.open_chat("Garden").await?;
        page.find(&messages().with(containing(Role::Item, &["Bob"])))
            .await?;
        let mut worst = 0.0_f64;
        for turn in 0..PAGES {
            page.session().execute_async(READ_UP).await?;
            for number in 0..CHANGES {
                // Mostly what is near the end of the history, which is near to where somebody reads.
                let at = sent.len() - 1 - random.below(sent.len().min(250));
                let (who, message) = &sent[at];
                match random.below(10) {
                    0 => delete(who, &team.garden, message).await?,
                    1..=4 => {
                        let text = json!({ "content": random.text(number) });
                        change(who, "PATCH", &team.garden, message, "", text).await?;
                    }
                    5 | 6 => {
                        change(
                            &team.dora,
                            "PUT",
                            &team.garden,
                            message,
                            "/reactions/%F0%9F%8E%89",
                            Value::Null,
                        )
                        .await?
                    }
                    7 => {
                        change(
                            &team.dora,
                            "DELETE",
                            &team.garden,
                            message,
                            "/reactions/%F0%9F%8E%89",
                            Value::Null,
                        )
                        .await?
                    }
                    8 => {
                        let picture = team.cem.upload("tall.png", "image/png", bytes.clone()).await?;
                        let answer = team.cem.send_with_file(&team.garden, "Another", &picture).await?;
                        sent.push((&team.cem, id_of(&answer)?));
                    }
                    _ => {
                        let answer = team.bob.send(&team.garden, &random.text(number)).await?;
                        sent.push((&team.bob, id_of(&answer)?));
                    }
                }
            }
            // What comes last is told in the list of chats when all before it has come.
            let last = format!("That was turn {turn}");
            team.bob.send(&team.garden, &last).await?;
            page.find(&khaya_tests::page::chats().with(containing(Role::Item, &["Garden", &last])))
                .await?;
            page.painted().await?;
            let moved = page
                .session()
                .execute("return window.reading", Value::Null)
                .await?;
            let frames = moved["frames"].as_u64().unwrap_or(0);
            ensure!(
                frames > 0 && moved["here"] == true,
                "what was read is gone: {moved}"
            );
            worst = worst.max(moved["moved"].as_f64().context("a distance")?);
        }
        fs::write(desktop.artifacts().path("moved.txt"), format!("{worst} px\n"))?;
        ensure!(
            worst <= 1.0,
            "what was read moved by {worst} px (seed {})",
            random.seed
        );
        Ok(())
    })
    .await;
}

async fn delete(who: &Account, chat: &str, message: &str) -> Result<()> {
    change(who, "DELETE", chat, message, "", Value::Null).await
}

/// Changes a message; that it may be deleted by now is fine.
async fn change(
    who: &Account,
    method: &str,
    chat: &str,
    message: &str,
    part: &str,
    body: Value,
) -> Result<()> {
    let path = format!("/chat/{chat}/messages/{message}{part}");
    let answer = who.rest.call(method, &path, body).await?;
    ensure!(
        answer.status < 300 || matches!(answer.status, 404 | 409 | 422),
        "{method}: {} {}",
        answer.status,
        answer.text
    );
    Ok(())
}

fn id_of(message: &Value) -> Result<String> {
    Ok(message["id"].as_str().context("an id")?.to_owned())
}

/// Numbers from a seed that a failure tells (xorshift).
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = now.map_or(1, |now: Duration| now.as_secs()) | 1;
        Self { seed, state: seed }
    }

    fn below(&mut self, end: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % end as u64).unwrap_or(0)
    }

    /// Some lines of text.
    fn text(&mut self, number: usize) -> String {
        let words = 1 + self.below(60);
        let mut text = format!("{number}:");
        for _ in 0..words {
            text.push_str([" reed", " acacia", "\n", " baobab", " **fig**"][self.below(5)]);
        }
        text
    }
}

/// Scrolls up by a page as soon as there is one to scroll to, waits until that has settled, and watches from then on how
/// far the first message in view moves: before every frame that is painted.
const READ_UP: &str = "
    const done = arguments[arguments.length - 1];
    const scroller = document.querySelector('.timeline');
    const page = 1.2 * scroller.clientHeight;
    const top = (line) => line.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
    const watch = () => setTimeout(() => {
        const line = [...scroller.querySelectorAll('.message-line')].find((line) => top(line) >= 0);
        const from = top(line);
        const reading = { moved: 0, frames: 0, here: true };
        window.reading = reading;
        (function look() {
            if (window.reading !== reading) return;
            reading.here = line.isConnected;
            reading.frames += 1;
            if (reading.here) reading.moved = Math.max(reading.moved, Math.abs(top(line) - from));
            requestAnimationFrame(look);
        })();
        done(null);
    }, 500);
    (function readUp() {
        if (scroller.scrollTop < page) return requestAnimationFrame(readUp);
        scroller.scrollBy(0, -page);
        watch();
    })();";
