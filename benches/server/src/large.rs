//! A team that has talked for years: starting on its database, resting, and finding what was said.

use std::{io::Write as _, time::Instant};

use anyhow::{Result, ensure};
use bench_figures::Samples;

use crate::{
    http::Http,
    latency::Latencies,
    subject::{Place, Subject},
    world::{COMMON, RARE, World},
};

/// How often each is asked for.
const QUESTIONS: usize = 40;

/// What a large database costs.
#[derive(Debug, Default)]
pub(crate) struct Large {
    pub(crate) start_ms: Samples,
    pub(crate) idle_mb: Samples,
    /// Each with its median and the slowest of it, in milliseconds.
    pub(crate) searches: Vec<(String, f64, f64)>,
}

/// Makes the database, starts on it several times, and asks.
pub(crate) async fn measure(place: &Place, messages: usize, rounds: usize) -> Result<Large> {
    let mut world = World::new(1000, 50);
    let folder = tempfile::tempdir_in(&place.data)?;
    let database = folder.path().join("khaya.db");
    place.make_database(folder.path()).await?;
    world.fill_khaya(&database)?;
    world.add_history(&database, messages, |done| {
        print!("\r    {done} of {messages} messages written ");
        // Progress that cannot be shown is none.
        std::io::stdout().flush().ok();
    })?;
    println!("\r    {messages} messages written                ");
    let mut large = Large::default();
    for _ in 0..rounds {
        let server = place.start_on(Subject::Khaya, folder.path(), "").await?;
        large.start_ms.add(server.started_in.as_secs_f64() * 1000.0);
        server.settle().await?;
        large.idle_mb.add(server.resident()? as f64 / f64::from(1 << 20));
        server.kill().await?;
    }
    let server = place.start_on(Subject::Khaya, folder.path(), "").await?;
    let mut http = Http::connect(&server.address, &world.token(0)).await?;
    let chat = world.chat(0).to_owned();
    let questions = [
        (
            format!("a word that one in {} has", COMMON.1),
            format!("q={}", COMMON.0),
        ),
        (
            format!("a word that one in {} has", RARE.1),
            format!("q={}", RARE.0),
        ),
        ("both words".to_owned(), format!("q={}%20{}", COMMON.0, RARE.0)),
        ("the begin of a word".to_owned(), "q=zep".to_owned()),
        ("the begin of thousands of words".to_owned(), "q=w1".to_owned()),
        (
            "a common word in one chat".to_owned(),
            format!("q={}&chatId={chat}", COMMON.0),
        ),
        ("a word that nobody said".to_owned(), "q=unsaid".to_owned()),
    ];
    for (what, query) in questions {
        let mut latencies = Latencies::default();
        for _ in 0..QUESTIONS {
            let begin = Instant::now();
            let found = http.get(&format!("/search?{query}")).await?;
            latencies.add(begin.elapsed());
            let items = found["items"].as_array().map_or(0, Vec::len);
            ensure!((items == 0) == query.contains("unsaid"), "{query} found {items}");
        }
        large.searches.push((what, latencies.at(0.5), latencies.at(1.0)));
    }
    Ok(large)
}
