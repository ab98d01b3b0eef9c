//! How much is unread: the server's count, what came in after it, and what has been read here; and which message names
//! the person.
//!
//! All of it is in a narrow row beside the chat's own: it changes with every message, and what is written is encrypted.

use khaya_wire::{Message, Timestamp};
use rusqlite::{Connection, params};

use super::{
    Account, Position, StoreError, messages,
    profile::{from_json, id},
};
use crate::mention;

/// The counts of a chat.
pub(super) struct Counts {
    pub(super) unread: u64,
    /// The last message that the server's count covered.
    pub(super) covered: Option<Position>,
    pub(super) server_unread: u64,
    pub(super) read_here: u64,
    pub(super) marker: Option<Position>,
    pub(super) marker_is_confirmed: bool,
    /// The newest message that names the person.
    pub(super) mentioned: Option<Position>,
    /// Whether a marker stands on a message that is not stored.
    pub(super) has_unplaced_reads: bool,
}

impl Counts {
    /// Whether a message that was not stored before is unread and not counted yet.
    fn is_unread(&self, message: &Position) -> bool {
        let is_behind = |place: &Option<Position>| place.as_ref().is_none_or(|place| place < message);
        is_behind(&self.covered) && is_behind(&self.marker)
    }

    /// Whether this is the message that is known as the newest to name the person.
    pub(super) fn names_in(&self, message: &Message) -> bool {
        let place = self.mentioned.as_ref();
        place.is_some_and(|(at, id)| *at == message.created_at && *id == message.id)
    }
}

/// Counts messages of others that were not stored before, of which `mention` is the newest that names the person.
pub(super) fn add(
    db: &Connection,
    number: i64,
    from_others: &[Position],
    mention: Option<Position>,
) -> Result<Counts, StoreError> {
    let before = counts(db, number)?;
    let more = from_others
        .iter()
        .filter(|position| before.is_unread(position))
        .count() as u64;
    if more == 0 && mention <= before.mentioned {
        return Ok(before);
    }
    let after = Counts {
        unread: before.unread + more,
        server_unread: before.server_unread + more,
        mentioned: before.mentioned.max(mention),
        ..before
    };
    set_counts(db, number, &after)?;
    Ok(after)
}

/// A message of somebody else is deleted: it is no longer counted, if it was. Answers whether the server's count may have
/// left it out already.
pub(super) fn take_unread(db: &Connection, number: i64, message: &Message) -> Result<bool, StoreError> {
    let before = counts(db, number)?;
    let place = (message.created_at, message.id.clone());
    if before.marker.as_ref().is_some_and(|marker| *marker >= place) {
        return Ok(false);
    }
    let was_covered = before.covered.as_ref().is_some_and(|covered| *covered >= place);
    set_counts(
        db,
        number,
        &Counts {
            unread: before.unread.saturating_sub(1),
            server_unread: before.server_unread.saturating_sub(1),
            ..before
        },
    )?;
    Ok(was_covered)
}

/// Joins the server's count with what has been read here, and what came in here, and the server may not know.
pub(super) fn recount(
    db: &Connection,
    account: &Account,
    number: i64,
    told: u64,
    last: Option<Position>,
) -> Result<(), StoreError> {
    let before = counts(db, number)?;
    // Where the server has no message yet, all that are here came since.
    let later = messages::count_of_others_after(db, account, number, last.as_ref())?;
    let has_read_all = match (&before.marker, &last) {
        (Some(marker), Some(last)) => marker >= last,
        (_, None) => true,
        (None, Some(_)) => false,
    };
    let left = if has_read_all {
        0
    } else if before.marker_is_confirmed || told < before.read_here {
        told
    } else {
        told - before.read_here
    };
    // Where the marker is behind the last message that was told, it says what is unread of those after it.
    let unread_later = match &before.marker {
        Some(marker) if has_read_all => messages::count_of_others_after(db, account, number, Some(marker))?,
        Some(_) | None => later,
    };
    let (server_unread, unread) = (told + later, left + unread_later);
    set_counts(
        db,
        number,
        &Counts {
            unread,
            server_unread,
            read_here: server_unread.saturating_sub(unread),
            covered: last,
            ..before
        },
    )
}

