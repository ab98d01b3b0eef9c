//! A model of a server: the contract's rules over data in memory, called without a network.

mod changes;
mod reading;
mod sessions;
mod streams;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use khaya_chat::api::{ApiError, Call, Request, Response};
use khaya_wire::{
    ChatId, ChatKind, Code, Message, MessageId, Timestamp, User, UserId,
    discovery::{Discovery, Feature, Limits},
    event::{self, name},
    rest,
};
use serde_json::Value;

/// The wall clock of the server at the beginning.
pub(crate) const EPOCH: i64 = 1_800_000_000_000;

/// What a text has in it that the model will not take.
pub(crate) const REFUSED: &str = "(not to be taken)";

const PAGE: usize = 100;

/// An event on its way to a socket.
pub(crate) type Sent = (u64, &'static str, Value);

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) is_full: bool,
    token_life: Duration,
    pub(crate) users: Vec<User>,
    pub(crate) chats: BTreeMap<ChatId, ChatModel>,
    access: HashMap<String, Access>,
    families: Vec<Family>,
    sockets: BTreeMap<u64, Socket>,
    /// Everything that was told, and from where on it is still known.
    log: Vec<streams::Logged>,
    kept_after: usize,
    private: HashMap<UserId, u64>,
    next: u64,
    last_time: i64,
}

#[derive(Debug)]
pub(crate) struct ChatModel {
    kind: ChatKind,
    name: String,
    pub(crate) members: Vec<UserId>,
    topic: String,
    pub(crate) messages: Vec<Message>,
    /// What each message was when it was sent.
    pub(crate) first: HashMap<MessageId, Message>,
    preferences: HashMap<UserId, rest::Preferences>,
    /// The last number of the chat's stream.
    seq: u64,
    /// The place up to which each has read.
    read: HashMap<UserId, (Timestamp, MessageId)>,
}

#[derive(Debug, Clone)]
struct Access {
    user: UserId,
    family: usize,
    rotation: u32,
    expires: Duration,
}

#[derive(Debug, Default)]
struct Family {
    /// All refresh tokens there were, and how often had been rotated for each. Those of a rotation that was asked for
    /// again stay as good as each other.
    refresh: HashMap<String, u32>,
    rotation: u32,
    /// The last rotation whose access token has been used.
    used: Option<u32>,
    is_revoked: bool,
}

#[derive(Debug)]
struct Socket {
    user: UserId,
    rooms: HashSet<ChatId>,
    expires: Duration,
}

impl Server {
    pub(crate) fn new(is_full: bool, people: usize, token_life: Duration) -> Self {
        let users: Vec<_> = (0..people)
            .map(|index| User {
                id: UserId::new(format!("u{index}")).unwrap(),
                username: format!("user{index}"),
                name: format!("User {index}"),
                role: "member".to_owned(),
                avatar_file_id: None,
                presence: None,
            })
            .collect();
        let everyone: Vec<_> = users.iter().map(|user| user.id.clone()).collect();
        let chat = |kind, name: &str, members: &[UserId]| ChatModel {
            kind,
            name: name.to_owned(),
            members: members.to_vec(),
            topic: String::new(),
            messages: Vec::new(),
            first: HashMap::new(),
            preferences: HashMap::new(),
            seq: 0,
            read: HashMap::new(),
        };
        let id = |text: &str| ChatId::new(text).unwrap();
        let chats = BTreeMap::from([
            (id("all"), chat(ChatKind::Group, "All", &everyone)),
            (id("pair"), chat(ChatKind::Direct, "", &everyone[..2])),
            (id("some"), chat(ChatKind::Group, "Some", &everyone[1..])),
        ]);
        Self {
            is_full,
            token_life,
            users,
            chats,
            access: HashMap::new(),
            families: Vec::new(),
            sockets: BTreeMap::new(),
            log: Vec::new(),
            kept_after: 0,
            private: HashMap::new(),
            next: 0,
            last_time: EPOCH,
        }
    }

    /// Does what is asked. The second part is what goes to sockets.
    pub(crate) fn call(&mut self, now: Duration, call: &Call) -> (Result<Response, ApiError>, Vec<Sent>) {
        let mut sent = Vec::new();
        let result = self.answer(now, call, &mut sent);
        (result, sent)
    }

    /// A socket asks to connect.
    pub(crate) fn connect(&mut self, now: Duration, socket: u64, token: &str) -> Result<(), bool> {
        match self.check(now, token) {
            Ok(access) => {
                self.sockets.insert(
                    socket,
                    Socket {
                        user: access.user,
                        rooms: HashSet::new(),
                        expires: access.expires,
                    },
                );
                Ok(())
            }
            Err(code) => Err(code == Code::TokenExpired && self.is_full),
        }
    }

