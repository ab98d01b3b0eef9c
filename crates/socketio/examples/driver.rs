//! Lets an outside conformance suite exercise the client: operations come in on standard input and what happens
//! goes out on standard output, one JSON object a line.
//!
//! Owns: the translation between the lines and the public API. Never does: anything that the library itself
//! should do, so that what a suite sees is the library.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, Write},
    pin::Pin,
    process::exit,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use futures_util::{Future, FutureExt, StreamExt, stream::FuturesUnordered};
use khaya_socketio::{
    AckError, Client, ConnectionEvent, Event, Inbox, Reconnection, Reply, Responder, Socket, SocketEvent,
    Transport,
};
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};

#[path = "driver/op.rs"]
mod op;
#[path = "driver/value.rs"]
mod value;

use op::{Op, Options};
use value::{Outgoing, incoming, spelled};

type Answer = Pin<Box<dyn Future<Output = (u64, u64, Result<Reply, AckError>)>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (lines, mut operations) = mpsc::channel(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().split(b'\n') {
            let Ok(line) = line else { break };
            if lines.blocking_send(line).is_err() {
                break;
            }
        }
    });
    let mut driver = Driver::new();
    say(json!({ "ev": "ready" }));
    loop {
        tokio::select! {
            // Operations come before a flood of events. Of what happened at the same time the official client tells
            // the events of a connection first, then what they mean for acknowledgements and the auth.
            biased;
            line = operations.recv() => match line {
                Some(line) => {
                    if let Err(error) = driver.line(&line) {
                        say(json!({ "ev": "error", "message": format!("{error:#}") }));
                    }
                }
                None => return Ok(()),
            },
            Some((tag, event)) = driver.inbox.next() => driver.happened(tag, event),
            Some((socket, sender)) = driver.asked.recv() => driver.auth_asked(socket, sender),
            Some((socket, ack, result)) = driver.answers.next() => driver.answered(socket, ack, result),
        }
    }
}

/// One line, flushed at once. When nobody reads any more, there is nothing left to do.
fn say(event: Value) {
    let mut output = std::io::stdout().lock();
    if writeln!(output, "{event}").and_then(|()| output.flush()).is_err() {
        exit(0);
    }
}

struct Driver {
    inbox: Inbox,
    managers: HashMap<u64, Client>,
    sockets: HashMap<u64, Socket>,
    /// What was there before a reset: whatever is asked of it comes too late, and is no error.
    forgotten: HashSet<Tag>,
    /// What answers the server, under numbers of the driver's own.
    responders: HashMap<u64, Responder>,
    replies: u64,
    answers: FuturesUnordered<Answer>,
    /// Sockets that wait for their auth.
    asking: HashMap<u64, oneshot::Sender<Value>>,
    ask: mpsc::UnboundedSender<(u64, oneshot::Sender<Value>)>,
    asked: mpsc::UnboundedReceiver<(u64, oneshot::Sender<Value>)>,
}

/// What an inbox's tag stands for, and an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Tag {
    Manager(u64),
    Socket(u64),
}

impl Tag {
    fn number(&self) -> u64 {
        match self {
            Self::Manager(id) => id * 2,
            Self::Socket(id) => id * 2 + 1,
        }
    }

    fn of(number: u64) -> Self {
        if number.is_multiple_of(2) {
            Self::Manager(number / 2)
        } else {
            Self::Socket(number / 2)
        }
    }
}

impl Driver {
    fn new() -> Self {
        let (ask, asked) = mpsc::unbounded_channel();
        Self {
            inbox: Inbox::new(1024),
            managers: HashMap::new(),
            sockets: HashMap::new(),
            forgotten: HashSet::new(),
            responders: HashMap::new(),
            replies: 0,
            answers: FuturesUnordered::new(),
            asking: HashMap::new(),
            ask,
            asked,
        }
    }

