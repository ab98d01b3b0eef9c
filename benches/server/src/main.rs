//! The server beside the same contract on Node and beside the floor: `cargo xtask bench server`.
//!
//! Owns: one server process at a time on a core of its own, the load on another, in interleaved rounds, and printing
//! what came of it with its spread, and whether it holds.
//!
//! Never does: anything in the server's process. CPU and memory are what the system tells of it.

mod crowd;
mod fanout;
mod http;
mod idle;
mod large;
mod latency;
mod machine;
mod report;
mod sends;
mod sockets;
mod subject;
mod world;

use std::time::Duration;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use tokio::task::LocalSet;

use crate::{
    fanout::Hall,
    machine::Cores,
    report::Report,
    subject::{Place, Subject},
};

/// The server beside a peer on Node and the floor.
#[derive(Debug, Parser)]
struct Options {
    /// How many rounds; in each, every server runs once
    #[arg(long)]
    rounds: Option<usize>,
    /// Fewer rounds of less, to see that everything runs
    #[arg(long)]
    quick: bool,
    /// What to measure, separated by commas; all of it if not said
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
}

/// A group of measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// One chat of a thousand.
    Fanout,
    /// A thousand people in chats of six.
    Chats,
    /// Durable sends.
    Sends,
    /// Ten thousand idle connections, and five thousand that come back.
    Idle,
    /// A database of a million messages.
    Large,
}

/// How much is done.
struct Size {
    rounds: usize,
    /// Messages to a thousand people.
    messages: usize,
    time: Duration,
    idle: usize,
    history: usize,
}

const ALL: [Subject; 3] = [Subject::Floor, Subject::Node, Subject::Khaya];
const REAL: [Subject; 2] = [Subject::Node, Subject::Khaya];
/// How many are in the chat that everyone is in.
const MEMBERS: usize = 1000;
/// How many are in each of the small chats, and how many people that makes.
const SMALL: (usize, usize) = (6, 1002);

fn main() -> Result<()> {
    let options = Options::parse();
    let cores = Cores::take()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, measure(&options, cores))
}

async fn measure(options: &Options, cores: Cores) -> Result<()> {
    let place = Place::find(cores)?;
    let sockets = machine::raise_file_limit()?;
    let mut size = if options.quick {
        Size {
            rounds: 1,
            messages: 100,
            time: Duration::from_secs(1),
            idle: 2000,
            history: 50_000,
        }
    } else {
        Size {
            rounds: 5,
            messages: 300,
            time: Duration::from_secs(3),
            idle: 10_000,
            history: 1_000_000,
        }
    };
    size.rounds = options.rounds.unwrap_or(size.rounds);
    size.idle = size.idle.min(sockets);
    println!("{}\n", machine::describe(cores));
    let mut report = Report::default();
    let wanted = |section| options.only.is_empty() || options.only.contains(&section);
    for round in 0..size.rounds {
        println!("round {} of {}", round + 1, size.rounds);
        if wanted(Section::Fanout) {
            for subject in turned(&ALL, round) {
                fan_out(&place, subject, &size, &mut report).await?;
            }
        }
        if wanted(Section::Chats) {
            for subject in turned(&REAL, round) {
                println!("    small chats: {}", subject.name());
                let mut hall = Hall::open(&place, subject, SMALL.1, SMALL.0).await?;
                report.chats(subject, &hall.paced(600.0, size.time).await?);
            }
        }
        if wanted(Section::Sends) {
            for subject in turned(&REAL, round) {
                println!("    durable sends: {}", subject.name());
                report.sends(subject, &sends::measure(&place, subject, size.time).await?);
            }
        }
        if wanted(Section::Idle) {
            for subject in turned(&REAL, round) {
                println!("    {} idle connections: {}", size.idle, subject.name());
                report.idle(
                    subject,
                    &idle::measure(&place, subject, size.idle, size.idle / 2).await?,
                );
            }
        }
    }
    if wanted(Section::Large) {
        println!("a database of {} messages", size.history);
        report.large(large::measure(&place, size.history, size.rounds).await?);
    }
    println!("\n{}", report.text(&size));
    Ok(())
}

async fn fan_out(place: &Place, subject: Subject, size: &Size, report: &mut Report) -> Result<()> {
    println!("    fan-out: {}", subject.name());
    let mut hall = Hall::open(place, subject, MEMBERS, MEMBERS).await?;
    report.flat_out(subject, &hall.flat_out(size.messages).await?);
    report.paced(subject, &hall.paced(20.0, size.time).await?);
    Ok(())
}

/// Another goes first in every round.
fn turned(subjects: &[Subject], round: usize) -> Vec<Subject> {
    let mut subjects = subjects.to_vec();
    let count = subjects.len();
    subjects.rotate_left(round % count);
    subjects
}
