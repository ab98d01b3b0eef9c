//! Messages: reading the history, sending.

use axum::{Json as Answer, extract::State};
use http::{HeaderMap, StatusCode};
use khaya_wire::{
    ChatId, ClientId, Message, MessageId, Page, discovery::DEFAULT_MESSAGE_BYTES, rest::SendMessage,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::{Asked, Json, Named, limit};
use crate::{
    App, Error,
    identity::{self, Caller, Signed},
    store::{
        Tx, members,
        messages::{self, Window},
        sending::{self, Draft, Sent},
        users,
    },
    token::Access,
};

/// The most UTF-8 bytes of a message's content.
pub(super) const MAX_CONTENT: usize = DEFAULT_MESSAGE_BYTES as usize;
/// The most files of a message.
const MAX_ATTACHMENTS: usize = 20;
/// The most people and roles that a message is for.
const MAX_AUDIENCE: usize = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    before: Option<MessageId>,
    after: Option<MessageId>,
    limit: Option<i64>,
}

/// A part of the history, oldest first
#[utoipa::path(get, path = "/chat/{chatId}/messages", operation_id = "listMessages", tag = "messages",
    params(Part), responses((status = 200, body = Page<Message>)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Named(chat): Named<ChatId>,
    Asked(part): Asked<Part>,
) -> Result<Answer<Page<Message>>, Error> {
    let limit = limit(part.limit)?;
    let window = match (part.before, part.after) {
        (None, None) => Window::Newest,
        (Some(id), None) => Window::Before(id),
        (None, Some(id)) => Window::After(id),
        (Some(_), Some(_)) => return Err(Error::invalid("after", "does not go with before")),
    };
    let forward = matches!(window, Window::After(_));
    let part = app
        .store
        .snapshot(move |conn| {
            let _role = members::role_of(conn, &chat, &caller.viewer)?;
            messages::window(conn, &caller.viewer, &chat, &window, limit)
        })
        .await?;
    let edge = if forward {
        part.messages.last()
    } else {
        part.messages.first()
    };
    let next_cursor = edge.filter(|_| part.more).map(|message| message.id.to_string());
    Ok(Answer(Page {
        items: part.messages,
        next_cursor,
    }))
}

/// Send a message, exactly once for a `clientId`
#[utoipa::path(post, path = "/chat/{chatId}/messages", operation_id = "sendMessage", tag = "messages",
    request_body = SendMessage, responses((status = 201, body = Message), (status = 200, description = "It had been sent before", body = Message)))]
pub(super) async fn send(
    State(app): State<App>,
    Signed(access): Signed,
    Named(chat): Named<ChatId>,
    headers: HeaderMap,
    Json(asked): Json<SendMessage>,
) -> Result<(StatusCode, Answer<Message>), Error> {
    let client_id = client_id(asked.client_id.clone(), &headers)?;
    let draft = match check(&chat, asked, client_id.clone()) {
        Ok(draft) => draft,
        Err(error) => return Err(refusal(&app, access, chat, client_id, error).await?),
    };
    let is_plain = draft.is_plain();
    let change = move |tx: &mut Tx<'_>| {
        let viewer = tx
            .holder(&access.session, &access.user)?
            .ok_or(Error::Unauthorized)?;
        sending::send(tx, &viewer, draft)
    };
    let sent = if is_plain {
        app.store.write_message(change).await?
    } else {
        app.store.write(change).await?
    };
    Ok(match sent {
        Sent::Fresh(message) => (StatusCode::CREATED, Answer(message)),
        Sent::Known(message) => (StatusCode::OK, Answer(message)),
    })
}

/// Why a draft is refused that could not be stored in any case: what was sent before under its `clientId` was
/// another, as it was stored.
async fn refusal(
    app: &App,
    access: Access,
    chat: ChatId,
    client_id: Option<ClientId>,
    error: Error,
) -> Result<Error, Error> {
    let known = app
        .store
        .snapshot(move |conn| {
            let viewer = identity::still(conn, &access.session, &access.user)?;
            let _role = members::role_of(conn, &chat, &viewer)?;
            match &client_id {
                Some(id) => Ok(messages::by_client_id(conn, &viewer.user, id)?.is_some()),
                None => Ok(false),
            }
        })
        .await?;
    Ok(if known { sending::other_message() } else { error })
}

fn check(chat: &ChatId, asked: SendMessage, client_id: Option<ClientId>) -> Result<Draft, Error> {
    let attachments = asked.attachment_ids.unwrap_or_default();
    check_content(&asked.content)?;
    if asked.content.trim().is_empty() && attachments.is_empty() {
        return Err(Error::invalid("content", "is empty"));
    }
    if attachments.len() > MAX_ATTACHMENTS {
        return Err(Error::invalid(
            "attachmentIds",
            format!("names more than {MAX_ATTACHMENTS} files"),
        ));
    }
    let draft = Draft {
        chat: chat.clone(),
        content: asked.content.to_string(),
        client_id,
        reply_to: asked.reply_to,
        visible_to: asked.visible_to.into_iter().flatten().collect(),
        visible_to_roles: asked.visible_to_roles.into_iter().flatten().collect(),
        attachments,
    };
    if draft.visible_to.len() + draft.visible_to_roles.len() > MAX_AUDIENCE {
        return Err(Error::invalid(
            "visibleTo",
            format!("lists more than {MAX_AUDIENCE}"),
        ));
    }
    for role in &draft.visible_to_roles {
        users::check_role(role)
            .map_err(|_| Error::invalid("visibleToRoles", "lists what cannot be a role"))?;
    }
    Ok(draft)
}

/// What no content may have. Whether it may be empty depends on whether there are files.
pub(super) fn check_content(content: &str) -> Result<(), Error> {
    if content.len() > MAX_CONTENT {
        return Err(Error::TooLarge {
            limit: MAX_CONTENT as u64,
        });
    }
    if content.contains('\0') {
        return Err(Error::invalid(
            "content",
            "has a character that no text has (U+0000)",
        ));
    }
    Ok(())
}

/// The sender's own id for a message, from the body or the header that means the same.
fn client_id(in_body: Option<ClientId>, headers: &HeaderMap) -> Result<Option<ClientId>, Error> {
    let in_header = headers
        .get("idempotency-key")
        .map(|value| {
            // The header's draft writes it as a quoted string; most clients do not.
            value
                .to_str()
                .ok()
                .and_then(|text| ClientId::new(text.trim().trim_matches('"')).ok())
                .ok_or_else(|| Error::invalid("Idempotency-Key", "is not an id"))
        })
        .transpose()?;
    match (in_body, in_header) {
        (Some(body), Some(header)) if body != header => {
            Err(Error::invalid("clientId", "differs from Idempotency-Key"))
        }
        (body, header) => Ok(body.or(header)),
    }
}
