//! Chats: making them, and how each of their members sees them.

use std::collections::BTreeSet;

use khaya_wire::{
    Chat, ChatId, ChatKind, MessageId, Timestamp, User, UserId,
    event::{ChatUpdated, Number, name},
    model::{ChatRole, ReadMarker},
};

use super::{
    Conn, Tx, Viewer,
    events::{self, Kind},
    fresh, members, membership, messages, optional_id, query, read_count, read_flag, read_id, read_time,
    users,
};
use crate::{
    Error,
    realtime::{Frame, Outgoing},
};

/// A chat to make.
#[derive(Debug, Clone)]
pub(crate) struct NewChat {
    pub(crate) kind: ChatKind,
    /// Empty for a direct chat.
    pub(crate) name: String,
    /// Everyone but the one who makes it.
    pub(crate) others: BTreeSet<UserId>,
}

/// What making a chat came to.
#[derive(Debug)]
pub(crate) enum Made {
    Fresh(Chat),
    /// The direct chat that these two have already.
    Known(Chat),
}

/// Makes a chat, with its maker as the owner of a group, and tells its members.
pub(crate) fn make(tx: &mut Tx<'_>, viewer: &Viewer, new: NewChat) -> Result<Made, Error> {
    for other in &new.others {
        if users::by_id(tx.read(), other)?.is_none() {
            return Err(Error::invalid("memberIds", "lists somebody who does not exist"));
        }
    }
    let direct_key = match new.kind {
        ChatKind::Direct => Some(direct_key(viewer, &new.others)),
        ChatKind::Group => None,
    };
    if let Some(key) = &direct_key {
        let known = query("SELECT id FROM chats WHERE direct_key = $1")
            .bind(key)
            .fetch_optional(tx.read())?;
        if let Some(row) = known {
            return Ok(Made::Known(view(tx.read(), viewer, &read_id(&row, "id")?)?));
        }
    }
    let id: ChatId = fresh()?;
    let now = tx.now().as_millis();
    query(
        "INSERT INTO chats (id, kind, name, direct_key, created_at, changed_at, last_at) VALUES ($1, $2, $3, $4, $5, $5, $5)",
    )
    .bind(id.as_str())
    .bind(kind_text(new.kind))
    .bind(&new.name)
    .bind(direct_key)
    .bind(now)
    .execute(tx.write())?;
    let own_role = match new.kind {
        ChatKind::Direct => ChatRole::Member,
        ChatKind::Group => ChatRole::Owner,
    };
    add_member(tx, &id, &viewer.user, own_role)?;
    for other in &new.others {
        add_member(tx, &id, other, ChatRole::Member)?;
    }
    tell_updated(tx, &id)?;
    Ok(Made::Fresh(view(tx.read(), viewer, &id)?))
}

/// Numbers a change of the chat and tells every member of it as they see it.
pub(crate) fn tell_updated(tx: &mut Tx<'_>, chat: &ChatId) -> Result<(), Error> {
    let number = events::in_chat(tx, chat, Kind::ChatUpdated, None)?;
    for member in members::of_chat(tx.read(), chat)? {
        let viewer = Viewer {
            user: member.user,
            role: member.server_role,
        };
        let seen = view(tx.read(), &viewer, chat)?;
        let frame = updated(seen, number)?;
        tx.tell(Outgoing::Event {
            to: vec![viewer.user],
            frame,
        });
    }
    Ok(())
}

fn updated(chat: Chat, number: Number) -> Result<Frame, Error> {
    let number = Some(number);
    Frame::event(name::CHAT_UPDATED, &ChatUpdated { chat, number })
}

