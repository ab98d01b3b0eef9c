//! The numbered streams: one for each chat, the same for all of its members, and a private one for each person,
//! for whatever not every member may know of.

use khaya_wire::{
    ChatId, MessageId, UserId,
    event::{Number, Scope},
};

use super::{Tx, query, read_count};
use crate::Error;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NewMessage,
    MessageUpdated,
    MessageDeleted,
    ChatUpdated,
    ChatRemoved,
}

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Self::NewMessage => "new_message",
            Self::MessageUpdated => "message_updated",
            Self::MessageDeleted => "message_deleted",
            Self::ChatUpdated => "chat_updated",
            Self::ChatRemoved => "chat_removed",
        }
    }

    /// What was written by [`Kind::text`].
    pub(super) fn read(text: &str) -> Option<Self> {
        let all = [
            Self::NewMessage,
            Self::MessageUpdated,
            Self::MessageDeleted,
            Self::ChatUpdated,
            Self::ChatRemoved,
        ];
        all.into_iter().find(|kind| kind.text() == text)
    }
}

/// Takes the next number of a chat's stream.
pub(crate) fn in_chat(
    tx: &mut Tx<'_>,
    chat: &ChatId,
    kind: Kind,
    message: Option<&MessageId>,
) -> Result<Number, Error> {
    let row = query("UPDATE chats SET seq = seq + 1 WHERE id = $1 RETURNING seq")
        .bind(chat.as_str())
        .fetch_one(tx.write())?;
    at_number(tx, chat, read_count(&row, "seq")?, kind, message)
}

/// As [`in_chat`], with the next number of the stream, which was taken already.
pub(super) fn at_number(
    tx: &mut Tx<'_>,
    chat: &ChatId,
    seq: u64,
    kind: Kind,
    message: Option<&MessageId>,
) -> Result<Number, Error> {
    let number = Number {
        scope: Scope::Chat,
        seq,
    };
    record(tx, chat, None, number, kind, message)?;
    Ok(number)
}

/// Takes the next number of somebody's private stream.
pub(crate) fn in_private(
    tx: &mut Tx<'_>,
    user: &UserId,
    chat: &ChatId,
    kind: Kind,
    message: Option<&MessageId>,
) -> Result<Number, Error> {
    let row = query("UPDATE users SET private_seq = private_seq + 1 WHERE id = $1 RETURNING private_seq")
        .bind(user.as_str())
        .fetch_one(tx.write())?;
    let number = Number {
        scope: Scope::Private,
        seq: read_count(&row, "private_seq")?,
    };
    record(tx, chat, Some(user), number, kind, message)?;
    Ok(number)
}

fn record(
    tx: &mut Tx<'_>,
    chat: &ChatId,
    user: Option<&UserId>,
    number: Number,
    kind: Kind,
    message: Option<&MessageId>,
) -> Result<(), Error> {
    let now = tx.now().as_millis();
    let row = query(
        "INSERT INTO events (chat_id, user_id, seq, kind, message_id, at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING pos",
    )
        .bind(chat.as_str())
        .bind(user.map(UserId::as_str))
        .bind(i64::try_from(number.seq).map_err(|_| Error::Internal("a stream is full".to_owned()))?)
        .bind(kind.text())
        .bind(message.map(MessageId::as_str))
        .bind(now)
        .fetch_one(tx.write())?;
    tx.note(row.try_get("pos")?);
    Ok(())
}
