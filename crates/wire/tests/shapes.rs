//! Every type of the wire, as the contract writes it: read, written again, and compared.

use std::fmt::Debug;

use khaya_wire::{
    Chat, Code, Message, Page, Problem, User,
    discovery::{DEFAULT_MESSAGE_BYTES, Discovery, Feature},
    event::{
        Ack, Authenticate, ChatRemoved, ChatUpdated, ConnectRefused, MessageDeleted, MessageEvent,
        PresenceChanged, ReadUpdated, Room, Scope, Typing,
    },
    model::{Presence, PresenceStatus, Session},
    rest::{CreateChat, Login, MarkRead, Me, Refresh, Refreshed, SendMessage, SignedIn},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// Reads `json`, writes it again, and expects the same; and the same once more with fields nobody knows.
fn keeps<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: Value) -> T {
    let value: T = serde_json::from_value(json.clone()).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert_eq!(serde_json::to_value(&value).expect("a value is written"), json);

    let mut newer = json;
    newer["aFieldOfTomorrow"] = json!({"x": [1]});
    let read: T = serde_json::from_value(newer).expect("fields that nobody knows are ignored");
    assert_eq!(read, value);
    value
}

fn user() -> Value {
    json!({"id": "u1", "username": "thandi", "name": "Thandi", "role": "member"})
}

fn message() -> Value {
    json!({"id": "m1", "chatId": "c1", "senderId": "u1", "content": "Sawubona",
           "createdAt": "2026-11-22T15:15:42.070Z"})
}

fn chat() -> Value {
    json!({"id": "c1", "kind": "group", "name": "Design", "members": [user()], "lastMessage": message(),
           "unreadCount": 3, "updatedAt": "2026-11-22T15:15:42.070Z"})
}

#[test]
fn people() {
    keeps::<User>(user());
    keeps::<User>(
        json!({"id": "u1", "username": "t", "name": "T", "role": "auditor", "avatarFileId": "f1",
        "presence": {"status": "online", "lastSeen": "2026-11-22T15:15:42.070Z"}}),
    );
    let unheard_of: Presence = serde_json::from_value(json!({"status": "levitating"})).unwrap();
    assert_eq!(unheard_of.status, PresenceStatus::Offline);
    keeps::<Session>(json!({"id": "s1", "createdAt": "2026-11-22T15:15:42.070Z",
        "lastSeenAt": "2026-11-22T15:15:42.070Z", "client": "Khaya on Linux", "current": true}));
}

#[test]
fn messages() {
    assert!(!keeps::<Message>(message()).is_restricted());
    let full = keeps::<Message>(
        json!({"id": "m1", "chatId": "c1", "senderId": "u1", "content": "x",
        "createdAt": "2026-11-22T15:15:42.070Z", "clientId": "k1", "editedAt": "2026-11-22T15:15:43.000Z",
        "deletedAt": "2026-11-22T15:15:44.000Z", "replyTo": "m0", "visibleTo": ["u2"],
        "visibleToRoles": ["admin"],
        "attachments": [{"id": "f1", "name": "a.png", "mimeType": "image/png", "size": 12, "width": 3,
            "height": 4, "blurhash": "LEHV6nWB2yk8"}],
        "reactions": [{"emoji": "👍", "userIds": ["u1", "u2"]}], "pinned": true,
        "system": {"event": "renamed", "by": "u1", "about": "Design"}}),
    );
    assert!(full.is_restricted());

    let mut open = message();
    open["visibleTo"] = json!([]);
    open["visibleToRoles"] = json!([]);
    assert!(
        !keeps::<Message>(open).is_restricted(),
        "empty lists restrict nothing"
    );
}

#[test]
fn chats_and_pages() {
    keeps::<Chat>(chat());
    let mut full = chat();
    for (field, value) in [
        ("topic", json!("t")),
        ("myRole", json!("owner")),
        ("muted", json!(true)),
        ("pinned", json!(false)),
        ("reads", json!([{"userId": "u1", "messageId": "m1"}])),
        ("seq", json!(7)),
    ] {
        full[field] = value;
    }
    keeps::<Chat>(full);

    let mut empty = chat();
    empty["lastMessage"] = Value::Null;
    keeps::<Chat>(empty);

    keeps::<Page<Message>>(json!({"items": [message()], "nextCursor": "m1"}));
    keeps::<Page<Chat>>(json!({"items": [], "nextCursor": null}));
}

