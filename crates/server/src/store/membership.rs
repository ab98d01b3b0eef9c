//! Who belongs to a chat and what they are in it: adding, removing, roles, and the end of a chat.

use khaya_wire::{
    Chat, ChatId, ChatKind, UserId,
    event::{ChatRemoved, name},
    model::ChatRole,
};

use super::{
    Tx, Viewer,
    audit::{Act, Action},
    chats,
    events::{self, Kind},
    files, members, query, read_id, users,
};
use crate::{
    Error,
    realtime::{Frame, Outgoing},
};

/// The most people in a chat.
pub(crate) const MAX_MEMBERS: usize = 1000;

/// Adds somebody, or gives a member another role.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    chat: &ChatId,
    user: &UserId,
    role: Option<ChatRole>,
) -> Result<Chat, Error> {
    let own = group_role(tx, viewer, chat)?;
    let theirs = role_of(tx, chat, user)?;
    let wanted = role.or(theirs).unwrap_or(ChatRole::Member);
    if theirs == Some(wanted) {
        return chats::view(tx.read(), viewer, chat);
    }
    if own < ChatRole::Moderator {
        return Err(Error::Forbidden("only moderators add members"));
    }
    if own < ChatRole::Owner && (theirs.is_some() || wanted != ChatRole::Member) {
        return Err(Error::Forbidden("only owners give roles"));
    }
    match theirs {
        None => {
            if users::by_id(tx.read(), user)?.is_none() {
                return Err(Error::NotFound("user"));
            }
            if members::of_chat(tx.read(), chat)?.len() >= MAX_MEMBERS {
                return Err(Error::Conflict("this chat has all the members that it takes"));
            }
            chats::add_member(tx, chat, user, wanted)?;
            note(tx, Action::MemberAdded, viewer, chat, user, Some(wanted))?;
        }
        Some(current) => {
            if current == ChatRole::Owner && owners(tx, chat)? == 1 {
                return Err(Error::Conflict("a chat has at least one owner"));
            }
            set_role(tx, chat, user, wanted)?;
            note(tx, Action::MemberRoleSet, viewer, chat, user, Some(wanted))?;
        }
    }
    chats::touch(tx, chat)?;
    chats::tell_updated(tx, chat)?;
    chats::view(tx.read(), viewer, chat)
}

/// Removes somebody, or lets them go. When the last owner goes, who has been there longest, moderators first,
/// takes over; with the last member goes the chat.
pub(crate) fn remove(tx: &mut Tx<'_>, viewer: &Viewer, chat: &ChatId, user: &UserId) -> Result<(), Error> {
    let own = group_role(tx, viewer, chat)?;
    let theirs = role_of(tx, chat, user)?.ok_or(Error::NotFound("thing"))?;
    let may = *user == viewer.user || own == ChatRole::Owner || (own == ChatRole::Moderator && theirs < own);
    if !may {
        return Err(Error::Forbidden(
            "only moderators remove members, and only owners remove moderators and owners",
        ));
    }
    query("DELETE FROM members WHERE chat_id = $1 AND user_id = $2")
        .bind(chat.as_str())
        .bind(user.as_str())
        .execute(tx.write())?;
    note(tx, Action::MemberRemoved, viewer, chat, user, None)?;
    tell_removed(tx, chat, user)?;
    if owners(tx, chat)? == 0 {
        let heir = query(
            "SELECT user_id FROM members WHERE chat_id = $1
             ORDER BY CASE role WHEN 'moderator' THEN 0 ELSE 1 END, joined_at, user_id LIMIT 1",
        )
        .bind(chat.as_str())
        .fetch_optional(tx.read())?;
        let Some(heir) = heir else {
            return erase(tx, chat);
        };
        let heir: UserId = read_id(&heir, "user_id")?;
        set_role(tx, chat, &heir, ChatRole::Owner)?;
    }
    chats::touch(tx, chat)?;
    chats::tell_updated(tx, chat)
}