    fn line(&mut self, line: &[u8]) -> anyhow::Result<()> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let op: Op = serde_json::from_slice(line)
            .with_context(|| format!("not an operation: {}", String::from_utf8_lossy(line)))?;
        if op.about().is_some_and(|tag| self.forgotten.contains(&tag)) {
            return Ok(());
        }
        match op {
            Op::Manager {
                manager,
                url,
                options,
            } => self.make_manager(manager, &url, options.unwrap_or_default())?,
            Op::Open { manager } => self.manager(manager)?.open(),
            Op::Close { manager } => self.manager(manager)?.close(),
            Op::Reconnection { manager, value } => self.manager(manager)?.set_reconnection(value),
            Op::Socket {
                socket,
                manager,
                nsp,
                auth,
                retries,
                ack_timeout,
            } => {
                self.make_socket(socket, manager, &nsp, auth, retries, ack_timeout)?;
            }
            Op::Connect { socket } => self.socket(socket)?.connect(),
            Op::Disconnect { socket } => self.socket(socket)?.disconnect(),
            Op::Auth { socket, auth } => {
                let sender = self
                    .asking
                    .remove(&socket)
                    .context("this socket was not asked for its auth")?;
                // The attempt that asked may be over.
                let _ = sender.send(spelled(auth)?);
            }
            Op::Emit {
                socket,
                args,
                ack,
                timeout,
                volatile,
            } => self.emit(socket, &args, ack, timeout, volatile.unwrap_or_default())?,
            Op::Reply { reply, args, .. } => {
                ensure!((1..=self.replies).contains(&reply), "no such event");
                let Some(responder) = self.responders.remove(&reply) else {
                    // Answered before, which counts once.
                    return Ok(());
                };
                let args: Vec<Outgoing<'_>> = args.iter().map(Outgoing).collect();
                responder.reply_args(&args)?;
            }
            Op::Reset => {
                for client in self.managers.values() {
                    client.close();
                }
                self.answers = FuturesUnordered::new();
                self.forgotten
                    .extend(self.managers.drain().map(|(id, _)| Tag::Manager(id)));
                self.forgotten
                    .extend(self.sockets.drain().map(|(id, _)| Tag::Socket(id)));
                self.responders.clear();
                self.asking.clear();
            }
        }
        Ok(())
    }

    fn manager(&self, manager: u64) -> anyhow::Result<&Client> {
        self.managers.get(&manager).context("no such manager")
    }

    fn socket(&self, socket: u64) -> anyhow::Result<&Socket> {
        self.sockets.get(&socket).context("no such socket")
    }

    fn make_manager(&mut self, manager: u64, url: &str, options: Options) -> anyhow::Result<()> {
        ensure!(!self.managers.contains_key(&manager), "there is such a manager");
        let defaults = Reconnection::default();
        let millis = |value: Option<f64>, default| value.map_or(default, milliseconds);
        let mut builder = Client::builder(url)
            // As the official client: a packet whose JSON is broken closes the connection.
            .strict(true)
            .query(options.query)
            .extra_headers(options.extra_headers)
            .upgrade(options.upgrade.unwrap_or(true))
            .timeout(millis(options.timeout, Duration::from_secs(20)))
            .reconnection(Reconnection {
                enabled: options.reconnection.unwrap_or(true),
                attempts: options.reconnection_attempts,
                delay: millis(options.reconnection_delay, defaults.delay),
                delay_max: millis(options.reconnection_delay_max, defaults.delay_max),
                randomization: options.randomization_factor.unwrap_or(defaults.randomization),
            });
        if let Some(path) = options.path {
            builder = builder.path(path);
        }
        if let Some(names) = options.transports {
            let transports: Result<Vec<_>, _> = names.iter().map(|name| transport(name)).collect();
            builder = builder.transports(transports?);
        }
        let client = builder.build()?;
        client.watch(&self.inbox, Tag::Manager(manager).number());
        self.managers.insert(manager, client);
        Ok(())
    }

    fn make_socket(
        &mut self,
        socket: u64,
        manager: u64,
        nsp: &str,
        auth: Option<Value>,
        retries: Option<u32>,
        ack_timeout: Option<f64>,
    ) -> anyhow::Result<()> {
        ensure!(!self.sockets.contains_key(&socket), "there is such a socket");
        let mut builder = self.manager(manager)?.socket(nsp);
        match auth {
            None | Some(Value::Null) => {}
            Some(Value::String(word)) if word == "ask" => {
                let ask = self.ask.clone();
                builder = builder.auth_with(move || {
                    let (sender, receiver) = oneshot::channel();
                    // Without a driver nobody waits for the auth.
                    let _ = ask.send((socket, sender));
                    async { receiver.await.unwrap_or_default() }
                });
            }
            Some(value @ Value::Object(_)) => builder = builder.auth(spelled(value)?),
            Some(other) => bail!("auth is an object or \"ask\", not {other}"),
        }
        if let Some(retries) = retries {
            builder = builder.retries(retries);
        }
        if let Some(timeout) = ack_timeout {
            builder = builder.ack_timeout(milliseconds(timeout));
        }
        let made = builder.build_into(&self.inbox, Tag::Socket(socket).number())?;
        self.sockets.insert(socket, made);
        Ok(())
    }

    fn emit(
        &mut self,
        id: u64,
        args: &[Value],
        ack: Option<u64>,
        timeout: Option<f64>,
        volatile: bool,
    ) -> anyhow::Result<()> {
        let socket = self.socket(id)?;
        let Some((Value::String(name), args)) = args.split_first() else {
            bail!("the first argument is the event's name");
        };
        let args: Vec<Outgoing<'_>> = args.iter().map(Outgoing).collect();
        let mut emitter = socket.emitter();
        if volatile {
            emitter = emitter.volatile();
        }
        if let Some(timeout) = timeout {
            emitter = emitter.with_timeout(milliseconds(timeout));
        }
        match ack {
            None => drop(emitter.emit_args(name, &args)?),
            Some(ack) => {
                let answer = emitter.emit_args_with_ack(name, &args);
                if answer.delivery().is_none() {
                    answer.now_or_never().transpose()?;
                    return Ok(());
                }
                self.answers
                    .push(Box::pin(async move { (id, ack, answer.await) }));
            }
        }
        Ok(())
    }

    fn auth_asked(&mut self, socket: u64, sender: oneshot::Sender<Value>) {
        if self.sockets.contains_key(&socket) {
            self.asking.insert(socket, sender);
            say(json!({ "ev": "auth", "socket": socket }));
        }
    }

    fn answered(&self, socket: u64, ack: u64, result: Result<Reply, AckError>) {
        say(match result {
            Ok(reply) => match reply.args() {
                Ok(args) => {
                    let args = incoming(args, reply.attachments());
                    json!({ "ev": "ack", "socket": socket, "ack": ack, "args": args })
                }
                Err(error) => json!({ "ev": "error", "message": error.to_string() }),
            },
            Err(error) => {
                json!({ "ev": "ack_error", "socket": socket, "ack": ack, "message": error.to_string() })
            }
        });
    }

    fn happened(&mut self, tag: u64, event: SocketEvent) {
        match (Tag::of(tag), event) {
            (Tag::Manager(manager), SocketEvent::Connection(event))
                if self.managers.contains_key(&manager) =>
            {
                connection_event(manager, event);
            }
            (Tag::Socket(socket), event) if self.sockets.contains_key(&socket) => {
                self.socket_event(socket, event)
            }
            (Tag::Manager(_) | Tag::Socket(_), _) => {}
        }
    }

    fn socket_event(&mut self, socket: u64, event: SocketEvent) {
        match event {
            SocketEvent::Connected { id, recovered, .. } => {
                say(json!({ "ev": "connect", "socket": socket, "id": &*id, "recovered": recovered }));
            }
            SocketEvent::Disconnected { reason } => {
                say(json!({ "ev": "disconnect", "socket": socket, "reason": reason.as_str() }));
            }
            SocketEvent::ConnectError {
                message,
                data,
                active,
            } => {
                let mut line = Map::new();
                line.insert("ev".into(), "connect_error".into());
                line.insert("socket".into(), socket.into());
                line.insert("message".into(), (&*message).into());
                if let Some(data) = data.and_then(|data| serde_json::from_str(&data).ok()) {
                    line.insert("data".into(), data);
                }
                line.insert("active".into(), active.into());
                say(Value::Object(line));
            }
            SocketEvent::Event(event) => self.event(socket, event),
            // Told once, for the manager.
            SocketEvent::Connection(_) => {}
        }
    }

    fn event(&mut self, socket: u64, mut event: Event) {
        let args: Vec<Value> = match event.args() {
            Ok(args) => args,
            Err(error) => return say(json!({ "ev": "error", "message": error.to_string() })),
        };
        let mut all = vec![Value::from(event.name())];
        all.extend(incoming(args, event.attachments()));
        let mut line = json!({ "ev": "event", "socket": socket, "args": all });
        if let Some(responder) = event.take_responder() {
            self.replies += 1;
            self.responders.insert(self.replies, responder);
            line["reply"] = self.replies.into();
        }
        say(line);
    }
}

