//! What is done to chats that are there: names, members, roles, one's own preferences.

use axum::{
    Json as Answer,
    body::Body,
    extract::{FromRequest as _, State},
};
use http::{Request, StatusCode, header};
use khaya_wire::{Chat, ChatId, UserId, model::ChatRole};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    body::{Json, Named, NamedIn},
    chats::check_name,
};
use crate::{
    App, Error,
    identity::Caller,
    store::{chats, membership},
};

/// The longest topic, in characters.
const MAX_TOPIC: usize = 512;

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Change {
    name: Option<String>,
    topic: Option<String>,
}

/// Rename a group (moderators)
#[utoipa::path(patch, path = "/chat/{chatId}", operation_id = "changeChat", tag = "chats",
    request_body = Change, responses((status = 200, body = Chat)))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    Named(chat): Named<ChatId>,
    Json(asked): Json<Change>,
) -> Result<Answer<Chat>, Error> {
    let name = asked.name.as_deref().map(check_name).transpose()?;
    let topic = asked.topic.map(|topic| topic.trim().to_owned());
    if topic
        .as_ref()
        .is_some_and(|topic| topic.chars().count() > MAX_TOPIC || topic.contains('\0'))
    {
        return Err(Error::invalid(
            "topic",
            format!("has at most {MAX_TOPIC} characters"),
        ));
    }
    app.store
        .write(move |tx| chats::rename(tx, &caller.viewer, &chat, name, topic))
        .await
        .map(Answer)
}

/// Delete a group (owners)
#[utoipa::path(delete, path = "/chat/{chatId}", operation_id = "deleteChat", tag = "chats",
    responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Named(chat): Named<ChatId>,
) -> Result<StatusCode, Error> {
    app.store
        .write(move |tx| membership::delete_chat(tx, &caller.viewer, &chat))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct Put {
    role: Option<ChatRole>,
}

/// Add a member (moderators), or set a role (owners)
///
/// The body, which says a role, may be left out.
#[utoipa::path(put, path = "/chat/{chatId}/members/{userId}", operation_id = "putMember", tag = "chats",
    request_body = Option<Put>, responses((status = 200, body = Chat)))]
pub(super) async fn put(
    State(app): State<App>,
    caller: Caller,
    NamedIn(chat, user): NamedIn<ChatId, UserId>,
    request: Request<Body>,
) -> Result<Answer<Chat>, Error> {
    let asked = if request.headers().contains_key(header::CONTENT_TYPE) {
        let Json(asked) = Json::<Put>::from_request(request, &()).await?;
        asked
    } else {
        Put::default()
    };
    app.store
        .write(move |tx| membership::put(tx, &caller.viewer, &chat, &user, asked.role))
        .await
        .map(Answer)
}

/// Remove a member (moderators), or leave
#[utoipa::path(delete, path = "/chat/{chatId}/members/{userId}", operation_id = "removeMember", tag = "chats",
    responses((status = 204)))]
pub(super) async fn remove(
    State(app): State<App>,
    caller: Caller,
    NamedIn(chat, user): NamedIn<ChatId, UserId>,
) -> Result<StatusCode, Error> {
    app.store
        .write(move |tx| membership::remove(tx, &caller.viewer, &chat, &user))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Preferences {
    muted: Option<bool>,
    pinned: Option<bool>,
}

/// What one wants of a chat for oneself
#[utoipa::path(put, path = "/chat/{chatId}/preferences", operation_id = "setPreferences", tag = "chats",
    request_body = Preferences, responses((status = 204)))]
pub(super) async fn prefer(
    State(app): State<App>,
    caller: Caller,
    Named(chat): Named<ChatId>,
    Json(asked): Json<Preferences>,
) -> Result<StatusCode, Error> {
    app.store
        .write(move |tx| chats::prefer(tx, &caller.viewer, &chat, asked.muted, asked.pinned))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
