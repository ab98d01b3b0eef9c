//! What an actor keeps beside its store: copies of files that are to be sent, files that were shown; and what a person
//! takes away in a file of their own, and brings back.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Json, Router, http::StatusCode, routing::get};
use khaya_chat::{
    Intent,
    actor::{self, Handle},
    api::{Content, Server},
    files::StagedFile,
    intent::Secret,
    shell::SecretName,
    store::{
        self, Change, ChatFacts, Op, OutboxEntry, Outgoing, OutgoingFile, Place, Progress, SignedIn, Store,
        StoreKey, Target, Work,
    },
    view::{Session, View},
};
use khaya_wire::{ChatId, ClientId, FileId, Message, MessageId, Timestamp, UserId};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};

use crate::{
    keyring::{Keyring, entry, scratch},
    samples::{self, group, user},
};

/// A profile in which somebody was signed in, at a server that has one file and nothing else.
struct Profile {
    folder: tempfile::TempDir,
    keyring: Arc<Keyring>,
    key: StoreKey,
    server: Server,
    /// How often the file was asked for.
    asked: Arc<AtomicUsize>,
    /// Told when another file was asked for, for which no answer comes.
    silence: Arc<Notify>,
}

impl Profile {
    async fn new() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let file = move || {
            count.fetch_add(1, Ordering::Relaxed);
            async { ([("content-type", "image/png")], vec![7_u8; 1000]) }
        };
        let silence = Arc::new(Notify::new());
        let told = Arc::clone(&silence);
        let silent = async move || {
            told.notify_one();
            std::future::pending::<StatusCode>().await
        };
        let router = Router::new()
            .route("/files/f1", get(file))
            .route("/files/silent", get(silent))
            .route("/.well-known/khaya", get(async || StatusCode::NOT_FOUND))
            .route(
                "/chat",
                get(async || Json(json!({"items": [], "nextCursor": null}))),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::from_typed(&listener.local_addr().unwrap().to_string()).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let profile = Self {
            folder: scratch(),
            keyring: Arc::default(),
            key: StoreKey::generate().unwrap(),
            server,
            asked,
            silence,
        };
        let session = json!({"server": profile.server.to_string(), "userId": "me", "token": "token"});
        let mut entries = profile.keyring.entries.lock().unwrap();
        entries.insert(entry(SecretName::Session), Secret::new(session.to_string()));
        entries.insert(entry(SecretName::StoreKey), profile.key.to_text());
        drop(entries);
        sign_in(&mut profile.store(), &profile.server, "me");
        profile
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn store(&self) -> Store {
        store::open(self.path(), &self.key).unwrap().store
    }

    async fn start(&self) -> Handle {
        let config = actor::Config {
            data_dir: self.path().to_owned(),
            http: || reqwest::Client::builder().build(),
            secrets: Arc::clone(&self.keyring) as _,
        };
        let handle = actor::start(config).await.unwrap().0;
        shown(&handle, |view| matches!(view.session, Session::SignedIn { .. })).await;
        handle
    }
}

async fn shown(handle: &Handle, is_so: impl Fn(&View) -> bool) {
    handle.view().wait_for(|view| is_so(view)).await.unwrap();
}

fn sign_in(store: &mut Store, server: &Server, id: &str) {
    let session = SignedIn {
        server: server.to_string(),
        discovery: None,
        user: user(id),
    };
    store.run(Op::SignIn(Box::new(session))).unwrap();
}

fn chat() -> ChatId {
    ChatId::new("chat").unwrap()
}

fn put_chat(store: &mut Store) {
    let facts = ChatFacts {
        chat: group("chat", "Everybody", &["me", "you"]),
        counts: true,
        is_overtaken: false,
    };
    let all = Some([chat()].into());
    store
        .run(Op::PutChats {
            chats: vec![facts],
            all,
        })
        .unwrap();
}

fn message(number: i64, visible_to: Option<Vec<UserId>>) -> Message {
    Message {
        visible_to,
        ..samples::message(number, "chat", "you", &format!("text {number}"))
    }
}

fn unsent(number: u8, work: Work) -> OutboxEntry {
    OutboxEntry {
        client_id: ClientId::new(format!("client-{number}")).unwrap(),
        chat: chat(),
        at: Timestamp::from_millis(7),
        after: None,
        parked: None,
        work,
    }
}

fn with_file(text: &str, id: &str) -> Work {
    Work::Message(Outgoing {
        files: vec![OutgoingFile {
            staged: StagedFile {
                id: FileId::new(id).unwrap(),
                name: "a.png".to_owned(),
                mime_type: "image/png".to_owned(),
                size: 3,
            },
            uploaded: None,
        }],
        ..Outgoing::of_text(text)
    })
}

fn names(folder: PathBuf) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn copies_that_no_message_names_are_removed_at_the_start() {
    let profile = Profile::new().await;
    {
        let mut store = profile.store();
        // Of somebody else who has signed out, too.
        sign_in(&mut store, &profile.server, "other");
        store
            .run(Op::Enqueue(unsent(1, with_file("", "theirs"))))
            .unwrap();
        sign_in(&mut store, &profile.server, "me");
        let mut refused = unsent(2, with_file("x", "mine"));
        refused.parked = Some(khaya_chat::view::Failure::new("conflict", "No."));
        store.run(Op::Enqueue(refused)).unwrap();
    }
    let outgoing = profile.path().join("outgoing");
    fs::create_dir(&outgoing).unwrap();
    for name in ["theirs", "mine", "left-over", "half-a-copy"] {
        fs::write(outgoing.join(name), "x").unwrap();
    }
    fs::write(profile.path().join("unsent.damaged-1.db"), "x").unwrap();
    profile.start().await.shut_down().await;
    assert_eq!(
        names(outgoing.clone()).len(),
        4,
        "what was set aside may name any of them"
    );
    fs::remove_file(profile.path().join("unsent.damaged-1.db")).unwrap();
    let handle = profile.start().await;
    assert_eq!(names(outgoing.clone()), ["mine", "theirs"]);
    let source = profile.path().join("source");
    fs::write(&source, "abc").unwrap();
    let staged = handle
        .attach(&source, "a".to_owned(), "text/plain".to_owned())
        .await
        .unwrap();
    assert_eq!(handle.staged(&staged.id, 10).await.unwrap().as_ref(), b"abc");
    handle.shut_down().await;
}

#[tokio::test]
async fn a_file_that_was_shown_is_there_without_a_network() {
    let profile = Profile::new().await;
    let file = FileId::new("f1").unwrap();
    let content = Content {
        mime_type: "image/png".to_owned(),
        bytes: vec![7; 1000].into(),
    };
    let handle = profile.start().await;
    for _ in 0..3 {
        assert_eq!(handle.file(file.clone(), false).await.unwrap(), content);
    }
    assert_eq!(profile.asked.load(Ordering::Relaxed), 1);
    let to = profile.path().join("saved.png");
    handle.save(file.clone(), to.clone()).await.unwrap();
    assert_eq!(fs::read(to).unwrap(), [7; 1000]);
    assert_eq!(profile.asked.load(Ordering::Relaxed), 1);
    let storage = handle.storage().await;
    assert!(storage.received > 1000 && storage.outgoing == 0, "{storage:?}");
    handle.shut_down().await;
    let handle = profile.start().await;
    handle.dispatch(Intent::Network { online: false }).await.unwrap();
    assert_eq!(handle.file(file.clone(), false).await.unwrap(), content);
    handle.keep_received(0).await;
    assert_eq!(handle.storage().await.received, 0);
    handle.dispatch(Intent::SignOut).await.unwrap();
    shown(&handle, |view| matches!(view.session, Session::SignedOut { .. })).await;
    assert!(handle.file(file, false).await.is_err(), "nobody is signed in");
    handle.shut_down().await;
}

#[tokio::test]
async fn what_is_under_way_on_another_network_is_not_waited_for() {
    let profile = Profile::new().await;
    let handle = profile.start().await;
    let asks = handle.clone();
    let asked = tokio::spawn(async move { asks.file(FileId::new("silent").unwrap(), false).await });
    profile.silence.notified().await;
    handle.dispatch(Intent::Network { online: true }).await.unwrap();
    // Not that it took too long, which is known later.
    let failure = asked.await.unwrap().unwrap_err();
    assert_eq!(failure.code, "unreachable");
    handle.shut_down().await;
}

/// A profile with messages, of which some members only can see one, and things that were not sent.
async fn filled() -> Profile {
    let profile = Profile::new().await;
    let mut store = profile.store();
    sign_in(&mut store, &profile.server, "me");
    put_chat(&mut store);
    let only_me = Some(vec![UserId::new("me").unwrap()]);
    let mut messages: Vec<_> = (1..=1200).map(|number| message(number, None)).collect();
    messages.push(message(1201, only_me));
    store
        .run(Op::PutMessages {
            chat: chat(),
            messages,
            place: Place::NewestPage { has_more: false },
            seq: None,
            overtaken: Default::default(),
        })
        .unwrap();
    let edit = Change::Edit {
        target: Target::Sent(MessageId::new("m00001").unwrap()),
        text: "better".into(),
    };
    let pin = Change::Pin {
        target: Target::Sent(MessageId::new("m00001").unwrap()),
        pinned: true,
    };
    let reply = Outgoing {
        reply_to: Some(Target::Unsent(ClientId::new("client-1").unwrap())),
        ..Outgoing::of_text("a reply")
    };
    for (number, work) in [
        Work::Message(Outgoing::of_text("not sent")),
        Work::Message(reply),
        Work::Change(edit),
        Work::Change(pin),
        with_file("", "copy"),
    ]
    .into_iter()
    .enumerate()
    {
        store.run(Op::Enqueue(unsent(number as u8 + 1, work))).unwrap();
    }
    store
        .run(Op::SaveDraft {
            chat: chat(),
            text: "half a thought".to_owned(),
        })
        .unwrap();
    profile
}

#[tokio::test]
async fn what_one_has_is_written_to_a_file_that_anybody_can_read() {
    let profile = filled().await;
    let handle = profile.start().await;
    handle.dispatch(Intent::Network { online: false }).await.unwrap();
    let to = profile.path().join("export.jsonl");
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let exported = handle
        .export(to.clone(), move |progress| tell.lock().unwrap().push(progress))
        .await
        .unwrap();
    assert_eq!((exported.chats, exported.messages), (1, 1201));
    assert_eq!(exported.drafts, 1);
    let lines: Vec<Value> = fs::read_to_string(&to)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["type"], "export");
    assert_eq!(lines[0]["user"]["username"], "me-name");
    assert_eq!(lines[1]["chat"]["name"], "Everybody");
    let messages: Vec<_> = lines.iter().filter(|line| line["type"] == "message").collect();
    assert_eq!(messages[0]["message"]["content"], "text 1");
    let restricted: Vec<_> = messages
        .iter()
        .filter(|line| line["restricted"] == true)
        .collect();
    assert_eq!(restricted.len(), 1);
    assert_eq!(restricted[0]["message"]["id"], "m01201");
    assert_eq!(lines.last().unwrap()["messages"], 1201);
    let told = told.lock().unwrap().clone();
    assert_eq!(told.first(), Some(&Progress { done: 0, of: 1201 }));
    assert_eq!(told.last(), Some(&Progress { done: 1201, of: 1201 }));
    assert_eq!(told.len(), 4);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let nowhere = profile.path().join("no/such/folder");
    let failure = handle.export(nowhere, |_| {}).await.unwrap_err();
    assert_eq!(failure.code, "local_file");
    assert!(
        !names(profile.path().to_owned())
            .iter()
            .any(|name| name.ends_with(".part"))
    );
    handle.shut_down().await;
}

