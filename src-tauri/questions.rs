//! What the page asks, answered: a command at a time, checked before anything else sees it.

use futures_util::{FutureExt, future::BoxFuture};
use khaya_chat::{Intent, actor};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::{
    link::{Answer, Question, Refusal},
    updates::Request,
};

/// The most that a page may give to keep for the next page, in bytes of JSON.
const MAX_KEPT_BYTES: usize = 4 * 1024;

/// The answer to the question with this number, once there is one.
pub(crate) type Pending = BoxFuture<'static, (u64, Answer)>;

/// Works on one question.
pub(crate) fn work_on(
    chat: &actor::Handle,
    requests: &mpsc::Sender<Request>,
    number: u64,
    question: Question,
) -> Pending {
    let (chat, requests) = (chat.clone(), requests.clone());
    async move {
        let answer = match question {
            Question::Dispatch(intent) => dispatch(&chat, intent).await,
            Question::Snapshot => snapshot(&requests).await,
            Question::Alive(applied) => tell(&requests, Request::Alive(applied)).await,
            Question::Flushed(page) => keep(&requests, page).await,
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

async fn snapshot(requests: &mpsc::Sender<Request>) -> Answer {
    let (reply, snapshot) = oneshot::channel();
    tell(requests, Request::Snapshot(reply)).await?;
    json(&snapshot.await.map_err(|_| Refusal::ended())?)
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

fn json(value: &impl Serialize) -> Answer {
    serde_json::value::to_raw_value(value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be written");
        Refusal::new("internal", "Something went wrong inside the app.")
    })
}
