//! Signing in, staying so, and signing out.

use std::time::Duration;

use khaya_chat::{
    Intent,
    api::{ApiError, Request, Response},
    files::StagedFile,
    intent::Secret,
    machine::{Input, SocketEvent},
    view::{ConnectionState, Kept, Session},
};
use khaya_wire::{Code, File, FileId, Timestamp, User, discovery::Feature, rest};

use crate::desk::{
    Desk, WALL, chat, discovery, is_list, is_refresh, is_send, message, refused, sign_in, user,
};

fn failure(desk: &Desk) -> Option<String> {
    match desk.view().session {
        Session::SignedOut { failure, .. } => Some(failure.map_or_else(String::new, |failure| failure.code)),
        Session::Locked { .. } | Session::SigningIn { .. } | Session::SignedIn { .. } => None,
    }
}

fn kept(desk: &Desk) -> Kept {
    match desk.view().session {
        Session::SignedIn { kept, .. } => kept,
        other => panic!("{other:?}"),
    }
}

fn fresh(number: u8) -> Response {
    Response::Refreshed(rest::Refreshed {
        token: format!("access-{number}"),
        refresh_token: format!("refresh-{number}"),
        expires_at: Timestamp::from_millis(WALL + 2_000_000),
    })
}

#[test]
fn a_failed_sign_in_says_why_and_keeps_what_was_typed() {
    let mut desk = Desk::new();
    desk.want(sign_in("not an address")).unwrap();
    assert_eq!(failure(&desk).unwrap(), "invalid_address");
    for (error, code) in [
        (ApiError::Unreachable, "unreachable"),
        (ApiError::NotKhaya, "not_khaya"),
        (ApiError::Tls, "tls"),
    ] {
        desk.want(sign_in("chat.example.org")).unwrap();
        desk.answer_where(|_| true, Err(error));
        assert_eq!(failure(&desk).unwrap(), code);
    }
    desk.want(sign_in("chat.example.org")).unwrap();
    desk.answer(Response::Discovered(None));
    desk.answer_where(|_| true, Err(refused(Code::InvalidCredentials)));
    let Session::SignedOut {
        server,
        username,
        failure,
    } = desk.view().session
    else {
        panic!()
    };
    assert_eq!(failure.unwrap().code, "invalid_credentials");
    assert_eq!(server.as_deref(), Some("https://chat.example.org"));
    assert_eq!(username.as_deref(), Some("me"));
    let code = desk.send("g", "text").unwrap_err().code;
    assert_eq!(code, "not_signed_in");
}

fn register() -> Intent {
    Intent::Register {
        server: "chat.example.org".into(),
        username: " me ".into(),
        password: Secret::new("password"),
        name: "Me Myself".into(),
        invite: Some(Secret::new("a-code")),
    }
}

fn inviting() -> Response {
    let mut discovery = discovery();
    discovery.features.insert(Feature::Register);
    Response::Discovered(Some(discovery))
}

#[test]
fn an_invitation_makes_an_account_and_signs_in() {
    let mut desk = Desk::new();
    desk.want(register()).unwrap();
    desk.answer(Response::Discovered(None));
    assert_eq!(failure(&desk).unwrap(), "no_registration");
    for (code, told) in [
        (Code::Forbidden, "invite_refused"),
        (Code::Conflict, "username_taken"),
        (Code::InvalidRequest, "invalid_request"),
    ] {
        desk.want(register()).unwrap();
        desk.answer(inviting());
        desk.answer_where(|_| true, Err(refused(code)));
        assert_eq!(failure(&desk).unwrap(), told);
    }
    desk.want(register()).unwrap();
    desk.answer(inviting());
    let asked = rest::Register {
        username: "me".into(),
        password: "password".into(),
        name: "Me Myself".into(),
        invite: Some("a-code".into()),
    };
    let is_it = |request: &Request| *request == Request::Register(asked.clone());
    let answer = rest::SignedIn {
        token: "access-1".into(),
        user: user("me"),
        refresh_token: Some("refresh-1".into()),
        expires_at: Some(Timestamp::from_millis(WALL + 900_000)),
    };
    desk.answer_where(is_it, Ok(Response::SignedIn(Box::new(answer))));
    assert_eq!(kept(&desk), Kept::InKeyring);
    let printed = format!("{:?} {:?}", register(), Request::Register(asked));
    assert!(
        !printed.contains("a-code") && !printed.contains("\"password\""),
        "{printed}"
    );
}

