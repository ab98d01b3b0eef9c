//! Invites: what lets somebody make an account.

use khaya_wire::Timestamp;
use serde::Serialize;

use super::{Conn, Tx, optional_time, query, random_id, users};
use crate::Error;

/// An invite that still lets somebody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invite {
    pub(crate) code: String,
    /// How many more accounts it makes.
    pub(crate) uses: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    /// The role of who comes by it.
    pub(crate) role: String,
}

/// Makes an invite.
pub(crate) fn make(
    tx: &mut Tx<'_>,
    uses: i64,
    expires_at: Option<Timestamp>,
    role: &str,
) -> Result<Invite, Error> {
    if !(1..=10_000).contains(&uses) {
        return Err(Error::invalid("uses", "is 1 to 10000"));
    }
    if expires_at.is_some_and(|at| at <= tx.now()) {
        return Err(Error::invalid("expiresAt", "is over already"));
    }
    let invite = Invite {
        code: random_id(),
        uses,
        expires_at,
        role: users::check_role(role)?,
    };
    let now = tx.now().as_millis();
    query("INSERT INTO invites (code, uses, expires_at, role, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(&invite.code)
        .bind(invite.uses)
        .bind(invite.expires_at.map(Timestamp::as_millis))
        .bind(&invite.role)
        .bind(now)
        .execute(tx.write())?;
    Ok(invite)
}

/// The invites that still let somebody in, the newest first.
pub(crate) fn list(conn: &mut Conn, now: Timestamp) -> Result<Vec<Invite>, Error> {
    query(
        "SELECT code, uses, expires_at, role FROM invites
         WHERE uses > 0 AND (expires_at IS NULL OR expires_at > $1) ORDER BY created_at DESC, code LIMIT 1000",
    )
    .bind(now.as_millis())
    .fetch_all(conn)?
    .iter()
    .map(|row| {
        Ok(Invite {
            code: row.try_get("code")?,
            uses: row.try_get("uses")?,
            expires_at: optional_time(row, "expires_at")?,
            role: row.try_get("role")?,
        })
    })
    .collect()
}

/// Takes an invite back. Whether there was one.
pub(crate) fn withdraw(tx: &mut Tx<'_>, code: &str) -> Result<bool, Error> {
    let gone = query("DELETE FROM invites WHERE code = $1")
        .bind(code)
        .execute(tx.write())?;
    Ok(gone > 0)
}

/// The role that an invite gives, if it still lets somebody in.
pub(crate) fn role(tx: &mut Tx<'_>, code: &str) -> Result<Option<String>, Error> {
    let now = tx.now().as_millis();
    let row = query(
        "SELECT role FROM invites WHERE code = $1 AND uses > 0 AND (expires_at IS NULL OR expires_at > $2)",
    )
    .bind(code)
    .bind(now)
    .fetch_optional(tx.read())?;
    row.map(|row| row.try_get("role")).transpose()
}

/// Uses an invite once.
pub(crate) fn spend(tx: &mut Tx<'_>, code: &str) -> Result<(), Error> {
    query("UPDATE invites SET uses = uses - 1 WHERE code = $1")
        .bind(code)
        .execute(tx.write())?;
    Ok(())
}