#[test]
fn bodies() {
    keeps::<Login>(json!({"username": "thandi", "password": "p"}));
    keeps::<SignedIn>(json!({"token": "t", "user": user()}));
    keeps::<SignedIn>(json!({"token": "t", "user": user(), "refreshToken": "r",
        "expiresAt": "2026-11-22T15:15:42.070Z"}));
    keeps::<Refresh>(json!({"refreshToken": "r"}));
    keeps::<Refreshed>(json!({"token": "t", "refreshToken": "r", "expiresAt": "2026-11-22T15:15:42.070Z"}));
    keeps::<SendMessage>(json!({"content": "x"}));
    keeps::<SendMessage>(
        json!({"content": "x", "clientId": "k1", "replyTo": "m0", "visibleTo": ["u2"],
        "visibleToRoles": ["admin"], "attachmentIds": ["f1"]}),
    );
    keeps::<CreateChat>(json!({"kind": "direct", "memberIds": ["u2"]}));
    keeps::<MarkRead>(json!({"messageId": "m1"}));
    keeps::<Me>(json!({"id": "u1", "username": "t", "name": "T", "role": "member", "privateSeq": 4}));
}

#[test]
fn events() {
    keeps::<Room>(json!({"chatId": "c1"}));
    keeps::<Authenticate>(json!({"token": "t"}));
    let typing = keeps::<Typing>(json!({"chatId": "c1", "userId": "u1"}));
    assert!(typing.is_typing(), "absent means true");
    assert!(!keeps::<Typing>(json!({"chatId": "c1", "userId": "u1", "isTyping": false})).is_typing());

    assert_eq!(
        keeps::<MessageEvent>(json!({"chatId": "c1", "message": message()})).number,
        None
    );
    let numbered =
        keeps::<MessageEvent>(json!({"chatId": "c1", "message": message(), "scope": "private", "seq": 9}));
    assert_eq!(
        numbered.number.map(|number| (number.scope, number.seq)),
        Some((Scope::Private, 9))
    );
    keeps::<MessageDeleted>(json!({"chatId": "c1", "messageId": "m1", "scope": "chat", "seq": 2}));
    keeps::<ReadUpdated>(json!({"chatId": "c1", "userId": "u1", "messageId": "m1"}));
    keeps::<ChatUpdated>(json!({"chat": chat(), "scope": "chat", "seq": 2}));
    keeps::<ChatRemoved>(json!({"chatId": "c1", "scope": "private", "seq": 2}));
    keeps::<PresenceChanged>(json!({"userId": "u1", "status": "away"}));

    assert_eq!(keeps::<Ack>(json!({"ok": true})), Ack::ok());
    assert_eq!(
        keeps::<Ack>(json!({"ok": false, "error": {"code": "not_found", "message": "m"}})),
        Ack::refused(Code::NotFound, "m")
    );
    keeps::<ConnectRefused>(json!({"code": "token_expired"}));
}

#[test]
fn problems() {
    let problem = keeps::<Problem>(json!({"type": "about:blank", "title": "Unprocessable Content",
        "status": 422, "detail": "d", "code": "invalid_request",
        "errors": [{"field": "content", "detail": "empty"}]}));
    assert_eq!(problem.code.status(), problem.status);
    let terse: Problem = serde_json::from_value(json!({"code": "of_tomorrow"})).unwrap();
    assert_eq!(terse.code, Code::Unavailable);
}

#[test]
fn what_a_server_can_do() {
    let discovery = keeps::<Discovery>(
        json!({"contract": 1, "name": "Team", "features": ["refresh", "chats"],
        "limits": {"messageBytes": 100, "fileBytes": 200}}),
    );
    assert!(discovery.features.contains(&Feature::Chats));
    let newer: Discovery =
        serde_json::from_value(json!({"contract": 1, "name": "T", "features": ["telepathy", "acks"]}))
            .unwrap();
    assert!(newer.features.contains(&Feature::Acks));
    assert_eq!(newer.limits.message_bytes, DEFAULT_MESSAGE_BYTES);
}

#[test]
fn secrets_are_not_in_what_debug_prints() {
    let login: Login = serde_json::from_value(json!({"username": "t", "password": "hunter2"})).unwrap();
    let signed_in: SignedIn =
        serde_json::from_value(json!({"token": "hunter2", "user": user(), "refreshToken": "hunter2"}))
            .unwrap();
    let refresh: Refresh = serde_json::from_value(json!({"refreshToken": "hunter2"})).unwrap();
    let refreshed: Refreshed = serde_json::from_value(
        json!({"token": "hunter2", "refreshToken": "hunter2", "expiresAt": "2026-11-22T15:15:42.070Z"}),
    )
    .unwrap();
    let authenticate: Authenticate = serde_json::from_value(json!({"token": "hunter2"})).unwrap();
    for printed in [
        format!("{login:?}"),
        format!("{signed_in:?}"),
        format!("{refresh:?}"),
        format!("{refreshed:?}"),
        format!("{authenticate:?}"),
    ] {
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
