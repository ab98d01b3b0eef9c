//! Deleting what nobody needs any more: uploads that ended in the middle, files that no message took, those whose messages
//! are gone, and events from so long ago that nobody comes back for them.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    App, Error,
    store::{files, sync},
};

/// How often it is looked for files that may go.
const EVERY: Duration = Duration::from_secs(600);
/// How many go at once.
const AT_ONCE: i64 = 100;

/// Looks again and again until `stop`.
pub(crate) async fn sweep(app: App, stop: CancellationToken) {
    // What may go sooner than it would be looked for is looked for sooner.
    let every = EVERY.min(app.config.upload_ttl);
    loop {
        if let Err(error) = delete_expired(&app).await {
            tracing::warn!(%error, "files that may go were not deleted");
        }
        if let Err(error) = app.store.write(sync::forget).await {
            tracing::warn!(%error, "events that may go were not deleted");
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Nobody can read a file from the moment that its row says so. The row goes last: what is deleted by half is found again.
async fn delete_expired(app: &App) -> Result<(), Error> {
    loop {
        let gone = app.store.write(|tx| files::take_expired(tx, AT_ONCE)).await?;
        if gone.is_empty() {
            return Ok(());
        }
        for id in &gone {
            app.files.storage.delete(id).await?;
        }
        app.store.write(move |tx| files::forget(tx, &gone)).await?;
    }
}
