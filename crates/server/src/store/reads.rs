//! Read markers: moving them forward, and telling others as far as they may know.

use khaya_wire::{
    ChatId, MessageId,
    event::{ReadUpdated, name},
};

use super::{Tx, Viewer, members, messages, query, read_time};
use crate::{
    Error,
    realtime::{Frame, Outgoing},
};

/// Marks a chat as read up to a message. A marker never moves back: marking what is marked already does nothing.
pub(crate) fn mark(tx: &mut Tx<'_>, viewer: &Viewer, chat: &ChatId, id: &MessageId) -> Result<(), Error> {
    let _role = members::role_of(tx.read(), chat, viewer)?;
    let message = messages::find(tx.read(), viewer, chat, id)?.ok_or(Error::NotFound("thing"))?;
    let row = query("SELECT read_at, read_id FROM members WHERE chat_id = $1 AND user_id = $2")
        .bind(chat.as_str())
        .bind(viewer.user.as_str())
        .fetch_one(tx.read())?;
    let marked: Option<String> = row.try_get("read_id")?;
    let first = marked.is_none();
    let before = (read_time(&row, "read_at")?, marked.unwrap_or_default());
    let after = (message.created_at, message.id.to_string());
    // Messages from before one joined count as read, but may be marked once, so that others see it.
    if after <= before && !first {
        return Ok(());
    }
    let place = after.0.max(before.0);
    let restricted = message.is_restricted();
    query("UPDATE members SET read_at = $3, read_id = $4, read_restricted = $5 WHERE chat_id = $1 AND user_id = $2")
        .bind(chat.as_str())
        .bind(viewer.user.as_str())
        .bind(place.as_millis())
        .bind(message.id.as_str())
        .bind(i64::from(restricted))
        .execute(tx.write())?;
    let mut told = Vec::new();
    for member in members::of_chat(tx.read(), chat)? {
        if !restricted || member.user == viewer.user {
            told.push((member.user, message.id.clone()));
            continue;
        }
        let reader = Viewer {
            user: member.user,
            role: member.server_role,
        };
        let now = messages::at_or_before(tx.read(), &reader, chat, &after)?;
        let then = if first {
            None
        } else {
            messages::at_or_before(tx.read(), &reader, chat, &before)?
        };
        // For whom nothing has moved, nothing has happened.
        if let Some(now) = now
            && Some(&now) != then.as_ref()
        {
            told.push((reader.user, now));
        }
    }
    tell(tx, viewer, chat, told)
}

fn tell(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    chat: &ChatId,
    mut told: Vec<(khaya_wire::UserId, MessageId)>,
) -> Result<(), Error> {
    told.sort_by(|left, right| left.1.cmp(&right.1));
    for group in told.chunk_by(|left, right| left.1 == right.1) {
        let Some((_, message_id)) = group.first() else {
            continue;
        };
        let frame = Frame::event(
            name::READ_UPDATED,
            &ReadUpdated {
                chat_id: chat.clone(),
                user_id: viewer.user.clone(),
                message_id: message_id.clone(),
            },
        )?;
        tx.tell(Outgoing::Event {
            to: group.iter().map(|(user, _)| user.clone()).collect(),
            frame,
        });
    }
    Ok(())
}
