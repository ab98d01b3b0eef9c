//! Files of messages: sent before their message, counted, taken back, kept until the server has both.

use khaya_chat::{
    Intent,
    api::{ApiError, Request, Response},
    files::StagedFile,
    machine::Input,
    view::SendState,
};
use khaya_wire::{Code, File, FileId, Message};

use crate::desk::{Desk, chat_id, is_send, message, refused};

fn id(text: &str) -> FileId {
    FileId::new(text).unwrap()
}

fn staged(name: &str) -> StagedFile {
    StagedFile {
        id: id(name),
        name: format!("{name}.png"),
        mime_type: "image/png".into(),
        size: 100,
    }
}

fn uploaded(name: &str) -> Response {
    Response::Uploaded(Box::new(File {
        id: id(&format!("server-{name}")),
        name: format!("{name}.png"),
        mime_type: "image/png".into(),
        size: 100,
        width: Some(4),
        height: Some(3),
        blurhash: None,
    }))
}

fn is_upload(request: &Request) -> bool {
    matches!(request, Request::Upload { .. })
}

fn send(desk: &mut Desk, text: &str, files: &[&str]) {
    desk.want(Intent::Send {
        chat_id: chat_id("g"),
        text: text.into(),
        reply_to: None,
        visible_to: Vec::new(),
        visible_to_roles: Vec::new(),
        attachments: files.iter().map(|name| staged(name)).collect(),
    })
    .unwrap();
}

fn open() -> Desk {
    let mut desk = Desk::connected(true);
    desk.open("g", vec![message("g", 1, "ana")]);
    desk
}

#[test]
fn files_go_first_one_by_one_and_only_once() {
    let mut desk = open();
    send(&mut desk, "", &["a", "b"]);
    send(&mut desk, "after", &[]);
    assert_eq!((desk.count(is_upload), desk.count(is_send)), (1, 0));
    let (token, _) = *desk
        .calls
        .iter()
        .map(|(token, call)| (*token, call))
        .filter(|(_, call)| is_upload(&call.request))
        .collect::<Vec<_>>()
        .first()
        .unwrap();
    desk.tell(Input::Progress { token, sent: 60 });
    let shown = desk.view().timeline[1].attachments.clone();
    assert_eq!((shown[0].sent, shown[1].sent), (Some(60), None));
    desk.answer_where(is_upload, Ok(uploaded("a")));
    // The app ends; the first file is not sent again.
    desk.restart();
    let part = |request: &Request| matches!(request, Request::Upload { file } if file.id == id("b"));
    desk.answer_where(part, Ok(uploaded("b")));
    let first = desk.sends().remove(0);
    assert_eq!(first.attachment_ids, Some(vec![id("server-a"), id("server-b")]));
    assert!(desk.forgotten.is_empty());
    let sent = Message {
        content: first.content,
        client_id: first.client_id,
        ..message("g", 2, "me")
    };
    desk.answer_where(is_send, Ok(Response::Sent(Box::new(sent))));
    assert_eq!(desk.forgotten, [id("a"), id("b")]);
    assert_eq!(*desk.sends()[0].content, *"after");
}

#[test]
fn a_message_is_taken_back_while_its_file_is_on_its_way() {
    let mut desk = open();
    send(&mut desk, "text", &["a"]);
    let key = desk.view().timeline[1].key.clone();
    desk.want(Intent::DeleteUnsent { key }).unwrap();
    assert_eq!((desk.count(is_upload), desk.count(is_send)), (0, 0));
    assert_eq!(
        (desk.view().timeline.len(), desk.forgotten.clone()),
        (1, vec![id("a")])
    );
    send(&mut desk, "next", &[]);
    assert_eq!(desk.sends().len(), 1, "the way is free");
}

#[test]
fn a_file_that_is_gone_or_not_taken_waits_for_the_person() {
    for error in [ApiError::LocalFile("gone".into()), refused(Code::PayloadTooLarge)] {
        let mut desk = open();
        send(&mut desk, "text", &["a"]);
        desk.answer_where(is_upload, Err(error));
        let state = desk.view().timeline[1].state.clone();
        assert!(matches!(state, Some(SendState::Failed { .. })), "{state:?}");
        assert!(desk.forgotten.is_empty(), "it may be tried again");
    }
}

#[test]
fn a_file_that_the_server_has_let_go_is_sent_once_more() {
    let mut desk = open();
    send(&mut desk, "text", &["a"]);
    desk.answer_where(is_upload, Ok(uploaded("a")));
    desk.answer_where(is_send, Err(refused(Code::InvalidRequest)));
    let key = desk.view().timeline[1].key.clone();
    desk.want(Intent::Retry { key }).unwrap();
    assert_eq!((desk.count(is_upload), desk.count(is_send)), (1, 0));
    desk.answer_where(is_upload, Ok(uploaded("b")));
    assert_eq!(desk.sends()[0].attachment_ids, Some(vec![id("server-b")]));
}