/// A chat as the viewer sees it; it does not exist for somebody outside it.
pub(crate) fn view(conn: &mut Conn, viewer: &Viewer, id: &ChatId) -> Result<Chat, Error> {
    let row = query(
        "SELECT c.kind, c.name, c.topic, c.changed_at, c.seq, m.role, m.read_at, m.read_id, m.muted, m.pinned
         FROM chats c JOIN members m ON m.chat_id = c.id WHERE c.id = $1 AND m.user_id = $2",
    )
    .bind(id.as_str())
    .bind(viewer.user.as_str())
    .fetch_optional(&mut *conn)?
    .ok_or(Error::NotFound("thing"))?;
    let members = users_of(conn, id)?;
    let last_message = messages::last(conn, viewer, id)?;
    let read_id: Option<MessageId> = optional_id(&row, "read_id")?;
    let read = (
        read_time(&row, "read_at")?,
        read_id.as_ref().map_or_else(String::new, MessageId::to_string),
    );
    let unread_count = messages::unread(conn, viewer, id, &read)?;
    let kind = read_kind(row.try_get("kind")?)?;
    let changed_at = read_time(&row, "changed_at")?;
    Ok(Chat {
        id: id.clone(),
        kind,
        name: match kind {
            ChatKind::Direct => other_name(&members, &viewer.user),
            ChatKind::Group => row.try_get("name")?,
        },
        topic: row.try_get("topic")?,
        updated_at: last_message
            .as_ref()
            .map_or(changed_at, |message| message.created_at.max(changed_at)),
        last_message,
        unread_count,
        my_role: Some(members::read_role(&row, "role")?),
        muted: Some(read_flag(&row, "muted")?),
        pinned: Some(read_flag(&row, "pinned")?),
        reads: Some(markers(conn, viewer, id)?),
        seq: Some(read_count(&row, "seq")?),
        members,
    })
}

/// Whether a chat that there is, is direct or a group.
pub(super) fn kind(conn: &mut Conn, id: &ChatId) -> Result<ChatKind, Error> {
    let row = query("SELECT kind FROM chats WHERE id = $1")
        .bind(id.as_str())
        .fetch_one(conn)?;
    read_kind(row.try_get("kind")?)
}

/// Notes that a chat has changed now.
pub(super) fn touch(tx: &mut Tx<'_>, id: &ChatId) -> Result<(), Error> {
    let now = tx.now().as_millis();
    query("UPDATE chats SET changed_at = $2 WHERE id = $1 AND changed_at < $2")
        .bind(id.as_str())
        .bind(now)
        .execute(tx.write())?;
    Ok(())
}

/// Gives a group another name or topic; an empty topic is none.
pub(crate) fn rename(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    id: &ChatId,
    name: Option<String>,
    topic: Option<String>,
) -> Result<Chat, Error> {
    if membership::group_role(tx, viewer, id)? < ChatRole::Moderator {
        return Err(Error::Forbidden("only moderators change a chat"));
    }
    let before = view(tx.read(), viewer, id)?;
    let name = name.unwrap_or_else(|| before.name.clone());
    let topic = match topic {
        Some(topic) => Some(topic).filter(|topic| !topic.is_empty()),
        None => before.topic.clone(),
    };
    if name == before.name && topic == before.topic {
        return Ok(before);
    }
    query("UPDATE chats SET name = $2, topic = $3 WHERE id = $1")
        .bind(id.as_str())
        .bind(name)
        .bind(topic)
        .execute(tx.write())?;
    touch(tx, id)?;
    tell_updated(tx, id)?;
    view(tx.read(), viewer, id)
}

/// What somebody wants of a chat for themself; told to their own devices alone.
pub(crate) fn prefer(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    id: &ChatId,
    muted: Option<bool>,
    pinned: Option<bool>,
) -> Result<(), Error> {
    let before = view(tx.read(), viewer, id)?;
    let wanted = (muted.or(before.muted), pinned.or(before.pinned));
    if wanted == (before.muted, before.pinned) {
        return Ok(());
    }
    query("UPDATE members SET muted = $3, pinned = $4 WHERE chat_id = $1 AND user_id = $2")
        .bind(id.as_str())
        .bind(viewer.user.as_str())
        .bind(i64::from(wanted.0.unwrap_or(false)))
        .bind(i64::from(wanted.1.unwrap_or(false)))
        .execute(tx.write())?;
    let number = events::in_private(tx, &viewer.user, id, Kind::ChatUpdated, None)?;
    let frame = updated(view(tx.read(), viewer, id)?, number)?;
    tx.tell(Outgoing::Event {
        to: vec![viewer.user.clone()],
        frame,
    });
    Ok(())
}

/// Where a page of chats begins: after the one with this activity and id.
pub(crate) type Place = (Timestamp, String);

