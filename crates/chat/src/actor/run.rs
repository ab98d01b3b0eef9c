//! The actor's task.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use khaya_wire::Timestamp;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{self, AbortHandle, JoinSet},
    time::Instant,
};

use super::{
    Message, StartError, door::Open, errands::Errands, key::Keyholder, link::Link, measured::Measured,
    requests::Requests,
};
use crate::{
    Intent, View,
    api::{self, ApiError, Response},
    files::Outgoing,
    machine::{Chat, Input, Now, Output},
    shell::ShellRequest,
    store::{Op, StoreQueue, StoreThread},
    view::Failure,
};

/// Views follow each other no faster than this: half a frame.
const BETWEEN_VIEWS: Duration = Duration::from_millis(8);

/// How many reports of progress may wait.
const PROGRESS: usize = 16;

/// How long an app that ends waits for the keyring to forget, and for the server to hear of a sign-out.
const PARTING: Duration = Duration::from_secs(2);

/// The machine, and all that it works with.
pub(super) struct Actor {
    machine: Chat,
    began: Instant,
    thread: StoreThread,
    store: StoreQueue,
    /// Operations for which the store's queue had no room. While there are any, no further inputs are taken.
    held_back: VecDeque<(u64, Op)>,
    http: reqwest::Client,
    make_http: fn() -> reqwest::Result<reqwest::Client>,
    /// The copies of files that are being sent.
    outgoing: Outgoing,
    /// How far each of them has come. Of no use a moment later, so that what does not fit is dropped.
    progress: mpsc::Sender<(u64, u64)>,
    progressed: mpsc::Receiver<(u64, u64)>,
    /// Who waits for a file.
    files: HashMap<u64, oneshot::Sender<Result<Response, ApiError>>>,
    calls: JoinSet<Called>,
    /// What ends each of them.
    aborts: HashMap<u64, AbortHandle>,
    /// Those that were ended because their connections are forgotten: the machine hears of each.
    interrupted: HashSet<u64>,
    /// Which call each task of [`Actor::calls`] performs.
    tokens: HashMap<task::Id, u64>,
    link: Link,
    errands: Errands,
    keyholder: Arc<Keyholder>,
    inbox: mpsc::Receiver<Message>,
    next_intent: u64,
    answers: HashMap<u64, oneshot::Sender<Result<(), Failure>>>,
    shell: Requests,
    show: watch::Sender<Arc<View>>,
    shown_at: Option<Instant>,
    has_changed: bool,
    wake_at: Option<Instant>,
    measured: Measured,
}

/// A call that was performed.
struct Called {
    token: u64,
    result: Result<Response, ApiError>,
    /// Of one that carries no file.
    took: Option<Duration>,
}

/// What the task goes on with.
enum Next {
    Input(Input),
    Show,
    /// What there was is done.
    Nothing,
    End(Option<oneshot::Sender<()>>),
}

impl Actor {
    /// Puts the actor together, starts its machine and gives it what is on disk.
    pub(super) async fn start(
        open: Open,
        outgoing: Outgoing,
        make_http: fn() -> reqwest::Result<reqwest::Client>,
        inbox: mpsc::Receiver<Message>,
        shell: mpsc::Sender<ShellRequest>,
        show: watch::Sender<Arc<View>>,
    ) -> Result<Self, StartError> {
        let Open {
            store,
            file_key,
            keyholder,
            told,
            heard,
        } = open;
        match store.staged_files() {
            Ok(Some(named)) => outgoing.keep_only(&named).await,
            Ok(None) => tracing::info!("all copies of files stay: one that was set aside may name them"),
            Err(error) => tracing::warn!(%error, "all copies of files stay"),
        }
        outgoing.unlock(file_key);
        let http = make_http()?;
        let mut machine = Chat::new(seed());
        for failure in told {
            machine.alert(failure);
        }
        let (thread, store) = StoreThread::start(store)?;
        let keyholder = Arc::new(keyholder);
        let (progress, progressed) = mpsc::channel(PROGRESS);
        let mut actor = Self {
            machine,
            began: Instant::now(),
            thread,
            store,
            held_back: VecDeque::new(),
            link: Link::new(http.clone()),
            http,
            make_http,
            outgoing,
            progress,
            progressed,
            files: HashMap::new(),
            aborts: HashMap::new(),
            interrupted: HashSet::new(),
            calls: JoinSet::new(),
            tokens: HashMap::new(),
            errands: Errands::new(Arc::clone(&keyholder)),
            keyholder,
            inbox,
            next_intent: 0,
            answers: HashMap::new(),
            shell: Requests::new(shell),
            show,
            shown_at: None,
            has_changed: false,
            wake_at: None,
            measured: Measured::default(),
        };
        actor.take(Input::Start);
        if let Some((token, result)) = actor.store.answer().await {
            actor.measured.stored(token);
            actor.take(Input::Store { token, result });
        }
        for intent in heard {
            // Who told it has its answer already.
            let id = actor.next_intent;
            actor.next_intent += 1;
            actor.take(Input::Intent { id, intent });
        }
        actor.publish();
        Ok(actor)
    }

