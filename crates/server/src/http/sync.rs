//! `GET /sync`: what somebody has missed.

use axum::{Json as Answer, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body::{Asked, limit_to};
use crate::{App, Error, identity::Caller, store::sync};

/// The most events of one part. More than of other lists: who was away for a day waits for all of them.
const MOST: usize = 2000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Since {
    since: Option<String>,
    limit: Option<i64>,
}

/// A part of what was missed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Synced {
    events: Vec<Missed>,
    /// The next `since`.
    next: String,
    has_more: bool,
}

/// An event as a socket would have got it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Missed {
    event: &'static str,
    #[schema(value_type = Object)]
    data: Value,
}

/// What one has missed; without `since` only where now is
#[utoipa::path(get, path = "/sync", operation_id = "sync", tag = "messages",
    params(Since), responses((status = 200, body = Synced)))]
pub(super) async fn sync(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Since>,
) -> Result<Answer<Synced>, Error> {
    let limit = limit_to(MOST, asked.limit)?;
    let Some(since) = asked.since else {
        let now = app.store.snapshot(sync::here).await?;
        return Ok(answer(&app, Vec::new(), now, false));
    };
    let since = app.keys.unseal(&since).ok_or(Error::Gone)?;
    let part = app
        .store
        .snapshot(move |conn| sync::after(conn, &caller.viewer, since, limit))
        .await?
        .ok_or(Error::Gone)?;
    let events = part
        .missed
        .into_iter()
        .map(|missed| Missed {
            event: missed.event,
            data: missed.data,
        })
        .collect();
    Ok(answer(&app, events, part.next, part.more))
}

fn answer(app: &App, events: Vec<Missed>, next: i64, has_more: bool) -> Answer<Synced> {
    let next = app.keys.seal(next);
    Answer(Synced {
        events,
        next,
        has_more,
    })
}
