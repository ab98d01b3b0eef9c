//! A model of a server: the contract's rules over data in memory, called without a network.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use khaya_chat::api::{ApiError, Call, Part, Request, Response};
use khaya_wire::{
    Chat, ChatId, ChatKind, Code, Message, MessageId, Page, Timestamp, User, UserId,
    discovery::{Discovery, Feature, Limits},
    event::{self, name},
    model::ReadMarker,
    rest,
};
use serde_json::{Value, json};

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
    next: u64,
    last_time: i64,
}

#[derive(Debug)]
pub(crate) struct ChatModel {
    kind: ChatKind,
    name: String,
    pub(crate) members: Vec<UserId>,
    pub(crate) messages: Vec<Message>,
    /// The place up to which each has read.
    read: HashMap<UserId, (Timestamp, MessageId)>,
}

#[derive(Debug, Clone)]
struct Access {
    user: UserId,
    family: usize,
    expires: Duration,
}

#[derive(Debug, Default)]
struct Family {
    /// All refresh tokens there were, the newest last.
    refresh: Vec<String>,
    newest_access: String,
    newest_is_used: bool,
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
            messages: Vec::new(),
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

    /// Somebody who uses no app of ours changes one of their newest messages.
    pub(crate) fn edit(&mut self, now: Duration, chat: &ChatId, from: &UserId, text: &str) -> Vec<Sent> {
        let at = self.tick(now);
        let Some(model) = self.chats.get_mut(chat) else {
            return Vec::new();
        };
        let Some(edited) = model
            .messages
            .iter_mut()
            .rev()
            .take(10)
            .find(|message| message.sender_id == *from)
        else {
            return Vec::new();
        };
        edited.content = text.into();
        edited.edited_at = Some(at);
        let edited = edited.clone();
        if !self.is_full {
            return Vec::new();
        }
        let event = event::MessageEvent {
            chat_id: chat.clone(),
            message: edited.clone(),
            number: None,
        };
        self.sockets_that_see(chat, &edited)
            .into_iter()
            .map(|socket| {
                (
                    socket,
                    name::MESSAGE_UPDATED,
                    serde_json::to_value(&event).unwrap(),
                )
            })
            .collect()
    }

    /// The messages of a chat that exist for a person, in order.
    pub(crate) fn entitled(&self, chat: &ChatId, user: &UserId) -> Vec<&Message> {
        self.chats[chat]
            .messages
            .iter()
            .filter(|message| can_see(message, user))
            .collect()
    }

