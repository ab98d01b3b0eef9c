//! Signed-in devices: begun by a sign-in, kept alive by rotating refresh tokens, ended by a sign-out.

use std::time::Duration;

use khaya_wire::{SessionId, Timestamp, UserId, model::Session};

use super::{Conn, Tx, Viewer, fresh, query, read_id, read_time};
use crate::{Error, clock, realtime::Outgoing, token::Access};

/// The first rotation.
pub(crate) const FIRST_GENERATION: i64 = 1;

/// What a refresh came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// The rotation that counts now.
    Rotated { user: UserId, generation: i64 },
    /// The token was one that may not come again; the session has ended.
    Revoked,
}

/// Begins a session.
pub(crate) fn begin(tx: &mut Tx<'_>, user: &UserId, client: Option<String>) -> Result<SessionId, Error> {
    let id: SessionId = fresh()?;
    let now = tx.now().as_millis();
    query(
        "INSERT INTO sessions (id, user_id, client, created_at, last_seen_at, generation)
         VALUES ($1, $2, $3, $4, $4, $5)",
    )
    .bind(id.as_str())
    .bind(user.as_str())
    .bind(client)
    .bind(now)
    .bind(FIRST_GENERATION)
    .execute(tx.write())?;
    Ok(id)
}

/// Who an access token stands for now: `None` when its session has ended. The first use of the newest token
/// is worth remembering; the caller then calls [`confirm`].
pub(crate) fn viewer(conn: &mut Conn, access: &Access) -> Result<Option<(Viewer, bool)>, Error> {
    let row = query(
        "SELECT u.role, s.generation, s.confirmed FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL",
    )
    .bind(access.session.as_str())
    .bind(access.user.as_str())
    .fetch_optional(conn)?;
    let Some(row) = row else {
        return Ok(None);
    };
    let (generation, confirmed): (i64, i64) = (row.try_get("generation")?, row.try_get("confirmed")?);
    let viewer = Viewer {
        user: access.user.clone(),
        role: row.try_get("role")?,
    };
    Ok(Some((
        viewer,
        access.generation == generation && confirmed < generation,
    )))
}

/// The person of a session that has not ended, with their role.
pub(crate) fn holder(conn: &mut Conn, session: &SessionId, user: &UserId) -> Result<Option<Viewer>, Error> {
    let row = query(
        "SELECT u.role FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL",
    )
    .bind(session.as_str())
    .bind(user.as_str())
    .fetch_optional(conn)?;
    row.map(|row| {
        Ok(Viewer {
            user: user.clone(),
            role: row.try_get("role")?,
        })
    })
    .transpose()
}

/// Remembers that the newest access token has been used: from now on the refresh token before it is dead.
pub(crate) fn confirm(tx: &mut Tx<'_>, access: &Access) -> Result<(), Error> {
    let now = tx.now().as_millis();
    query("UPDATE sessions SET confirmed = $2, last_seen_at = $3 WHERE id = $1 AND generation = $2 AND confirmed < $2")
        .bind(access.session.as_str())
        .bind(access.generation)
        .bind(now)
        .execute(tx.write())?;
    Ok(())
}

/// Rotates (contract, `POST /auth/refresh`). `None` when there is no such session or it has ended.
///
/// The token before the last counts as the last once more, until the access token that came with the last has
/// been used: the answer that carried it may have been lost. Anything older can only come from somebody who
/// copied it, so it ends the session for everyone.
///
/// A session that was last used longer ago than `ttl` is none. It is left as it is: should the clock be wrong, it goes
/// on when that is put right.
pub(crate) fn refresh(
    tx: &mut Tx<'_>,
    session: &SessionId,
    presented: i64,
    ttl: Option<Duration>,
) -> Result<Option<Refreshed>, Error> {
    let row = query(
        "SELECT user_id, generation, confirmed FROM sessions
         WHERE id = $1 AND revoked_at IS NULL AND last_seen_at >= $2",
    )
    .bind(session.as_str())
    .bind(oldest(tx.now(), ttl))
    .fetch_optional(tx.read())?;
    let Some(row) = row else {
        return Ok(None);
    };
    let user: UserId = read_id(&row, "user_id")?;
    let (current, confirmed): (i64, i64) = (row.try_get("generation")?, row.try_get("confirmed")?);
    if presented == current {
        let now = tx.now().as_millis();
        query("UPDATE sessions SET generation = $2, last_seen_at = $3 WHERE id = $1")
            .bind(session.as_str())
            .bind(current + 1)
            .bind(now)
            .execute(tx.write())?;
        return Ok(Some(Refreshed::Rotated {
            user,
            generation: current + 1,
        }));
    }
    if presented + 1 == current && confirmed < current {
        return Ok(Some(Refreshed::Rotated {
            user,
            generation: current,
        }));
    }
    revoke(tx, session)?;
    Ok(Some(Refreshed::Revoked))
}

/// Since when a session has to have been used, in milliseconds.
fn oldest(now: Timestamp, ttl: Option<Duration>) -> i64 {
    let ttl = ttl.map_or(i64::MAX, |ttl| i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    now.as_millis().saturating_sub(ttl)
}

/// Somebody's sessions that have not ended, the latest first; `current` is the one that asks.
pub(crate) fn list(
    conn: &mut Conn,
    user: &UserId,
    current: &SessionId,
    ttl: Option<Duration>,
) -> Result<Vec<Session>, Error> {
    query(
        "SELECT id, client, created_at, last_seen_at FROM sessions
         WHERE user_id = $1 AND revoked_at IS NULL AND last_seen_at >= $2
         ORDER BY last_seen_at DESC, id LIMIT 1000",
    )
    .bind(user.as_str())
    .bind(oldest(clock::now(), ttl))
    .fetch_all(conn)?
    .iter()
    .map(|row| {
        let id: SessionId = read_id(row, "id")?;
        Ok(Session {
            current: id == *current,
            id,
            created_at: read_time(row, "created_at")?,
            last_seen_at: read_time(row, "last_seen_at")?,
            client: row.try_get("client")?,
        })
    })
    .collect()
}

/// The sessions that have ended since a time, in milliseconds.
pub(crate) fn ended_since(conn: &mut Conn, since: i64) -> Result<Vec<SessionId>, Error> {
    query("SELECT id FROM sessions WHERE revoked_at >= $1")
        .bind(since)
        .fetch_all(conn)?
        .iter()
        .map(|row| read_id(row, "id"))
        .collect()
}

/// Ends one of somebody's own sessions.
pub(crate) fn revoke_own(tx: &mut Tx<'_>, user: &UserId, session: &SessionId) -> Result<(), Error> {
    holder(tx.read(), session, user)?.ok_or(Error::NotFound("thing"))?;
    revoke(tx, session)
}

/// Ends all of somebody's sessions but one.
pub(crate) fn revoke_others(tx: &mut Tx<'_>, user: &UserId, but: &SessionId) -> Result<(), Error> {
    let rows = query("SELECT id FROM sessions WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL")
        .bind(user.as_str())
        .bind(but.as_str())
        .fetch_all(tx.read())?;
    for row in &rows {
        revoke(tx, &read_id(row, "id")?)?;
    }
    Ok(())
}

/// Ends a session and has its sockets closed.
pub(crate) fn revoke(tx: &mut Tx<'_>, session: &SessionId) -> Result<(), Error> {
    let now: Timestamp = tx.now();
    query("UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(session.as_str())
        .bind(now.as_millis())
        .execute(tx.write())?;
    tx.tell(Outgoing::SessionEnded(session.clone()));
    Ok(())
}
