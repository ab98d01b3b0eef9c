//! Tells the chat when the person wants no notices: as the settings say, by the clock on the wall.
//!
//! Never decides about a notice; that is the chat's.

use std::time::{Duration, SystemTime};

use khaya_chat::{
    actor,
    intent::{Intent, Quiet},
};
use tokio::{sync::watch, time};

use crate::settings::Settings;

/// How soon another time zone, or the end of summer time, is noticed.
const CLOCK_CHECKED_EVERY: Duration = Duration::from_secs(60);

/// How long the tray's "Do not disturb for an hour" lasts.
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// Tells it at the start and at each change, until the chat ends. `until`: no notices before then, whatever the
/// settings say.
pub(crate) async fn follow(
    chat: actor::Handle,
    settings: Settings,
    mut until: watch::Receiver<Option<SystemTime>>,
) {
    let mut changes = settings.changes();
    let mut told = None;
    loop {
        let chosen = settings.quiet();
        let left = until
            .borrow_and_update()
            .and_then(|until| until.duration_since(SystemTime::now()).ok());
        let quiet = Quiet {
            do_not_disturb: chosen.do_not_disturb || left.is_some(),
            utc_offset: utc_offset(),
            ..chosen
        };
        if told.replace(quiet) != Some(quiet)
            && let Err(failure) = chat.dispatch(Intent::Quiet(quiet)).await
        {
            tracing::warn!(code = failure.code, "quiet hours were not taken");
            told = None;
        }
        // A nap of the computer makes no hour longer: the clock on the wall is looked at again and again.
        let pause = left.map_or(CLOCK_CHECKED_EVERY, |left| left.min(CLOCK_CHECKED_EVERY));
        let ended = tokio::select! {
            changed = changes.changed() => changed.is_err(),
            changed = until.changed() => changed.is_err(),
            () = time::sleep(pause) => false,
        };
        if ended {
            return;
        }
    }
}

/// How far the clock on the wall is ahead of UTC, in minutes.
fn utc_offset() -> i16 {
    let minutes = jiff::Zoned::now().offset().seconds() / 60;
    i16::try_from(minutes).unwrap_or_default()
}
