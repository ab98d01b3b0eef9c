//! Waiting for something to happen, never for a length of time.
//!
//! The pause between two looks is no part of any result: a longer one makes a test slower and nothing else.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// How long anything may take before the test fails. Far above what it takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that cannot tell by itself that it changed.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until `look` finds something, and fails after [`PATIENCE`] with `what` and the last error.
///
/// # Errors
/// When the time is up.
pub async fn eventually<T>(what: impl Display, look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    within(PATIENCE, what, look).await
}

/// As [`eventually`], with a deadline of its own.
///
/// # Errors
/// When the time is up.
pub async fn within<T>(
    patience: Duration,
    what: impl Display,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        let outcome = look().await;
        if let Ok(Some(found)) = outcome {
            return Ok(found);
        }
        if start.elapsed() > patience {
            return match outcome {
                Ok(_) => bail!("waited {patience:?} in vain: {what}"),
                Err(error) => Err(error).with_context(|| format!("waited {patience:?} in vain: {what}")),
            };
        }
        tokio::time::sleep(PAUSE).await;
    }
}