    pub(crate) fn unread(&self, chat: &ChatId, user: &UserId) -> u64 {
        let read = self.chats[chat].read.get(user);
        self.entitled(chat, user)
            .into_iter()
            .filter(|message| {
                message.sender_id != *user && read.is_none_or(|(at, id)| message.position() > (*at, id))
            })
            .count() as u64
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
            Request::Chats { cursor } => Ok(Response::Chats(self.list(&me(), cursor.as_deref()))),
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
            Request::CreateChat(_) | Request::FindPeople { .. } => Err(refused(Code::NotFound)),
        }
    }

    fn login(&mut self, now: Duration, login: &rest::Login) -> Result<Response, ApiError> {
        let user = self
            .users
            .iter()
            .find(|user| user.username == login.username)
            .cloned()
            .ok_or_else(|| refused(Code::InvalidCredentials))?;
        self.families.push(Family::default());
        let family = self.families.len() - 1;
        let (token, refresh_token, expires_at) = self.issue(now, &user.id, family);
        Ok(Response::SignedIn(Box::new(rest::SignedIn {
            token,
            user,
            refresh_token: self.is_full.then_some(refresh_token),
            expires_at: self.is_full.then_some(expires_at),
        })))
    }

    /// Rotates (contract, `POST /auth/refresh`): the token before the last is taken until the newest access token
    /// has been used; anything older revokes the family.
    fn refresh(&mut self, now: Duration, token: &str) -> Result<Response, ApiError> {
        let family = self
            .families
            .iter()
            .position(|family| family.refresh.iter().any(|known| known == token))
            .ok_or_else(|| refused(Code::Unauthorized))?;
        let known = &mut self.families[family];
        let from_end = known.refresh.iter().rev().position(|known| known == token);
        let is_good = match from_end {
            Some(0) => true,
            Some(1) => !known.newest_is_used,
            Some(_) | None => false,
        };
        if !is_good || known.is_revoked {
            known.is_revoked = true;
            return Err(refused(Code::Unauthorized));
        }
        if from_end == Some(1) {
            known.refresh.pop();
        }
        let user = self
            .access
            .values()
            .find(|access| access.family == family)
            .map(|access| access.user.clone())
            .expect("a family has an access token");
        let (token, refresh_token, expires_at) = self.issue(now, &user, family);
        Ok(Response::Refreshed(rest::Refreshed {
            token,
            refresh_token,
            expires_at,
        }))
    }

    fn issue(&mut self, now: Duration, user: &UserId, family: usize) -> (String, String, Timestamp) {
        self.next += 1;
        let (token, refresh) = (format!("access{}", self.next), format!("refresh{}", self.next));
        let expires = if self.is_full {
            now + self.token_life
        } else {
            Duration::MAX
        };
        self.access.insert(
            token.clone(),
            Access {
                user: user.clone(),
                family,
                expires,
            },
        );
        let family = &mut self.families[family];
        family.refresh.push(refresh.clone());
        family.newest_access.clone_from(&token);
        family.newest_is_used = false;
        let life = i64::try_from((now + self.token_life).as_millis()).unwrap();
        (token, refresh, Timestamp::from_millis(EPOCH + life))
    }

    fn check(&mut self, now: Duration, token: &str) -> Result<Access, Code> {
        let access = self.access.get(token).cloned().ok_or(Code::Unauthorized)?;
        let family = &mut self.families[access.family];
        if family.is_revoked {
            return Err(Code::Unauthorized);
        }
        if access.expires <= now {
            return Err(Code::TokenExpired);
        }
        if family.newest_access == token {
            family.newest_is_used = true;
        }
        Ok(access)
    }

    fn may_see(&self, chat: &ChatId, user: &UserId) -> Result<(), ApiError> {
        match self.chats.get(chat) {
            Some(model) if model.members.contains(user) => Ok(()),
            Some(_) | None => Err(refused(Code::NotFound)),
        }
    }

    /// Two to a page, so that paging is done.
    fn list(&self, user: &UserId, cursor: Option<&str>) -> Page<Chat> {
        let mut chats: Vec<_> = self
            .chats
            .iter()
            .filter(|(_, chat)| chat.members.contains(user))
            .map(|(id, _)| self.chat_as(id, user))
            .collect();
        chats.sort_by_key(|chat| (std::cmp::Reverse(chat.updated_at), chat.id.clone()));
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let items: Vec<_> = chats.iter().skip(from).take(2).cloned().collect();
        let end = from + items.len();
        Page {
            items,
            next_cursor: (end < chats.len()).then(|| end.to_string()),
        }
    }

    fn chat_as(&self, id: &ChatId, user: &UserId) -> Chat {
        let model = &self.chats[id];
        let last = self.entitled(id, user).pop().cloned();
        Chat {
            id: id.clone(),
            kind: model.kind,
            name: model.name.clone(),
            topic: None,
            members: self
                .users
                .iter()
                .filter(|user| model.members.contains(&user.id))
                .cloned()
                .collect(),
            updated_at: last
                .as_ref()
                .map_or(Timestamp::from_millis(EPOCH), |last| last.created_at),
            last_message: last.map(|last| self.message_as(&last, user)),
            unread_count: self.unread(id, user),
            my_role: None,
            muted: None,
            pinned: None,
            reads: self.is_full.then(|| {
                model
                    .read
                    .iter()
                    .map(|(user, (_, message))| ReadMarker {
                        user_id: user.clone(),
                        message_id: message.clone(),
                    })
                    .collect()
            }),
            seq: None,
        }
    }

    fn message_as(&self, message: &Message, user: &UserId) -> Message {
        Message {
            client_id: message
                .client_id
                .clone()
                .filter(|_| self.is_full && message.sender_id == *user),
            ..message.clone()
        }
    }

    fn page(&self, chat: &ChatId, user: &UserId, part: &Part) -> Result<Page<Message>, ApiError> {
        let all = self.entitled(chat, user);
        let place = |id: &MessageId| {
            all.iter()
                .position(|message| message.id == *id)
                .ok_or_else(|| refused(Code::NotFound))
        };
        let (items, next): (&[&Message], _) = match part {
            Part::Newest => {
                let from = all.len().saturating_sub(PAGE);
                (&all[from..], (from > 0).then(|| all[from].id.to_string()))
            }
            Part::Before(id) => {
                let end = place(id)?;
                let from = end.saturating_sub(PAGE);
                (&all[from..end], (from > 0).then(|| all[from].id.to_string()))
            }
            Part::After(id) => {
                let from = place(id)? + 1;
                let end = (from + PAGE).min(all.len());
                (
                    &all[from..end],
                    (end < all.len()).then(|| all[end - 1].id.to_string()),
                )
            }
        };
        Ok(Page {
            items: items
                .iter()
                .map(|message| self.message_as(message, user))
                .collect(),
            next_cursor: next,
        })
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
                assert_eq!(known.content, body.content, "a client id is for one message");
                return Ok(Response::Sent(Box::new(known.clone())));
            }
        }
        let stored = self.insert(
            now,
            chat,
            Message {
                client_id: body.client_id.clone(),
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
        self.chats.get_mut(chat).unwrap().messages.push(message.clone());
        for socket in self.sockets_that_see(chat, &message) {
            let told = self.message_as(&message, &self.sockets[&socket].user);
            let event = json!({ "chatId": chat, "message": told });
            sent.push((socket, name::NEW_MESSAGE, event));
        }
        message
    }

    fn sockets_that_see(&self, chat: &ChatId, message: &Message) -> Vec<u64> {
        let members = &self.chats[chat].members;
        self.sockets
            .iter()
            .filter(|(_, socket)| members.contains(&socket.user) && can_see(message, &socket.user))
            .filter(|(_, socket)| self.is_full || socket.rooms.contains(chat))
            .map(|(id, _)| *id)
            .collect()
    }

    fn mark_read(
        &mut self,
        chat: &ChatId,
        user: &UserId,
        message: &MessageId,
        sent: &mut Vec<Sent>,
    ) -> Result<(), ApiError> {
        let place = self
            .entitled(chat, user)
            .into_iter()
            .find(|known| known.id == *message)
            .map(|known| (known.created_at, known.id.clone()))
            .ok_or_else(|| refused(Code::NotFound))?;
        let model = self.chats.get_mut(chat).unwrap();
        let read = model.read.entry(user.clone()).or_insert_with(|| place.clone());
        if *read < place {
            *read = place;
        }
        let event = json!({ "chatId": chat, "userId": user, "messageId": read.1 });
        for (socket, known) in &self.sockets {
            if model.members.contains(&known.user) {
                sent.push((*socket, name::READ_UPDATED, event.clone()));
            }
        }
        Ok(())
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
