//! The one writer: takes changes from everywhere, stores all that wait in one transaction, answers when it is
//! on the disk, and tells what happened after that, in the order in which it was stored.
//!
//! It has a thread of its own. Only whoever is alone writes a short change by themself, with what the thread works with.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use khaya_wire::Timestamp;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::oneshot,
    task::block_in_place,
};

use super::{
    Tx,
    checkpoints::Checkpoints,
    conn::Conn,
    desk::{Change, Desk, Job, Settles},
    later::Later,
    queue::Queue,
    readers::Look,
};
use crate::{Error, realtime::Hub};

/// How many changes one transaction takes.
const BATCH: usize = 256;
/// How long a transaction waits at most for those who were answered before, and for what part of the time that the
/// disk takes: they ask again together, and another transaction for those who are a little late would take longer.
const GATHER: Duration = Duration::from_millis(2);
const PART: u32 = 4;
/// After how long it is looked again for something else to do when somebody was writing by themself.
const WHILE_OTHERS_WRITE: Duration = Duration::from_millis(2);

/// Where changes are handed in.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: Arc<Queue<Work>>,
    desk: Arc<Mutex<Option<Desk>>>,
    /// Whether messages wait to be put in their places.
    unsettled: Arc<AtomicBool>,
    thread: Arc<Mutex<Option<thread::JoinHandle<()>>>>,
}

