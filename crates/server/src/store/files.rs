//! Files as the database knows them: who may read one, which message has which, when one may go.
//!
//! A file is for its uploader, for those who can see a message with it, and, as somebody's picture, for those who
//! can see that person. For anyone else it does not exist.

use khaya_wire::{File, FileId, Message, MessageId, UserId, model::role};

use super::{Conn, Row, Tx, Viewer, bad_column, fresh, json_list, messages, query, read_id};
use crate::{Error, files::picture::Picture};

/// How long an upload may be under way, in milliseconds: longer than one may take.
const UPLOADING_MS: i64 = 2 * 60 * 60 * 1000;
/// How long the uploader keeps a file whose last message is gone, in milliseconds.
const RELEASED_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// A file that somebody may read.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) file: File,
    /// Only a picture that was looked at has a small copy.
    pub(crate) thumbnail_type: Option<String>,
}

/// What an upload turned out to be.
#[derive(Debug)]
pub(crate) struct Uploaded {
    pub(crate) id: FileId,
    pub(crate) name: String,
    pub(crate) mime_type: String,
    pub(crate) size: u64,
    pub(crate) picture: Option<Picture>,
}

/// What an upload has to keep to, and how long it waits for a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// All files of one person, in bytes.
    pub(crate) quota: u64,
    pub(crate) wait_ms: i64,
}

/// Notes that a file comes, so that its bytes are not forgotten whatever happens.
pub(crate) fn begin(tx: &mut Tx<'_>, owner: &UserId, size: u64, quota: u64) -> Result<FileId, Error> {
    check_quota(tx, owner, size, quota)?;
    let id: FileId = fresh()?;
    let now = tx.now().as_millis();
    query(
        "INSERT INTO files (id, owner_id, state, name, mime_type, size, created_at, expires_at)
         VALUES ($1, $2, 'uploading', '', '', 0, $3, $4)",
    )
    .bind(id.as_str())
    .bind(owner.as_str())
    .bind(now)
    .bind(now.saturating_add(UPLOADING_MS))
    .execute(tx.write())?;
    Ok(id)
}

/// Makes what was uploaded a file.
pub(crate) fn finish(
    tx: &mut Tx<'_>,
    owner: &UserId,
    uploaded: Uploaded,
    rules: Rules,
) -> Result<File, Error> {
    check_quota(tx, owner, uploaded.size, rules.quota)?;
    // One that took very long was given up.
    query("SELECT 1 AS one FROM files WHERE id = $1 AND owner_id = $2 AND state = 'uploading'")
        .bind(uploaded.id.as_str())
        .bind(owner.as_str())
        .fetch_optional(tx.read())?
        .ok_or(Error::Unavailable)?;
    let expires_at = tx.now().as_millis().saturating_add(rules.wait_ms);
    let Uploaded {
        id,
        name,
        mime_type,
        size,
        picture,
    } = uploaded;
    let thumbnail_type = picture.as_ref().map(|picture| picture.thumbnail_type);
    let file = File {
        id,
        name,
        mime_type,
        size,
        width: picture.as_ref().map(|picture| picture.width),
        height: picture.as_ref().map(|picture| picture.height),
        blurhash: picture.map(|picture| picture.blurhash),
    };
    query(
        "UPDATE files SET state = 'stored', name = $3, mime_type = $4, size = $5, width = $6, height = $7,
                          blurhash = $8, thumbnail_type = $9, expires_at = $10
         WHERE id = $1 AND owner_id = $2",
    )
    .bind(file.id.as_str())
    .bind(owner.as_str())
    .bind(&file.name)
    .bind(&file.mime_type)
    .bind(i64::try_from(size).map_err(|_| bad_column("size"))?)
    .bind(file.width.map(i64::from))
    .bind(file.height.map(i64::from))
    .bind(file.blurhash.as_deref())
    .bind(thumbnail_type)
    .bind(expires_at)
    .execute(tx.write())?;
    Ok(file)
}

fn check_quota(tx: &mut Tx<'_>, owner: &UserId, size: u64, quota: u64) -> Result<(), Error> {
    let row = query("SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) AS used FROM files WHERE owner_id = $1")
        .bind(owner.as_str())
        .fetch_one(tx.read())?;
    if super::read_count(&row, "used")?.saturating_add(size) > quota {
        return Err(Error::NoRoom { quota });
    }
    Ok(())
}

