//! A small client: HTTP by reqwest, Socket.IO by what [`Wire`] is.

use std::collections::{HashMap, VecDeque};

use khaya_server::{Config, Server, config::BusAt};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::{
    database,
    redis::Redis,
    schema,
    wire::{Official, PATIENCE, Wire},
};

pub(crate) const PASSWORD: &str = "correct horse";
const COLLECTOR: &str = "collector";

/// A server on a fresh database, which is deleted with it.
pub(crate) struct Team {
    pub(crate) server: Server,
    pub(crate) url: String,
    pub(crate) dir: tempfile::TempDir,
    second: Option<Second>,
}

/// Another node of the same server, and the bus between the two.
struct Second {
    server: Server,
    _bus: Redis,
}

impl Team {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl Fn(&mut Config)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change).await
    }

    async fn start_in(dir: tempfile::TempDir, change: impl Fn(&mut Config)) -> Self {
        let bus = database::ON_NODES.then(Redis::start);
        let change = |config: &mut Config| {
            config.bus = bus.as_ref().map(|bus| BusAt::new(&bus.url()).unwrap());
            change(config);
        };
        let server = serve(dir.path(), change).await;
        let second = match &bus {
            Some(_) => Some(serve(dir.path(), change).await),
            None => None,
        };
        if let Some(second) = &second {
            until([&server, second], "khaya_bus_nodes", 1).await;
        }
        Self {
            url: format!("http://{}", server.address()),
            server,
            dir,
            second: second.zip(bus).map(|(server, _bus)| Second { server, _bus }),
        }
    }

    /// Stops the server and starts another on the same data.
    pub(crate) async fn restart(self) -> Self {
        self.server.stop().await;
        if let Some(second) = self.second {
            second.server.stop().await;
        }
        Self::start_in(self.dir, |_| {}).await
    }

    /// Adds somebody and signs them in.
    pub(crate) async fn join(&self, username: &str, role: &str) -> Person {
        let name = format!("{} Testperson", username.to_uppercase());
        self.server
            .add_user(username, &name, role, PASSWORD)
            .await
            .unwrap();
        self.reached_by(&Person::sign_in(&self.url, username).await)
    }

    /// The same person, who turns to the nodes that there are now.
    pub(crate) fn reached_by(&self, person: &Person) -> Person {
        let reads = self.second.as_ref().map_or(&self.server, |second| &second.server);
        Person {
            url: self.server.url().to_owned(),
            reads: reads.url().to_owned(),
            ..person.clone()
        }
    }
}

pub(crate) async fn serve(dir: &std::path::Path, change: impl FnOnce(&mut Config)) -> Server {
    let mut config = Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: dir.join("data"),
        database: database::of(&dir.join("data")).map(|address| address.parse().unwrap()),
        metrics_token: Some(COLLECTOR.to_owned()),
        ..Config::default()
    };
    change(&mut config);
    Server::start(config).await.unwrap()
}

/// What a server says of itself under this name.
pub(crate) async fn metric(server: &Server, name: &str) -> u64 {
    let metrics = reqwest::Client::new().get(format!("{}/metrics", server.url()));
    let metrics = metrics.bearer_auth(COLLECTOR).send().await.unwrap().text();
    let metrics = metrics.await.unwrap();
    let mut lines = metrics.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .parse()
        .unwrap()
}