#[tokio::test]
async fn what_was_not_sent_is_brought_back_and_waits_for_the_person() {
    let from = filled().await;
    let handle = from.start().await;
    handle.dispatch(Intent::Network { online: false }).await.unwrap();
    let file = from.path().join("export.jsonl");
    let exported = handle.export(file.clone(), |_| {}).await.unwrap();
    handle.shut_down().await;
    // A fresh profile of the same person.
    let mut to = Profile::new().await;
    to.server = from.server.clone();
    {
        let session = json!({"server": to.server.to_string(), "userId": "me", "token": "token"});
        let mut entries = to.keyring.entries.lock().unwrap();
        entries.insert(entry(SecretName::Session), Secret::new(session.to_string()));
        drop(entries);
        let mut store = to.store();
        sign_in(&mut store, &to.server, "me");
        put_chat(&mut store);
        let place = Place::NewestPage { has_more: false };
        let op = Op::PutMessages {
            chat: chat(),
            messages: vec![message(1, None)],
            place,
            seq: None,
            overtaken: Default::default(),
        };
        store.run(op).unwrap();
    }
    let handle = to.start().await;
    handle.dispatch(Intent::Network { online: false }).await.unwrap();
    let found = handle.import(file.clone()).await.unwrap();
    assert_eq!(exported.unsent, 5);
    assert_eq!(
        (found.drafts.len(), found.unsent.len(), found.left_out),
        (1, 3, 2)
    );
    handle
        .dispatch(Intent::OpenChat { chat_id: chat() })
        .await
        .unwrap();
    shown(&handle, |view| view.timeline.len() == 3).await;
    let view = handle.view().borrow().clone();
    assert_eq!(view.open.as_ref().unwrap().draft, "half a thought");
    let failed_edit = view.timeline[0].failed_edit.as_ref().unwrap();
    assert_eq!(&*failed_edit.text, "better");
    let texts: Vec<_> = view.timeline[1..]
        .iter()
        .map(|item| item.text.to_string())
        .collect();
    assert_eq!(texts, ["not sent", "a reply"]);
    for item in &view.timeline[1..] {
        assert!(
            matches!(&item.state, Some(khaya_chat::view::SendState::Failed { failure }) if failure.code == "imported"),
            "nothing is sent by itself: {:?}",
            item.state
        );
    }
    // Once more changes nothing; nor is a draft that was typed since replaced.
    let typed = Intent::SaveDraft {
        chat_id: chat(),
        text: "another".to_owned(),
    };
    handle.dispatch(typed).await.unwrap();
    handle.import(file.clone()).await.unwrap();
    handle.shut_down().await;
    let handle = to.start().await;
    handle
        .dispatch(Intent::OpenChat { chat_id: chat() })
        .await
        .unwrap();
    shown(&handle, |view| view.timeline.len() == 3).await;
    assert_eq!(handle.view().borrow().open.as_ref().unwrap().draft, "another");
    // What is no such file, not whole, of a later version, or of somebody else.
    let text = fs::read_to_string(&file).unwrap();
    let half = text.rsplit_once("{\"type\":\"end\"").unwrap().0.to_owned();
    for (content, code) in [
        ("no export\n".to_owned(), "export_none"),
        (String::new(), "export_not_whole"),
        (half, "export_not_whole"),
        (
            text.replacen("\"version\":1", "\"version\":2", 1),
            "export_too_new",
        ),
        (
            text.replacen("\"id\":\"me\"", "\"id\":\"you\"", 1),
            "export_of_other",
        ),
    ] {
        fs::write(&file, content).unwrap();
        assert_eq!(handle.import(file.clone()).await.unwrap_err().code, code);
    }
    handle.shut_down().await;
}