    pub(crate) fn disconnect(&mut self, socket: u64) {
        self.sockets.remove(&socket);
    }

    /// The sockets whose token has run out.
    pub(crate) fn expired(&self, now: Duration) -> Vec<u64> {
        self.sockets
            .iter()
            .filter(|(_, socket)| self.is_full && socket.expires <= now)
            .map(|(id, _)| *id)
            .collect()
    }

    pub(crate) fn event(&mut self, now: Duration, socket: u64, event: &str, data: Value) -> Vec<Sent> {
        let Some(user) = self.sockets.get(&socket).map(|socket| socket.user.clone()) else {
            return Vec::new();
        };
        match event {
            name::JOIN_CHAT => {
                let room: event::Room = serde_json::from_value(data).unwrap();
                if self
                    .chats
                    .get(&room.chat_id)
                    .is_some_and(|chat| chat.members.contains(&user))
                {
                    self.sockets.get_mut(&socket).unwrap().rooms.insert(room.chat_id);
                }
                Vec::new()
            }
            name::LEAVE_CHAT => {
                let room: event::Room = serde_json::from_value(data).unwrap();
                self.sockets.get_mut(&socket).unwrap().rooms.remove(&room.chat_id);
                Vec::new()
            }
            name::AUTHENTICATE => {
                let fresh: event::Authenticate = serde_json::from_value(data).unwrap();
                if let Ok(access) = self.check(now, &fresh.token) {
                    self.sockets.get_mut(&socket).unwrap().expires = access.expires;
                }
                Vec::new()
            }
            name::USER_TYPING => {
                let typing: event::Typing = serde_json::from_value(data).unwrap();
                assert!(self.is_full || typing.is_typing(), "Base takes any as typing");
                assert_eq!(typing.user_id, user, "one types as oneself");
                self.sockets
                    .iter()
                    .filter(|(id, other)| **id != socket && other.rooms.contains(&typing.chat_id))
                    .map(|(id, _)| (*id, name::USER_TYPING, serde_json::to_value(&typing).unwrap()))
                    .collect()
            }
            other => panic!("the app sends no {other}"),
        }
    }

    /// Somebody who uses no app of ours writes.
    pub(crate) fn write(
        &mut self,
        now: Duration,
        chat: &ChatId,
        from: &UserId,
        text: &str,
        visible_to: Option<Vec<UserId>>,
    ) -> Vec<Sent> {
        let mut sent = Vec::new();
        self.insert(
            now,
            chat,
            Message {
                visible_to,
                ..message(chat, from, text)
            },
            &mut sent,
        );
        sent
    }

    fn answer(&mut self, now: Duration, call: &Call, sent: &mut Vec<Sent>) -> Result<Response, ApiError> {
        let user = if call.request.needs_token() {
            let token = call
                .token
                .as_ref()
                .expect("a call that needs a token has one")
                .expose();
            Some(self.check(now, token).map_err(refused)?)
        } else {
            assert!(call.token.is_none(), "no token where none is needed");
            None
        };
        let user = user.map(|access| access.user);
        let me = || user.clone().expect("checked");
        if let Some(me) = &user
            && let Some(result) = self.change(now, me, &call.request, sent)
        {
            return result;
        }
        match &call.request {
            Request::Discover => Ok(Response::Discovered(self.is_full.then(discovery))),
            Request::Login(login) => self.login(now, login),
            Request::Refresh(refresh) => self.refresh(now, &refresh.refresh_token),
            Request::Logout => {
                let token = call
                    .token
                    .as_ref()
                    .map(|token| token.expose().to_owned())
                    .unwrap();
                let family = self.access[&token].family;
                self.families[family].is_revoked = true;
                Ok(Response::Done)
            }
            Request::Chats { cursor, .. } => Ok(Response::Chats(self.list(&me(), cursor.as_deref()))),
            Request::Chat { chat } | Request::Join { chat } => {
                let me = me();
                self.may_see(chat, &me)?;
                Ok(Response::Chat(Box::new(self.chat_as(chat, &me))))
            }
            Request::Messages { chat, part } => {
                let me = me();
                self.may_see(chat, &me)?;
                Ok(Response::Messages(self.page(chat, &me, part)?))
            }
            Request::Send { chat, message } => {
                let me = me();
                self.may_see(chat, &me)?;
                self.send(now, chat, &me, message, sent)
            }
            Request::MarkRead { chat, message } => {
                let me = me();
                self.may_see(chat, &me)?;
                self.mark_read(chat, &me, message, sent)?;
                Ok(Response::Done)
            }
            Request::Search {
                words, cursor, limit, ..
            } => Ok(Response::Messages(self.search(
                &me(),
                words,
                cursor.as_deref(),
                *limit,
            ))),
            Request::Sync { since, .. } => self.sync(&me(), since.as_deref()),
            Request::Edit { .. }
            | Request::Delete { .. }
            | Request::React { .. }
            | Request::Pin { .. }
            | Request::Prefer { .. }
            | Request::ChangeChat { .. }
            | Request::DeleteChat { .. }
            | Request::PutMember { .. }
            | Request::RemoveMember { .. }
            | Request::Upload { .. }
            | Request::File { .. }
            | Request::SaveFile { .. }
            | Request::Register(_)
            | Request::CreateChat(_)
            | Request::FindPeople { .. }
            | Request::Sessions
            | Request::RevokeSession { .. }
            | Request::ChangePassword { .. }
            | Request::Rename { .. }
            | Request::SetPicture { .. } => Err(refused(Code::NotFound)),
        }
    }

