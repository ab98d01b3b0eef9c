//! What the page has been told, and what it is told next: numbered differences of the view, at most one a frame.
//!
//! The [`Feed`] compares the view that the page has with the newest one. Whatever happened between the two is one
//! update, so a page that is slow, asleep or gone costs nothing and can never make a queue grow.
//!
//! Never decides what is in the view; that is the chat machine's.

use std::sync::Arc;

use khaya_chat::view::{Update, View, diff};
use serde::Serialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{self, Duration},
};

/// The shortest time between two updates: a frame at 60 Hz.
const FRAME: Duration = Duration::from_millis(16);

/// The longest update that is sent as an event, in bytes of JSON. An event is a script that the main thread hands
/// to the web view; a larger difference is fetched by the page, when it has painted what it has.
const MAX_EVENT_BYTES: usize = 8 * 1024;

/// How many updates may be on their way to a page that has not painted them. The page says so at every fourth, so that
/// one that keeps up never waits.
const MAX_UNACKNOWLEDGED: u64 = 12;

/// Everything that the page needs to begin, or to begin again.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Snapshot {
    /// Of the update that led to this; the next one has one more.
    number: u64,
    view: Arc<View>,
    /// What the page gave to keep when its last window went.
    page: Value,
    /// The server that the command line names, for the form to begin with.
    server: Option<String>,
    /// The app is locked: there is nothing to see, and nothing will be told.
    locked: bool,
}

/// What the page asks of the feed.
#[derive(Debug)]
pub(crate) enum Request {
    /// Begin with all of it.
    Snapshot(oneshot::Sender<Snapshot>),
    /// Tell what an event was too small for.
    CatchUp(oneshot::Sender<Box<RawValue>>),
    /// The page lives and has painted the update with this number.
    Alive(u64),
    /// Keep this for the next page.
    Keep(Value),
    /// There is no page any more.
    Gone,
    /// The app is locked from now on, or no more.
    Locked(bool),
}

/// Makes updates for the page until the app ends. A full `updates` makes it wait, and the next one then tells of all
/// that came meanwhile. `server` is what the command line names.
pub(crate) async fn run(
    mut views: watch::Receiver<Arc<View>>,
    mut requests: mpsc::Receiver<Request>,
    updates: mpsc::Sender<String>,
    server: Option<String>,
    locked: bool,
) {
    let mut feed = Feed {
        server,
        locked,
        ..Feed::default()
    };
    loop {
        tokio::select! {
            changed = views.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            request = requests.recv() => match request {
                Some(request) => feed.answer(request, &views.borrow_and_update()),
                None => return,
            },
        }
        let newest = Arc::clone(&views.borrow_and_update());
        if let Some(update) = feed.next(&newest) {
            if updates.send(update).await.is_err() {
                return;
            }
            time::sleep(FRAME).await;
        }
    }
}

/// What the page has.
#[derive(Debug, Default)]
struct Feed {
    number: u64,
    acknowledged: u64,
    page: Page,
    kept: Value,
    server: Option<String>,
    locked: bool,
}

/// Where the page is.
#[derive(Debug, Default)]
enum Page {
    /// It has asked for nothing yet, or must ask for a snapshot before it can be told more.
    #[default]
    Waiting,
    /// It shows this, or will once it has applied what is on its way.
    Showing(Arc<View>),
    /// It shows this, and knows that there is more to fetch.
    Behind(Arc<View>),
}