/// The ids of the viewer's chats, those with the latest activity first. What the viewer cannot see is no activity.
pub(crate) fn places(
    conn: &mut Conn,
    viewer: &Viewer,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<Place>, Error> {
    let rows = query(
        "SELECT c.id, c.changed_at,
                (SELECT MAX(created_at) FROM messages WHERE chat_id = c.id AND restricted = 0) AS for_all,
                (SELECT MAX(created_at) FROM audience WHERE chat_id = c.id AND kind = 'user' AND value = $1) AS for_person,
                (SELECT MAX(created_at) FROM audience WHERE chat_id = c.id AND kind = 'role' AND value = $2) AS for_role
         FROM members mine JOIN chats c ON c.id = mine.chat_id WHERE mine.user_id = $1",
    )
    .bind(viewer.user.as_str())
    .bind(&viewer.role)
    .fetch_all(conn)?;
    let mut places = rows
        .iter()
        .map(|row| {
            let changed = read_time(row, "changed_at")?;
            let mut activity = changed;
            for column in ["for_all", "for_person", "for_role"] {
                activity = super::optional_time(row, column)?.map_or(activity, |at| at.max(activity));
            }
            Ok((activity, read_id::<ChatId>(row, "id")?.to_string()))
        })
        .collect::<Result<Vec<Place>, Error>>()?;
    places.sort_unstable_by(|left, right| right.cmp(left));
    if let Some(after) = after {
        places.retain(|place| place < after);
    }
    places.truncate(limit);
    Ok(places)
}

/// Makes somebody a member from now on: what was said before does not count as unread.
pub(super) fn add_member(tx: &mut Tx<'_>, chat: &ChatId, user: &UserId, role: ChatRole) -> Result<(), Error> {
    let now = tx.now().as_millis();
    query("INSERT INTO members (chat_id, user_id, role, joined_at, read_at) VALUES ($1, $2, $3, $4, $4)")
        .bind(chat.as_str())
        .bind(user.as_str())
        .bind(members::role_text(role))
        .bind(now)
        .execute(tx.write())?;
    Ok(())
}

fn users_of(conn: &mut Conn, chat: &ChatId) -> Result<Vec<User>, Error> {
    query(
        "SELECT u.id, u.username, u.name, u.role, u.avatar_file_id FROM members m JOIN users u ON u.id = m.user_id
         WHERE m.chat_id = $1 ORDER BY u.search_text, u.id",
    )
    .bind(chat.as_str())
    .fetch_all(conn)?
    .iter()
    .map(users::read)
    .collect()
}

/// How far everyone has read, as the viewer may know it: a marker on a message that they cannot see is told as
/// the last message before it that they can.
fn markers(conn: &mut Conn, viewer: &Viewer, chat: &ChatId) -> Result<Vec<ReadMarker>, Error> {
    let rows = query(
        "SELECT m.user_id, m.read_id, m.read_at, m.read_restricted FROM members m JOIN users u ON u.id = m.user_id
         WHERE m.chat_id = $1 AND m.read_id IS NOT NULL ORDER BY u.search_text, u.id",
    )
    .bind(chat.as_str())
    .fetch_all(&mut *conn)?;
    let mut markers = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: MessageId = read_id(row, "read_id")?;
        let told = if read_flag(row, "read_restricted")? {
            let place = (read_time(row, "read_at")?, id.to_string());
            messages::at_or_before(conn, viewer, chat, &place)?
        } else {
            Some(id)
        };
        if let Some(message_id) = told {
            let user_id = read_id(row, "user_id")?;
            markers.push(ReadMarker { user_id, message_id });
        }
    }
    Ok(markers)
}

fn other_name(members: &[User], viewer: &UserId) -> String {
    members
        .iter()
        .find(|member| member.id != *viewer)
        .map_or_else(String::new, |member| member.name.clone())
}

fn direct_key(viewer: &Viewer, others: &BTreeSet<UserId>) -> String {
    let both: BTreeSet<&str> = others
        .iter()
        .map(UserId::as_str)
        .chain([viewer.user.as_str()])
        .collect();
    both.into_iter().collect::<Vec<_>>().join(" ")
}

fn kind_text(kind: ChatKind) -> &'static str {
    match kind {
        ChatKind::Direct => "direct",
        ChatKind::Group => "group",
    }
}

fn read_kind(text: &str) -> Result<ChatKind, Error> {
    match text {
        "direct" => Ok(ChatKind::Direct),
        "group" => Ok(ChatKind::Group),
        _other => Err(super::bad_column("kind")),
    }
}