    fn send(
        &mut self,
        now: Duration,
        chat: &ChatId,
        from: &UserId,
        body: &rest::SendMessage,
        sent: &mut Vec<Sent>,
    ) -> Result<Response, ApiError> {
        if body.content.contains(REFUSED) {
            return Err(refused(Code::InvalidRequest));
        }
        if self.is_full {
            let known = self
                .chats
                .values()
                .flat_map(|chat| &chat.messages)
                .find(|message| message.sender_id == *from && message.client_id == body.client_id);
            if let Some(known) = known {
                let first = &self.chats[chat].first[&known.id];
                assert_eq!(first.content, body.content, "a client id is for one message");
                assert_eq!(first.reply_to, body.reply_to, "with one original");
                assert_eq!(first.visible_to, body.visible_to, "for one audience");
                return Ok(Response::Sent(Box::new(known.clone())));
            }
        }
        if let Some(original) = &body.reply_to {
            let known = self
                .entitled(chat, from)
                .into_iter()
                .find(|message| message.id == *original);
            let Some(known) = known else {
                return Err(refused(Code::InvalidRequest));
            };
            let reaches_further = |user: &&UserId| **user != *from && !can_see(known, user);
            let listed = body.visible_to.as_ref().filter(|_| known.is_restricted());
            if known.is_restricted()
                && listed.is_none_or(|listed| listed.iter().any(|user| reaches_further(&user)))
            {
                return Err(refused(Code::InvalidRequest));
            }
        }
        let stored = self.insert(
            now,
            chat,
            Message {
                client_id: body.client_id.clone(),
                reply_to: body.reply_to.clone(),
                visible_to: body.visible_to.clone(),
                ..message(chat, from, &body.content)
            },
            sent,
        );
        Ok(Response::Sent(Box::new(self.message_as(&stored, from))))
    }

    fn insert(&mut self, now: Duration, chat: &ChatId, message: Message, sent: &mut Vec<Sent>) -> Message {
        self.next += 1;
        let message = Message {
            id: MessageId::new(format!("m{:08}", self.next)).unwrap(),
            created_at: self.tick(now),
            ..message
        };
        let model = self.chats.get_mut(chat).unwrap();
        model.messages.push(message.clone());
        model.first.insert(message.id.clone(), message.clone());
        self.tell_message(&message, streams::Kind::New, sent);
        message
    }

    /// A time that is never less than one before, and often the same.
    fn tick(&mut self, now: Duration) -> Timestamp {
        self.last_time = self
            .last_time
            .max(EPOCH + i64::try_from(now.as_millis()).unwrap());
        Timestamp::from_millis(self.last_time)
    }
}

fn can_see(message: &Message, user: &UserId) -> bool {
    !message.is_restricted()
        || message.sender_id == *user
        || message
            .visible_to
            .as_ref()
            .is_some_and(|listed| listed.contains(user))
}

fn message(chat: &ChatId, from: &UserId, text: &str) -> Message {
    Message {
        id: MessageId::new("m").unwrap(),
        chat_id: chat.clone(),
        sender_id: from.clone(),
        content: text.into(),
        created_at: Timestamp::default(),
        client_id: None,
        edited_at: None,
        deleted_at: None,
        reply_to: None,
        visible_to: None,
        visible_to_roles: None,
        attachments: None,
        reactions: None,
        pinned: None,
        system: None,
    }
}

fn discovery() -> Discovery {
    Discovery {
        contract: 1,
        name: "Model".to_owned(),
        features: [
            Feature::Refresh,
            Feature::Receipts,
            Feature::Acks,
            Feature::Authenticate,
            Feature::Everywhere,
            Feature::Search,
            Feature::Sync,
            Feature::Edits,
            Feature::Reactions,
            Feature::Replies,
            Feature::Pins,
            Feature::Chats,
        ]
        .into(),
        limits: Limits::default(),
    }
}

fn refused(code: Code) -> ApiError {
    ApiError::Refused {
        code,
        detail: String::new(),
        retry_after: None,
    }
}
