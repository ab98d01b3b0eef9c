//! The task of a client: gives the machine what happened and does what it says.

mod effects;

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::oneshot,
    time::{Instant, Sleep},
};

use super::{
    command::{Command, Emission, Shared, SocketOptions},
    http::Http,
    moderation::Moderation,
    outlets::Outlets,
    polling::Polling,
    websocket::WebSocket,
};
use crate::{
    ack::Reply,
    client::{Client, Emit, Input, NamespaceOptions, Output},
    delivery::Cell,
    engine,
    error::AckError,
    metrics::Metrics,
    socket::{Auth, OnOutgoing, OnRefused},
    time::Now,
};

/// How many inputs are taken before what they brought is passed on.
const BATCH: usize = 64;

pub(crate) struct Task {
    shared: Arc<Shared>,
    http: Arc<Http>,
    max_packet: usize,
    client: Client,
    websocket: WebSocket,
    polling: Polling,
    moderation: Moderation,
    sockets: Vec<Local>,
    outlets: Outlets,
    emits: BTreeMap<u64, Pending>,
    /// Questions to the application that are being answered.
    questions: FuturesUnordered<Pin<Box<dyn Future<Output = Input> + Send>>>,
    sleep: Pin<Box<Sleep>>,
    /// What it is set to.
    alarm: Option<std::time::Instant>,
    stalled: bool,
    metrics: Metrics,
    output: Vec<Output>,
    /// Answers that need no waiting.
    answers: VecDeque<Input>,
    /// Something was begun that has perhaps not been asked yet how it goes.
    begun: bool,
}

/// A socket on this side.
struct Local {
    socket: u64,
    auth: Auth,
    on_refused: Option<OnRefused>,
    on_outgoing: Option<OnOutgoing>,
}

/// An emit that is not settled.
struct Pending {
    delivery: Arc<Cell>,
    answer: Option<oneshot::Sender<Result<Reply, AckError>>>,
}

impl Task {
    pub(crate) fn new(shared: Arc<Shared>, http: Arc<Http>, max_packet: usize, client: Client) -> Self {
        Self {
            shared,
            http,
            max_packet,
            client,
            websocket: WebSocket::None,
            polling: Polling::default(),
            moderation: Moderation::new(now().monotonic),
            sockets: Vec::new(),
            outlets: Outlets::default(),
            emits: BTreeMap::new(),
            questions: FuturesUnordered::new(),
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            alarm: None,
            stalled: false,
            metrics: Metrics::default(),
            output: Vec::new(),
            answers: VecDeque::new(),
            begun: false,
        }
    }

    /// Runs until the last handle is dropped.
    pub(crate) async fn run(mut self) {
        std::future::poll_fn(|context| self.poll(context)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = now();
            while let Poll::Ready(command) = self.shared.poll_next(context) {
                let Some(command) = command else {
                    self.tell(now, Input::Close);
                    self.outlets.flush();
                    return Poll::Ready(());
                };
                self.command(now, command);
            }
            self.timer(now);
            self.answers(now, context);
            self.begun = false;
            self.written(now, context);
            let more = self.read(now, context);
            self.outlets.flush();
            // All but what was begun meanwhile has been asked how it goes, and wakes the task.
            if !more && !self.begun && self.set_timer(now, context) {
                self.publish();
                return Poll::Pending;
            }
        }
    }

    fn command(&mut self, now: Now, command: Command) {
        match command {
            Command::Socket {
                socket,
                options,
                tag,
                queue,
            } => {
                self.outlets.add(Some(socket), tag, queue);
                self.socket(now, socket, *options);
            }
            Command::Watch { tag, queue } => self.outlets.add(None, tag, queue),
            Command::Connect { socket } => self.tell(now, Input::Connect { socket }),
            Command::Disconnect { socket } => self.tell(now, Input::Disconnect { socket }),
            Command::Release { socket } => {
                self.tell(now, Input::Release { socket });
                self.sockets.retain(|local| local.socket != socket);
                self.outlets.remove(socket);
            }
            Command::Emit { socket, emission } => self.emit(now, socket, emission),
            Command::Forget { token } => self.tell(now, Input::Forget { token }),
            Command::Reply {
                socket,
                connection,
                id,
                body,
            } => {
                self.tell(
                    now,
                    Input::Reply {
                        socket,
                        connection,
                        id,
                        body,
                    },
                );
            }
            Command::Open => self.tell(now, Input::Open),
            Command::Close => self.tell(now, Input::Close),
            Command::SetReconnection(enabled) => self.tell(now, Input::SetReconnection(enabled)),
            Command::NetworkChanged => {
                self.http.forget_connections();
                self.tell(now, Input::NetworkChanged);
            }
            Command::UseHttpClient(client) => self.http.use_client(client),
        }
    }

    fn socket(&mut self, now: Now, socket: u64, options: SocketOptions) {
        let SocketOptions {
            namespace,
            auth,
            on_refused,
            on_outgoing,
            retries,
            ack_timeout,
        } = options;
        let asks_when_refused = on_refused.is_some();
        let tells_sending = on_outgoing.is_some();
        self.sockets.push(Local {
            socket,
            auth,
            on_refused,
            on_outgoing,
        });
        let options = NamespaceOptions {
            namespace,
            retries,
            ack_timeout,
            asks_when_refused,
            tells_sending,
        };
        self.tell(now, Input::Socket { socket, options });
    }