/// A file, if the viewer may read it.
pub(crate) fn readable(conn: &mut Conn, viewer: &Viewer, id: &FileId) -> Result<Option<Stored>, Error> {
    query(concat!(
        "SELECT f.id, f.name, f.mime_type, f.size, f.width, f.height, f.blurhash, f.thumbnail_type
         FROM files f WHERE f.id = $3 AND f.state = 'stored' AND (
             f.owner_id = $1
             OR EXISTS (
                 SELECT 1 FROM attachments t JOIN messages m ON m.id = t.message_id
                 JOIN members mine ON mine.chat_id = m.chat_id AND mine.user_id = $1
                 WHERE t.file_id = f.id AND m.deleted_at IS NULL AND ",
        messages::visible!(),
        ")
             OR EXISTS (
                 SELECT 1 FROM users u WHERE u.avatar_file_id = f.id AND ($2 <> $4 OR EXISTS (
                     SELECT 1 FROM members mine JOIN members theirs ON theirs.chat_id = mine.chat_id
                     WHERE mine.user_id = $1 AND theirs.user_id = u.id))))"
    ))
    .bind(viewer.user.as_str())
    .bind(&viewer.role)
    .bind(id.as_str())
    .bind(role::GUEST)
    .fetch_optional(conn)?
    .map(|row| {
        Ok(Stored {
            file: read(&row)?,
            thumbnail_type: row.try_get("thumbnail_type")?,
        })
    })
    .transpose()
}

/// The files that somebody wants a message to have: their own, whole, each once.
pub(super) fn own(tx: &mut Tx<'_>, owner: &UserId, ids: &[FileId]) -> Result<Vec<File>, Error> {
    let refused = |detail| Error::invalid("attachmentIds", detail);
    let mut files: Vec<File> = Vec::with_capacity(ids.len());
    for id in ids {
        if files.iter().any(|file| file.id == *id) {
            return Err(refused("names a file twice"));
        }
        let (file, _thumbnail) =
            own_one(tx, owner, id)?.ok_or_else(|| refused("names a file that there is not"))?;
        files.push(file);
    }
    Ok(files)
}

fn own_one(tx: &mut Tx<'_>, owner: &UserId, id: &FileId) -> Result<Option<(File, Option<String>)>, Error> {
    query(
        "SELECT id, name, mime_type, size, width, height, blurhash, thumbnail_type
         FROM files WHERE id = $1 AND owner_id = $2 AND state = 'stored'",
    )
    .bind(id.as_str())
    .bind(owner.as_str())
    .fetch_optional(tx.read())?
    .map(|row| Ok((read(&row)?, row.try_get("thumbnail_type")?)))
    .transpose()
}

/// Gives a message its files.
pub(super) fn attach(tx: &mut Tx<'_>, message: &MessageId, files: &[File]) -> Result<(), Error> {
    for (place, file) in (0_i64..).zip(files) {
        query("INSERT INTO attachments (message_id, place, file_id) VALUES ($1, $2, $3)")
            .bind(message.as_str())
            .bind(place)
            .bind(file.id.as_str())
            .execute(tx.write())?;
        keep(tx, &file.id)?;
    }
    Ok(())
}

/// Takes the files of a message away. Those that nothing else has stay with their uploader for a while.
pub(super) fn detach(tx: &mut Tx<'_>, message: &MessageId) -> Result<(), Error> {
    let expires_at = tx.now().as_millis().saturating_add(RELEASED_MS);
    query(
        "UPDATE files SET expires_at = $2 WHERE id IN (SELECT file_id FROM attachments WHERE message_id = $1)
           AND NOT EXISTS (SELECT 1 FROM attachments t WHERE t.file_id = files.id AND t.message_id <> $1)
           AND NOT EXISTS (SELECT 1 FROM users u WHERE u.avatar_file_id = files.id)",
    )
    .bind(message.as_str())
    .bind(expires_at)
    .execute(tx.write())?;
    query("DELETE FROM attachments WHERE message_id = $1")
        .bind(message.as_str())
        .execute(tx.write())?;
    Ok(())
}

/// As [`detach`], for all messages of a chat.
pub(super) fn detach_chat(tx: &mut Tx<'_>, chat: &khaya_wire::ChatId) -> Result<(), Error> {
    let rows = query("SELECT id FROM messages WHERE chat_id = $1 AND attached > 0")
        .bind(chat.as_str())
        .fetch_all(tx.read())?;
    for row in &rows {
        detach(tx, &read_id(row, "id")?)?;
    }
    Ok(())
}

/// Makes one of somebody's files their picture, or takes their picture away.
pub(crate) fn set_avatar(tx: &mut Tx<'_>, user: &UserId, id: Option<&FileId>) -> Result<(), Error> {
    let refused = |detail| Error::invalid("avatarFileId", detail);
    if let Some(id) = id {
        let (_file, thumbnail) =
            own_one(tx, user, id)?.ok_or_else(|| refused("names a file that there is not"))?;
        if thumbnail.is_none() {
            return Err(refused("names a file that is no picture"));
        }
    }
    let expires_at = tx.now().as_millis().saturating_add(RELEASED_MS);
    query(
        "UPDATE files SET expires_at = $2 WHERE id = (SELECT avatar_file_id FROM users WHERE id = $1)
           AND NOT EXISTS (SELECT 1 FROM attachments t WHERE t.file_id = files.id)",
    )
    .bind(user.as_str())
    .bind(expires_at)
    .execute(tx.write())?;
    query("UPDATE users SET avatar_file_id = $2 WHERE id = $1")
        .bind(user.as_str())
        .bind(id.map(FileId::as_str))
        .execute(tx.write())?;
    match id {
        Some(id) => keep(tx, id),
        None => Ok(()),
    }
}

fn keep(tx: &mut Tx<'_>, id: &FileId) -> Result<(), Error> {
    query("UPDATE files SET expires_at = NULL WHERE id = $1")
        .bind(id.as_str())
        .execute(tx.write())?;
    Ok(())
}

/// Adds the files to messages that the reader can see and that say that they have some.
pub(super) fn add_to(conn: &mut Conn, messages: &mut [Message]) -> Result<(), Error> {
    let wanted = messages
        .iter()
        .filter(|message| message.attachments.is_some())
        .map(|message| message.id.as_str());
    let wanted: Vec<&str> = wanted.collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let rows = query(
        "SELECT t.message_id, f.id, f.name, f.mime_type, f.size, f.width, f.height, f.blurhash
         FROM attachments t JOIN files f ON f.id = t.file_id
         WHERE t.message_id IN (SELECT value FROM json_each($1)) ORDER BY t.message_id, t.place",
    )
    .bind(json_list(wanted.into_iter())?)
    .fetch_all(conn)?;
    for row in rows {
        let id: MessageId = read_id(&row, "message_id")?;
        if let Some(message) = messages.iter_mut().find(|message| message.id == id) {
            message.attachments.get_or_insert_default().push(read(&row)?);
        }
    }
    Ok(())
}

/// Takes files that may go out of everyone's sight, and those that were taken before and are still there.
pub(crate) fn take_expired(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<FileId>, Error> {
    let now = tx.now().as_millis();
    let rows = query("SELECT id FROM files WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2")
        .bind(now)
        .bind(limit)
        .fetch_all(tx.read())?;
    let mut gone = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: FileId = read_id(row, "id")?;
        query("UPDATE files SET state = 'gone' WHERE id = $1")
            .bind(id.as_str())
            .execute(tx.write())?;
        gone.push(id);
    }
    Ok(gone)
}

/// Forgets files of which nothing is left.
pub(crate) fn forget(tx: &mut Tx<'_>, ids: &[FileId]) -> Result<(), Error> {
    for id in ids {
        query("DELETE FROM files WHERE id = $1 AND state = 'gone'")
            .bind(id.as_str())
            .execute(tx.write())?;
    }
    Ok(())
}

/// Gives an upload up, so that the next look finds what there is of it.
pub(crate) fn give_up(tx: &mut Tx<'_>, id: &FileId) -> Result<(), Error> {
    let now = tx.now().as_millis();
    query("UPDATE files SET state = 'gone', expires_at = $2 WHERE id = $1 AND state = 'uploading'")
        .bind(id.as_str())
        .bind(now)
        .execute(tx.write())?;
    Ok(())
}

fn read(row: &Row) -> Result<File, Error> {
    let side = |column: &'static str| -> Result<Option<u32>, Error> {
        row.try_get::<Option<i64>>(column)?
            .map(|side| u32::try_from(side).map_err(|_| bad_column(column)))
            .transpose()
    };
    Ok(File {
        id: read_id(row, "id")?,
        name: row.try_get("name")?,
        mime_type: row.try_get("mime_type")?,
        size: super::read_count(row, "size")?,
        width: side("width")?,
        height: side("height")?,
        blurhash: row.try_get("blurhash")?,
    })
}
