//! The numbered streams: one for each chat, the same for all of its members, and a private one for each person,
//! for whatever not every member may know of.

use khaya_wire::{
    ChatId, MessageId, Timestamp, UserId,
    event::{Number, Scope},
};

use super::{Conn, Tx, query, read_count, sql::Query};
use crate::Error;

macro_rules! insert {
    ($giving:literal) => {
        concat!(
            "INSERT INTO events (chat_id, user_id, seq, kind, message_id, at) VALUES ($1, $2, $3, $4, $5, $6)",
            $giving
        )
    };
}

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
    let event = Event {
        chat,
        user,
        number,
        kind,
        message,
        at: tx.now(),
    };
    let place = event.record(tx.write())?;
    tx.note(place);
    Ok(())
}

/// What is kept of an event.
#[derive(Debug)]
pub(super) struct Event<'e> {
    pub(super) chat: &'e ChatId,
    /// Whose, of a private stream.
    pub(super) user: Option<&'e UserId>,
    pub(super) number: Number,
    pub(super) kind: Kind,
    pub(super) message: Option<&'e MessageId>,
    pub(super) at: Timestamp,
}

impl Event<'_> {
    /// Stores it.
    pub(super) fn store(&self, conn: &mut Conn) -> Result<(), Error> {
        self.statement(insert!(""))?.execute(conn).map(|_one| ())
    }

    /// Stores it, and gives its place among all events.
    fn record(&self, conn: &mut Conn) -> Result<i64, Error> {
        self.statement(insert!(" RETURNING pos"))?
            .fetch_one(conn)?
            .try_get("pos")
    }

    fn statement<'q>(&'q self, sql: &'q str) -> Result<Query<'q>, Error> {
        Ok(query(sql)
            .bind(self.chat.as_str())
            .bind(self.user.map(UserId::as_str))
            .bind(number(self.number.seq)?)
            .bind(self.kind.text())
            .bind(self.message.map(MessageId::as_str))
            .bind(self.at.as_millis()))
    }
}

/// As a column holds it.
pub(super) fn number(seq: u64) -> Result<i64, Error> {
    i64::try_from(seq).map_err(|_| Error::Internal("a stream is full".to_owned()))
}
