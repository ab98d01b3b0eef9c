//! Several people's machines and a model of the server under virtual time, with everything going wrong: answers
//! lost, events lost and doubled, connections cut, apps killed between any two outputs, disks full, tokens run
//! out. When it has been quiet for a while, everyone must have what the server has.
//!
//! `KHAYA_SEEDS` says how many seeds are run, or which (`1000..2000`); `KHAYA_SEED` runs one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that is surprised fails"
)]

mod check;
mod fresh;
mod play;
mod random;
mod server;
mod world;

use std::{
    num::NonZero,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use play::Outcome;

/// Seeds of each level in every run, and in a long one.
const SEEDS: u64 = 2_000;
const MANY_SEEDS: u64 = 100_000;

/// Runs in which each step is compared with a fresh fetch.
const FRESH_SEEDS: u64 = 100;

#[test]
fn nothing_is_lost_or_doubled_on_full() {
    run(true, SEEDS);
}

#[test]
fn nothing_is_lost_on_base() {
    run(false, SEEDS);
}

#[test]
#[ignore = "long: a hundred thousand seeds"]
fn nothing_is_lost_or_doubled_on_full_in_many_runs() {
    run(true, MANY_SEEDS);
}

#[test]
#[ignore = "long: a hundred thousand seeds"]
fn nothing_is_lost_on_base_in_many_runs() {
    run(false, MANY_SEEDS);
}

#[test]
fn state_and_events_are_a_fresh_fetch() {
    for seed in 0..FRESH_SEEDS {
        fresh::play(seed);
    }
}

/// Which seeds are to be run.
fn chosen(usual: u64) -> Range<u64> {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    if let Ok(seed) = std::env::var("KHAYA_SEED") {
        return number(&seed)..number(&seed) + 1;
    }
    match std::env::var("KHAYA_SEEDS") {
        Ok(seeds) => match seeds.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => 0..number(&seeds),
        },
        Err(_) => 0..usual,
    }
}

fn run(is_full: bool, seeds: u64) {
    let seeds = chosen(seeds);
    let next = AtomicU64::new(seeds.start);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let outcomes = thread::scope(|scope| {
        let play_some = || {
            let mut sum = Outcome::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return sum;
                }
                match panic::catch_unwind(AssertUnwindSafe(|| play::play(seed, is_full))) {
                    Ok(outcome) => sum += outcome,
                    Err(why) => {
                        println!("to see it again: KHAYA_SEED={seed}");
                        // The others need not go on.
                        next.store(seeds.end, Ordering::Relaxed);
                        panic::resume_unwind(why);
                    }
                }
            }
        };
        let players: Vec<_> = (0..threads).map(|_| scope.spawn(play_some)).collect();
        players
            .into_iter()
            .map(|player| player.join().unwrap_or_else(|why| panic::resume_unwind(why)))
            .fold(Outcome::default(), |mut sum, outcome| {
                sum += outcome;
                sum
            })
    });
    let Outcome { doubles, sent, steps } = outcomes;
    println!("{sent} messages accepted, {doubles} doubled, {steps} steps");
    assert!(sent > 0, "a run in which nothing is sent shows nothing");
}