#[test]
fn a_keyring_that_will_not_have_it_leaves_the_choice() {
    let mut desk = Desk::new();
    desk.keyring_is_locked = true;
    desk.sign_in(true);
    assert!(matches!(kept(&desk), Kept::Undecided { .. }));
    desk.want(Intent::RetryKeyring).unwrap();
    assert!(matches!(kept(&desk), Kept::Undecided { .. }));
    desk.want(Intent::KeepForThisRun).unwrap();
    assert_eq!(kept(&desk), Kept::ThisRunOnly);
    assert_eq!(desk.keyring, None);
    desk.want(Intent::RetryKeyring).unwrap();
    assert_eq!(
        kept(&desk),
        Kept::ThisRunOnly,
        "what was decided is not asked again"
    );
    let told = desk.view().alerts;
    assert_eq!(told.last().unwrap().failure.code, "keyring_unavailable");
    desk.keyring_is_locked = false;
    desk.want(Intent::RetryKeyring).unwrap();
    assert_eq!(kept(&desk), Kept::InKeyring);
    assert!(desk.keyring.is_some());
}

#[test]
fn the_next_start_shows_what_is_on_disk_before_there_is_a_network() {
    let mut desk = Desk::connected(true);
    desk.comes_in(&message("g", 1, "ana"));
    desk.restart();
    let view = desk.view();
    assert!(matches!(view.session, Session::SignedIn { .. }));
    assert_eq!((view.chats.len(), view.unread), (2, 1));
    assert_eq!(view.connection.state, ConnectionState::Connecting);
    assert_eq!(desk.connects[0].expose(), "access-1");
}

#[test]
fn a_locked_keyring_at_the_start_loses_nothing() {
    let mut desk = Desk::connected(true);
    desk.send("g", "hello").unwrap();
    desk.keyring_is_locked = true;
    desk.restart();
    assert!(matches!(kept(&desk), Kept::Undecided { .. }));
    assert_eq!(desk.view().chats.len(), 2, "what is on disk can be read");
    desk.want(Intent::RetryKeyring).unwrap();
    assert!(
        matches!(kept(&desk), Kept::Undecided { .. }),
        "it is still locked"
    );
    desk.keyring_is_locked = false;
    desk.want(Intent::RetryKeyring).unwrap();
    assert_eq!(kept(&desk), Kept::InKeyring);
    assert_eq!(desk.sends().len(), 1);
    // Or the person signs in for this run, and the keyring keeps what it has.
    desk.keyring_is_locked = true;
    desk.restart();
    desk.want(Intent::KeepForThisRun).unwrap();
    assert_eq!(failure(&desk).unwrap(), "keyring_unavailable");
    assert!(desk.keyring.is_some());
}

#[test]
fn one_refresh_serves_all_and_is_kept_before_it_is_used() {
    let mut desk = Desk::connected(true);
    desk.send("g", "hello").unwrap();
    desk.want(Intent::Refresh).unwrap();
    desk.wait(Duration::from_secs(1));
    desk.answer_where(is_send, Err(refused(Code::TokenExpired)));
    desk.answer_where(is_list, Err(refused(Code::TokenExpired)));
    assert_eq!(desk.count(is_refresh), 1);
    assert_eq!(desk.count(is_send), 0, "nothing is asked with the old one");
    desk.answer_where(is_refresh, Ok(fresh(2)));
    assert!(desk.keyring.as_ref().unwrap().expose().contains("refresh-2"));
    assert_eq!((desk.count(is_send), desk.count(is_list)), (1, 1));
    for (_, call) in &desk.calls {
        if let Some(token) = &call.token {
            assert_eq!(token.expose(), "access-2");
        }
    }
    let (name, data) = desk.emitted.last().unwrap();
    assert_eq!((*name, &data["token"]), ("authenticate", &"access-2".into()));
}

#[test]
fn is_renewed_before_it_ends() {
    let mut desk = Desk::connected(true);
    desk.wait(Duration::from_secs(800));
    assert_eq!(desk.count(is_refresh), 0);
    desk.wait(Duration::from_secs(60));
    assert_eq!(desk.count(is_refresh), 1);
}

