//! What the chat store costs: `cargo xtask bench chat`.
//!
//! Owns: stores of many messages in a folder of their own, and the time that the app needs to open them, to show a page,
//! to take in what was missed and to find words; beside each the floor, which is the same rows read or written by plain
//! SQLite, encrypted with the same cipher and key.
//!
//! Never does: measure over a network, or keep what it made.

mod measures;
mod memory;
mod team;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use crate::team::Team;

/// Before the tables.
const HEAD: &str = "\
# Performance

Figures from `cargo xtask bench chat`, which measures all of it in one run; with `--write` it writes this page. The store
is the app's own, encrypted, on a disk. The floor reads or writes the same rows by plain SQLite with the same cipher and
key, and does nothing with them. Where there are three figures, they are the least, the median and the most.
";

/// How many chats there are.
const CHATS: usize = 200;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    Open,
    Pages,
    Sync,
    Memory,
    Search,
}

/// The chat store.
#[derive(Debug, Parser)]
struct Options {
    /// How many messages are stored.
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// How many messages are looked through.
    #[arg(long, default_value_t = 1_000_000)]
    search_messages: usize,
    /// How often each thing is measured.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// What to measure, separated by commas; all of it if not said.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
    /// Where the stores are made; a disk, not memory.
    #[arg(long, default_value = "target")]
    disk: PathBuf,
    /// Write the report to the crate's `docs/performance.md`, too.
    #[arg(long)]
    write: bool,
    /// Of a process that measures its own memory: the store's folder; its key comes on standard input.
    #[arg(long, hide = true)]
    own_memory: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(folder) = &options.own_memory {
        return memory::tell_own(folder);
    }
    let is_wanted = |section| options.only.is_empty() || options.only.contains(&section);
    let mut report = format!(
        "{HEAD}\nOn {}.\nSQLite {}.\n",
        bench_figures::machine(),
        rusqlite::version()
    );
    let mut add = |table: String| {
        eprintln!("\n{table}");
        report.push('\n');
        report.push_str(&table);
    };
    let is_small_wanted = [Section::Open, Section::Pages, Section::Sync, Section::Memory]
        .into_iter()
        .any(is_wanted);
    if is_small_wanted {
        let team = Team::make(&options.disk, options.messages, CHATS)?;
        if is_wanted(Section::Open) {
            add(measures::open(&team, options.rounds)?);
        }
        if is_wanted(Section::Pages) {
            add(measures::pages(&team, options.rounds)?);
        }
        if is_wanted(Section::Memory) {
            let few = Team::make(&options.disk, options.messages / 10, CHATS)?;
            add(memory::compare(&few, &team)?);
        }
        if is_wanted(Section::Sync) {
            add(measures::sync(&team, options.rounds)?);
        }
    }
    if is_wanted(Section::Search) {
        let team = Team::make(&options.disk, options.search_messages, CHATS)?;
        add(measures::search(&team, options.rounds)?);
    }
    println!("{report}");
    if options.write {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../crates/chat/docs/performance.md");
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, report).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
