//! What is done to messages that are there: edits, deletes, reactions, pins.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{FromRequestParts, Path, State},
};
use http::{StatusCode, request::Parts};
use khaya_wire::{ChatId, Message, MessageId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    body::{Json, NOWHERE, NamedIn},
    messages::check_content,
};
use crate::{App, Error, identity::Caller, store::changes};

/// The longest emoji, in bytes: families with skin tones are long.
const MAX_EMOJI: usize = 64;

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Edit {
    content: Arc<str>,
}

/// Give a message of one's own another content
#[utoipa::path(patch, path = "/chat/{chatId}/messages/{messageId}", operation_id = "editMessage", tag = "messages",
    request_body = Edit, responses((status = 200, body = Message)))]
pub(super) async fn edit(
    State(app): State<App>,
    caller: Caller,
    NamedIn(chat, message): NamedIn<ChatId, MessageId>,
    Json(asked): Json<Edit>,
) -> Result<Answer<Message>, Error> {
    check_content(&asked.content)?;
    let content = asked.content.to_string();
    app.store
        .write(move |tx| changes::edit(tx, &caller.viewer, &chat, &message, content))
        .await
        .map(Answer)
}

/// Leave a tombstone where a message was
#[utoipa::path(delete, path = "/chat/{chatId}/messages/{messageId}", operation_id = "deleteMessage", tag = "messages",
    responses((status = 204)))]
pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    NamedIn(chat, message): NamedIn<ChatId, MessageId>,
) -> Result<StatusCode, Error> {
    app.store
        .write(move |tx| changes::delete(tx, &caller.viewer, &chat, &message))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pin a message
#[utoipa::path(put, path = "/chat/{chatId}/messages/{messageId}/pin", operation_id = "pinMessage", tag = "messages",
    responses((status = 204)))]
pub(super) async fn pin(
    app: State<App>,
    caller: Caller,
    place: NamedIn<ChatId, MessageId>,
) -> Result<StatusCode, Error> {
    set_pin(&app, caller, place, true).await
}

/// Take a pin off
#[utoipa::path(delete, path = "/chat/{chatId}/messages/{messageId}/pin", operation_id = "unpinMessage", tag = "messages",
    responses((status = 204)))]
pub(super) async fn unpin(
    app: State<App>,
    caller: Caller,
    place: NamedIn<ChatId, MessageId>,
) -> Result<StatusCode, Error> {
    set_pin(&app, caller, place, false).await
}

/// React with an emoji
#[utoipa::path(put, path = "/chat/{chatId}/messages/{messageId}/reactions/{emoji}", operation_id = "react", tag = "messages",
    responses((status = 204)))]
pub(super) async fn react(app: State<App>, caller: Caller, place: Reacted) -> Result<StatusCode, Error> {
    set_reaction(&app, caller, place, true).await
}

/// Take a reaction back
#[utoipa::path(delete, path = "/chat/{chatId}/messages/{messageId}/reactions/{emoji}", operation_id = "unreact", tag = "messages",
    responses((status = 204)))]
pub(super) async fn unreact(app: State<App>, caller: Caller, place: Reacted) -> Result<StatusCode, Error> {
    set_reaction(&app, caller, place, false).await
}

async fn set_pin(
    app: &App,
    caller: Caller,
    NamedIn(chat, message): NamedIn<ChatId, MessageId>,
    pinned: bool,
) -> Result<StatusCode, Error> {
    app.store
        .write(move |tx| changes::pin(tx, &caller.viewer, &chat, &message, pinned))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_reaction(app: &App, caller: Caller, place: Reacted, add: bool) -> Result<StatusCode, Error> {
    let Reacted { chat, message, emoji } = place;
    app.store
        .write(move |tx| changes::react(tx, &caller.viewer, &chat, &message, &emoji, add))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A message and an emoji, in a path.
#[derive(Debug)]
pub(super) struct Reacted {
    chat: ChatId,
    message: MessageId,
    emoji: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Reacted {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Path((chat, message, emoji)) = Path::<(String, String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| NOWHERE)?;
        // Keycaps begin with a digit, so plain characters are fine beside others, but not alone.
        let fits = emoji.len() <= MAX_EMOJI
            && !emoji.is_ascii()
            && !emoji.chars().any(|c| c.is_control() || c.is_whitespace());
        if !fits {
            return Err(Error::invalid(
                "emoji",
                format!("is one emoji of at most {MAX_EMOJI} bytes"),
            ));
        }
        Ok(Self {
            chat: chat.parse().map_err(|_| NOWHERE)?,
            message: message.parse().map_err(|_| NOWHERE)?,
            emoji,
        })
    }
}
