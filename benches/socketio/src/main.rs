//! The Socket.IO clients side by side: `cargo xtask bench socketio`.
//!
//! Owns: starting the Node server and one client after the other, in interleaved rounds, and printing what
//! they say of themselves, with its spread.
//!
//! Never does: measure. Each client tells its own CPU (user and system time of all its threads between the
//! emit of `start` and the arrival of `done`) and its own peak of resident memory, so that the server's work
//! and the start of a process are in no figure.

mod client;
mod machine;
mod progress;
mod rounds;
mod sections;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;

use crate::{client::Programs, sections::Section};

/// Before the tables.
const HEAD: &str = "\
# Performance

Figures from `cargo xtask bench socketio`, which measures all of it in one run; with `--write` it writes this page.
Each client measures itself: CPU is the user and system time of all its threads between its emit of `start` and the
arrival of `done`, and RSS the peak of its process. Each decodes every event into a type and looks at it. The clients
take turns in each round. Where there are three figures, they are the least, the median and the most of all rounds; a
ratio is taken within a round first.
";

/// Socket.IO clients side by side.
#[derive(Debug, Parser)]
struct Options {
    /// How many rounds; in each, every client runs once.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// What to measure, separated by commas; all of it if not said.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
    /// Write the report to the crate's `docs/performance.md`, too.
    #[arg(long)]
    write: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let programs = Programs::find()?;
    progress::tell("begin");
    let mut report = format!("{HEAD}\n{}\n", machine::describe(&programs));
    let chosen = if options.only.is_empty() {
        Section::ALL.to_vec()
    } else {
        options.only
    };
    for section in chosen {
        let table = section.measure(&programs, options.rounds).await?;
        eprintln!("\n{table}");
        report.push('\n');
        report.push_str(&table);
    }
    progress::tell("done");
    println!("{report}");
    if options.write {
        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crates/socketio/docs/performance.md");
        fs::write(&path, report).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