fn connection_event(manager: u64, event: ConnectionEvent) {
    say(match event {
        ConnectionEvent::Opened { sid, .. } => json!({ "ev": "open", "manager": manager, "sid": &*sid }),
        ConnectionEvent::Closed { reason } => {
            json!({ "ev": "close", "manager": manager, "reason": reason.as_str() })
        }
        ConnectionEvent::Error { message } => {
            json!({ "ev": "manager_error", "manager": manager, "message": &*message })
        }
        ConnectionEvent::ReconnectAttempt { attempt } => {
            json!({ "ev": "reconnect_attempt", "manager": manager, "attempt": attempt })
        }
        ConnectionEvent::Reconnected { attempt } => {
            json!({ "ev": "reconnect", "manager": manager, "attempt": attempt })
        }
        ConnectionEvent::ReconnectError { message, .. } => {
            json!({ "ev": "reconnect_error", "manager": manager, "message": &*message })
        }
        ConnectionEvent::ReconnectFailed => json!({ "ev": "reconnect_failed", "manager": manager }),
        ConnectionEvent::Ping => json!({ "ev": "ping", "manager": manager }),
        ConnectionEvent::TransportChanged(_) | ConnectionEvent::ReconnectScheduled { .. } | _ => return,
    });
}

fn transport(name: &str) -> anyhow::Result<Transport> {
    match name {
        "polling" => Ok(Transport::Polling),
        "websocket" => Ok(Transport::WebSocket),
        other => bail!("no such transport: {other}"),
    }
}

/// What is less than nothing is nothing, and what no clock can count to is for ever.
fn milliseconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value.max(0.0) / 1000.0).unwrap_or(Duration::MAX)
}
