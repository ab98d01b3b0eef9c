//! Storing a message, exactly once, for whom it is meant, and telling them.

use std::collections::BTreeSet;

use khaya_wire::{
    ChatId, ClientId, FileId, Message, MessageId, Timestamp, UserId,
    event::{MessageEvent, Number, Scope, name},
};
use sha2::{Digest as _, Sha256};

use super::{
    Tx, Viewer,
    events::{self, Kind},
    fresh,
    members::{self, Member},
    messages, read_time,
};
use crate::{
    Error,
    realtime::{Frame, Outgoing},
};

/// A message as its sender means it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) chat: ChatId,
    pub(crate) content: String,
    pub(crate) client_id: Option<ClientId>,
    pub(crate) reply_to: Option<MessageId>,
    pub(crate) visible_to: BTreeSet<UserId>,
    pub(crate) visible_to_roles: BTreeSet<String>,
    pub(crate) attachments: Vec<FileId>,
}

/// What sending came to.
#[derive(Debug)]
pub(crate) enum Sent {
    Fresh(Message),
    /// It had been sent before; the message as it is now.
    Known(Message),
}

/// Stores the message and tells everyone who can see it.
pub(crate) async fn send(tx: &mut Tx<'_>, viewer: &Viewer, draft: Draft) -> Result<Sent, Error> {
    let members = members::of_chat(tx.read(), &draft.chat).await?;
    if !members.iter().any(|member| member.user == viewer.user) {
        return Err(Error::NotFound("chat"));
    }
    let fingerprint = draft.client_id.as_ref().map(|_| fingerprint(&draft));
    if let (Some(client_id), Some(fingerprint)) = (&draft.client_id, &fingerprint)
        && let Some((message, first)) = messages::by_client_id(tx.read(), &viewer.user, client_id).await?
    {
        return if first == *fingerprint {
            Ok(Sent::Known(message))
        } else {
            Err(Error::Conflict("this clientId was used for another message"))
        };
    }
    check_audience(&draft, &members)?;
    check_reply(tx, viewer, &draft, &members).await?;
    let message = store(tx, &viewer.user, draft, fingerprint).await?;
    tell(tx, &message, &members).await?;
    Ok(Sent::Fresh(message))
}

/// Who of the members can see a message: its sender, the users listed, the members whose role is listed.
pub(crate) fn audience<'m>(message: &Message, members: &'m [Member]) -> impl Iterator<Item = &'m Member> {
    let everyone = !message.is_restricted();
    let users: BTreeSet<UserId> = message
        .visible_to
        .iter()
        .flatten()
        .chain([&message.sender_id])
        .cloned()
        .collect();
    let roles: BTreeSet<String> = message.visible_to_roles.iter().flatten().cloned().collect();
    members
        .iter()
        .filter(move |member| everyone || users.contains(&member.user) || roles.contains(&member.server_role))
}

fn check_audience(draft: &Draft, members: &[Member]) -> Result<(), Error> {
    let inside = |user: &UserId| members.iter().any(|member| member.user == *user);
    if draft.visible_to.iter().all(inside) {
        Ok(())
    } else {
        Err(Error::invalid(
            "visibleTo",
            "lists somebody who is not a member of the chat",
        ))
    }
}

/// A reply answers a message of the same chat that the sender can see, and reaches no further than it.
async fn check_reply(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    draft: &Draft,
    members: &[Member],
) -> Result<(), Error> {
    let Some(reply_to) = &draft.reply_to else {
        return Ok(());
    };
    let answered = messages::find(tx.read(), viewer, &draft.chat, reply_to)
        .await?
        .ok_or_else(|| Error::invalid("replyTo", "names no message of this chat"))?;
    if !answered.is_restricted() {
        return Ok(());
    }
    let reached: BTreeSet<&UserId> = audience(&answered, members).map(|member| &member.user).collect();
    let roles = answered.visible_to_roles.as_deref().unwrap_or_default();
    let listed = !draft.visible_to.is_empty() || !draft.visible_to_roles.is_empty();
    let within = draft.visible_to.iter().all(|user| reached.contains(user))
        && draft.visible_to_roles.iter().all(|role| roles.contains(role));
    if listed && within {
        Ok(())
    } else {
        Err(Error::invalid(
            "replyTo",
            "the reply would reach further than the message that it answers",
        ))
    }
}

