//! What a person wants, and whether it can be taken.

use khaya_wire::{ChatId, discovery::Feature};

use super::{
    Chat, FileRequest, Output, outbox::written::Written, session::Entrance, stored::Then, timeline::Direction,
};
use crate::{
    Intent,
    api::{ApiError, Request},
    store::{Change, Op, Position},
    view::{Failure, PeopleSearch},
};

impl Chat {
    pub(super) fn take_intent(&mut self, id: u64, intent: Intent) {
        let needs_session = !matches!(
            intent,
            Intent::SignIn { .. }
                | Intent::Register { .. }
                | Intent::Focus { .. }
                | Intent::Network { .. }
                | Intent::Quiet(_)
                | Intent::UnlockStore { .. }
                | Intent::BeginStoreAnew
                | Intent::SetRecoveryPassphrase { .. }
                | Intent::Dismiss { .. }
        );
        if needs_session && self.signed_in().is_none() {
            return self.answer(id, Err(Failure::new("not_signed_in", "Sign in first.")));
        }
        match intent {
            Intent::SignIn {
                server,
                username,
                password,
            } => self.sign_in(&server, username.trim().to_owned(), password, Entrance::Login),
            Intent::Register {
                server,
                username,
                password,
                name,
                invite,
            } => {
                let name = name.trim().to_owned();
                self.sign_in(
                    &server,
                    username.trim().to_owned(),
                    password,
                    Entrance::Register { name, invite },
                );
            }
            Intent::KeepForThisRun => self.keep_for_this_run(),
            Intent::RetryKeyring => self.save_session(),
            Intent::SignOut => self.sign_out(),
            Intent::OpenChat { chat_id } => {
                if self.chats.get(&chat_id).is_none() {
                    return self.answer(id, Err(no_such_chat()));
                }
                self.open_chat(&chat_id);
            }
            Intent::CloseChat => {
                self.close_chat();
                self.keep_open_chat();
            }
            Intent::Send {
                chat_id,
                text,
                reply_to,
                visible_to,
                visible_to_roles,
                attachments,
            } => {
                let written = Written {
                    text,
                    reply_to,
                    visible_to,
                    visible_to_roles,
                    attachments,
                };
                return self.send(id, chat_id, written);
            }
            Intent::Retry { key } => return self.retry(id, client_id_in(&key)),
            Intent::DeleteUnsent { key } => return self.delete_unsent(id, client_id_in(&key)),
            Intent::Edit { key, text } => return self.edit(id, &key, &text),
            Intent::Delete { key } => {
                return self.change_message(id, &key, Feature::Edits, |target| Change::Delete { target });
            }
            Intent::React { key, emoji, add } => return self.react(id, &key, emoji, add),
            Intent::PinMessage { key, pinned } => {
                let change = |target| Change::Pin { target, pinned };
                return self.change_message(id, &key, Feature::Pins, change);
            }
            Intent::JumpTo { chat_id, message_id } => {
                if self.chats.get(&chat_id).is_none() {
                    return self.answer(id, Err(no_such_chat()));
                }
                self.jump_to(&chat_id, message_id);
            }
            Intent::MuteChat { chat_id, muted } => {
                return self.prefer(id, chat_id, Some(muted), None);
            }
            Intent::PinChat { chat_id, pinned } => {
                return self.prefer(id, chat_id, None, Some(pinned));
            }
            Intent::DescribeChat { chat_id, name, topic } => {
                let name = name.map(|name| name.trim().to_owned());
                if name.as_ref().is_some_and(String::is_empty) {
                    let failure = Failure::new("invalid_request", "A group has a name.");
                    return self.answer(id, Err(failure));
                }
                let topic = topic.map(|topic| topic.trim().to_owned());
                return self.change(id, chat_id, Feature::Chats, Change::Describe { name, topic });
            }
            Intent::AddMember { chat_id, user_id } => return self.add_member(id, chat_id, &user_id),
            Intent::RemoveMember { chat_id, user_id } => {
                let change = Change::RemoveMember { user: user_id };
                return self.change(id, chat_id, Feature::Chats, change);
            }
            Intent::SetRole {
                chat_id,
                user_id,
                role,
            } => {
                let change = Change::SetRole { user: user_id, role };
                return self.change(id, chat_id, Feature::Chats, change);
            }
            Intent::LeaveChat { chat_id } => {
                return self.change(id, chat_id, Feature::Chats, Change::Leave);
            }
            Intent::DeleteChat { chat_id } => {
                return self.change(id, chat_id, Feature::Chats, Change::DeleteChat);
            }
            Intent::LoadOlder => self.load(Direction::Older),
            Intent::LoadNewer => self.load(Direction::Newer),
            Intent::JumpToNewest => self.jump_to_newest(),
            Intent::Follow { chat_id, rows } => self.follow(&chat_id, rows),
            Intent::Seen { chat_id, key } => return self.seen(id, chat_id, &key),
            Intent::MarkRead { chat_id } => return self.mark_read(id, chat_id),
            Intent::Typing { chat_id, active } => self.typed(&chat_id, active),
            Intent::SaveDraft { chat_id, text } => return self.save_draft(id, chat_id, text),
            Intent::StartChat {
                kind,
                name,
                member_ids,
            } => return self.create_chat(id, kind, name, member_ids),
            Intent::FindPeople { query } => self.find_people(query),
            Intent::ListSessions => self.list_sessions(),
            Intent::RevokeSession { session_id } => return self.revoke_session(id, session_id),
            Intent::ChangePassword { current, new } => return self.change_password(id, current, new),
            Intent::Rename { name } => return self.rename(id, name),
            Intent::SetPicture { file } => return self.set_picture(id, file),
            Intent::Search { query, chat_id } => {
                if chat_id
                    .as_ref()
                    .is_some_and(|chat| self.chats.get(chat).is_none())
                {
                    return self.answer(id, Err(no_such_chat()));
                }
                self.look_for(query, chat_id);
            }
            Intent::SearchMore => self.look_for_more(),
            Intent::CloseSearch => self.close_search(),
            Intent::Refresh => self.try_now(),
            Intent::Focus { focused } => self.focus(focused),
            Intent::Network { online } => self.set_network(online),
            Intent::Quiet(quiet) => self.quiet = quiet,
            // The actor takes these; what there is to open is open by now.
            Intent::UnlockStore { .. } | Intent::BeginStoreAnew | Intent::SetRecoveryPassphrase { .. } => {}
            Intent::Dismiss { alert_id } => self.alerts.retain(|alert| alert.id != alert_id),
        }
        self.answer(id, Ok(()));
    }