    pub(super) async fn run(mut self) {
        let done = loop {
            match self.next().await {
                Next::Input(input) => self.take(input),
                Next::Show => self.publish(),
                Next::Nothing => {}
                Next::End(done) => break done,
            }
        };
        self.end().await;
        if let Some(done) = done {
            // Who asked may have gone away.
            let _ = done.send(());
        }
    }

    async fn next(&mut self) -> Next {
        let has_room = self.held_back.is_empty();
        let show_at = self
            .has_changed
            .then(|| self.shown_at.map_or_else(Instant::now, |at| at + BETWEEN_VIEWS));
        tokio::select! {
            biased;
            answer = self.store.answer() => match answer {
                Some((token, result)) => {
                    self.measured.stored(token);
                    Next::Input(Input::Store { token, result })
                }
                None => Next::End(None),
            },
            // A flood of inputs does not keep the window from seeing any of it.
            () = until(show_at) => Next::Show,
            () = until(self.wake_at) => {
                self.wake_at = None;
                Next::Input(Input::Wake)
            }
            message = self.inbox.recv(), if has_room => match message {
                Some(Message::Intent(Intent::SetRecoveryPassphrase { passphrase }, answer)) => {
                    let keyholder = Arc::clone(&self.keyholder);
                    tokio::spawn(async move {
                        // Who asked may have gone away.
                        let _ = answer.send(keyholder.set_passphrase(passphrase).await);
                    });
                    Next::Show
                }
                Some(Message::Intent(intent, answer)) => {
                    let id = self.next_intent;
                    self.next_intent += 1;
                    self.answers.insert(id, answer);
                    Next::Input(Input::Intent { id, intent })
                }
                Some(Message::File(request, answer)) => {
                    let id = self.next_intent;
                    self.next_intent += 1;
                    self.files.insert(id, answer);
                    Next::Input(Input::File { id, request })
                }
                Some(Message::Diagnose(answer)) => {
                    let work = self.measured.work(self.began.elapsed());
                    // Who asked may have gone away.
                    answer.send((self.machine.condition(), work)).ok();
                    Next::Show
                }
                Some(Message::Export { to, progress, answer }) => {
                    let keyholder = Arc::clone(&self.keyholder);
                    tokio::spawn(async move {
                        // Who asked may have gone away.
                        answer.send(keyholder.export(to, progress).await).ok();
                    });
                    Next::Show
                }
                Some(Message::Restore(found, answer)) => {
                    let id = self.next_intent;
                    self.next_intent += 1;
                    self.answers.insert(id, answer);
                    Next::Input(Input::Restore {
                        id,
                        drafts: found.drafts,
                        unsent: found.unsent,
                    })
                }
                Some(Message::ShutDown(done)) => Next::End(Some(done)),
                None => Next::End(None),
            },
            Some((token, sent)) = self.progressed.recv() => Next::Input(Input::Progress { token, sent }),
            Some(done) = self.calls.join_next_with_id(), if has_room => match done {
                Ok((id, Called { token, result, took })) => {
                    self.tokens.remove(&id);
                    self.aborts.remove(&token);
                    self.interrupted.remove(&token);
                    self.measured.called(took);
                    Next::Input(Input::Call { token, result })
                }
                Err(error) if error.is_cancelled() => {
                    let token = self.tokens.remove(&error.id());
                    match token.filter(|token| self.interrupted.remove(token)) {
                        Some(token) => Next::Input(Input::Call {
                            token,
                            result: Err(ApiError::Interrupted),
                        }),
                        None => Next::Show,
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a call's task ended without an answer");
                    match self.tokens.remove(&error.id()) {
                        Some(token) => Next::Input(Input::Call {
                            token,
                            result: Err(ApiError::Interrupted),
                        }),
                        None => Next::Show,
                    }
                }
            },
            answer = self.errands.answer() => Next::Input(Input::Secrets(answer)),
            () = self.shell.go_on() => Next::Nothing,
            event = self.link.next(), if has_room => Next::Input(Input::Socket(event)),
        }
    }

    fn take(&mut self, input: Input) {
        let now = Now {
            monotonic: self.began.elapsed(),
            wall: wall(),
        };
        for output in self.machine.handle(now, input) {
            self.execute(output);
        }
        self.hand_to_store();
        self.has_changed = true;
    }

    fn execute(&mut self, output: Output) {
        match output {
            Output::Store { token, op } => self.held_back.push_back((token, op)),
            Output::Call { token, call } => {
                let (http, outgoing) = (self.http.clone(), self.outgoing.clone());
                let progress = self.progress.clone();
                let tell = move |sent| {
                    progress.try_send((token, sent)).ok();
                };
                let task = self.calls.spawn(async move {
                    let (result, took) = match api::perform_with_file(&http, &outgoing, &call, tell).await {
                        Some(result) => (result, None),
                        None => {
                            let began = Instant::now();
                            (api::perform(&http, call).await, Some(began.elapsed()))
                        }
                    };
                    Called { token, result, took }
                });
                self.tokens.insert(task.id(), token);
                self.aborts.insert(token, task);
            }
            Output::Cancel { token } => {
                if let Some(task) = self.aborts.remove(&token) {
                    task.abort();
                }
            }
            Output::ForgetConnections => match (self.make_http)() {
                Ok(http) => {
                    self.link.use_http(http.clone());
                    self.http = http;
                    // What is under way over them would wait for its time limit, and others for it.
                    for (token, task) in self.aborts.drain() {
                        task.abort();
                        self.interrupted.insert(token);
                    }
                }
                Err(error) => tracing::warn!(%error, "calls go on over connections that may lead nowhere"),
            },
            Output::ForgetFiles(files) => {
                let outgoing = self.outgoing.clone();
                tokio::spawn(async move { outgoing.forget(&files).await });
            }
            Output::File { id, result } => {
                if let Some(answer) = self.files.remove(&id) {
                    // Who asked may have gone away.
                    answer.send(result).ok();
                }
            }
            Output::Socket(command) => self.link.execute(command),
            Output::Secrets(request) => self.errands.add(request),
            Output::Shell(request) => self.shell.add(request),
            Output::Answer { id, result } => {
                if let Some(answer) = self.answers.remove(&id) {
                    // Who asked may have gone away.
                    let _ = answer.send(result);
                }
            }
            Output::WakeAt(at) => self.wake_at = Some(self.began + at),
        }
    }

    fn hand_to_store(&mut self) {
        while self.store.has_room()
            && let Some((token, op)) = self.held_back.pop_front()
        {
            self.measured.asked_store(token);
            self.store.ask(token, op);
        }
    }

    fn publish(&mut self) {
        self.has_changed = false;
        self.shown_at = Some(Instant::now());
        let view = self.machine.view();
        self.show.send_if_modified(|shown| {
            let is_new = **shown != view;
            if is_new {
                *shown = Arc::new(view);
            }
            is_new
        });
        self.measured.shown();
    }

    /// Finishes what a sign-out began.
    async fn part(&mut self) {
        while !self.errands.is_done() {
            let answer = self.errands.answer().await;
            self.take(Input::Secrets(answer));
        }
        while self.machine.is_saying_farewell()
            && let Some(done) = self.calls.join_next().await
        {
            if let Ok(Called { token, result, .. }) = done {
                self.take(Input::Call { token, result });
            }
        }
    }

    async fn end(mut self) {
        if tokio::time::timeout(PARTING, self.part()).await.is_err() {
            tracing::warn!("the keyring or the server did not answer in time at the end");
        }
        while let Some((token, op)) = self.held_back.pop_front() {
            if !self.store.has_room() && self.store.answer().await.is_none() {
                break;
            }
            self.store.ask(token, op);
        }
        drop(self.link);
        self.calls.shutdown().await;
        let Self { store, thread, .. } = self;
        drop(store);
        if let Err(error) = task::spawn_blocking(move || thread.join()).await {
            tracing::error!(%error, "the store was not closed in order");
        }
    }
}

/// Different in each run: the standard library's hash keys are.
fn seed() -> u64 {
    RandomState::new().hash_one(SystemTime::now())
}

pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