async fn store(
    tx: &mut Tx<'_>,
    sender: &UserId,
    draft: Draft,
    fingerprint: Option<String>,
) -> Result<Message, Error> {
    let id: MessageId = fresh()?;
    let created_at = next_time(tx, &draft.chat).await?;
    let visible_to: Option<Vec<UserId>> =
        (!draft.visible_to.is_empty()).then(|| draft.visible_to.iter().cloned().collect());
    let visible_to_roles: Option<Vec<String>> =
        (!draft.visible_to_roles.is_empty()).then(|| draft.visible_to_roles.iter().cloned().collect());
    let message = Message {
        id,
        chat_id: draft.chat,
        sender_id: sender.clone(),
        content: draft.content.into(),
        created_at,
        client_id: draft.client_id,
        edited_at: None,
        deleted_at: None,
        reply_to: draft.reply_to,
        visible_to,
        visible_to_roles,
        attachments: None,
        reactions: None,
        pinned: None,
        system: None,
    };
    sqlx::query(
        "INSERT INTO messages (id, chat_id, sender_id, content, created_at, client_id, fingerprint, reply_to,
                               restricted, visible_to, visible_to_roles)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(message.id.as_str())
    .bind(message.chat_id.as_str())
    .bind(message.sender_id.as_str())
    .bind(&*message.content)
    .bind(created_at.as_millis())
    .bind(message.client_id.as_ref().map(ClientId::as_str))
    .bind(fingerprint)
    .bind(message.reply_to.as_ref().map(MessageId::as_str))
    .bind(i64::from(message.is_restricted()))
    .bind(json(message.visible_to.as_deref())?)
    .bind(json(message.visible_to_roles.as_deref())?)
    .execute(tx.write())
    .await?;
    let users = draft.visible_to.iter().map(|user| ("user", user.as_str()));
    let roles = draft.visible_to_roles.iter().map(|role| ("role", role.as_str()));
    for (kind, value) in users.chain(roles) {
        sqlx::query("INSERT INTO audience (message_id, kind, value) VALUES ($1, $2, $3)")
            .bind(message.id.as_str())
            .bind(kind)
            .bind(value)
            .execute(tx.write())
            .await?;
    }
    Ok(message)
}

/// The time of the next message of a chat: now, and in any case later than all before it.
async fn next_time(tx: &mut Tx<'_>, chat: &ChatId) -> Result<Timestamp, Error> {
    let now = tx.now().as_millis();
    let row = sqlx::query(
        "UPDATE chats SET last_at = CASE WHEN last_at >= $2 THEN last_at + 1 ELSE $2 END WHERE id = $1 RETURNING last_at",
    )
    .bind(chat.as_str())
    .bind(now)
    .fetch_one(tx.write())
    .await?;
    read_time(&row, "last_at")
}

/// A message for everyone is numbered in the chat's stream, one for some in the stream of each of them.
async fn tell(tx: &mut Tx<'_>, message: &Message, members: &[Member]) -> Result<(), Error> {
    let mut for_others = message.clone();
    for_others.client_id = None;
    let event = |message: &Message, number: Number| {
        Frame::event(
            name::NEW_MESSAGE,
            &MessageEvent {
                chat_id: message.chat_id.clone(),
                message: message.clone(),
                number: Some(number),
            },
        )
    };
    if message.is_restricted() {
        for member in audience(message, members) {
            let number = events::in_private(
                tx,
                &member.user,
                &message.chat_id,
                Kind::NewMessage,
                Some(&message.id),
            )
            .await?;
            let seen = if member.user == message.sender_id {
                message
            } else {
                &for_others
            };
            let frame = event(seen, number)?;
            tx.tell(Outgoing::Event {
                to: vec![member.user.clone()],
                frame,
            });
        }
        return Ok(());
    }
    let number = events::in_chat(tx, &message.chat_id, Kind::NewMessage, Some(&message.id)).await?;
    debug_assert_eq!(number.scope, Scope::Chat);
    let others = members
        .iter()
        .map(|member| member.user.clone())
        .filter(|user| *user != message.sender_id)
        .collect();
    let frame = event(&for_others, number)?;
    tx.tell(Outgoing::Event { to: others, frame });
    let frame = event(message, number)?;
    tx.tell(Outgoing::Event {
        to: vec![message.sender_id.clone()],
        frame,
    });
    Ok(())
}

/// A hash of all by which two messages under one `clientId` can differ.
fn fingerprint(draft: &Draft) -> String {
    let parts = serde_json::json!([
        draft.chat,
        draft.content,
        draft.reply_to,
        draft.visible_to,
        draft.visible_to_roles,
        draft.attachments,
    ]);
    Sha256::digest(parts.to_string())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn json<T: serde::Serialize>(list: Option<&[T]>) -> Result<Option<String>, Error> {
    list.map(|list| serde_json::to_string(list).map_err(|error| Error::Internal(error.to_string())))
        .transpose()
}
