//! A small proxy: forwards requests, opens tunnels, asks for credentials, and remembers what it was asked for.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

pub(crate) struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

/// The head of a request.
struct Head {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        Self::run(None).await
    }

    /// One that does nothing for who has no such `Proxy-Authorization`.
    pub(crate) async fn wanting(authorization: &'static str) -> Self {
        Self::run(Some(authorization)).await
    }

    async fn run(authorization: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let memory = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A visitor may go at any time.
                tokio::spawn(pass(stream, memory.clone(), authorization));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The methods and targets that it was asked for, since it was last asked here.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// Serves one request, or one tunnel, and closes the connection.
async fn pass(
    mut client: TcpStream,
    asked: Arc<Mutex<Vec<String>>>,
    authorization: Option<&'static str>,
) -> io::Result<()> {
    let (head, mut rest) = read_head(&mut client).await?;
    asked
        .lock()
        .unwrap()
        .push(format!("{} {}", head.method, head.target));
    if authorization.is_some_and(|wanted| head.header("proxy-authorization") != Some(wanted)) {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return client.write_all(refusal).await;
    }
    if head.method == "CONNECT" {
        let mut server = TcpStream::connect(&head.target).await?;
        client
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .await?;
        server.write_all(&rest).await?;
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let length = head
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while rest.len() < length {
        client.read_buf(&mut rest).await?;
    }
    let Some((host, path)) = head
        .target
        .strip_prefix("http://")
        .and_then(|url| url.split_once('/'))
    else {
        return client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    };
    let mut request = format!("{} /{path} HTTP/1.1\r\nConnection: close\r\n", head.method);
    // RFC 9110, section 7.6.1: what is for one hop is not passed on, an upgrade neither.
    for (name, value) in &head.headers {
        if !["connection", "upgrade", "proxy-authorization"].contains(&name.as_str()) {
            request += &format!("{name}: {value}\r\n");
        }
    }
    let mut server = TcpStream::connect(host).await?;
    server.write_all(request.as_bytes()).await?;
    server.write_all(b"\r\n").await?;
    server.write_all(&rest).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn read_head(client: &mut TcpStream) -> io::Result<(Head, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    };
    let rest = bytes.split_off(end + 4);
    let text = String::from_utf8(bytes).unwrap();
    let mut lines = text.trim_end().split("\r\n");
    let mut words = lines.next().unwrap().split(' ').map(str::to_owned);
    let head = Head {
        method: words.next().unwrap(),
        target: words.next().unwrap(),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
    };
    Ok((head, rest))
}

impl Head {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }
}
