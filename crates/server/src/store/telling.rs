//! Telling of what happened to a message: numbered in the chat's stream when everyone may know, in the stream of
//! each who may when not.

use std::collections::BTreeSet;

use khaya_wire::{
    Message, UserId,
    event::{MessageDeleted, MessageEvent, Number, name},
};

use super::{
    Tx,
    events::{self, Kind},
    members::{self, Member},
};
use crate::{
    Error,
    realtime::{Frame, Outgoing},
};

/// Tells everyone who can see `message`, which is given as its sender sees it.
pub(crate) fn message(tx: &mut Tx<'_>, message: &Message, kind: Kind) -> Result<(), Error> {
    if message.is_restricted() {
        return its_audience(tx, message, kind);
    }
    let number = events::in_chat(tx, &message.chat_id, kind, Some(&message.id))?;
    all_members(tx, message, kind, number)
}

fn its_audience(tx: &mut Tx<'_>, message: &Message, kind: Kind) -> Result<(), Error> {
    let for_others = for_others(message);
    let members = members::of_chat(tx.read(), &message.chat_id)?;
    for member in audience(message, &members) {
        let number = events::in_private(tx, &member.user, &message.chat_id, kind, Some(&message.id))?;
        let seen = if member.user == message.sender_id {
            message
        } else {
            &for_others
        };
        let frame = frame(kind, seen.clone(), number)?;
        tx.tell(Outgoing::Event {
            to: vec![member.user.clone()],
            frame,
        });
    }
    Ok(())
}

/// Tells all members of a chat of a message for everyone, whose event has been numbered.
pub(super) fn all_members(
    tx: &mut Tx<'_>,
    message: &Message,
    kind: Kind,
    number: Number,
) -> Result<(), Error> {
    let people = tx.people_of(&message.chat_id)?;
    let (senders, others): (Vec<UserId>, Vec<UserId>) = people
        .iter()
        .cloned()
        .partition(|user| *user == message.sender_id);
    tx.tell(Outgoing::Event {
        to: others,
        frame: frame(kind, for_others(message), number)?,
    });
    if !senders.is_empty() {
        let frame = frame(kind, message.clone(), number)?;
        tx.tell(Outgoing::Event { to: senders, frame });
    }
    Ok(())
}

/// The message without what only its sender sees.
fn for_others(message: &Message) -> Message {
    Message {
        client_id: None,
        ..message.clone()
    }
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

fn frame(kind: Kind, message: Message, number: Number) -> Result<Frame, Error> {
    let event = |name, message: Message| {
        Frame::event(
            name,
            &MessageEvent {
                chat_id: message.chat_id.clone(),
                message,
                number: Some(number),
            },
        )
    };
    match kind {
        Kind::NewMessage => event(name::NEW_MESSAGE, message),
        Kind::MessageUpdated => event(name::MESSAGE_UPDATED, message),
        Kind::MessageDeleted => Frame::event(
            name::MESSAGE_DELETED,
            &MessageDeleted {
                chat_id: message.chat_id,
                message_id: message.id,
                number: Some(number),
            },
        ),
        Kind::ChatUpdated | Kind::ChatRemoved => {
            Err(Error::Internal("this event is not about a message".to_owned()))
        }
    }
}