/// A message was changed: it may name the person now, or no more.
pub(super) fn mention_again(
    db: &Connection,
    account: &Account,
    number: i64,
    changed: &Message,
) -> Result<(), StoreError> {
    let before = counts(db, number)?;
    let place = Some((changed.created_at, changed.id.clone()));
    let mentioned = if names(account, changed) {
        before.mentioned.clone().max(place)
    } else if before.mentioned == place {
        newest_mention(db, account, number, before.marker.as_ref())?
    } else {
        return Ok(());
    };
    set_counts(db, number, &Counts { mentioned, ..before })
}

/// Whether a message of somebody else names the person.
pub(super) fn names(account: &Account, message: &Message) -> bool {
    message.deleted_at.is_none()
        && message.sender_id != account.user
        && mention::names(&message.content, &account.username)
}

/// Of the unread messages, as far as one looks.
fn newest_mention(
    db: &Connection,
    account: &Account,
    number: i64,
    marker: Option<&Position>,
) -> Result<Option<Position>, StoreError> {
    let after = marker.map_or(i64::MIN, |(at, _)| at.as_millis());
    let mut statement = db.prepare_cached(
        "SELECT body FROM messages WHERE chat = ?1 AND at >= ?2 ORDER BY at DESC, id DESC LIMIT 200",
    )?;
    let mut rows = statement.query(params![number, after])?;
    while let Some(row) = rows.next()? {
        let message: Message = from_json(row.get_ref(0)?.as_str().unwrap_or_default())?;
        if names(account, &message) {
            return Ok(Some((message.created_at, message.id)));
        }
    }
    Ok(None)
}

pub(super) fn counts(db: &Connection, number: i64) -> Result<Counts, StoreError> {
    let (mut counts, marker, covered, mentioned) = db
        .prepare_cached(
            "SELECT unread, server_unread, read_here, marker_is_confirmed, has_unplaced_reads, marker_at, marker_id,
                 covered_at, covered_id, mentioned_at, mentioned_id
             FROM counts WHERE chat = ?1",
        )?
        .query_row([number], |row| {
            let counts = Counts {
                unread: row.get(0)?,
                covered: None,
                server_unread: row.get(1)?,
                read_here: row.get(2)?,
                marker: None,
                marker_is_confirmed: row.get(3)?,
                mentioned: None,
                has_unplaced_reads: row.get(4)?,
            };
            let place = |at| Ok::<_, rusqlite::Error>((row.get(at)?, row.get(at + 1)?));
            Ok((counts, place(5)?, place(7)?, place(9)?))
        })?;
    counts.marker = position(marker)?;
    counts.covered = position(covered)?;
    counts.mentioned = position(mentioned)?;
    Ok(counts)
}

/// A place in two columns.
pub(super) fn position((at, message): (Option<i64>, Option<String>)) -> Result<Option<Position>, StoreError> {
    match (at, message) {
        (Some(at), Some(message)) => Ok(Some((Timestamp::from_millis(at), id(&message)?))),
        (_, _) => Ok(None),
    }
}

pub(super) fn set_counts(db: &Connection, number: i64, counts: &Counts) -> Result<(), StoreError> {
    let at = |place: &Option<Position>| place.as_ref().map(|(at, _)| at.as_millis());
    let message = |place: &Option<Position>| place.as_ref().map(|(_, id)| id.to_string());
    // What is as it was is not written: that would cost a wait for the disk.
    db.prepare_cached(
        "UPDATE counts SET unread = ?2, server_unread = ?3, read_here = ?4, marker_is_confirmed = ?5,
             has_unplaced_reads = ?6, marker_at = ?7, marker_id = ?8, covered_at = ?9, covered_id = ?10,
             mentioned_at = ?11, mentioned_id = ?12
         WHERE chat = ?1
           AND (unread, server_unread, read_here, marker_is_confirmed, has_unplaced_reads, marker_at, marker_id,
                covered_at, covered_id, mentioned_at, mentioned_id)
               IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        number,
        counts.unread,
        counts.server_unread,
        counts.read_here,
        counts.marker_is_confirmed,
        counts.has_unplaced_reads,
        at(&counts.marker),
        message(&counts.marker),
        at(&counts.covered),
        message(&counts.covered),
        at(&counts.mentioned),
        message(&counts.mentioned),
    ])?;
    Ok(())
}
