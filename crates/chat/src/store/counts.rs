//! How much is unread: the server's count, what came in after it, and what has been read here.

use khaya_wire::Timestamp;
use rusqlite::{Connection, params};

use super::{Account, Position, StoreError, messages, profile::id};

/// What a chat's row has of counts.
pub(super) struct Counts {
    pub(super) unread: u64,
    /// The last message that the server's count covered.
    pub(super) covered: Option<Position>,
    pub(super) server_unread: u64,
    pub(super) read_here: u64,
    pub(super) marker: Option<Position>,
    pub(super) marker_is_confirmed: bool,
}

impl Counts {
    /// Whether a message that was not stored before is unread and not counted yet.
    fn is_unread(&self, message: &Position) -> bool {
        let is_behind = |place: &Option<Position>| place.as_ref().is_none_or(|place| place < message);
        is_behind(&self.covered) && is_behind(&self.marker)
    }
}

/// Counts messages of others that were not stored before.
pub(super) fn add_unread(db: &Connection, number: i64, messages: &[Position]) -> Result<u64, StoreError> {
    let before = counts(db, number)?;
    let more = messages
        .iter()
        .filter(|position| before.is_unread(position))
        .count() as u64;
    if more == 0 {
        return Ok(before.unread);
    }
    let unread = before.unread + more;
    set_counts(
        db,
        number,
        &Counts {
            unread,
            server_unread: before.server_unread + more,
            ..before
        },
    )?;
    Ok(unread)
}

/// A message of somebody else is gone: it is no longer counted, if it was.
pub(super) fn take_unread(db: &Connection, number: i64, message: &Position) -> Result<(), StoreError> {
    let before = counts(db, number)?;
    if before.marker.as_ref().is_none_or(|marker| marker < message) {
        set_counts(
            db,
            number,
            &Counts {
                unread: before.unread.saturating_sub(1),
                server_unread: before.server_unread.saturating_sub(1),
                ..before
            },
        )?;
    }
    Ok(())
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
    let later = match &last {
        Some(last) => messages::count_of_others_after(db, account, number, last)?,
        None => 0,
    };
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
        Some(marker) if has_read_all => messages::count_of_others_after(db, account, number, marker)?,
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

pub(super) fn counts(db: &Connection, number: i64) -> Result<Counts, StoreError> {
    let (mut counts, marker, covered) = db
        .prepare_cached(
            "SELECT unread, server_unread, read_here, marker_is_confirmed, marker_at, marker_id, covered_at, covered_id
             FROM chats WHERE number = ?1",
        )?
        .query_row([number], |row| {
            let counts = Counts {
                unread: row.get(0)?,
                covered: None,
                server_unread: row.get(1)?,
                read_here: row.get(2)?,
                marker: None,
                marker_is_confirmed: row.get(3)?,
            };
            Ok((counts, (row.get(4)?, row.get(5)?), (row.get(6)?, row.get(7)?)))
        })?;
    counts.marker = position(marker)?;
    counts.covered = position(covered)?;
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
        "UPDATE chats SET unread = ?2, server_unread = ?3, read_here = ?4, marker_is_confirmed = ?5, marker_at = ?6,
             marker_id = ?7, covered_at = ?8, covered_id = ?9
         WHERE number = ?1
           AND (unread, server_unread, read_here, marker_is_confirmed, marker_at, marker_id, covered_at, covered_id)
               IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        number,
        counts.unread,
        counts.server_unread,
        counts.read_here,
        counts.marker_is_confirmed,
        at(&counts.marker),
        message(&counts.marker),
        at(&counts.covered),
        message(&counts.covered),
    ])?;
    Ok(())
}
