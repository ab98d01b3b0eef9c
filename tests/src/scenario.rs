//! One test on a desktop: starts it, runs the test, and tells what the apps looked like when it failed.

use std::panic::AssertUnwindSafe;

use anyhow::Result;
use futures_util::FutureExt as _;

use crate::{artifacts::Artifacts, desktop::Desktop};

/// Runs `test` on a desktop of its own. `name` is that of its folder among the artifacts.
///
/// # Panics
/// When the test fails, with a report of every app.
#[expect(
    clippy::print_stderr,
    reason = "a panic goes on with its own words; the report stands before them"
)]
pub async fn on_desktop(name: &str, test: impl AsyncFnOnce(&Desktop) -> Result<()>) {
    let artifacts = Artifacts::new(name).expect("a folder for the artifacts");
    let desktop = match Desktop::start(&artifacts).await {
        Ok(desktop) => desktop,
        Err(error) => panic!("no desktop: {error:?}"),
    };
    let outcome = AssertUnwindSafe(async { test(&desktop).await })
        .catch_unwind()
        .await;
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{name}: {error:?}\n{}", desktop.report().await),
        Err(panic) => {
            eprintln!("{}", desktop.report().await);
            std::panic::resume_unwind(panic);
        }
    }
}