impl Writer {
    pub(super) fn start(conn: Conn, checkpoints: Option<Checkpoints>, hub: Hub) -> Result<Self, Error> {
        let jobs = Arc::new(Queue::default());
        let unsettled = Arc::new(AtomicBool::new(false));
        let later = Later::new(Arc::clone(&unsettled));
        let desk = Arc::new(Mutex::new(Some(Desk::new(conn, checkpoints, hub, later))));
        let runtime = Handle::current();
        let (queue, own) = (CloseOnDrop(Arc::clone(&jobs)), Arc::clone(&desk));
        let thread = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                // Sockets that are closed here say so to the runtime.
                let _entered = runtime.enter();
                run(&own, &queue.0);
            })
            .map_err(|source| Error::io("cannot start a thread", source))?;
        Ok(Self {
            jobs,
            desk,
            unsettled,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Does `change` within the next transaction, as if it were `at` when that is given, and answers what it gave
    /// once that is committed.
    pub(super) async fn write<T, F>(
        &self,
        at: Option<Timestamp>,
        settles: Settles,
        change: F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(Change {
            at,
            settles,
            change,
            answer,
        });
        if let Some(job) = self.write_here(job) {
            self.jobs
                .put(Work::Change(job))
                .await
                .map_err(|_closed| Error::Unavailable)?;
        }
        answered.await.map_err(|_| Error::Unavailable)?
    }

    /// Makes a short change on the thread of who wants it, when they are alone: to hand it to the writer's thread and the
    /// answer back would take a tenth of the time. Gives it back when it may be long, or anybody else is at it.
    fn write_here(&self, job: Box<dyn Job>) -> Option<Box<dyn Job>> {
        // Another thread takes over what this one has to do besides, if there can be one.
        let may_block = || Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        if job.settles() == Settles::First || !self.jobs.is_idle() || !may_block() {
            return Some(job);
        }
        let Ok(mut held) = self.desk.try_lock() else {
            return Some(job);
        };
        let Some(desk) = held.as_mut().filter(|desk| desk.writes_anywhere()) else {
            return Some(job);
        };
        let rest = desk.rest();
        let _never_in_doubt = block_in_place(|| desk.write(vec![job]));
        let is_sooner = rest.is_none_or(|rest| desk.rest() < Some(rest));
        drop(held);
        if is_sooner {
            self.jobs.wake();
        }
        None
    }

    /// Waits until all that was answered is in its places.
    pub(super) async fn settled(&self) -> Result<(), Error> {
        if !self.unsettled.load(Ordering::Acquire) {
            return Ok(());
        }
        let (done, settled) = oneshot::channel();
        self.jobs
            .put(Work::Settle(done))
            .await
            .map_err(|_closed| Error::Unavailable)?;
        settled.await.map_err(|_| Error::Unavailable)
    }

    /// Answers what `look` finds when nothing can be put in its places.
    pub(super) async fn look<T, F>(&self, look: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let look: Look = Box::new(move |conn| {
            // Who asked may have gone.
            let _gone = answer.send(look(conn));
        });
        self.jobs
            .put(Work::Look(look))
            .await
            .map_err(|_closed| Error::Unavailable)?;
        answered.await.map_err(|_| Error::Unavailable)?
    }

    /// Stores what waits, refuses what comes later, and closes the connection.
    pub(super) async fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _gone = self.jobs.put(Work::End).await;
            let _ended = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

enum Work {
    Change(Box<dyn Job>),
    /// Puts what waits in its places, and says so. Drops it when that fails.
    Settle(oneshot::Sender<()>),
    Look(Look),
    End,
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").finish_non_exhaustive()
    }
}

/// However the writer ends, nobody waits for it.
struct CloseOnDrop(Arc<Queue<Work>>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn run(desk: &Mutex<Option<Desk>>, queue: &Queue<Work>) {
    let (mut wanted, mut patience, mut rest) = (1, Duration::ZERO, Some(Duration::ZERO));
    loop {
        let (mut jobs, mut waiting, mut looks) = (Vec::new(), Vec::new(), Vec::new());
        let mut ends = false;
        for work in queue.take(rest, wanted, patience, BATCH) {
            match work {
                Work::Change(job) => jobs.push(job),
                Work::Settle(done) => waiting.push(done),
                Work::Look(look) => looks.push(look),
                Work::End => ends = true,
            }
        }
        let is_asked = !jobs.is_empty() || !waiting.is_empty() || !looks.is_empty() || ends;
        let held = match desk.try_lock() {
            // Somebody writes, so that it is not yet time for anything else.
            Err(TryLockError::WouldBlock) if !is_asked => {
                (wanted, rest) = (1, Some(WHILE_OTHERS_WRITE));
                continue;
            }
            Err(TryLockError::WouldBlock) => desk.lock().ok(),
            // Whoever panicked with it has left it in a state that must not be stored.
            Err(TryLockError::Poisoned(_)) => None,
            Ok(held) => Some(held),
        };
        let Some(mut held) = held else { return };
        let Some(desk) = held.as_mut() else { return };
        let (count, begin) = (jobs.len(), Instant::now());
        if let Some(batch) = desk.write(jobs) {
            ends |= desk.find_out(batch, || refuse(queue));
        }
        if ends {
            desk.finish();
            *held = None;
            return;
        }
        // Somebody may have written while it rested.
        if is_asked || desk.rest() == Some(Duration::ZERO) {
            desk.tend(count, waiting, looks, || queue.len() == 0);
        }
        rest = desk.rest();
        // Those who were answered come again, beside those who came meanwhile. Nobody waits who is alone.
        wanted = count + queue.len();
        patience = (begin.elapsed() / PART).min(GATHER);
    }
}

/// Refuses what is handed in. Whether the writer was asked to end.
fn refuse(queue: &Queue<Work>) -> bool {
    let mut ends = false;
    for work in queue.take_all() {
        match work {
            Work::Change(refused) => drop(refused),
            Work::Settle(refused) => drop(refused),
            Work::Look(refused) => drop(refused),
            Work::End => ends = true,
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use khaya_wire::Message;

    use super::*;
    use crate::{
        Database,
        store::{
            Store, Viewer, query, read_count,
            sending::{Draft, Sent, send},
        },
    };

    /// With one chat `c`, of one person `u`.
    async fn world(dir: &std::path::Path) -> Store {
        let store = Store::open(&Database::Sqlite(dir.to_owned()), Hub::default())
            .await
            .unwrap();
        let fill = store.write(|tx| {
            tx.write().batch(
                "INSERT INTO users (id, username, name, search_text, role, password_hash, created_at)
                 VALUES ('u', 'u', 'U', 'u', 'member', '', 0);
                 INSERT INTO chats (id, kind, name, created_at, changed_at, last_at) VALUES ('c', 'group', 'C', 0, 0, 0);
                 INSERT INTO members (chat_id, user_id, role, joined_at, read_at) VALUES ('c', 'u', 'owner', 0, 0);",
            )
        });
        fill.await.unwrap();
        store
    }

    /// Sends a message. It, and whether the writer's thread stored it.
    async fn say(store: &Store, content: &str) -> (Message, bool) {
        let viewer = Viewer {
            user: "u".parse().unwrap(),
            role: "member".to_owned(),
        };
        let draft = Draft {
            chat: "c".parse().unwrap(),
            content: content.to_owned(),
            client_id: Some(content.parse().unwrap()),
            reply_to: None,
            visible_to: BTreeSet::new(),
            visible_to_roles: BTreeSet::new(),
            attachments: Vec::new(),
        };
        let sent = store.write_message(move |tx| {
            let by_writer = thread::current().name() == Some("writer");
            send(tx, &viewer, draft).map(|sent| (sent, by_writer))
        });
        match sent.await.unwrap() {
            (Sent::Fresh(message), by_writer) => (message, by_writer),
            (Sent::Known(_), _) => panic!("{content} was sent before"),
        }
    }

    /// What is in its places, in the order of the chat's stream, of which no number is missing.
    async fn stored(store: &Store) -> Vec<String> {
        let rows = store.read(|conn| {
            query(
                "SELECT m.content, e.seq FROM messages m JOIN events e ON e.message_id = m.id ORDER BY m.created_at, m.id",
            )
            .fetch_all(conn)
        });
        let rows = rows.await.unwrap();
        let numbers: Vec<u64> = rows.iter().map(|row| read_count(row, "seq").unwrap()).collect();
        assert!(numbers.iter().copied().eq(1..=rows.len() as u64), "{numbers:?}");
        rows.iter().map(|row| row.try_get("content").unwrap()).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn who_is_alone_writes_by_themself_and_it_is_put_in_its_place_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let store = world(dir.path()).await;
        let mut said = Vec::new();
        let mut by_writer = true;
        // At first the writer's thread may be busy still.
        while by_writer && said.len() < 1000 {
            let content = format!("m{}", said.len());
            (_, by_writer) = say(&store, &content).await;
            said.push(content);
        }
        assert!(!by_writer);
        // Nobody asks for it.
        while store.writer.unsettled.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
        assert_eq!(stored(&store).await, said);
        store.close().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_writes_everything_is_stored_once_and_in_one_order() {
        const PEOPLE: usize = 4;
        const EACH: usize = 400;
        let dir = tempfile::tempdir().unwrap();
        let store = world(dir.path()).await;
        let people: Vec<_> = (0..PEOPLE)
            .map(|person| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut answered = Vec::new();
                    // Each is alone at the end for longer than the one before.
                    for number in 0..EACH * (person + 1) / PEOPLE {
                        let (message, _) = say(&store, &format!("p{person}n{number}")).await;
                        answered.push((message.created_at, message.content.to_string()));
                    }
                    assert!(answered.is_sorted());
                    answered
                })
            })
            .collect();
        let mut answered = Vec::new();
        for person in people {
            answered.extend(person.await.unwrap());
        }
        answered.sort();
        let answered: Vec<String> = answered.into_iter().map(|(_, content)| content).collect();
        assert_eq!(stored(&store).await, answered);
        store.close().await;
    }
}
