//! Several people's machines and a model of the server under virtual time, with everything going wrong: answers
//! lost, events lost and doubled, connections cut, apps killed between any two outputs, disks full, tokens run
//! out. When it has been quiet for a while, everyone must have what the server has.
//!
//! `KHAYA_SEEDS` says how many seeds are run, `KHAYA_SEED` runs one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that is surprised fails"
)]

mod check;
mod play;
mod random;
mod server;
mod world;

use std::panic::{self, AssertUnwindSafe};

/// Seeds of each level in every run.
const SEEDS: u64 = 100;

#[test]
fn nothing_is_lost_or_doubled_on_full() {
    run(true);
}

#[test]
fn nothing_is_lost_on_base() {
    run(false);
}

fn run(is_full: bool) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("KHAYA_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KHAYA_SEEDS").unwrap_or(SEEDS),
    };
    let (mut doubles, mut sent, mut steps) = (0, 0, 0);
    for seed in seeds {
        match panic::catch_unwind(AssertUnwindSafe(|| play::play(seed, is_full))) {
            Ok(result) => {
                doubles += result.doubles;
                sent += result.sent;
                steps += result.steps;
            }
            Err(why) => {
                println!("to see it again: KHAYA_SEED={seed}");
                panic::resume_unwind(why);
            }
        }
    }
    println!("{sent} messages accepted, {doubles} doubled, {steps} steps");
    assert!(sent > 0, "a run in which nothing is sent shows nothing");
}
