//! People: adding them, finding them, their roles.

use std::collections::HashMap;

use khaya_wire::{Timestamp, User, UserId, model::role};

use super::{Conn, Row, Tx, Viewer, fresh, json_list, optional_id, query, read_id, read_time};
use crate::Error;

/// Longest username, name and role, in characters.
const MAX_CHARS: usize = 64;

/// Somebody to add.
#[derive(Debug)]
pub(crate) struct NewUser {
    pub(crate) username: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) password_hash: String,
}

/// Adds somebody. A username that is taken is a conflict.
pub(crate) fn add(tx: &mut Tx<'_>, new: NewUser) -> Result<User, Error> {
    let username = normal_username(&new.username)?;
    let name = check_text("name", &new.name)?;
    let role = check_role(&new.role)?;
    if by_username(tx.read(), &username)?.is_some() {
        return Err(Error::Conflict("this username is taken"));
    }
    let id: UserId = fresh()?;
    let now = tx.now().as_millis();
    query(
        "INSERT INTO users (id, username, name, search_text, role, password_hash, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id.as_str())
    .bind(&username)
    .bind(&name)
    .bind(search_text(&name, &username))
    .bind(&role)
    .bind(new.password_hash)
    .bind(now)
    .execute(tx.write())?;
    Ok(User {
        id,
        username,
        name,
        role,
        avatar_file_id: None,
        presence: None,
    })
}

/// Gives somebody another role on the server, by username.
pub(crate) fn set_role_of(tx: &mut Tx<'_>, username: &str, role: &str) -> Result<User, Error> {
    let (user, _hash) = by_username(tx.read(), username)?.ok_or(Error::NotFound("user"))?;
    set_role(tx, &user.id, role)?;
    Ok(user)
}

/// Gives somebody another role on the server.
pub(crate) fn set_role(tx: &mut Tx<'_>, user: &UserId, role: &str) -> Result<(), Error> {
    let role = check_role(role)?;
    query("UPDATE users SET role = $2 WHERE id = $1")
        .bind(user.as_str())
        .bind(role)
        .execute(tx.write())?;
    Ok(())
}

/// Gives somebody another name.
pub(crate) fn set_name(tx: &mut Tx<'_>, id: &UserId, name: &str) -> Result<(), Error> {
    let name = check_text("name", name)?;
    let user = by_id(tx.read(), id)?.ok_or(Error::NotFound("user"))?;
    query("UPDATE users SET name = $2, search_text = $3 WHERE id = $1")
        .bind(id.as_str())
        .bind(&name)
        .bind(search_text(&name, &user.username))
        .execute(tx.write())?;
    Ok(())
}

/// The hash of somebody's password.
pub(crate) fn password_hash(conn: &mut Conn, id: &UserId) -> Result<String, Error> {
    let row = query("SELECT password_hash FROM users WHERE id = $1")
        .bind(id.as_str())
        .fetch_one(conn)?;
    row.try_get("password_hash")
}

/// Notes that somebody has gone now.
pub(crate) fn set_last_seen(tx: &mut Tx<'_>, id: &UserId) -> Result<(), Error> {
    let now = tx.now().as_millis();
    query("UPDATE users SET last_seen_at = $2 WHERE id = $1")
        .bind(id.as_str())
        .bind(now)
        .execute(tx.write())?;
    Ok(())
}

/// When people were last there, of those who have been.
pub(crate) fn last_seen(conn: &mut Conn, people: &[User]) -> Result<HashMap<UserId, Timestamp>, Error> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = json_list(people.iter().map(|user| user.id.as_str()))?;
    let rows = query(
        "SELECT id, last_seen_at FROM users
         WHERE last_seen_at IS NOT NULL AND id IN (SELECT value FROM json_each($1))",
    )
    .bind(ids)
    .fetch_all(conn)?;
    rows.iter()
        .map(|row| Ok((read_id(row, "id")?, read_time(row, "last_seen_at")?)))
        .collect()
}

/// Stores the hash of somebody's new password.
pub(crate) fn set_password(tx: &mut Tx<'_>, id: &UserId, password_hash: String) -> Result<(), Error> {
    query("UPDATE users SET password_hash = $2 WHERE id = $1")
        .bind(id.as_str())
        .bind(password_hash)
        .execute(tx.write())?;
    Ok(())
}