#[test]
fn what_ends_a_session_says_so_and_loses_nothing() {
    type End = fn(&mut Desk);
    let ends: [(End, &str); 4] = [
        (
            |desk| desk.event("session_revoked", serde_json::json!({})),
            "session_revoked",
        ),
        (
            |desk| {
                let token_expired = true;
                desk.socket(SocketEvent::Refused { token_expired });
                desk.answer_where(is_refresh, Err(refused(Code::Unauthorized)));
            },
            "signed_out",
        ),
        (
            |desk| {
                desk.answer_where(is_send, Err(refused(Code::Unauthorized)));
                desk.answer_where(is_refresh, Ok(fresh(2)));
                desk.answer_where(is_send, Err(refused(Code::Unauthorized)));
            },
            "signed_out",
        ),
        (|desk| desk.want(Intent::SignOut).unwrap(), ""),
    ];
    for (number, (end, code)) in ends.into_iter().enumerate() {
        let mut desk = Desk::connected(true);
        desk.send("g", "hello").unwrap();
        end(&mut desk);
        assert_eq!(failure(&desk).as_deref(), Some(code), "{number}");
        assert_eq!(desk.keyring, None, "{number}");
        assert!(desk.view().chats.is_empty(), "{number}");
        desk.calls.clear();
        desk.sign_in(true);
        assert_eq!(desk.sends().len(), 1, "{number}: what was not sent is sent now");
    }
}

#[test]
fn a_sign_out_with_a_token_that_has_ended_still_reaches_the_server() {
    let mut desk = Desk::connected(true);
    desk.calls.clear();
    desk.want(Intent::SignOut).unwrap();
    assert!(desk.machine.is_saying_farewell());
    let is_logout = |request: &Request| *request == Request::Logout;
    desk.answer_where(is_logout, Err(refused(Code::TokenExpired)));
    desk.answer_where(is_refresh, Ok(fresh(2)));
    assert_eq!(desk.calls[0].1.token.as_ref().unwrap().expose(), "access-2");
    desk.answer_where(is_logout, Ok(Response::Done));
    assert!(!desk.machine.is_saying_farewell() && desk.calls.is_empty());
}

#[test]
fn a_refresh_that_something_else_refuses_ends_nothing() {
    let mut desk = Desk::connected(true);
    desk.wait(Duration::from_secs(860));
    desk.answer_where(is_refresh, Err(refused(Code::NotFound)));
    assert_eq!(failure(&desk), None);
    desk.wait(Duration::from_secs(16));
    desk.answer_where(is_refresh, Ok(fresh(2)));
    assert!(desk.keyring.as_ref().unwrap().expose().contains("access-2"));
}

#[test]
fn on_base_a_refused_connection_leads_to_the_sign_in() {
    let mut desk = Desk::connected(false);
    let token_expired = false;
    desk.socket(SocketEvent::Refused { token_expired });
    assert_eq!(failure(&desk).as_deref(), Some("signed_out"));
}

#[test]
fn the_connection_is_told_as_it_is() {
    let mut desk = Desk::new();
    let state = |desk: &Desk| desk.view().connection.state;
    assert_eq!(state(&desk), ConnectionState::SignedOut);
    desk.sign_in(true);
    assert_eq!(state(&desk), ConnectionState::Connecting);
    desk.go_down();
    desk.go_down();
    assert_eq!(state(&desk), ConnectionState::Connecting);
    desk.go_down();
    assert_eq!(state(&desk), ConnectionState::Offline, "three attempts failed");
    desk.come_up();
    assert_eq!(state(&desk), ConnectionState::Connected);
    desk.go_down();
    assert_eq!(state(&desk), ConnectionState::Reconnecting);
    desk.want(Intent::Network { online: false }).unwrap();
    assert_eq!(state(&desk), ConnectionState::Offline);
    desk.want(Intent::Network { online: true }).unwrap();
    assert_eq!(state(&desk), ConnectionState::Reconnecting);
}

#[test]
fn a_later_start_learns_what_the_server_has_become() {
    let mut desk = Desk::connected(false);
    desk.restart();
    let is_discovery = |request: &Request| *request == Request::Discover;
    desk.answer_where(is_discovery, Ok(Response::Discovered(Some(discovery()))));
    let Session::SignedIn { features, .. } = desk.view().session else {
        panic!()
    };
    assert!(features.contains(&"receipts".to_owned()), "{features:?}");
}

