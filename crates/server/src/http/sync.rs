//! `GET /sync`: what somebody has missed.

use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{Asked, limit};
use crate::{App, Error, identity::Caller, store::sync};

#[derive(Debug, Deserialize)]
pub(super) struct Since {
    since: Option<String>,
    limit: Option<i64>,
}

pub(super) async fn sync(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Since>,
) -> Result<Response, Error> {
    let limit = limit(asked.limit)?;
    let Some(since) = asked.since else {
        let now = app.store.read(sync::now).await?;
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
        .map(|missed| json!({"event": missed.event, "data": missed.data}))
        .collect();
    Ok(answer(&app, events, part.next, part.more))
}

fn answer(app: &App, events: Vec<Value>, next: i64, more: bool) -> Response {
    Answer(json!({"events": events, "next": app.keys.seal(next), "hasMore": more})).into_response()
}
