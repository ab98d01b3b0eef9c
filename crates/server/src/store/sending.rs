//! Storing a message, exactly once, for whom it is meant, and telling them.

use std::collections::BTreeSet;

use khaya_wire::{ChatId, ClientId, File, FileId, Message, MessageId, Timestamp, UserId};
use sha2::{Digest as _, Sha256};

use super::{
    Tx, Viewer,
    events::{self, Kind},
    files, fresh, members, messages, query, read_count, read_time, telling,
};
use crate::Error;

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
pub(crate) fn send(tx: &mut Tx<'_>, viewer: &Viewer, draft: Draft) -> Result<Sent, Error> {
    members::role_of(tx.read(), &draft.chat, viewer)?;
    let fingerprint = draft.client_id.as_ref().map(|_| fingerprint(&draft));
    if let (Some(client_id), Some(fingerprint)) = (&draft.client_id, &fingerprint)
        && let Some((message, first)) = messages::by_client_id(tx.read(), &viewer.user, client_id)?
    {
        return if first == *fingerprint {
            Ok(Sent::Known(message))
        } else {
            Err(other_message())
        };
    }
    check_audience(tx, &draft)?;
    check_reply(tx, viewer, &draft)?;
    let attached = files::own(tx, &viewer.user, &draft.attachments)?;
    let place = Place::next(tx, &draft)?;
    let message = store(tx, &viewer.user, draft, attached, fingerprint, place.created_at)?;
    match place.seq {
        Some(seq) => {
            let number = events::at_number(tx, &message.chat_id, seq, Kind::NewMessage, Some(&message.id))?;
            telling::all_members(tx, &message, Kind::NewMessage, number)?;
            tx.file_words();
        }
        None => telling::message(tx, &message, Kind::NewMessage)?,
    }
    Ok(Sent::Fresh(message))
}

/// What somebody is told who uses a `clientId` for a second message.
pub(crate) fn other_message() -> Error {
    Error::Conflict("this clientId was used for another message")
}

/// Where in its chat a message comes.
struct Place {
    /// Now, and in any case later than all before it.
    created_at: Timestamp,
    /// The number in the chat's stream, of a message for everyone.
    seq: Option<u64>,
}

impl Place {
    fn next(tx: &mut Tx<'_>, draft: &Draft) -> Result<Self, Error> {
        let now = tx.now().as_millis();
        let is_restricted = !draft.visible_to.is_empty() || !draft.visible_to_roles.is_empty();
        let row = query(
            "UPDATE chats SET last_at = CASE WHEN last_at >= $2 THEN last_at + 1 ELSE $2 END, seq = seq + $3
             WHERE id = $1 RETURNING last_at, seq",
        )
        .bind(draft.chat.as_str())
        .bind(now)
        .bind(i64::from(!is_restricted))
        .fetch_one(tx.write())?;
        Ok(Self {
            created_at: read_time(&row, "last_at")?,
            seq: if is_restricted {
                None
            } else {
                Some(read_count(&row, "seq")?)
            },
        })
    }
}

fn check_audience(tx: &mut Tx<'_>, draft: &Draft) -> Result<(), Error> {
    if draft.visible_to.is_empty() {
        return Ok(());
    }
    let people = members::people_of(tx.read(), &draft.chat)?;
    if draft.visible_to.iter().all(|user| people.contains(user)) {
        Ok(())
    } else {
        Err(Error::invalid(
            "visibleTo",
            "lists somebody who is not a member of the chat",
        ))
    }
}

/// A reply answers a message of the same chat that the sender can see, and reaches no further than it.
fn check_reply(tx: &mut Tx<'_>, viewer: &Viewer, draft: &Draft) -> Result<(), Error> {
    let Some(reply_to) = &draft.reply_to else {
        return Ok(());
    };
    let answered = messages::find(tx.read(), viewer, &draft.chat, reply_to)?
        .ok_or_else(|| Error::invalid("replyTo", "names no message of this chat"))?;
    if !answered.is_restricted() {
        return Ok(());
    }
    let members = members::of_chat(tx.read(), &draft.chat)?;
    let reached: BTreeSet<&UserId> = telling::audience(&answered, &members)
        .map(|member| &member.user)
        .collect();
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

fn store(
    tx: &mut Tx<'_>,
    sender: &UserId,
    draft: Draft,
    attached: Vec<File>,
    fingerprint: Option<String>,
    created_at: Timestamp,
) -> Result<Message, Error> {
    let id: MessageId = fresh()?;
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
        attachments: (!attached.is_empty()).then_some(attached),
        reactions: None,
        pinned: None,
        system: None,
    };
    query(
        "INSERT INTO messages (id, chat_id, sender_id, content, created_at, client_id, fingerprint, reply_to,
                               restricted, visible_to, visible_to_roles, attached)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
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
    .bind(i64::try_from(message.attachments.as_ref().map_or(0, Vec::len)).unwrap_or(i64::MAX))
    .execute(tx.write())?;
    if let Some(attached) = &message.attachments {
        files::attach(tx, &message.id, attached)?;
    }
    if !message.is_restricted() {
        return Ok(message);
    }
    let users: BTreeSet<&UserId> = draft.visible_to.iter().chain([sender]).collect();
    let users = users.into_iter().map(|user| ("user", user.as_str()));
    let roles = draft.visible_to_roles.iter().map(|role| ("role", role.as_str()));
    for (kind, value) in users.chain(roles) {
        query(
            "INSERT INTO audience (chat_id, kind, value, created_at, message_id) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(message.chat_id.as_str())
        .bind(kind)
        .bind(value)
        .bind(created_at.as_millis())
        .bind(message.id.as_str())
        .execute(tx.write())?;
    }
    Ok(message)
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
