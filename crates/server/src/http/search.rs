//! `GET /search`

use axum::{Json as Answer, extract::State};
use khaya_wire::{ChatId, Message, Page, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::{Asked, limit};
use crate::{
    App, Error,
    identity::Caller,
    store::search::{self, Wanted},
};

/// The longest text that is looked for, in characters.
const MAX_QUERY: usize = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search {
    q: String,
    chat_id: Option<ChatId>,
    sender_id: Option<UserId>,
    cursor: Option<String>,
    limit: Option<i64>,
}

/// Find messages, the newest first
#[utoipa::path(get, path = "/search", operation_id = "search", tag = "messages",
    params(Search), responses((status = 200, body = Page<Message>)))]
pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Search>,
) -> Result<Answer<Page<Message>>, Error> {
    let limit = limit(asked.limit)?;
    let phrases = search::phrases(&asked.q);
    if phrases.is_empty() || asked.q.chars().count() > MAX_QUERY {
        return Err(Error::invalid(
            "q",
            format!("has letters or digits, and at most {MAX_QUERY} characters"),
        ));
    }
    let before = match asked.cursor {
        None => i64::MAX,
        Some(cursor) => {
            let unknown = || Error::invalid("cursor", "was not made by this server");
            app.keys.unseal(&cursor).ok_or_else(unknown)?
        }
    };
    let wanted = Wanted {
        phrases,
        chat: asked.chat_id,
        sender: asked.sender_id,
        before,
    };
    let mut found = app
        .store
        .snapshot(move |conn| search::find(conn, &caller.viewer, &wanted, limit + 1))
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found
        .last()
        .filter(|_| more)
        .map(|(_, number)| app.keys.seal(*number));
    Ok(Answer(Page {
        items: found.into_iter().map(|(message, _)| message).collect(),
        next_cursor,
    }))
}
