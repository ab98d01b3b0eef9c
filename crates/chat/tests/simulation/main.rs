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
mod counts;
mod fresh;
mod play;
mod random;
mod server;
mod world;

use std::{
    num::NonZero,
    ops::{AddAssign, Range},
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use counts::Counted;
use play::Outcome;

/// Seeds of each level in every run, and in a long one.
const SEEDS: u64 = 2_000;
const MANY_SEEDS: u64 = 100_000;

/// Runs in which each step is compared with a fresh fetch.
const FRESH_SEEDS: u64 = 100;

/// Sequences after which all that counts is compared.
const COUNTED_SEQUENCES: u64 = 10_000;

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

#[test]
fn badge_tray_list_disk_and_server_count_the_same() {
    let seeds = chosen(COUNTED_SEQUENCES / counts::SEQUENCES);
    let worlds = seeds.end - seeds.start;
    let counted: Counted = play_all(seeds, counts::play);
    println!("{} sequences: {counted:?}", worlds * counts::SEQUENCES);
    // Zeros compared with zeros show nothing; one world alone may have none of a kind.
    let Counted {
        unread,
        recounts,
        mentions,
        muted,
    } = counted;
    let fewest = [unread, recounts, mentions, muted].into_iter().min();
    assert!(worlds == 1 || fewest >= Some(worlds), "{counted:?}");
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
    let outcome: Outcome = play_all(chosen(seeds), |seed| play::play(seed, is_full));
    let Outcome { doubles, sent, steps } = outcome;
    println!("{sent} messages accepted, {doubles} doubled, {steps} steps");
    assert!(sent > 0, "a run in which nothing is sent shows nothing");
}

/// Plays each seed, on all cores, and adds up what came of them.
fn play_all<T>(seeds: Range<u64>, play: impl Fn(u64) -> T + Sync) -> T
where
    T: Default + AddAssign + Send,
{
    let next = AtomicU64::new(seeds.start);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let play_some = || {
            let mut sum = T::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return sum;
                }
                match panic::catch_unwind(AssertUnwindSafe(|| play(seed))) {
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
            .fold(T::default(), |mut sum, outcome| {
                sum += outcome;
                sum
            })
    })
}