/// Somebody and the hash of their password.
pub(crate) fn by_username(conn: &mut Conn, username: &str) -> Result<Option<(User, String)>, Error> {
    let Ok(username) = normal_username(username) else {
        return Ok(None);
    };
    query("SELECT id, username, name, role, avatar_file_id, password_hash FROM users WHERE username = $1")
        .bind(username)
        .fetch_optional(conn)?
        .map(|row| Ok((read(&row)?, row.try_get("password_hash")?)))
        .transpose()
}

/// Somebody by id.
pub(crate) fn by_id(conn: &mut Conn, id: &UserId) -> Result<Option<User>, Error> {
    query("SELECT id, username, name, role, avatar_file_id FROM users WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(conn)?
        .map(|row| read(&row))
        .transpose()
}

/// The last number of somebody's `private` stream.
pub(crate) fn private_seq(conn: &mut Conn, id: &UserId) -> Result<u64, Error> {
    let row = query("SELECT private_seq FROM users WHERE id = $1")
        .bind(id.as_str())
        .fetch_one(conn)?;
    super::read_count(&row, "private_seq")
}

/// Whether there is nobody yet.
pub(crate) fn is_empty(conn: &mut Conn) -> Result<bool, Error> {
    Ok(query("SELECT 1 FROM users LIMIT 1")
        .fetch_optional(conn)?
        .is_none())
}

/// Where a page of people begins: after this name and id.
pub(crate) type Place = (String, String);

/// The people whose name or username has `wanted` in it, by name. A guest sees those they share a chat with.
pub(crate) fn find(
    conn: &mut Conn,
    viewer: &Viewer,
    wanted: &str,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<(User, Place)>, Error> {
    let (name, id) = after.cloned().unwrap_or_default();
    let rows = query(
        "SELECT id, username, name, role, avatar_file_id, search_text FROM users u
         WHERE search_text LIKE $1 ESCAPE '\\'
           AND (search_text > $2 OR (search_text = $2 AND id > $3))
           AND ($4 <> 'guest' OR u.id = $5 OR EXISTS (
               SELECT 1 FROM members mine JOIN members theirs ON theirs.chat_id = mine.chat_id
               WHERE mine.user_id = $5 AND theirs.user_id = u.id))
         ORDER BY search_text, id LIMIT $6",
    )
    .bind(format!("%{}%", escape_like(&wanted.to_lowercase())))
    .bind(name)
    .bind(id)
    .bind(&viewer.role)
    .bind(viewer.user.as_str())
    .bind(limit)
    .fetch_all(conn)?;
    rows.iter()
        .map(|row| {
            let user = read(row)?;
            let place = (row.try_get("search_text")?, user.id.to_string());
            Ok((user, place))
        })
        .collect()
}

pub(super) fn read(row: &Row) -> Result<User, Error> {
    Ok(User {
        id: read_id(row, "id")?,
        username: row.try_get("username")?,
        name: row.try_get("name")?,
        role: row.try_get("role")?,
        avatar_file_id: optional_id(row, "avatar_file_id")?,
        presence: None,
    })
}

fn normal_username(username: &str) -> Result<String, Error> {
    let username = username.trim().to_lowercase();
    let fits = (1..=MAX_CHARS).contains(&username.chars().count())
        && username
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+'));
    if fits {
        Ok(username)
    } else {
        Err(Error::invalid(
            "username",
            format!("has 1 to {MAX_CHARS} letters, digits, '.', '_', '-', '@' and '+'"),
        ))
    }
}

pub(crate) fn check_text(field: &str, text: &str) -> Result<String, Error> {
    let text = text.trim();
    let fits = (1..=MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Error::invalid(
            field,
            format!("has 1 to {MAX_CHARS} characters, none of them a control character"),
        ))
    }
}

pub(crate) fn check_role(text: &str) -> Result<String, Error> {
    let fits = (1..=MAX_CHARS).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err(Error::invalid(
            "role",
            format!(
                "is {}, {}, {} or another word of letters, digits, '_' and '-'",
                role::ADMIN,
                role::MEMBER,
                role::GUEST
            ),
        ))
    }
}

fn search_text(name: &str, username: &str) -> String {
    format!("{} {username}", name.to_lowercase())
}

/// Makes a text match itself in a LIKE pattern whose escape is a backslash.
fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