    /// Fetches a file for who asked for it.
    pub(super) fn want_file(&mut self, id: u64, request: FileRequest) {
        let request = match request {
            FileRequest::Show { file, thumbnail } => Request::File { file, thumbnail },
            FileRequest::Save { file, to } => Request::SaveFile { file, to },
        };
        if !self.can_ask() {
            let result = Err(ApiError::Unreachable);
            return self.out.push(Output::File { id, result });
        }
        self.call(request, super::calls::Purpose::File { id });
    }

    fn prefer(&mut self, intent: u64, chat: ChatId, muted: Option<bool>, pinned: Option<bool>) {
        self.change(intent, chat, Feature::Chats, Change::Prefer { muted, pinned });
    }

    fn focus(&mut self, focused: bool) {
        let gained = focused && !self.is_focused;
        self.is_focused = focused;
        if gained {
            self.fetch_soon();
        } else if !focused {
            self.stop_typing();
        }
    }

    fn save_draft(&mut self, intent: u64, chat: ChatId, text: String) {
        let op = Op::SaveDraft {
            chat: chat.clone(),
            text: text.clone(),
        };
        self.store(op, Then::Draft { intent, chat, text });
    }

    pub(super) fn draft_is_saved(&mut self, intent: u64, chat: &ChatId, text: String) {
        if let Some(row) = self.chats.rows.get_mut(chat) {
            row.stored.draft = text;
        }
        self.answer(intent, Ok(()));
    }

    fn seen(&mut self, id: u64, chat: ChatId, key: &str) {
        let position = self
            .timeline
            .as_ref()
            .filter(|timeline| timeline.chat == chat)
            .and_then(|timeline| timeline.shown(|message| self.key_of(message) == key));
        // What the server does not have yet is one's own: up to there everything has been seen.
        let position = position.or_else(|| {
            self.outbox.get(client_id_in(key))?;
            let newest = self.chats.get(&chat)?.newest.as_ref()?;
            Some((newest.created_at, newest.id.clone()))
        });
        match position {
            Some(position) => self.read_to(id, chat, position),
            // It has gone since it was looked at. The page tells of the newest that it shows then.
            None => self.answer(id, Ok(())),
        }
    }

    fn mark_read(&mut self, id: u64, chat: ChatId) {
        let Some(stored) = self.chats.get(&chat) else {
            return self.answer(id, Err(no_such_chat()));
        };
        let newest = stored.newest.as_ref();
        match newest.map(|newest| (newest.created_at, newest.id.clone())) {
            Some(position) => self.read_to(id, chat, position),
            None => self.answer(id, Ok(())),
        }
    }

    fn read_to(&mut self, id: u64, chat: ChatId, position: Position) {
        let is_read = self
            .chats
            .get(&chat)
            .and_then(|chat| chat.marker.as_ref())
            .is_some_and(|marker| *marker >= position);
        if is_read {
            return self.answer(id, Ok(()));
        }
        self.chats.overtake(&chat);
        self.store(
            Op::MarkRead {
                chat,
                position: position.clone(),
            },
            Then::Seen { intent: id, position },
        );
    }

    fn find_people(&mut self, query: Option<String>) {
        let Some(query) = query else {
            self.people = None;
            return;
        };
        let people = self.people.take().map(|search| search.people).unwrap_or_default();
        self.people = Some(PeopleSearch {
            query: query.clone(),
            people,
            is_loading: true,
            failure: None,
        });
        self.call(
            Request::FindPeople { query: query.clone() },
            super::calls::Purpose::FindPeople { query },
        );
    }
}

/// The client id in the key of an item that was not sent.
pub(super) fn client_id_in(key: &str) -> &str {
    key.strip_prefix(super::show::OWN_KEY).unwrap_or_default()
}

pub(super) fn no_such_chat() -> Failure {
    Failure::new("not_found", "This chat is not there any more.")
}
