//! The items of the timeline, and what the person may do with them and with the chat.

use std::sync::Arc;

use khaya_wire::{
    Chat as WireChat, ChatKind, Message, MessageId, UserId, discovery::Feature, model::ChatRole,
};

use super::{LONGEST_PREVIEW, OWN_KEY, person, shortened, state_of_sent, state_of_unsent};
use crate::{
    machine::{Chat, timeline::Timeline, words},
    mention,
    store::{OutboxEntry, Outgoing, StoredChat, Target, apply},
    view::{Attachment, MayInChat, MayWithMessage, Quote, Reaction, SystemEvent, TimelineItem},
};

impl Chat {
    pub(super) fn show_timeline(&self, timeline: &Timeline) -> Vec<Arc<TimelineItem>> {
        let Some(stored) = self.chats.get(&timeline.chat) else {
            return Vec::new();
        };
        let mut items: Vec<_> = timeline
            .messages
            .iter()
            .map(|message| Arc::new(self.show_item(stored, timeline, message)))
            .collect();
        if timeline.is_at_newest() {
            let unsent = self.outbox.messages_of(&timeline.chat);
            items.extend(unsent.filter_map(|(entry, message)| {
                Some(Arc::new(self.show_unsent(stored, timeline, entry, message)?))
            }));
        }
        items
    }

    pub(super) fn may_in(&self, chat: &WireChat) -> MayInChat {
        let has_chats = self.server_has(Feature::Chats);
        let is_group = has_chats && chat.kind == ChatKind::Group;
        let moderates = is_group && chat.my_role >= Some(ChatRole::Moderator);
        let owns = is_group && chat.my_role == Some(ChatRole::Owner);
        MayInChat {
            prefer: has_chats,
            describe: moderates,
            add_members: moderates,
            remove_members: moderates,
            set_roles: owns,
            leave: is_group,
            delete: owns,
            restrict: chat.kind == ChatKind::Group,
            attach: self.server_has(Feature::Files),
        }
    }

    fn show_item(&self, stored: &StoredChat, timeline: &Timeline, message: &Arc<Message>) -> TimelineItem {
        let changed = self.message_as_changed(message);
        let changing = changed.is_some();
        let message = changed.as_ref().unwrap_or(message);
        let own = self.is_own(message);
        let deleted = message.deleted_at.is_some();
        TimelineItem {
            key: self.key_of(message),
            id: Some(message.id.clone()),
            sender: self.person_of(stored, &message.sender_id),
            own,
            text: if deleted {
                "".into()
            } else {
                message.content.clone()
            },
            body: if deleted {
                Arc::default()
            } else {
                timeline.words.of(&message.id, &message.content)
            },
            at: message.created_at,
            state: own.then(|| state_of_sent(message, &stored.reads)),
            audience: message.is_restricted().then(|| {
                let users = message.visible_to.iter().flatten();
                self.audience(stored, users, message.visible_to_roles.iter().flatten())
            }),
            edited_at: message.edited_at,
            deleted,
            system: message.system.as_ref().map(|system| SystemEvent {
                event: system.event.clone(),
                by: system.by.as_ref().map(|user| self.name_of(stored, user)),
                about: system
                    .about
                    .as_ref()
                    .map(|about| self.name_if_person(stored, about)),
            }),
            reply_to: message
                .reply_to
                .as_ref()
                .map(|original| self.show_quote(stored, timeline, original)),
            reactions: self.show_reactions(stored, message),
            pinned: message.pinned.unwrap_or(false),
            mentions_me: !own && self.names_me(&message.content),
            attachments: message
                .attachments
                .iter()
                .flatten()
                .map(|file| Attachment {
                    id: Some(file.id.clone()),
                    staged: None,
                    name: file.name.clone(),
                    mime_type: file.mime_type.clone(),
                    size: file.size,
                    width: file.width,
                    height: file.height,
                    blurhash: file.blurhash.clone(),
                    sent: None,
                })
                .collect(),
            changing,
            failed_edit: self.outbox.failed_edit(message),
            may: self.may_with(stored, message, own),
        }
    }

    /// An item for what waits in the outbox, with the changes that wait behind it.
    fn show_unsent(
        &self,
        stored: &StoredChat,
        timeline: &Timeline,
        entry: &OutboxEntry,
        outgoing: &Outgoing,
    ) -> Option<TimelineItem> {
        let me = &self.signed_in()?.me;
        let message = self.unsent_as_changed(entry, outgoing)?;
        let deleted = message.deleted_at.is_some();
        let has = |feature| !deleted && self.server_has(feature);
        let is_restricted = message.is_restricted();
        Some(TimelineItem {
            key: format!("{OWN_KEY}{}", entry.client_id),
            id: None,
            sender: person(me),
            own: true,
            body: self.outbox.words.of(&entry.client_id, &message.content),
            text: message.content.clone(),
            at: entry.at,
            state: Some(state_of_unsent(entry)),
            audience: is_restricted
                .then(|| self.audience(stored, &outgoing.visible_to, &outgoing.visible_to_roles)),
            edited_at: None,
            deleted,
            system: None,
            reply_to: outgoing.reply_to.as_ref().map(|target| match target {
                Target::Sent(original) => self.show_quote(stored, timeline, original),
                Target::Unsent(client_id) => self.quote_unsent(client_id.as_str()),
            }),
            reactions: self.show_reactions(stored, &message),
            pinned: message.pinned.unwrap_or(false),
            mentions_me: false,
            attachments: self.show_outgoing(entry, outgoing),
            changing: false,
            failed_edit: None,
            may: MayWithMessage {
                edit: has(Feature::Edits),
                delete: entry.parked.is_none() && has(Feature::Edits),
                react: entry.parked.is_none() && has(Feature::Reactions),
                reply: entry.parked.is_none() && has(Feature::Replies),
                pin: false,
            },
        })
    }

