//! One machine on a desk: the disk and the keyring answer at once, the server and the clock as the test says.

use std::{collections::VecDeque, time::Duration};

use khaya_chat::{
    Intent, View,
    api::{ApiError, Call, Request, Response},
    intent::Secret,
    machine::{Chat, Input, Now, Output, SecretsAnswer, SecretsRequest, SocketCommand, SocketEvent},
    shell::{Notice, SecretsError, ShellRequest},
    store::{self, Store, StoreError},
    view::{Failure, Transport},
};
use khaya_wire::{
    Chat as WireChat, ChatId, ChatKind, Code, Message, MessageId, Page, Timestamp, User, UserId,
    discovery::{Discovery, Feature},
    rest,
};
use serde_json::{Value, json};

pub(crate) const WALL: i64 = 1_800_000_000_000;

pub(crate) struct Desk {
    pub(crate) machine: Chat,
    store: Store,
    pub(crate) now: Duration,
    next_intent: u64,
    /// Calls that have not been answered.
    pub(crate) calls: Vec<(u64, Call)>,
    pub(crate) emitted: Vec<(&'static str, Value)>,
    pub(crate) connects: Vec<Secret>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) withdrawn: Vec<ChatId>,
    pub(crate) forgotten: Vec<khaya_wire::FileId>,
    pub(crate) retries: u32,
    pub(crate) network_changes: u32,
    /// How often connections that are kept ready were given up.
    pub(crate) forgets: u32,
    /// Of the clock on the wall, in milliseconds.
    pub(crate) ahead: i64,
    pub(crate) keyring: Option<Secret>,
    pub(crate) keyring_is_locked: bool,
    pub(crate) disk_is_full: bool,
    /// Whether the disk is waited for, until [`Desk::disk_goes_on`].
    pub(crate) disk_is_slow: bool,
    asked_of_disk: Vec<Output>,
    /// When the machine wants to be woken next.
    pub(crate) wake_at: Option<Duration>,
    answers: Vec<(u64, Result<(), Failure>)>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let mut desk = Self {
            machine: Chat::new(1),
            store: store::open_in_memory().unwrap(),
            now: Duration::from_secs(1),
            next_intent: 0,
            calls: Vec::new(),
            emitted: Vec::new(),
            connects: Vec::new(),
            notices: Vec::new(),
            withdrawn: Vec::new(),
            forgotten: Vec::new(),
            retries: 0,
            network_changes: 0,
            forgets: 0,
            ahead: 0,
            keyring: None,
            keyring_is_locked: false,
            disk_is_full: false,
            wake_at: None,
            disk_is_slow: false,
            asked_of_disk: Vec::new(),
            answers: Vec::new(),
        };
        desk.feed(Input::Start);
        desk
    }

    /// Signed in as `me`, connected, with a direct chat `d` and a group `g` that are known.
    pub(crate) fn connected(is_full: bool) -> Self {
        Self::connected_to(is_full.then(discovery))
    }

    /// The same with a server that says this about itself.
    pub(crate) fn connected_to(discovery: Option<Discovery>) -> Self {
        let mut desk = Self::new();
        desk.sign_in_to(discovery);
        desk.come_up();
        let chats = || vec![chat("d", ChatKind::Direct), chat("g", ChatKind::Group)];
        desk.answer_list(chats());
        // Once more, for what happened until it was connected.
        desk.wait(Duration::from_secs(1));
        desk.answer_list(chats());
        desk
    }

    pub(crate) fn sign_in(&mut self, is_full: bool) {
        self.sign_in_to(is_full.then(discovery));
    }

    pub(crate) fn sign_in_to(&mut self, discovery: Option<Discovery>) {
        let is_full = discovery.is_some();
        self.want(sign_in("chat.example.org")).unwrap();
        self.answer(Response::Discovered(discovery));
        self.answer(Response::SignedIn(Box::new(rest::SignedIn {
            token: "access-1".into(),
            user: user("me"),
            refresh_token: is_full.then(|| "refresh-1".into()),
            expires_at: is_full.then(|| Timestamp::from_millis(WALL + 900_000)),
        })));
    }

    /// The app ends and is started again, with what disk and keyring have.
    pub(crate) fn restart(&mut self) {
        self.machine = Chat::new(2);
        self.calls.clear();
        self.connects.clear();
        self.feed(Input::Start);
    }

    pub(crate) fn want(&mut self, intent: Intent) -> Result<(), Failure> {
        self.next_intent += 1;
        let id = self.next_intent;
        self.feed(Input::Intent { id, intent });
        let at = self
            .answers
            .iter()
            .position(|(answered, _)| *answered == id)
            .expect("an intent is answered once the disk has answered");
        self.answers.remove(at).1
    }

    /// What an intent that was told was answered, if it has been.
    pub(crate) fn answer_to(&self, id: u64) -> Option<Result<(), Failure>> {
        let answered = self.answers.iter().find(|(answered, _)| *answered == id);
        answered.map(|(_, result)| result.clone())
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.feed(Input::Wake);
    }

    pub(crate) fn come_up(&mut self) {
        let transport = Transport::WebSocket;
        self.socket(SocketEvent::Up { transport });
    }

    pub(crate) fn go_down(&mut self) {
        let failure = Failure::new("unreachable", "No connection.");
        self.socket(SocketEvent::Down { failure });
    }

    pub(crate) fn socket(&mut self, event: SocketEvent) {
        self.feed(Input::Socket(event));
    }

    pub(crate) fn event(&mut self, name: &str, data: Value) {
        let name = name.to_owned();
        self.socket(SocketEvent::Event { name, data });
    }

    pub(crate) fn comes_in(&mut self, message: &Message) {
        self.event(
            "new_message",
            json!({"chatId": message.chat_id, "message": message}),
        );
    }

    /// Answers the oldest call that there is.
    pub(crate) fn answer(&mut self, response: Response) {
        let (token, _) = self.calls.remove(0);
        self.feed(Input::Call {
            token,
            result: Ok(response),
        });
    }

    /// Answers the oldest call of this kind.
    pub(crate) fn answer_where(
        &mut self,
        kind: impl Fn(&Request) -> bool,
        result: Result<Response, ApiError>,
    ) {
        let at = self.calls.iter().position(|(_, call)| kind(&call.request));
        let at = at.unwrap_or_else(|| panic!("no such call in {:?}", self.calls));
        let (token, _) = self.calls.remove(at);
        self.feed(Input::Call { token, result });
    }

    pub(crate) fn answer_list(&mut self, chats: Vec<WireChat>) {
        let page = Page {
            items: chats,
            next_cursor: None,
        };
        self.answer_where(is_list, Ok(Response::Chats(page)));
    }

    /// Answers what opening a chat asks for.
    pub(crate) fn open(&mut self, id: &str, messages: Vec<Message>) {
        self.want(Intent::OpenChat { chat_id: chat_id(id) }).unwrap();
        self.answer_where(is_page, page(messages));
    }

    pub(crate) fn send(&mut self, id: &str, text: &str) -> Result<(), Failure> {
        self.want(Intent::Send {
            chat_id: chat_id(id),
            text: text.into(),
            reply_to: None,
            visible_to: Vec::new(),
            visible_to_roles: Vec::new(),
            attachments: Vec::new(),
        })
    }

    pub(crate) fn sends(&self) -> Vec<rest::SendMessage> {
        self.calls
            .iter()
            .filter_map(|(_, call)| match &call.request {
                Request::Send { message, .. } => Some(message.clone()),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn count(&self, kind: impl Fn(&Request) -> bool) -> usize {
        self.calls.iter().filter(|(_, call)| kind(&call.request)).count()
    }

    pub(crate) fn view(&self) -> View {
        self.machine.view()
    }

    /// The disk does what it was asked since it is slow.
    pub(crate) fn disk_goes_on(&mut self) {
        self.disk_is_slow = false;
        let mut inputs = VecDeque::new();
        for output in std::mem::take(&mut self.asked_of_disk) {
            self.execute(output, &mut inputs);
        }
        inputs.into_iter().for_each(|input| self.feed(input));
    }

    pub(crate) fn tell(&mut self, input: Input) {
        self.feed(input);
    }

    fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let wall = WALL + self.ahead + i64::try_from(self.now.as_millis()).unwrap();
            let now = Now {
                monotonic: self.now,
                wall: Timestamp::from_millis(wall),
            };
            for output in self.machine.handle(now, input) {
                self.execute(output, &mut inputs);
            }
        }
    }

    fn execute(&mut self, output: Output, inputs: &mut VecDeque<Input>) {
        match output {
            Output::Store { .. } if self.disk_is_slow => self.asked_of_disk.push(output),
            Output::Store { token, op } => {
                let result = if self.disk_is_full {
                    Err(StoreError::DiskFull)
                } else {
                    // What was missed, in as many pieces as there can be.
                    self.store.run_until(op, &mut |_| true)
                };
                inputs.push_back(Input::Store { token, result });
            }
            Output::Call { token, call } => self.calls.push((token, call)),
            Output::Cancel { token } => self.calls.retain(|(known, _)| *known != token),
            Output::ForgetConnections => self.forgets += 1,
            Output::ForgetFiles(files) => self.forgotten.extend(files),
            Output::File { .. } => {}
            Output::Socket(SocketCommand::Emit { name, data }) => self.emitted.push((name, data)),
            Output::Socket(SocketCommand::Connect { token, .. }) => self.connects.push(token),
            Output::Socket(SocketCommand::Retry) => self.retries += 1,
            Output::Socket(SocketCommand::NetworkChanged) => self.network_changes += 1,
            Output::Socket(SocketCommand::SetToken(_) | SocketCommand::Disconnect) => {}
            Output::Secrets(request) => {
                let answer = self.ask_keyring(request);
                inputs.push_back(Input::Secrets(answer));
            }
            Output::Shell(ShellRequest::Notify(notice)) => self.notices.push(notice),
            Output::Shell(ShellRequest::Withdraw { chat_id }) => self.withdrawn.push(chat_id),
            Output::WakeAt(at) => self.wake_at = Some(at),
            Output::Shell(ShellRequest::WithdrawAll) => {}
            Output::Answer { id, result } => self.answers.push((id, result)),
        }
    }

    fn ask_keyring(&mut self, request: SecretsRequest) -> SecretsAnswer {
        let locked = self.keyring_is_locked.then(|| SecretsError {
            message: "The keyring is locked. Unlock it.".to_owned(),
        });
        match (request, locked) {
            (SecretsRequest::Load, Some(error)) => SecretsAnswer::Loaded(Err(error)),
            (SecretsRequest::Save(_), Some(error)) => SecretsAnswer::Saved(Err(error)),
            (SecretsRequest::Load, None) => SecretsAnswer::Loaded(Ok(self.keyring.clone())),
            (SecretsRequest::Save(secret), None) => {
                self.keyring = Some(secret);
                SecretsAnswer::Saved(Ok(()))
            }
            (SecretsRequest::Delete, _) => {
                self.keyring = None;
                SecretsAnswer::Deleted(Ok(()))
            }
        }
    }
}

