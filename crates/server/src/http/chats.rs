//! Chats: the list, one, making one, read markers.

use std::collections::BTreeSet;

use axum::{Json as Answer, extract::State};
use http::StatusCode;
use khaya_wire::{
    Chat, ChatId, ChatKind, Page, Timestamp, UserId,
    model::role,
    rest::{CreateChat, MarkRead},
};

use super::body::{Asked, Json, Named, Paging, limit, read_cursor, write_cursor};
use crate::{
    App, Error,
    identity::Caller,
    presence,
    store::{
        chats::{self, Made, NewChat},
        membership::MAX_MEMBERS,
        reads,
    },
};

/// The longest name of a chat, in characters.
const MAX_NAME: usize = 128;

/// One's chats, the latest activity first
#[utoipa::path(get, path = "/chat", operation_id = "listChats", tag = "chats",
    params(Paging), responses((status = 200, body = Page<Chat>)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(paging): Asked<Paging>,
) -> Result<Answer<Page<Chat>>, Error> {
    let limit = limit(paging.limit)?;
    let after = read_cursor::<(i64, String)>(paging.cursor.as_deref())?
        .map(|(at, id)| (Timestamp::from_millis(at), id));
    let here = app.clone();
    app.store
        .snapshot(move |conn| {
            let mut places = chats::places(conn, &caller.viewer, after.as_ref(), limit + 1)?;
            let more = places.len() > limit;
            places.truncate(limit);
            let mut items = Vec::with_capacity(places.len());
            for (_, id) in &places {
                let id = ChatId::new(id.as_str()).map_err(|error| Error::Internal(error.to_string()))?;
                items.push(chats::view(conn, &caller.viewer, &id)?);
            }
            presence::add_to_chats(&here, conn, &mut items)?;
            let next_cursor = match places.last() {
                Some((at, id)) if more => Some(write_cursor(&(at.as_millis(), id))?),
                Some(_) | None => None,
            };
            Ok(Page { items, next_cursor })
        })
        .await
        .map(Answer)
}

/// One chat
#[utoipa::path(get, path = "/chat/{chatId}", operation_id = "getChat", tag = "chats",
    responses((status = 200, body = Chat)))]
pub(super) async fn view(
    State(app): State<App>,
    caller: Caller,
    Named(chat): Named<ChatId>,
) -> Result<Answer<Chat>, Error> {
    let here = app.clone();
    app.store
        .snapshot(move |conn| {
            let mut chat = chats::view(conn, &caller.viewer, &chat)?;
            presence::add(&here, conn, &mut chat.members)?;
            Ok(chat)
        })
        .await
        .map(Answer)
}

/// Asked when a chat is opened; may be repeated
#[utoipa::path(post, path = "/chat/{chatId}/join", operation_id = "joinChat", tag = "chats",
    responses((status = 200, body = Chat)))]
pub(super) async fn join(
    app: State<App>,
    caller: Caller,
    chat: Named<ChatId>,
) -> Result<Answer<Chat>, Error> {
    view(app, caller, chat).await
}

/// Begin a chat
#[utoipa::path(post, path = "/chat", operation_id = "makeChat", tag = "chats",
    request_body = CreateChat, responses((status = 201, body = Chat), (status = 200, description = "The direct chat that these two have already", body = Chat)))]
pub(super) async fn make(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<CreateChat>,
) -> Result<(StatusCode, Answer<Chat>), Error> {
    if caller.viewer.role == role::GUEST {
        return Err(Error::Forbidden("guests start no chats"));
    }
    let new = check(asked, &caller.viewer.user)?;
    let viewer = caller.viewer;
    let made = app.store.write(move |tx| chats::make(tx, &viewer, new)).await?;
    Ok(match made {
        Made::Fresh(chat) => (StatusCode::CREATED, Answer(chat)),
        Made::Known(chat) => (StatusCode::OK, Answer(chat)),
    })
}

/// Note how far one has read
#[utoipa::path(put, path = "/chat/{chatId}/read", operation_id = "markRead", tag = "chats",
    request_body = MarkRead, responses((status = 204)))]
pub(super) async fn mark_read(
    State(app): State<App>,
    caller: Caller,
    Named(chat): Named<ChatId>,
    Json(asked): Json<MarkRead>,
) -> Result<StatusCode, Error> {
    app.store
        .write(move |tx| reads::mark(tx, &caller.viewer, &chat, &asked.message_id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check(asked: CreateChat, maker: &UserId) -> Result<NewChat, Error> {
    let others: BTreeSet<UserId> = asked
        .member_ids
        .into_iter()
        .filter(|user| user != maker)
        .collect();
    let name = match asked.kind {
        ChatKind::Direct if others.len() == 1 => String::new(),
        ChatKind::Direct => return Err(Error::invalid("memberIds", "names one other person")),
        ChatKind::Group => check_name(&asked.name.unwrap_or_default())?,
    };
    if others.len() >= MAX_MEMBERS {
        return Err(Error::invalid(
            "memberIds",
            format!("names at most {} people", MAX_MEMBERS - 1),
        ));
    }
    Ok(NewChat {
        kind: asked.kind,
        name,
        others,
    })
}

pub(super) fn check_name(name: &str) -> Result<String, Error> {
    let name = name.trim();
    let fits = (1..=MAX_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits {
        Ok(name.to_owned())
    } else {
        Err(Error::invalid(
            "name",
            format!("has 1 to {MAX_NAME} characters, none of them a control character"),
        ))
    }
}