    fn show_outgoing(&self, entry: &OutboxEntry, outgoing: &Outgoing) -> Vec<Attachment> {
        let sent = self.outbox.sent_of(&entry.client_id);
        let first = outgoing.files.iter().position(|file| file.uploaded.is_none());
        let files = outgoing.files.iter().enumerate();
        files
            .map(|(place, file)| {
                let uploaded = file.uploaded.as_ref();
                Attachment {
                    id: uploaded.map(|file| file.id.clone()),
                    staged: Some(file.staged.id.clone()),
                    name: file.staged.name.clone(),
                    mime_type: file.staged.mime_type.clone(),
                    size: file.staged.size,
                    width: uploaded.and_then(|file| file.width),
                    height: uploaded.and_then(|file| file.height),
                    blurhash: uploaded.and_then(|file| file.blurhash.clone()),
                    sent: sent.filter(|_| first == Some(place)),
                }
            })
            .collect()
    }

    /// An unsent message as it will be, as far as that is known.
    fn unsent_as_changed(&self, entry: &OutboxEntry, outgoing: &Outgoing) -> Option<Message> {
        let me = self.my_id()?;
        let message = Message {
            // No id yet: nothing that looks at this message asks for it.
            id: MessageId::new(entry.client_id.as_str()).ok()?,
            chat_id: entry.chat.clone(),
            sender_id: me.clone(),
            content: outgoing.text.clone(),
            created_at: entry.at,
            client_id: Some(entry.client_id.clone()),
            edited_at: None,
            deleted_at: None,
            reply_to: None,
            visible_to: Some(outgoing.visible_to.clone()),
            visible_to_roles: Some(outgoing.visible_to_roles.clone()),
            attachments: None,
            reactions: None,
            pinned: None,
            system: None,
        };
        let target = Target::Unsent(entry.client_id.clone());
        let changes = self.outbox.changes_of(&entry.chat);
        Some(
            changes
                .filter(|change| change.target() == Some(&target))
                .fold(message, |message, change| {
                    apply::to_message(change, message, &me, self.now.wall)
                }),
        )
    }

    fn show_quote(&self, stored: &StoredChat, timeline: &Timeline, original: &MessageId) -> Quote {
        let known = timeline.find(original);
        let changed = known.and_then(|known| self.message_as_changed(known));
        let known = changed.as_ref().or_else(|| known.map(Arc::as_ref));
        let deleted = known.is_some_and(|known| known.deleted_at.is_some());
        Quote {
            id: Some(original.clone()),
            sender_name: known.map(|known| self.name_of(stored, &known.sender_id)),
            excerpt: known
                .filter(|_| !deleted)
                .map(|known| match timeline.lines.get(&known.id) {
                    Some(line) if changed.is_none() => shortened(line, LONGEST_PREVIEW),
                    Some(_) | None => shortened(&words::line(known), LONGEST_PREVIEW),
                })
                .unwrap_or_default(),
            deleted,
        }
    }

    fn quote_unsent(&self, client_id: &str) -> Quote {
        let text = self.outbox.get(client_id).and_then(OutboxEntry::message);
        Quote {
            id: None,
            sender_name: self.signed_in().map(|session| session.me.name.clone()),
            excerpt: text
                .map(|message| shortened(&words::line_of_unsent(message), LONGEST_PREVIEW))
                .unwrap_or_default(),
            deleted: false,
        }
    }

    fn show_reactions(&self, stored: &StoredChat, message: &Message) -> Vec<Reaction> {
        let me = self.my_id();
        message
            .reactions
            .iter()
            .flatten()
            .map(|reaction| {
                let others = reaction.user_ids.iter().filter(|user| Some(*user) != me.as_ref());
                let names: Vec<_> = others.map(|user| self.name_of(stored, user)).collect();
                Reaction {
                    emoji: reaction.emoji.clone(),
                    count: reaction.user_ids.len(),
                    mine: names.len() < reaction.user_ids.len(),
                    names,
                }
            })
            .collect()
    }

    fn may_with(&self, stored: &StoredChat, message: &Message, own: bool) -> MayWithMessage {
        if message.deleted_at.is_some() || message.system.is_some() {
            return MayWithMessage::default();
        }
        let moderates = stored.chat.my_role >= Some(ChatRole::Moderator);
        MayWithMessage {
            edit: own && self.server_has(Feature::Edits),
            delete: (own || moderates) && self.server_has(Feature::Edits),
            react: self.server_has(Feature::Reactions),
            reply: self.server_has(Feature::Replies),
            pin: self.server_has(Feature::Pins)
                && match stored.chat.kind {
                    ChatKind::Direct => true,
                    ChatKind::Group => moderates,
                },
        }
    }

    fn audience<'a>(
        &self,
        stored: &StoredChat,
        users: impl IntoIterator<Item = &'a UserId>,
        roles: impl IntoIterator<Item = &'a String>,
    ) -> Vec<String> {
        let users = users.into_iter().map(|user| self.name_of(stored, user));
        users.chain(roles.into_iter().cloned()).collect()
    }

    fn name_if_person(&self, stored: &StoredChat, about: &str) -> String {
        UserId::new(about)
            .ok()
            .filter(|user| {
                self.chats.people.contains_key(user)
                    || stored.chat.members.iter().any(|member| member.id == *user)
            })
            .map_or_else(|| about.to_owned(), |user| self.name_of(stored, &user))
    }

    /// Whether a text names the person.
    pub(in crate::machine) fn names_me(&self, text: &str) -> bool {
        self.signed_in()
            .is_some_and(|session| mention::names(text, &session.me.username))
    }
}
