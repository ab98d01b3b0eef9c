//! What is done to messages and chats that are there.

use std::time::Duration;

use khaya_chat::api::{ApiError, Request, Response};
use khaya_wire::{ChatId, Code, Message, MessageId, Timestamp, UserId, model::Reaction};

use super::{REFUSED, Sent, Server, can_see, refused, streams::Kind};

impl Server {
    /// Does one of the calls that change something; `None` for others.
    pub(super) fn change(
        &mut self,
        now: Duration,
        me: &UserId,
        request: &Request,
        sent: &mut Vec<Sent>,
    ) -> Option<Result<Response, ApiError>> {
        let at = self.tick(now);
        Some(match request {
            Request::Edit {
                chat,
                message,
                content,
            } => {
                if content.contains(REFUSED) {
                    return Some(Err(refused(Code::InvalidRequest)));
                }
                self.touch(chat, me, message, sent, |message| {
                    if message.sender_id != *me {
                        return Err(refused(Code::Forbidden));
                    }
                    message.content = content.clone();
                    message.edited_at = Some(at);
                    Ok(())
                })
                .map(|message| Response::Sent(Box::new(self.message_as(&message, me))))
            }
            Request::Delete { chat, message } => self.delete(at, chat, me, message, sent),
            Request::React {
                chat,
                message,
                emoji,
                add,
            } => self
                .touch(chat, me, message, sent, |message| {
                    react(message, me, emoji, *add);
                    Ok(())
                })
                .map(|_| Response::Done),
            Request::Pin {
                chat,
                message,
                pinned,
            } => self
                .touch(chat, me, message, sent, |message| {
                    message.pinned = pinned.then_some(true);
                    Ok(())
                })
                .map(|_| Response::Done),
            Request::Prefer { chat, preferences } => self.may_see(chat, me).map(|()| {
                let model = self.chats.get_mut(chat).unwrap();
                let known = model.preferences.entry(me.clone()).or_default();
                known.muted = preferences.muted.or(known.muted);
                known.pinned = preferences.pinned.or(known.pinned);
                self.tell_chat(chat, Some(me), sent);
                Response::Done
            }),
            Request::ChangeChat { chat, change } => self.may_see(chat, me).map(|()| {
                if let Some(topic) = &change.topic {
                    self.describe(chat, topic, sent);
                }
                Response::Chat(Box::new(self.chat_as(chat, me)))
            }),
            Request::Discover
            | Request::Login(_)
            | Request::Register(_)
            | Request::Refresh(_)
            | Request::Logout
            | Request::Chats { .. }
            | Request::Chat { .. }
            | Request::Join { .. }
            | Request::Messages { .. }
            | Request::Send { .. }
            | Request::MarkRead { .. }
            | Request::DeleteChat { .. }
            | Request::PutMember { .. }
            | Request::RemoveMember { .. }
            | Request::Sync { .. }
            | Request::Upload { .. }
            | Request::File { .. }
            | Request::SaveFile { .. }
            | Request::CreateChat(_)
            | Request::FindPeople { .. }
            | Request::Sessions
            | Request::RevokeSession { .. }
            | Request::ChangePassword { .. }
            | Request::Rename { .. }
            | Request::SetPicture { .. }
            | Request::Search { .. } => return None,
        })
    }

    pub(crate) fn describe(&mut self, chat: &ChatId, topic: &str, sent: &mut Vec<Sent>) {
        self.chats.get_mut(chat).unwrap().topic = topic.to_owned();
        self.tell_chat(chat, None, sent);
    }

    /// Somebody who uses no app of ours changes one of the messages that they can see.
    pub(crate) fn meddle(&mut self, now: Duration, chat: &ChatId, who: &UserId, chance: u64) -> Vec<Sent> {
        let at = self.tick(now);
        let mut sent = Vec::new();
        let seen: Vec<_> = self
            .entitled(chat, who)
            .into_iter()
            .map(|message| (message.id.clone(), message.sender_id == *who))
            .collect();
        if seen.is_empty() {
            return sent;
        }
        // Mostly one of the newest, and sometimes one far back.
        let reach = if chance.is_multiple_of(3) {
            seen.len()
        } else {
            seen.len().min(10)
        };
        let pick = usize::try_from((chance >> 8) % reach as u64).unwrap();
        let (message, is_own) = seen[seen.len() - 1 - pick].clone();
        // What cannot be done any more is not done.
        let _ = match (chance >> 4) % 4 {
            0 if is_own => self.delete(at, chat, who, &message, &mut sent).map(|_| ()),
            1 | 2 if is_own => self
                .touch(chat, who, &message, &mut sent, |message| {
                    message.content = format!("changed {chance}").into();
                    message.edited_at = Some(at);
                    Ok(())
                })
                .map(|_| ()),
            _ => self
                .touch(chat, who, &message, &mut sent, |message| {
                    let add = chance & 1 == 0;
                    react(message, who, "👍", add);
                    Ok(())
                })
                .map(|_| ()),
        };
        sent
    }

    fn delete(
        &mut self,
        at: Timestamp,
        chat: &ChatId,
        me: &UserId,
        id: &MessageId,
        sent: &mut Vec<Sent>,
    ) -> Result<Response, ApiError> {
        let message = self.living(chat, me, id)?;
        if message.sender_id != *me {
            return Err(refused(Code::Forbidden));
        }
        if message.deleted_at.is_none() {
            message.content = "".into();
            message.deleted_at = Some(at);
            message.reactions = None;
            message.pinned = None;
            let message = message.clone();
            self.tell_message(&message, Kind::Deleted, sent);
        }
        Ok(Response::Done)
    }

    fn touch(
        &mut self,
        chat: &ChatId,
        me: &UserId,
        id: &MessageId,
        sent: &mut Vec<Sent>,
        change: impl FnOnce(&mut Message) -> Result<(), ApiError>,
    ) -> Result<Message, ApiError> {
        let message = self.living(chat, me, id)?;
        if message.deleted_at.is_some() {
            return Err(refused(Code::Conflict));
        }
        let before = message.clone();
        change(message)?;
        let message = message.clone();
        if message != before {
            self.tell_message(&message, Kind::Updated, sent);
        }
        Ok(message)
    }

    fn living(&mut self, chat: &ChatId, me: &UserId, id: &MessageId) -> Result<&mut Message, ApiError> {
        self.may_see(chat, me)?;
        self.chats
            .get_mut(chat)
            .unwrap()
            .messages
            .iter_mut()
            .find(|message| message.id == *id && can_see(message, me))
            .ok_or_else(|| refused(Code::NotFound))
    }
}

fn react(message: &mut Message, me: &UserId, emoji: &str, add: bool) {
    let mut reactions = message.reactions.take().unwrap_or_default();
    if !reactions.iter().any(|reaction| reaction.emoji == emoji) {
        reactions.push(Reaction {
            emoji: emoji.to_owned(),
            user_ids: Vec::new(),
        });
    }
    for reaction in &mut reactions {
        let has = reaction.user_ids.contains(me);
        if reaction.emoji == emoji && add && !has {
            reaction.user_ids.push(me.clone());
        } else if reaction.emoji == emoji && !add {
            reaction.user_ids.retain(|user| user != me);
        }
    }
    reactions.retain(|reaction| !reaction.user_ids.is_empty());
    message.reactions = Some(reactions).filter(|reactions| !reactions.is_empty());
}