/// Waits until both say so.
pub(crate) async fn until(nodes: [&Server; 2], name: &str, value: u64) {
    let both = async {
        for node in nodes {
            while metric(node, name).await != value {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::time::timeout(4 * PATIENCE, both)
        .await
        .unwrap_or_else(|_| panic!("{name} did not become {value}"));
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
    /// The node that is asked to change something.
    pub(crate) url: String,
    /// The node that is asked for everything else, and that has the sockets.
    pub(crate) reads: String,
    pub(crate) http: reqwest::Client,
}

/// An answer: its status and its JSON, `null` when it has none.
pub(crate) type Answer = (StatusCode, Value);

impl Person {
    pub(crate) async fn sign_in(url: &str, username: &str) -> Self {
        Self::sign_in_by(reqwest::Client::new(), url, username).await
    }

    pub(crate) async fn sign_in_by(http: reqwest::Client, url: &str, username: &str) -> Self {
        let (status, answer) = answer(
            http.post(format!("{url}/auth/login"))
                .json(&json!({"username": username, "password": PASSWORD})),
        )
        .await;
        assert_eq!(status, 200, "{answer}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            id: text(&answer["user"]["id"]),
            token: text(&answer["token"]),
            refresh_token: text(&answer["refreshToken"]),
            url: url.to_owned(),
            reads: url.to_owned(),
            http,
        }
    }

    /// The same person, who turns to another node.
    pub(crate) fn at(&self, server: &Server) -> Self {
        Self {
            url: server.url().to_owned(),
            reads: server.url().to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let node = if method.is_safe() { &self.reads } else { &self.url };
        self.http
            .request(method, format!("{node}{path}"))
            .bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::PUT, path).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::PATCH, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path)).await
    }

    /// Makes a group and gives its id.
    pub(crate) async fn group(&self, others: &[&Person]) -> String {
        let members: Vec<&str> = others.iter().map(|person| person.id.as_str()).collect();
        let (status, chat) = self
            .post(
                "/chat",
                json!({"kind": "group", "name": "Test", "memberIds": members}),
            )
            .await;
        assert_eq!(status, 201, "{chat}");
        chat["id"].as_str().unwrap().to_owned()
    }

    /// Sends a message and gives it.
    pub(crate) async fn say(&self, chat: &str, body: Value) -> Value {
        let (status, message) = self.post(&format!("/chat/{chat}/messages"), body).await;
        assert_eq!(status, 201, "{message}");
        message
    }

    /// Connects. What had happened before does not count as an event of this socket, though it may still be told: who
    /// changed something is answered first.
    pub(crate) async fn socket(&self) -> Socket {
        let (_, chats) = self.get("/chat").await;
        let chats = chats["items"].as_array().into_iter().flatten();
        let known = chats.filter_map(|chat| Some((chat["id"].as_str()?.to_owned(), chat["seq"].as_u64()?)));
        let known = known.collect();
        let mut socket = if let Some(transports) = database::TRANSPORTS {
            let client = Official::connected(&self.reads, &self.token, transports).await;
            Socket::new(Wire::Official(Box::new(client)))
        } else {
            let mut socket = Socket::open(&self.reads, "").await;
            let answer = socket.connect(json!({"token": self.token})).await;
            assert!(answer.starts_with("40{"), "{answer}");
            socket
        };
        socket.known = known;
        socket
    }
}

/// Sends a request; what is answered has to be what the server says of itself.
pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let (http, request) = request.build_split();
    let request = request.unwrap();
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let response = tokio::time::timeout(PATIENCE, http.execute(request))
        .await
        .unwrap()
        .unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    let value = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    };
    schema::check(&method, &path, status, &value);
    (status, value)
}

/// Says what a refused call answered, after checking that it is a problem.
pub(crate) fn code(answer: &Answer) -> (u16, &str) {
    let (status, problem) = answer;
    assert_eq!(problem["status"], status.as_u16(), "{problem}");
    assert!(
        problem["title"].is_string() && problem["type"].is_string(),
        "{problem}"
    );
    (status.as_u16(), problem["code"].as_str().unwrap())
}

/// A Socket.IO connection.
pub(crate) struct Socket {
    wire: Wire,
    /// Events that came while something else was waited for.
    events: VecDeque<(String, Value)>,
    /// `presence` comes when it comes, so it is kept apart.
    presence: VecDeque<Value>,
    /// The numbers that the streams of chats had before.
    known: HashMap<String, u64>,
    next_ack: u64,
}

impl Socket {
    /// Opens the engine; `query` is added to the address.
    pub(crate) async fn open(url: &str, query: &str) -> Self {
        let url = format!(
            "{}/socket.io/?EIO=4&transport=websocket{query}",
            url.replace("http", "ws")
        );
        let mut socket = Self::new(Wire::by_hand(&url).await);
        let open = socket.read().await.unwrap();
        assert!(open.starts_with("0{"), "{open}");
        socket
    }

