//! What the page asks, answered: a command at a time, checked before anything else sees it.

use std::path::PathBuf;

use futures_util::{FutureExt, future::BoxFuture};
use khaya_chat::{Intent, View, actor, view::Session};
use khaya_wire::FileId;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::{
    link::{Answer, Blob, PictureOf, Refusal, Reply},
    picture,
    updates::Request,
};

/// The most that a page may give to keep for the next page, in bytes of JSON.
const MAX_KEPT_BYTES: usize = 32 * 1024;

/// The answer to the question with this number, once there is one.
pub(crate) type Pending = BoxFuture<'static, (u64, Answer)>;

/// A question about the chat and its view.
#[derive(Debug)]
pub(crate) enum ChatQuestion {
    Dispatch(Value),
    Snapshot,
    CatchUp,
    /// The update that the page applied last.
    Alive(u64),
    Flushed(Value),
    Attach {
        path: PathBuf,
        name: String,
        mime_type: String,
    },
    Detach(FileId),
    Picture(PictureOf),
    Save {
        file: FileId,
        path: PathBuf,
    },
    Export(PathBuf),
    Import(PathBuf),
}

/// Works on one question.
pub(crate) fn work_on(
    chat: &actor::Handle,
    requests: &mpsc::Sender<Request>,
    number: u64,
    question: ChatQuestion,
) -> Pending {
    let (chat, requests) = (chat.clone(), requests.clone());
    async move {
        let answer = match question {
            ChatQuestion::Dispatch(intent) => dispatch(&chat, intent).await,
            ChatQuestion::Snapshot => fetch(&requests, Request::Snapshot).await,
            ChatQuestion::CatchUp => fetch(&requests, Request::CatchUp).await,
            ChatQuestion::Alive(applied) => tell(&requests, Request::Alive(applied)).await,
            ChatQuestion::Flushed(page) => keep(&requests, page).await,
            ChatQuestion::Attach {
                path,
                name,
                mime_type,
            } => chat
                .attach(&path, name, mime_type)
                .await
                .map(Reply::File)
                .map_err(Refusal::from),
            ChatQuestion::Detach(file) => {
                chat.detach(&file).await;
                json(&())
            }
            ChatQuestion::Picture(which) => show_picture(&chat, which).await,
            ChatQuestion::Export(path) => chat
                .export(path, |_| {})
                .await
                .map_err(Refusal::from)
                .and_then(|exported| json(&exported)),
            ChatQuestion::Import(path) => chat.import(path).await.map_err(Refusal::from).and_then(|found| {
                json(&serde_json::json!({
                    "drafts": found.drafts.len(),
                    "unsent": found.unsent.len(),
                    "leftOut": found.left_out,
                }))
            }),
            ChatQuestion::Save { file, path } => {
                if shows(&chat.view().borrow(), &file) {
                    chat.save(file, path)
                        .await
                        .map_err(Refusal::from)
                        .and_then(|()| json(&()))
                } else {
                    Err(no_such_file())
                }
            }
        };
        (number, answer)
    }
    .boxed()
}

async fn dispatch(chat: &actor::Handle, intent: Value) -> Answer {
    let intent: Intent = serde_json::from_value(intent).map_err(|error| {
        // Not the error itself: it may quote what was sent, and that may be a password.
        tracing::error!(category = ?error.classify(), "the page sent an intent that is none");
        Refusal::new(
            "invalid_intent",
            "The window asked for something that the app does not know.",
        )
    })?;
    json(&chat.dispatch(intent).await?)
}

async fn fetch<T: Serialize>(
    requests: &mpsc::Sender<Request>,
    request: impl FnOnce(oneshot::Sender<T>) -> Request,
) -> Answer {
    let (reply, answer) = oneshot::channel();
    tell(requests, request(reply)).await?;
    json(&answer.await.map_err(|_| Refusal::ended())?)
}

async fn keep(requests: &mpsc::Sender<Request>, page: Value) -> Answer {
    if page.to_string().len() > MAX_KEPT_BYTES {
        return Err(Refusal::new(
            "payload_too_large",
            "The page wants to keep too much.",
        ));
    }
    tell(requests, Request::Keep(page)).await
}

async fn tell(requests: &mpsc::Sender<Request>, request: Request) -> Answer {
    requests.send(request).await.map_err(|_| Refusal::ended())?;
    json(&())
}

/// A picture for the page: one that the view names, or that waits to be sent, and that is a picture by its bytes.
async fn show_picture(chat: &actor::Handle, which: PictureOf) -> Answer {
    let content = match which {
        PictureOf::Staged(file) => chat.staged(&file, picture::LARGEST).await?,
        PictureOf::File(file) | PictureOf::Thumbnail(file) if !shows(&chat.view().borrow(), &file) => {
            return Err(no_such_file());
        }
        PictureOf::File(file) => chat.file(file, false).await?.bytes,
        PictureOf::Thumbnail(file) => chat.file(file, true).await?.bytes,
    };
    let mime_type = picture::type_of(&content)
        .ok_or_else(|| Refusal::new("unsupported_media_type", "This file is not a picture."))?;
    Ok(Reply::Picture {
        mime_type: mime_type.to_owned(),
        bytes: Blob(content),
    })
}

/// Whether the view names this file: of a message of the open chat, or as somebody's picture. The server says who may
/// have a file; this says what the page has a reason to ask for.
fn shows(view: &View, file: &FileId) -> bool {
    let is_it = |avatar: &Option<FileId>| avatar.as_ref() == Some(file);
    let me = match &view.session {
        Session::SignedIn { me, .. } => is_it(&me.avatar),
        Session::SignedOut { .. } | Session::SigningIn { .. } | Session::Locked { .. } => return false,
    };
    let members = view.open.iter().flat_map(|open| &open.members);
    let people = view.people.iter().flat_map(|search| &search.people);
    me || view.timeline.iter().any(|item| {
        is_it(&item.sender.avatar) || item.attachments.iter().any(|attachment| is_it(&attachment.id))
    }) || view.chats.iter().any(|chat| is_it(&chat.avatar))
        || members
            .map(|member| &member.person)
            .chain(people)
            .any(|person| is_it(&person.avatar))
}

fn no_such_file() -> Refusal {
    Refusal::new("not_found", "This file is not there any more.")
}

fn json(value: &impl Serialize) -> Answer {
    serde_json::value::to_raw_value(value)
        .map(Reply::Json)
        .map_err(|error| {
            tracing::error!(%error, "an answer cannot be written");
            Refusal::new("internal", "Something went wrong inside the app.")
        })
}
