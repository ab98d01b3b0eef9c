//! The floor of fan-out: no users, no database, no checks. Whatever is posted goes to every socket as one write of
//! the frame that a server of the contract would send.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, ErrorKind},
    rc::Rc,
};

use anyhow::{Context as _, Result};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::Notify,
    task::{LocalSet, spawn_local},
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A connected socket.
struct Socket {
    stream: TcpStream,
    /// What the system did not take at once.
    waiting: RefCell<VecDeque<Bytes>>,
    waits: Notify,
}

type Sockets = Rc<RefCell<Vec<Rc<Socket>>>>;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, serve())
}

async fn serve() -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(4096)?;
    println!("listening on http://{}", listener.local_addr()?);
    let sockets = Sockets::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let sockets = Rc::clone(&sockets);
        // A client that goes ends its own task alone.
        spawn_local(async move { client(stream, &sockets).await.ok() });
    }
}

async fn client(mut stream: TcpStream, sockets: &Sockets) -> Result<()> {
    let mut buffer = BytesMut::with_capacity(4096);
    let mut count = 0_u64;
    loop {
        let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
            continue;
        };
        let head = String::from_utf8(buffer.split_to(end + 4).to_vec())?;
        let header = |name: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
        };
        if let Some(key) = header("sec-websocket-key") {
            let accept = derive_accept_key(key.as_bytes());
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&frame(r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":65536}"#)).await?;
            return websocket(stream, sockets).await;
        }
        let length: usize = header("content-length").context("a length")?.parse()?;
        while buffer.len() < length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let asked: Value = serde_json::from_slice(&buffer.split_to(length))?;
        count += 1;
        let message = json!({
            "id": "AAAAAAAAAAAAAAAAAAAAAA", "chatId": "AAAAAAAAAAAAAAAAAAAAAA", "senderId": "AAAAAAAAAAAAAAAAAAAAAA",
            "content": asked["content"], "createdAt": "2026-01-01T00:00:00.000Z",
        });
        let event = json!(["new_message", {"chatId": message["chatId"], "message": message, "scope": "chat", "seq": count}]);
        tell_all(sockets, &frame(&format!("42{event}")));
        let body = message.to_string();
        let answer = format!(
            "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn tell_all(sockets: &Sockets, frame: &Bytes) {
    for socket in sockets.borrow().iter() {
        let mut waiting = socket.waiting.borrow_mut();
        let written = if waiting.is_empty() {
            socket.stream.try_write(frame).unwrap_or(0)
        } else {
            0
        };
        if written < frame.len() {
            waiting.push_back(frame.slice(written..));
            socket.waits.notify_one();
        }
    }
}

async fn websocket(stream: TcpStream, sockets: &Sockets) -> Result<()> {
    let socket = Rc::new(Socket {
        stream,
        waiting: RefCell::default(),
        waits: Notify::new(),
    });
    let mut buffer = [0; 4096];
    let mut connected = false;
    loop {
        tokio::select! {
            readable = socket.stream.readable() => {
                readable?;
                match socket.stream.try_read(&mut buffer) {
                    Ok(0) => break,
                    // CONNECT is the first thing that a client says, and pongs are all that comes after.
                    Ok(_) if !connected => {
                        connected = true;
                        socket.stream.try_write(&frame(r#"40{"sid":"s"}"#))?;
                        sockets.borrow_mut().push(Rc::clone(&socket));
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(_) => break,
                }
            }
            () = socket.waits.notified() => flush(&socket).await?,
        }
    }
    sockets.borrow_mut().retain(|other| !Rc::ptr_eq(other, &socket));
    Ok(())
}

async fn flush(socket: &Socket) -> io::Result<()> {
    while !socket.waiting.borrow().is_empty() {
        socket.stream.writable().await?;
        let mut waiting = socket.waiting.borrow_mut();
        while let Some(first) = waiting.front_mut() {
            match socket.stream.try_write(first) {
                Ok(written) if written == first.len() => {
                    waiting.pop_front();
                }
                Ok(written) => first.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// A text frame of a WebSocket, unmasked.
fn frame(text: &str) -> Bytes {
    let mut frame = BytesMut::with_capacity(text.len() + 4);
    frame.put_u8(0x81);
    match text.len() {
        short @ 0..126 => frame.put_u8(short as u8),
        medium => {
            frame.put_u8(126);
            frame.put_u16(medium as u16);
        }
    }
    frame.put_slice(text.as_bytes());
    frame.freeze()
}