    fn new(wire: Wire) -> Self {
        Self {
            wire,
            events: VecDeque::new(),
            presence: VecDeque::new(),
            known: HashMap::new(),
            next_ack: 0,
        }
    }

    /// Sends CONNECT and gives the packet that answers it.
    pub(crate) async fn connect(&mut self, auth: Value) -> String {
        self.write(format!("40{auth}")).await;
        self.read().await.unwrap()
    }

    /// Asks for another namespace and gives the packet that answers it.
    pub(crate) async fn connect_to(&mut self, namespace: &str) -> String {
        self.write(format!("40{namespace},")).await;
        self.read().await.unwrap()
    }

    pub(crate) async fn emit(&mut self, event: &str, data: Value) {
        self.write(format!("42{}", json!([event, data]))).await;
    }

    /// Emits and gives the ack.
    pub(crate) async fn ask(&mut self, event: &str, data: Value) -> Value {
        let id = self.next_ack;
        self.next_ack += 1;
        self.write(format!("42{id}{}", json!([event, data]))).await;
        let prefix = format!("43{id}[");
        loop {
            let packet = self
                .read()
                .await
                .unwrap_or_else(|| panic!("closed before the ack of {event}"));
            if packet.starts_with(&prefix) {
                let mut ack: Value = serde_json::from_str(&packet[prefix.len() - 1..]).unwrap();
                return ack[0].take();
            }
            self.keep(&packet);
        }
    }

    /// The next event, whatever it is, but presence.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let packet = self.read().await.expect("closed while waiting for an event");
            self.keep(&packet);
        }
    }

    /// The next `presence`.
    pub(crate) async fn next_presence(&mut self) -> Value {
        loop {
            if let Some(presence) = self.presence.pop_front() {
                return presence;
            }
            let packet = self.read().await.expect("closed while waiting for presence");
            self.keep(&packet);
        }
    }

    /// The next event, which has to be this one.
    pub(crate) async fn expect(&mut self, event: &str) -> Value {
        let (name, data) = self.next().await;
        assert_eq!(name, event, "{data}");
        data
    }

    /// Reads until the server ends the connection; gives the events that came before.
    pub(crate) async fn until_closed(&mut self) -> Vec<String> {
        while let Some(packet) = self.read().await {
            if packet != "41" && packet != "1" {
                self.keep(&packet);
            }
        }
        self.events.drain(..).map(|(name, _)| name).collect()
    }

    pub(crate) async fn write(&mut self, packet: String) {
        assert!(self.try_write(packet).await, "the connection has ended");
    }

    /// The next packet, whatever it is.
    pub(crate) async fn packet(&mut self) -> String {
        self.read().await.expect("closed while waiting for a packet")
    }

    /// Whether a packet could still be written.
    pub(crate) async fn try_write(&mut self, packet: String) -> bool {
        self.wire.write(packet).await
    }

    pub(crate) async fn write_binary(&mut self, bytes: Vec<u8>) {
        self.wire.write_binary(bytes).await;
    }

    async fn read(&mut self) -> Option<String> {
        self.wire.read().await
    }

    fn is_known(&self, event: &Value) -> bool {
        let id = event["chatId"].as_str().or(event["chat"]["id"].as_str());
        let known = id.and_then(|id| self.known.get(id));
        event["scope"] == "chat" && event["seq"].as_u64().is_some_and(|seq| Some(&seq) <= known)
    }

    fn keep(&mut self, packet: &str) {
        let body = packet
            .strip_prefix("42")
            .unwrap_or_else(|| panic!("not an event: {packet}"));
        let mut event: Value = serde_json::from_str(body).unwrap();
        let name = event[0].as_str().unwrap().to_owned();
        if name == "presence" {
            self.presence.push_back(event[1].take());
        } else if !self.is_known(&event[1]) {
            self.events.push_back((name, event[1].take()));
        }
    }
}