pub(crate) fn sign_in(server: &str) -> Intent {
    Intent::SignIn {
        server: server.into(),
        username: "me".into(),
        password: Secret::new("password"),
    }
}

pub(crate) fn chat_id(id: &str) -> ChatId {
    ChatId::new(id).unwrap()
}

pub(crate) fn user(id: &str) -> User {
    User {
        id: UserId::new(id).unwrap(),
        username: id.into(),
        name: id.to_uppercase(),
        role: "member".into(),
        avatar_file_id: None,
        presence: None,
    }
}

pub(crate) fn chat(id: &str, kind: ChatKind) -> WireChat {
    WireChat {
        id: chat_id(id),
        kind,
        name: format!("chat {id}"),
        topic: None,
        members: vec![user("me"), user("ana"), user("bo")],
        last_message: None,
        unread_count: 0,
        updated_at: Timestamp::from_millis(WALL),
        my_role: None,
        muted: None,
        pinned: None,
        reads: None,
        seq: None,
    }
}

pub(crate) fn message(chat: &str, number: i64, from: &str) -> Message {
    Message {
        id: MessageId::new(format!("m{number:04}")).unwrap(),
        chat_id: chat_id(chat),
        sender_id: UserId::new(from).unwrap(),
        content: format!("text {number}").into(),
        created_at: Timestamp::from_millis(WALL + number),
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

pub(crate) fn page(messages: Vec<Message>) -> Result<Response, ApiError> {
    Ok(Response::Messages(Page {
        items: messages,
        next_cursor: None,
    }))
}

pub(crate) fn discovery() -> Discovery {
    Discovery {
        contract: 1,
        name: "Team".into(),
        features: [
            Feature::Refresh,
            Feature::Chats,
            Feature::Receipts,
            Feature::Edits,
            Feature::Reactions,
            Feature::Replies,
            Feature::Pins,
            Feature::Files,
            Feature::Authenticate,
            Feature::Everywhere,
        ]
        .into(),
        limits: khaya_wire::discovery::Limits {
            message_bytes: 20,
            file_bytes: None,
        },
    }
}

pub(crate) fn refused(code: Code) -> ApiError {
    ApiError::Refused {
        code,
        detail: "Why".into(),
        retry_after: None,
    }
}

pub(crate) fn is_list(request: &Request) -> bool {
    matches!(request, Request::Chats { .. })
}

pub(crate) fn is_page(request: &Request) -> bool {
    matches!(request, Request::Messages { .. })
}

pub(crate) fn is_send(request: &Request) -> bool {
    matches!(request, Request::Send { .. })
}

pub(crate) fn is_refresh(request: &Request) -> bool {
    matches!(request, Request::Refresh(_))
}
