//! Storing a message, exactly once, for whom it is meant, and telling them.

use std::collections::BTreeSet;

use khaya_wire::{
    ChatId, ClientId, File, FileId, Message, MessageId, Timestamp, UserId,
    event::{Number, Scope},
};
use sha2::{Digest as _, Sha256};

use super::{
    Tx, Viewer,
    events::{self, Kind},
    files, fresh_at,
    inbox::Fresh,
    members, messages, query, read_count, read_time, telling,
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

impl Draft {
    /// Whether it is for everyone in the chat and refers to nothing.
    pub(crate) fn is_plain(&self) -> bool {
        let Self {
            chat: _,
            content: _,
            client_id: _,
            reply_to,
            visible_to,
            visible_to_roles,
            attachments,
        } = self;
        reply_to.is_none() && visible_to.is_empty() && visible_to_roles.is_empty() && attachments.is_empty()
    }
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
    tx.check_member(&draft.chat, viewer)?;
    let fingerprint = draft
        .client_id
        .as_ref()
        .map(|_| fingerprint(&draft))
        .transpose()?;
    if let (Some(client_id), Some(fingerprint)) = (&draft.client_id, &fingerprint)
        && let Some((message, first)) = by_client_id(tx, &viewer.user, client_id)?
    {
        return if first == *fingerprint {
            Ok(Sent::Known(message))
        } else {
            Err(other_message())
        };
    }
    if tx.may_settle_later() && draft.is_plain() {
        return send_plain(tx, &viewer.user, draft, fingerprint).map(Sent::Fresh);
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

/// What was sent under a `clientId`, as it is now, and the hash of what was first sent.
fn by_client_id(
    tx: &mut Tx<'_>,
    sender: &UserId,
    client_id: &ClientId,
) -> Result<Option<(Message, String)>, Error> {
    match tx.fresh_by_client_id(sender, client_id) {
        Some(fresh) => Ok(Some((
            fresh.message.clone(),
            fresh.fingerprint.clone().unwrap_or_default(),
        ))),
        None => messages::by_client_id(tx.read(), sender, client_id),
    }
}

/// Stores a plain message, to be put in its places later.
fn send_plain(
    tx: &mut Tx<'_>,
    sender: &UserId,
    draft: Draft,
    fingerprint: Option<String>,
) -> Result<Message, Error> {
    let place = tx.place_of(&draft.chat)?;
    let after = Timestamp::from_millis(place.last_at.as_millis() + 1);
    let message = message(sender, draft, Vec::new(), tx.now().max(after))?;
    let number = Number {
        scope: Scope::Chat,
        seq: place.seq + 1,
    };
    tx.settle_later(Fresh {
        message: message.clone(),
        fingerprint,
        number,
        at: tx.now(),
    })?;
    telling::all_members(tx, &message, Kind::NewMessage, number)?;
    Ok(message)
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
    let (visible_to, visible_to_roles) = (draft.visible_to.clone(), draft.visible_to_roles.clone());
    let message = message(sender, draft, attached, created_at)?;
    messages::insert(tx.write(), &message, fingerprint.as_deref())?;
    if let Some(attached) = &message.attachments {
        files::attach(tx, &message.id, attached)?;
    }
    if !message.is_restricted() {
        return Ok(message);
    }
    let users: BTreeSet<&UserId> = visible_to.iter().chain([sender]).collect();
    let users = users.into_iter().map(|user| ("user", user.as_str()));
    let roles = visible_to_roles.iter().map(|role| ("role", role.as_str()));
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

/// A draft as the message that it becomes.
fn message(
    sender: &UserId,
    draft: Draft,
    attached: Vec<File>,
    created_at: Timestamp,
) -> Result<Message, Error> {
    Ok(Message {
        id: fresh_at(created_at)?,
        chat_id: draft.chat,
        sender_id: sender.clone(),
        content: draft.content.into(),
        created_at,
        client_id: draft.client_id,
        edited_at: None,
        deleted_at: None,
        reply_to: draft.reply_to,
        visible_to: (!draft.visible_to.is_empty()).then(|| draft.visible_to.into_iter().collect()),
        visible_to_roles: (!draft.visible_to_roles.is_empty())
            .then(|| draft.visible_to_roles.into_iter().collect()),
        attachments: (!attached.is_empty()).then_some(attached),
        reactions: None,
        pinned: None,
        system: None,
    })
}

/// A hash of all by which two messages under one `clientId` can differ.
fn fingerprint(draft: &Draft) -> Result<String, Error> {
    let parts = serde_json::to_vec(&(
        &draft.chat,
        &draft.content,
        &draft.reply_to,
        &draft.visible_to,
        &draft.visible_to_roles,
        &draft.attachments,
    ))
    .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Sha256::digest(parts)
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xF])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is stored with every message, and compared with that of one that comes again, perhaps years later.
    #[test]
    fn the_hash_of_a_message_stays_what_it_was() {
        let draft = Draft {
            chat: "c".parse().unwrap(),
            content: "ä \"x\"\n".to_owned(),
            client_id: None,
            reply_to: Some("r".parse().unwrap()),
            visible_to: BTreeSet::from(["b".parse().unwrap(), "a".parse().unwrap()]),
            visible_to_roles: BTreeSet::from(["guest".to_owned()]),
            attachments: vec!["f".parse().unwrap()],
        };
        let text = "[\"c\",\"ä \\\"x\\\"\\n\",\"r\",[\"a\",\"b\"],[\"guest\"],[\"f\"]]";
        let expected: String = Sha256::digest(text)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(fingerprint(&draft).unwrap(), expected);
    }
}