impl Feed {
    fn answer(&mut self, request: Request, newest: &Arc<View>) {
        match request {
            Request::Snapshot(reply) if self.locked => {
                self.page = Page::Waiting;
                self.acknowledged = self.number;
                let _ = reply.send(Snapshot {
                    number: self.number,
                    view: Arc::default(),
                    page: Value::Null,
                    server: None,
                    locked: true,
                });
            }
            Request::Snapshot(reply) => {
                self.page = Page::Showing(Arc::clone(newest));
                self.acknowledged = self.number;
                // The page may have gone while it waited; the next one asks anew.
                let _ = reply.send(Snapshot {
                    number: self.number,
                    view: Arc::clone(newest),
                    // Once: what it tells of is the page's from then on, and soon as it was.
                    page: self.kept.take(),
                    server: self.server.clone(),
                    locked: false,
                });
            }
            Request::CatchUp(reply) => {
                match self.catch_up(newest) {
                    // The page may have gone while it waited; the next one begins anew.
                    Ok(update) => drop(reply.send(update)),
                    Err(error) => tracing::error!(%error, "an update cannot be told"),
                }
            }
            Request::Alive(number) => self.acknowledged = number.clamp(self.acknowledged, self.number),
            Request::Keep(page) => self.kept = page,
            Request::Gone => self.page = Page::Waiting,
            Request::Locked(locked) => {
                self.locked = locked;
                self.page = Page::Waiting;
            }
        }
    }

    /// The event that brings the page to `newest`, or none if there is nothing to tell or nobody to hear it.
    fn next(&mut self, newest: &Arc<View>) -> Option<String> {
        let Page::Showing(shown) = &self.page else {
            return None;
        };
        if Arc::ptr_eq(shown, newest) || self.number - self.acknowledged >= MAX_UNACKNOWLEDGED {
            return None;
        }
        let changes = diff(shown, newest);
        if changes.is_empty() {
            self.page = Page::Showing(Arc::clone(newest));
            return None;
        }
        let number = self.number + 1;
        match serde_json::to_string(&Update { number, changes }) {
            Ok(event) if event.len() <= MAX_EVENT_BYTES => {
                self.number = number;
                self.page = Page::Showing(Arc::clone(newest));
                Some(event)
            }
            Ok(_) => {
                self.page = Page::Behind(Arc::clone(shown));
                Some(json!({ "number": self.number, "more": true }).to_string())
            }
            Err(error) => {
                tracing::error!(%error, "an update cannot be told");
                self.page = Page::Waiting;
                Some(json!({ "number": number, "snapshot": true }).to_string())
            }
        }
    }

