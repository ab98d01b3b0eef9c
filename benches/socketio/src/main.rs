//! The Socket.IO clients side by side: `cargo xtask bench socketio`.
//!
//! Owns: starting the Node server and one client after the other, in interleaved rounds, and printing what
//! they say of themselves, with its spread.
//!
//! Never does: measure. Each client tells its own CPU (user and system time of all its threads between the
//! emit of `start` and the arrival of `done`) and its own peak of resident memory, so that the server's work
//! and the start of a process are in no figure.

mod client;
mod figures;
mod machine;
mod sections;

use anyhow::Result;
use clap::Parser;

use crate::{client::Programs, sections::Section};

/// Socket.IO clients side by side.
#[derive(Debug, Parser)]
struct Options {
    /// How many rounds; in each, every client runs once.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// How many events a flood has.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// What to measure, separated by commas; all of it if not said.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let programs = Programs::find()?;
    println!("{}", machine::describe(&programs).await?);
    let chosen = if options.only.is_empty() {
        Section::ALL.to_vec()
    } else {
        options.only
    };
    for section in chosen {
        println!(
            "\n{}",
            section.measure(&programs, options.rounds, options.events).await?
        );
    }
    Ok(())
}
