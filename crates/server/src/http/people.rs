//! Finding people.

use axum::{Json as Answer, extract::State};
use khaya_wire::{Page, User};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::{Asked, limit, read_cursor, write_cursor};
use crate::{App, Error, identity::Caller, presence, store::users};

/// The longest text that is looked for, in characters.
const MAX_QUERY: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Find {
    query: Option<String>,
    cursor: Option<String>,
    limit: Option<i64>,
}

/// Find people
#[utoipa::path(get, path = "/users", operation_id = "findUsers", tag = "people",
    params(Find), responses((status = 200, body = Page<User>)))]
pub(super) async fn find(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Find>,
) -> Result<Answer<Page<User>>, Error> {
    let limit = limit(asked.limit)?;
    let after = read_cursor(asked.cursor.as_deref())?;
    let query = asked.query.unwrap_or_default();
    if query.chars().count() > MAX_QUERY {
        return Err(Error::invalid(
            "query",
            format!("has more than {MAX_QUERY} characters"),
        ));
    }
    let wanted = u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1);
    let here = app.clone();
    app.store
        .snapshot(move |conn| {
            let mut found = users::find(conn, &caller.viewer, query.trim(), after.as_ref(), wanted)?;
            let more = found.len() > limit;
            found.truncate(limit);
            let next_cursor = match found.last() {
                Some((_, place)) if more => Some(write_cursor(place)?),
                Some(_) | None => None,
            };
            let mut items: Vec<User> = found.into_iter().map(|(user, _)| user).collect();
            presence::add(&here, conn, &mut items)?;
            Ok(Page { items, next_cursor })
        })
        .await
        .map(Answer)
}