/// Deletes a chat with all that is in it.
pub(crate) fn delete_chat(tx: &mut Tx<'_>, viewer: &Viewer, chat: &ChatId) -> Result<(), Error> {
    if group_role(tx, viewer, chat)? != ChatRole::Owner {
        return Err(Error::Forbidden("only owners delete a chat"));
    }
    for member in members::of_chat(tx.read(), chat)? {
        tell_removed(tx, chat, &member.user)?;
    }
    let act = Act::new(Action::ChatDeleted).by(&viewer.user);
    act.chat(chat).note(tx)?;
    erase(tx, chat)
}

fn note(
    tx: &mut Tx<'_>,
    action: Action,
    viewer: &Viewer,
    chat: &ChatId,
    user: &UserId,
    role: Option<ChatRole>,
) -> Result<(), Error> {
    let mut act = Act::new(action).by(&viewer.user).chat(chat).user(user);
    if let Some(role) = role {
        act = act.detail(members::role_text(role));
    }
    act.note(tx)
}

/// The viewer's role in a group. A direct chat stays as it is.
pub(crate) fn group_role(tx: &mut Tx<'_>, viewer: &Viewer, chat: &ChatId) -> Result<ChatRole, Error> {
    let role = members::role_of(tx.read(), chat, viewer)?;
    match chats::kind(tx.read(), chat)? {
        ChatKind::Group => Ok(role),
        ChatKind::Direct => Err(Error::Forbidden("a direct chat stays as it is")),
    }
}

fn role_of(tx: &mut Tx<'_>, chat: &ChatId, user: &UserId) -> Result<Option<ChatRole>, Error> {
    query("SELECT role FROM members WHERE chat_id = $1 AND user_id = $2")
        .bind(chat.as_str())
        .bind(user.as_str())
        .fetch_optional(tx.read())?
        .map(|row| members::read_role(&row, "role"))
        .transpose()
}

fn set_role(tx: &mut Tx<'_>, chat: &ChatId, user: &UserId, role: ChatRole) -> Result<(), Error> {
    query("UPDATE members SET role = $3 WHERE chat_id = $1 AND user_id = $2")
        .bind(chat.as_str())
        .bind(user.as_str())
        .bind(members::role_text(role))
        .execute(tx.write())?;
    Ok(())
}

fn owners(tx: &mut Tx<'_>, chat: &ChatId) -> Result<i64, Error> {
    let row = query("SELECT COUNT(*) AS owners FROM members WHERE chat_id = $1 AND role = 'owner'")
        .bind(chat.as_str())
        .fetch_one(tx.read())?;
    row.try_get("owners")
}

fn tell_removed(tx: &mut Tx<'_>, chat: &ChatId, user: &UserId) -> Result<(), Error> {
    let number = events::in_private(tx, user, chat, Kind::ChatRemoved, None)?;
    let frame = Frame::event(
        name::CHAT_REMOVED,
        &ChatRemoved {
            chat_id: chat.clone(),
            number: Some(number),
        },
    )?;
    tx.tell(Outgoing::Left {
        chat: chat.clone(),
        user: user.clone(),
    });
    tx.tell(Outgoing::Event {
        to: vec![user.clone()],
        frame,
    });
    Ok(())
}

fn erase(tx: &mut Tx<'_>, chat: &ChatId) -> Result<(), Error> {
    files::detach_chat(tx, chat)?;
    for sql in [
        "DELETE FROM reactions WHERE message_id IN (SELECT id FROM messages WHERE chat_id = $1)",
        "DELETE FROM audience WHERE chat_id = $1",
        "DELETE FROM search WHERE rowid IN (SELECT number FROM messages WHERE chat_id = $1)",
        "DELETE FROM messages WHERE chat_id = $1",
        "DELETE FROM members WHERE chat_id = $1",
        "DELETE FROM events WHERE chat_id = $1 AND user_id IS NULL",
        "DELETE FROM chats WHERE id = $1",
    ] {
        query(sql).bind(chat.as_str()).execute(tx.write())?;
    }
    Ok(())
}