    /// All that a page has not got which asks for it.
    fn catch_up(&mut self, newest: &Arc<View>) -> serde_json::Result<Box<RawValue>> {
        let (Page::Showing(shown) | Page::Behind(shown)) = &self.page else {
            return to_raw_value(&json!({ "number": self.number, "snapshot": true }));
        };
        let changes = diff(shown, newest);
        let number = self.number + 1;
        let update = to_raw_value(&Update { number, changes })?;
        self.number = number;
        self.page = Page::Showing(Arc::clone(newest));
        Ok(update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use khaya_chat::view::{Alert, Failure};

    fn view(unread: u64) -> Arc<View> {
        Arc::new(View {
            unread,
            ..View::default()
        })
    }

    fn large() -> Arc<View> {
        let failure = Failure {
            code: "x".into(),
            message: "m".repeat(MAX_EVENT_BYTES),
        };
        Arc::new(View {
            alerts: vec![Alert { id: 1, failure }],
            ..View::default()
        })
    }

    fn ask(feed: &mut Feed, newest: &Arc<View>) -> Snapshot {
        let (reply, mut answer) = oneshot::channel();
        feed.answer(Request::Snapshot(reply), newest);
        answer.try_recv().unwrap()
    }

    fn next(feed: &mut Feed, newest: &Arc<View>) -> Option<Value> {
        feed.next(newest)
            .map(|event| serde_json::from_str(&event).unwrap())
    }

    #[test]
    fn tells_nothing_before_it_was_asked_and_then_every_difference_once() {
        let mut feed = Feed::default();
        assert_eq!(next(&mut feed, &view(1)), None);
        let snapshot = ask(&mut feed, &view(1));
        assert_eq!((snapshot.number, snapshot.view.unread), (0, 1));
        assert_eq!(next(&mut feed, &view(1)), None, "the same is no change");
        // What came between two frames is one update.
        assert_eq!(
            next(&mut feed, &view(3)),
            Some(json!({ "number": 1, "changes": [{ "type": "unread", "value": 3 }] }))
        );
        assert_eq!(next(&mut feed, &view(3)), None);
        assert_eq!(next(&mut feed, &view(4)).unwrap()["number"], 2);
        assert_eq!(ask(&mut feed, &view(5)).number, 2);
        assert_eq!(next(&mut feed, &view(6)).unwrap()["number"], 3);
    }

    fn catch_up(feed: &mut Feed, newest: &Arc<View>) -> Value {
        let (reply, mut answer) = oneshot::channel();
        feed.answer(Request::CatchUp(reply), newest);
        serde_json::from_str(answer.try_recv().unwrap().get()).unwrap()
    }

    #[test]
    fn a_large_difference_is_fetched() {
        let mut feed = Feed::default();
        ask(&mut feed, &view(0));
        assert_eq!(next(&mut feed, &view(3)).unwrap()["number"], 1);
        assert_eq!(
            next(&mut feed, &large()),
            Some(json!({ "number": 1, "more": true }))
        );
        assert_eq!(
            next(&mut feed, &view(7)),
            None,
            "until it is fetched there is nothing to say"
        );
        assert_eq!(
            catch_up(&mut feed, &view(8)),
            json!({ "number": 2, "changes": [{ "type": "unread", "value": 8 }] }),
            "all of it, up to now"
        );
        assert_eq!(next(&mut feed, &view(9)).unwrap()["number"], 3);
    }

    #[test]
    fn who_has_no_snapshot_has_nothing_to_catch_up_with() {
        let mut feed = Feed::default();
        let anew = json!({ "number": 0, "snapshot": true });
        assert_eq!(catch_up(&mut feed, &view(1)), anew);
        ask(&mut feed, &view(1));
        feed.answer(Request::Locked(true), &view(1));
        assert_eq!(catch_up(&mut feed, &view(2)), anew);
    }

    #[test]
    fn a_page_that_hangs_gets_no_more_until_it_lives_again() {
        let mut feed = Feed::default();
        ask(&mut feed, &view(0));
        for unread in 1..=MAX_UNACKNOWLEDGED {
            assert_eq!(next(&mut feed, &view(unread)).unwrap()["number"], unread);
        }
        assert_eq!(next(&mut feed, &view(9_000)), None);
        feed.answer(Request::Alive(u64::MAX), &view(9_000));
        let update = next(&mut feed, &view(9_001)).unwrap();
        assert_eq!(
            update,
            json!({ "number": MAX_UNACKNOWLEDGED + 1, "changes": [{ "type": "unread", "value": 9_001 }] })
        );
    }

    #[test]
    fn keeps_for_the_next_page_what_the_last_one_gave() {
        let mut feed = Feed::default();
        ask(&mut feed, &view(0));
        feed.answer(Request::Keep(json!({ "scroll": 3 })), &view(0));
        feed.answer(Request::Gone, &view(0));
        assert_eq!(next(&mut feed, &view(1)), None);
        assert_eq!(ask(&mut feed, &view(1)).page, json!({ "scroll": 3 }));
        assert_eq!(ask(&mut feed, &view(1)).page, Value::Null, "it is given out once");
    }

    #[test]
    fn a_locked_app_has_nothing_to_see_and_nothing_to_tell() {
        let mut feed = Feed::default();
        ask(&mut feed, &view(1));
        feed.answer(Request::Keep(json!({ "scroll": 3 })), &view(1));
        feed.answer(Request::Locked(true), &view(2));
        assert_eq!(next(&mut feed, &view(3)), None);
        let snapshot = ask(&mut feed, &view(3));
        assert!(snapshot.locked && *snapshot.view == View::default() && snapshot.page.is_null());
        assert_eq!(next(&mut feed, &view(4)), None, "also after it has begun anew");
        feed.answer(Request::Locked(false), &view(4));
        let snapshot = ask(&mut feed, &view(4));
        assert_eq!((snapshot.locked, snapshot.view.unread), (false, 4));
        assert_eq!(snapshot.page, json!({ "scroll": 3 }));
    }
}
