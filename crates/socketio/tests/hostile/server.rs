//! A server that answers each request with given bytes, and the client's end of the story.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::StreamExt;
use khaya_socketio::{
    Client, ClientBuilder, ConnectionEvent, DisconnectReason, Event, Events, Reconnection, Socket,
    SocketEvent, Transport,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// How long anything may take before a test gives up. Never waited for when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the server does with one request.
pub(crate) enum Answer {
    /// Sends this and closes the connection.
    Last(Vec<u8>),
    /// Sends this and takes the next request of the connection.
    More(Vec<u8>),
    /// Sends this, then nothing more, and keeps the connection.
    Hang(Vec<u8>),
    /// Sends the first part, the second once the client has said something, and then nothing more.
    AfterWord(Vec<u8>, Vec<u8>),
    /// Likewise, and closes the connection.
    AfterWordLast(Vec<u8>, Vec<u8>),
    /// Likewise, the second part one byte at a time.
    AfterWordSlow(Vec<u8>, Vec<u8>),
}

/// A request: its line and headers, and its body.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn is_websocket(&self) -> bool {
        self.head.contains("transport=websocket")
    }

    pub(crate) fn is_post(&self) -> bool {
        self.head.starts_with("POST")
    }

    pub(crate) fn has_sid(&self) -> bool {
        self.head.contains("sid=")
    }

    /// What accepts it as a WebSocket.
    pub(crate) fn accept(&self) -> Vec<u8> {
        let key = self.head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sec-websocket-key")
                .then(|| value.trim().to_owned())
        });
        let accept =
            tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.unwrap_or_default().as_bytes());
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes()
    }
}

/// Serves until the test ends, and gives its address.
pub(crate) async fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    serve_each(move |_, request| answer(request)).await
}

/// Likewise, with the number of the connection over which a request comes.
pub(crate) async fn serve_each(answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        for number in 0.. {
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            let answer = answer.clone();
            tokio::spawn(async move {
                // The client may go whenever it likes.
                let _ = converse(stream, &|request| answer(number, request)).await;
            });
        }
    });
    url
}

async fn converse(
    mut stream: TcpStream,
    answer: &(dyn Fn(&Request) -> Answer + Send + Sync),
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut buffer).await? {
        match answer(&Request { head, body }) {
            Answer::Last(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Answer::More(bytes) => stream.write_all(&bytes).await?,
            Answer::Hang(bytes) => {
                stream.write_all(&bytes).await?;
                // Until the client goes.
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
            }
            Answer::AfterWord(first, second) => {
                word(&mut stream, &first).await?;
                stream.write_all(&second).await?;
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
            }
            Answer::AfterWordLast(first, second) => {
                word(&mut stream, &first).await?;
                stream.write_all(&second).await?;
                return stream.shutdown().await;
            }
            Answer::AfterWordSlow(first, second) => {
                word(&mut stream, &first).await?;
                stream.set_nodelay(true)?;
                for byte in second {
                    stream.write_all(&[byte]).await?;
                    tokio::task::yield_now().await;
                }
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
            }
        }
    }
    Ok(())
}

/// Says something and waits for a word of the client's.
async fn word(stream: &mut TcpStream, said: &[u8]) -> std::io::Result<()> {
    stream.write_all(said).await?;
    stream.read_u8().await?;
    Ok(())
}

async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<(String, String)>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().unwrap_or(0))
            });
            let whole = end + 4 + length.unwrap_or(0);
            if buffer.len() >= whole {
                let body = String::from_utf8_lossy(&buffer[end + 4..whole]).into_owned();
                buffer.drain(..whole);
                return Ok(Some((head, body)));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// An answer of HTTP with this status and body.
pub(crate) fn http(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// The first packet of a session, with quick heartbeats.
pub(crate) fn hello() -> String {
    r#"0{"sid":"hostile","upgrades":["websocket"],"pingInterval":200,"pingTimeout":200,"maxPayload":1000}"#
        .into()
}

/// Likewise, with slow ones.
pub(crate) fn patient_hello() -> String {
    r#"0{"sid":"hostile","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#.into()
}

/// One WebSocket frame of text, as a server sends it.
pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

/// One frame: its first byte, and its payload of less than 64 KiB.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => bytes.push(short),
        _ => {
            bytes.push(126);
            bytes.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// A client that does not come back by itself, over these transports.
pub(crate) fn client(url: &str, transports: impl IntoIterator<Item = Transport>) -> ClientBuilder {
    // Made once, for it reads the system's certificates; and with no pool, which would outlive a test's runtime.
    static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
        reqwest::Client::builder()
            .http1_only()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap()
    });
    Client::builder(url)
        .transports(transports)
        .reconnection(Reconnection {
            enabled: false,
            ..Reconnection::default()
        })
        .strict(true)
        .http_client(HTTP.clone())
        .websocket_client(HTTP.clone())
}

/// The client's side of one conversation.
pub(crate) struct Told {
    pub(crate) client: Client,
    pub(crate) socket: Socket,
    events: Events,
}

/// How a conversation went.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum End {
    Connected,
    /// The message of the attempt that failed.
    Failed(String),
    Lost(DisconnectReason),
}

