//! Tells the chat when the person wants no notices: as the settings say, by the clock on the wall.
//!
//! Never decides about a notice; that is the chat's.

use std::time::Duration;

use khaya_chat::{
    actor,
    intent::{Intent, Quiet},
};
use tokio::time;

use crate::settings::Settings;

/// How soon another time zone, or the end of summer time, is noticed.
const CLOCK_CHECKED_EVERY: Duration = Duration::from_secs(60);

/// Tells it at the start and at each change, until the chat ends.
pub(crate) async fn follow(chat: actor::Handle, settings: Settings) {
    let mut changes = settings.changes();
    let mut told = None;
    loop {
        let quiet = Quiet {
            utc_offset: utc_offset(),
            ..settings.quiet()
        };
        if told.replace(quiet) != Some(quiet)
            && let Err(failure) = chat.dispatch(Intent::Quiet(quiet)).await
        {
            tracing::warn!(code = failure.code, "quiet hours were not taken");
            told = None;
        }
        if let Ok(Err(_)) = time::timeout(CLOCK_CHECKED_EVERY, changes.changed()).await {
            return;
        }
    }
}

/// How far the clock on the wall is ahead of UTC, in minutes.
fn utc_offset() -> i16 {
    let minutes = jiff::Zoned::now().offset().seconds() / 60;
    i16::try_from(minutes).unwrap_or_default()
}