#[test]
fn a_list_without_end_is_not_read_to_its_end() {
    let mut desk = Desk::connected(true);
    desk.want(Intent::Refresh).unwrap();
    desk.wait(Duration::from_secs(1));
    let mut pages = 0;
    while desk.count(is_list) > 0 {
        let page = khaya_wire::Page {
            items: vec![chat(&format!("x{pages}"), khaya_wire::ChatKind::Group)],
            next_cursor: Some("more".into()),
        };
        desk.answer_where(is_list, Ok(Response::Chats(page)));
        pages += 1;
    }
    assert_eq!(pages, 50);
    assert_eq!(
        desk.view().chats.len(),
        52,
        "what is not in an unfinished list is not gone"
    );
}

#[test]
fn a_computer_that_slept_goes_on_by_the_clock_on_the_wall() {
    let mut desk = Desk::connected(true);
    desk.calls.clear();
    // The clock that never stops says that a quarter of an hour has passed; the other one slept with the computer.
    desk.ahead = 900_000;
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.count(is_refresh), 1, "the token has ended meanwhile");
    assert_eq!(desk.forgets, 1, "what was connected leads nowhere");
    desk.go_down();
    let before = desk.retries;
    desk.ahead += 60_000;
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.retries, before + 1, "no wait for the next attempt");
}

#[test]
fn another_network_replaces_the_connection() {
    let mut desk = Desk::connected(true);
    desk.want(Intent::Network { online: true }).unwrap();
    assert_eq!((desk.network_changes, desk.forgets), (1, 1));
    desk.want(Intent::Network { online: false }).unwrap();
    assert_eq!((desk.network_changes, desk.forgets), (1, 1));
}

#[test]
fn another_name_and_picture_are_there_when_the_server_has_them() {
    let mut desk = Desk::connected(true);
    let me = |desk: &Desk| match desk.view().session {
        Session::SignedIn { me, .. } => me,
        other => panic!("signed in: {other:?}"),
    };
    let is_change =
        |request: &Request| matches!(request, Request::Rename { .. } | Request::SetPicture { .. });
    let empty = Intent::Rename { name: "  ".into() };
    assert_eq!(desk.want(empty).unwrap_err().code, "invalid_request");

    let before = me(&desk);
    let name = " Another Name ".to_owned();
    let intent = Intent::Rename { name };
    desk.tell(Input::Intent { id: 1001, intent });
    assert_eq!(me(&desk), before, "nothing is said that the server does not know");
    let renamed = User {
        name: "Another Name".into(),
        ..user("me")
    };
    desk.answer_where(is_change, Ok(Response::Me(Box::new(renamed.clone()))));
    assert_eq!(me(&desk).name, "Another Name");

    let picture = FileId::new("picture").unwrap();
    let staged = StagedFile {
        id: FileId::new("staged").unwrap(),
        name: "me.png".into(),
        mime_type: "image/png".into(),
        size: 3,
    };
    let intent = Intent::SetPicture { file: Some(staged) };
    desk.tell(Input::Intent { id: 1002, intent });
    let file = File {
        id: picture.clone(),
        name: "me.png".into(),
        mime_type: "image/png".into(),
        size: 3,
        width: None,
        height: None,
        blurhash: None,
    };
    let is_upload = |request: &Request| matches!(request, Request::Upload { .. });
    desk.answer_where(is_upload, Ok(Response::Uploaded(Box::new(file))));
    let pictured = User {
        avatar_file_id: Some(picture.clone()),
        ..renamed
    };
    desk.answer_where(is_change, Ok(Response::Me(Box::new(pictured))));
    assert_eq!(me(&desk).avatar, Some(picture.clone()));

    desk.restart();
    assert_eq!(
        (me(&desk).name.as_str(), me(&desk).avatar),
        ("Another Name", Some(picture))
    );
}

#[test]
fn who_waits_for_a_token_learns_that_the_session_is_over() {
    let mut desk = Desk::connected(true);
    let intent = Intent::StartChat {
        kind: khaya_wire::ChatKind::Group,
        name: Some("New".to_owned()),
        member_ids: Vec::new(),
    };
    desk.tell(Input::Intent { id: 99, intent });
    let is_creation = |request: &Request| matches!(request, Request::CreateChat(_));
    desk.answer_where(is_creation, Err(refused(Code::TokenExpired)));
    assert_eq!(desk.answer_to(99), None, "it waits for a fresh token");
    desk.answer_where(is_refresh, Err(refused(Code::Unauthorized)));
    assert_eq!(failure(&desk).unwrap(), "signed_out");
    assert_eq!(desk.answer_to(99).unwrap().unwrap_err().code, "not_signed_in");
}