impl Told {
    pub(crate) fn connect(client: ClientBuilder) -> Self {
        let client = client.build().unwrap();
        let (socket, events) = client.socket("/").build().unwrap();
        socket.connect();
        Self {
            client,
            socket,
            events,
        }
    }

    pub(crate) async fn next(&mut self) -> SocketEvent {
        timeout(PATIENCE, self.events.next())
            .await
            .expect("something is told")
            .expect("the client lives")
    }

    /// Connected, or failed.
    pub(crate) async fn begun(&mut self) -> End {
        loop {
            match self.next().await {
                SocketEvent::Connected { .. } => return End::Connected,
                SocketEvent::ConnectError { message, .. } => return End::Failed(message.to_string()),
                SocketEvent::Connection(ConnectionEvent::Closed { reason }) => return End::Lost(reason),
                SocketEvent::Disconnected { .. } | SocketEvent::Event(_) | SocketEvent::Connection(_) => {}
            }
        }
    }

    /// How the session ended.
    pub(crate) async fn lost(&mut self) -> DisconnectReason {
        loop {
            match self.next().await {
                SocketEvent::Connection(ConnectionEvent::Closed { reason }) => return reason,
                SocketEvent::Connected { .. }
                | SocketEvent::Disconnected { .. }
                | SocketEvent::ConnectError { .. }
                | SocketEvent::Event(_)
                | SocketEvent::Connection(_) => {}
            }
        }
    }

    pub(crate) async fn event(&mut self) -> Event {
        loop {
            match self.next().await {
                SocketEvent::Event(event) => return event,
                SocketEvent::Connection(ConnectionEvent::Closed { reason }) => panic!("closed: {reason:?}"),
                SocketEvent::Connected { .. }
                | SocketEvent::Disconnected { .. }
                | SocketEvent::ConnectError { .. }
                | SocketEvent::Connection(_) => {}
            }
        }
    }
}

/// What becomes of a client over WebSocket when the server says this first, and this after the client's CONNECT.
pub(crate) async fn over_websocket(first: Vec<u8>, then: Vec<u8>) -> End {
    let url =
        serve(move |request| Answer::AfterWord([request.accept(), first.clone()].concat(), then.clone()))
            .await;
    let mut told = Told::connect(client(&url, [Transport::WebSocket]).timeout(Duration::from_secs(2)));
    match told.begun().await {
        End::Connected => End::Lost(told.lost().await),
        end @ (End::Failed(_) | End::Lost(_)) => end,
    }
}

/// What a server over polling has been asked for.
#[derive(Debug, Default)]
pub(crate) struct Polled {
    posts: AtomicUsize,
    gets: AtomicUsize,
}

/// What a request is about.
pub(crate) enum Turn {
    /// Opening the session and the namespace; or a POST.
    Usual(Answer),
    /// A GET after that, counted from 0.
    Get(usize),
}

impl Polled {
    /// Plays a server that behaves until the namespace is connected.
    pub(crate) fn turn(&self, request: &Request, hello: &str) -> Turn {
        if request.is_post() {
            self.posts.fetch_add(1, SeqCst);
            return Turn::Usual(Answer::More(http("200 OK", "ok")));
        }
        if !request.has_sid() {
            return Turn::Usual(Answer::More(http("200 OK", hello)));
        }
        if self.posts.load(SeqCst) == 0 {
            return Turn::Usual(Answer::More(http("200 OK", "6")));
        }
        match self.gets.fetch_add(1, SeqCst) {
            0 => Turn::Usual(Answer::More(http("200 OK", r#"40{"sid":"a"}"#))),
            get => Turn::Get(get - 1),
        }
    }
}