    fn emit(&mut self, now: Now, socket: u64, emission: Emission) {
        let Emission {
            token,
            name,
            body,
            volatile,
            timeout,
            delivery,
            answer,
        } = emission;
        let wants_ack = answer.is_some();
        self.emits.insert(token, Pending { delivery, answer });
        self.tell(
            now,
            Input::Emit {
                socket,
                emit: Emit {
                    token,
                    name,
                    body,
                    volatile,
                    timeout,
                    wants_ack,
                },
            },
        );
    }

    fn answers(&mut self, now: Now, context: &mut Context<'_>) {
        loop {
            let input = match self.answers.pop_front() {
                Some(input) => input,
                None => match self.questions.poll_next_unpin(context) {
                    Poll::Ready(Some(input)) => input,
                    Poll::Ready(None) | Poll::Pending => return,
                },
            };
            self.tell(now, input);
        }
    }

    /// Compares with the clock instead of asking the timer, which does not answer a task that reads all the time.
    fn timer(&mut self, now: Now) {
        if self.alarm.is_some_and(|alarm| alarm <= now.monotonic) {
            self.alarm = None;
            self.tell(now, Input::Engine(engine::Input::Tick));
        }
    }

    /// Whether the timer is still to go off: at the moment that is needed or before, so that it is not set anew
    /// each time something is read.
    fn set_timer(&mut self, now: Now, context: &mut Context<'_>) -> bool {
        let Some(wake) = self.client.wake_at(now).into_iter().chain(self.rest(now)).min() else {
            return true;
        };
        if self.alarm.is_none_or(|alarm| wake < alarm) {
            self.alarm = Some(wake);
            self.sleep.as_mut().reset(Instant::from_std(wake));
        }
        self.sleep.as_mut().poll(context).is_pending()
    }

    fn written(&mut self, now: Now, context: &mut Context<'_>) {
        while let Poll::Ready(input) = self.websocket.poll_written(context) {
            self.tell(now, Input::Engine(input));
        }
        while let Poll::Ready(input) = self.polling.poll_written(context) {
            self.tell(now, Input::Engine(input));
        }
    }

    /// Reads a batch, unless an application does not keep up or there is a rest. Tells whether there may be more.
    fn read(&mut self, now: Now, context: &mut Context<'_>) -> bool {
        let full = self.outlets.is_full(context, self.client.has_unsettled());
        if full != self.stalled {
            self.stalled = full;
            self.tell(now, Input::Engine(engine::Input::Stalled(full)));
        }
        if full || self.rest(now).is_some() {
            return false;
        }
        for _ in 0..BATCH {
            let input = match self.websocket.poll_input(context) {
                Poll::Ready(input) => input,
                Poll::Pending => match self.polling.poll_input(context, self.max_packet) {
                    Poll::Ready(input) => input,
                    Poll::Pending => {
                        self.moderation.drained(now.monotonic);
                        return false;
                    }
                },
            };
            self.count(&input);
            if let Some(event) = self.client.receive(now, input, &mut self.output) {
                self.deliver(event);
            }
            if !self.output.is_empty() {
                self.heed_all();
            }
        }
        true
    }

    /// Until when nothing is read, since it is a flood.
    fn rest(&mut self, now: Now) -> Option<std::time::Instant> {
        self.moderation.rest(now.monotonic, self.client.has_unsettled())
    }

    fn count(&mut self, input: &engine::Input) {
        let bytes = match input {
            engine::Input::WebSocketFrame(frame) => {
                self.moderation.frame_read(frame.len());
                frame.len()
            }
            engine::Input::Polled(text) => text.len(),
            engine::Input::WebSocketOpened
            | engine::Input::WebSocketWritten
            | engine::Input::WebSocketFailed(_)
            | engine::Input::WebSocketClosed(_)
            | engine::Input::GetDone
            | engine::Input::GetFailed(_)
            | engine::Input::PostDone
            | engine::Input::PostFailed(_)
            | engine::Input::Stalled(_)
            | engine::Input::Tick => return,
        };
        self.metrics.bytes_received += bytes as u64;
        self.metrics.packets_received += 1;
    }

    /// Gives the machine an input and does what it says.
    fn tell(&mut self, now: Now, input: Input) {
        self.client.handle(now, input, &mut self.output);
        self.heed_all();
    }

    fn heed_all(&mut self) {
        let mut output = std::mem::take(&mut self.output);
        for output in output.drain(..) {
            self.heed(output);
        }
        self.output = output;
    }

    fn local(&mut self, socket: u64) -> Option<&mut Local> {
        self.sockets.iter_mut().find(|local| local.socket == socket)
    }

    fn publish(&mut self) {
        self.metrics.transport = self.client.transport();
        self.shared.publish(&self.metrics);
    }
}

impl Drop for Task {
    /// However it ends, also by a panic in a callback of the application: streams end and emits are refused.
    fn drop(&mut self) {
        self.shared.close();
        self.outlets.close();
        for pending in self.emits.values() {
            pending.delivery.abandon();
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the driver is where the clocks are read"
)]
fn now() -> Now {
    Now {
        monotonic: Instant::now().into_std(),
        wall: SystemTime::now(),
    }
}
