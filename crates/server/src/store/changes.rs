//! Changing messages that are there: edits, tombstones, reactions, pins. What changes nothing is told to nobody.

use khaya_wire::{ChatId, ChatKind, Message, MessageId, model::ChatRole};

use super::{
    Tx, Viewer,
    audit::{Act, Action},
    chats,
    events::Kind,
    files, members, messages, query, search, telling,
};
use crate::Error;

/// How many different emoji one message takes.
const MAX_EMOJI: usize = 20;

/// Gives a message of one's own another content.
pub(crate) fn edit(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    chat: &ChatId,
    id: &MessageId,
    content: String,
) -> Result<Message, Error> {
    let (message, _role) = living(tx, viewer, chat, id)?;
    if message.sender_id != viewer.user {
        return Err(Error::Forbidden("only its sender edits a message"));
    }
    if *message.content == *content {
        return Ok(message);
    }
    if content.trim().is_empty() && message.attachments.is_none() {
        return Err(Error::invalid("content", "is empty"));
    }
    let now = tx.now().as_millis();
    let row = query("UPDATE messages SET content = $2, edited_at = $3 WHERE id = $1 RETURNING number")
        .bind(id.as_str())
        .bind(&content)
        .bind(now)
        .fetch_one(tx.write())?;
    if !message.is_restricted() {
        search::replace(tx, chat, row.try_get("number")?, &content)?;
    }
    tell(tx, id, Kind::MessageUpdated)?;
    messages::find(tx.read(), viewer, chat, id)?.ok_or(Error::NotFound("thing"))
}

/// Leaves a tombstone where a message was. What is gone already stays gone.
pub(crate) fn delete(tx: &mut Tx<'_>, viewer: &Viewer, chat: &ChatId, id: &MessageId) -> Result<(), Error> {
    let role = members::role_of(tx.read(), chat, viewer)?;
    let message = messages::find(tx.read(), viewer, chat, id)?.ok_or(Error::NotFound("thing"))?;
    if message.sender_id != viewer.user && role < ChatRole::Moderator {
        return Err(Error::Forbidden(
            "only its sender and moderators delete a message",
        ));
    }
    if message.deleted_at.is_some() {
        return Ok(());
    }
    let now = tx.now().as_millis();
    let row = query(
        "UPDATE messages SET content = '', deleted_at = $2, pinned = 0, attached = 0 WHERE id = $1 RETURNING number",
    )
    .bind(id.as_str())
    .bind(now)
    .fetch_one(tx.write())?;
    search::replace(tx, chat, row.try_get("number")?, "")?;
    query("DELETE FROM reactions WHERE message_id = $1")
        .bind(id.as_str())
        .execute(tx.write())?;
    if message.attachments.is_some() {
        files::detach(tx, id)?;
    }
    if message.sender_id != viewer.user {
        let act = Act::new(Action::MessageDeleted).by(&viewer.user);
        act.chat(chat).message(id).user(&message.sender_id).note(tx)?;
    }
    tell(tx, id, Kind::MessageDeleted)
}

/// Adds or takes back one's reaction.
pub(crate) fn react(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    chat: &ChatId,
    id: &MessageId,
    emoji: &str,
    add: bool,
) -> Result<(), Error> {
    let (message, _role) = living(tx, viewer, chat, id)?;
    let reactions = message.reactions.unwrap_or_default();
    let same = reactions.iter().find(|reaction| reaction.emoji == emoji);
    let reacted = same.is_some_and(|reaction| reaction.user_ids.contains(&viewer.user));
    if reacted == add {
        return Ok(());
    }
    if add && same.is_none() && reactions.len() >= MAX_EMOJI {
        return Err(Error::Conflict(
            "this message has all the different reactions that it takes",
        ));
    }
    let now = tx.now().as_millis();
    let change = if add {
        query("INSERT INTO reactions (message_id, emoji, user_id, at) VALUES ($1, $2, $3, $4)")
    } else {
        query("DELETE FROM reactions WHERE message_id = $1 AND emoji = $2 AND user_id = $3 AND at <= $4")
    };
    change
        .bind(id.as_str())
        .bind(emoji)
        .bind(viewer.user.as_str())
        .bind(now)
        .execute(tx.write())?;
    tell(tx, id, Kind::MessageUpdated)
}

/// Pins a message or takes it off: in a group by moderators, in a direct chat by both.
pub(crate) fn pin(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    chat: &ChatId,
    id: &MessageId,
    pinned: bool,
) -> Result<(), Error> {
    let (message, role) = living(tx, viewer, chat, id)?;
    let may = match chats::kind(tx.read(), chat)? {
        ChatKind::Direct => true,
        ChatKind::Group => role >= ChatRole::Moderator,
    };
    if !may {
        return Err(Error::Forbidden("only moderators pin in a group"));
    }
    if message.pinned.unwrap_or(false) == pinned {
        return Ok(());
    }
    query("UPDATE messages SET pinned = $2 WHERE id = $1")
        .bind(id.as_str())
        .bind(i64::from(pinned))
        .execute(tx.write())?;
    tell(tx, id, Kind::MessageUpdated)
}

/// A message that the viewer can see and that has not been deleted, and the viewer's role.
fn living(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    chat: &ChatId,
    id: &MessageId,
) -> Result<(Message, ChatRole), Error> {
    let role = members::role_of(tx.read(), chat, viewer)?;
    let message = messages::find(tx.read(), viewer, chat, id)?.ok_or(Error::NotFound("thing"))?;
    if message.deleted_at.is_some() {
        return Err(Error::Conflict("this message has been deleted"));
    }
    Ok((message, role))
}

fn tell(tx: &mut Tx<'_>, id: &MessageId, kind: Kind) -> Result<(), Error> {
    let message = messages::as_sent(tx.read(), id)?;
    telling::message(tx, &message, kind)
}
