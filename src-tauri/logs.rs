//! What the app tells its developers: lines on standard error and in a file of the profile, a new one a day.
//!
//! Ids only: no text of a message, no name, no password, no token is ever logged; the types that hold
//! them do not print them.

use std::{io, panic, path::PathBuf, sync::Mutex};

use khaya_chat::report;
use tracing_appender::rolling::{InitError, RollingFileAppender, Rotation};
use tracing_subscriber::{
    EnvFilter,
    filter::{LevelFilter, ParseError, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::profile::Profile;

/// The variable that chooses what is logged, in `tracing`'s language of directives: `debug`, `khaya_chat=trace`.
const VARIABLE: &str = "KHAYA_LOG";

/// What is logged when nothing is chosen.
const DEFAULT: &str = "warn,khaya=info,khaya_chat=info,khaya_socketio=info";

/// Days for which files are kept.
const KEPT_FILES: usize = 7;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogsError {
    #[error("{VARIABLE} cannot be understood")]
    Directive(#[from] ParseError),
    #[error("the log cannot be written")]
    File(#[from] InitError),
}

/// What the names of those begin with whose lines may say more than [`FOREIGN`]. Other crates log what passes through them, tokens and messages too.
const OURS: &str = "khaya";

/// The most that the lines of others may say, whatever is asked for.
const FOREIGN: LevelFilter = LevelFilter::INFO;

/// Starts logging, for the whole process, until it ends. Each process has files of its own, which begin with `name`.
pub(crate) fn start(profile: &Profile, name: &str) -> Result<(), LogsError> {
    let directives = std::env::var(VARIABLE).unwrap_or_else(|_| DEFAULT.to_owned());
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("log")
        .max_log_files(KEPT_FILES)
        .build(profile.logs())?;
    let chosen = EnvFilter::builder().parse(&directives)?;
    tracing_subscriber::registry()
        .with(fmt::layer().with_writer(io::stderr).with_ansi(false))
        .with(fmt::layer().with_writer(Mutex::new(file)).with_ansi(false))
        .with(chosen)
        .with(capped())
        .init();
    log_panics(profile.root().to_owned());
    Ok(())
}

/// Lets through what is ours at any level, and of the rest what cannot tell a secret.
fn capped() -> Targets {
    Targets::new()
        .with_default(FOREIGN)
        .with_target(OURS, LevelFilter::TRACE)
}

/// A panic says where it was, not what it held: its message may contain what must not be logged.
fn log_panics(data: PathBuf) {
    let default = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if let Err(error) = report::write(&data, env!("CARGO_PKG_VERSION"), panic) {
            tracing::warn!(%error, "there is no report of a panic");
        }
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, thread = std::thread::current().name(), "a task panicked");
        if cfg!(debug_assertions) {
            default(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn others_never_say_more_than_they_may() {
        let capped = capped();
        for foreign in [
            "tungstenite::protocol",
            "hyper::proto",
            "reqwest::connect",
            "zbus::connection",
        ] {
            assert!(!capped.would_enable(foreign, &Level::DEBUG), "{foreign}");
            assert!(capped.would_enable(foreign, &Level::INFO), "{foreign}");
        }
        for ours in ["khaya::app", "khaya_chat::machine", "khaya_socketio::driver"] {
            assert!(capped.would_enable(ours, &Level::TRACE), "{ours}");
        }
    }
}
