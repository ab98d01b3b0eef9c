//! The people's sockets: Socket.IO over a WebSocket with as little work for each frame as can be done, and what they
//! all together have got.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io::ErrorKind,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
    task::{JoinHandle, spawn_local},
    time::timeout,
};

use crate::latency::Latencies;

/// How long anything may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much is read at once.
const READ: usize = 64 * 1024;

/// What all sockets have got.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// When a message was sent, by its number, and how often it has come.
    messages: RefCell<HashMap<usize, (Instant, u32)>>,
    latencies: RefCell<Latencies>,
    delivered: Cell<usize>,
    last: Cell<Option<Instant>>,
    /// How many are waited for, and who waits.
    wanted: Cell<usize>,
    reached: Notify,
    connected: Cell<usize>,
    lost: Cell<usize>,
}

impl Board {
    /// Notes that a message goes out now.
    pub(crate) fn sends(&self, number: usize) {
        self.messages.borrow_mut().insert(number, (Instant::now(), 0));
    }

    /// Begins anew.
    pub(crate) fn clear(&self) {
        self.messages.borrow_mut().clear();
        self.latencies.take();
        self.delivered.set(0);
        self.last.set(None);
    }

    /// Waits until so many deliveries have come. Gives when the last did, and how long they took.
    pub(crate) async fn delivered(&self, count: usize) -> Result<(Instant, Latencies)> {
        self.wanted.set(count);
        let reached = async {
            while self.delivered.get() < count {
                self.reached.notified().await;
            }
        };
        if timeout(PATIENCE, reached).await.is_err() {
            bail!("only {} of {count} deliveries came", self.delivered.get());
        }
        let last = self.last.get().context("something came")?;
        Ok((last, self.latencies.take()))
    }

    /// Fails unless every message has come so often.
    pub(crate) fn ensure_each_came(&self, times: usize) -> Result<()> {
        for (number, (_, came)) in self.messages.borrow().iter() {
            ensure!(
                *came as usize == times,
                "message {number} came {came} times, not {times}"
            );
        }
        Ok(())
    }

    /// How many sockets ended that nobody closed.
    pub(crate) fn lost(&self) -> usize {
        self.lost.get()
    }

    fn came(&self, number: usize, now: Instant) {
        if let Some((sent, came)) = self.messages.borrow_mut().get_mut(&number) {
            *came += 1;
            self.latencies.borrow_mut().add(now - *sent);
            self.delivered.set(self.delivered.get() + 1);
            self.last.set(Some(now));
            if self.delivered.get() == self.wanted.get() {
                self.reached.notify_one();
            }
        }
    }
}

/// A connected socket; it is dropped as by a broken network when this value is.
#[derive(Debug)]
pub(crate) struct Socket {
    task: JoinHandle<()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Socket {
    /// Connects, from the first SYN to the answer to CONNECT.
    pub(crate) async fn connect(address: &str, token: &str, board: &Rc<Board>) -> Result<Self> {
        let opened = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            // So that a drop is a reset, and leaves no port waiting.
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            let request = format!(
                "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await?;
            let mut came = Vec::with_capacity(512);
            let head = loop {
                if let Some(end) = memchr::memmem::find(&came, b"\r\n\r\n") {
                    break end + 4;
                }
                ensure!(stream.read_buf(&mut came).await? > 0, "closed before the upgrade");
            };
            ensure!(
                came.starts_with(b"HTTP/1.1 101"),
                "{}",
                String::from_utf8_lossy(&came)
            );
            came.drain(..head);
            stream
                .write_all(&masked(&format!("40{{\"token\":\"{token}\"}}")))
                .await?;
            loop {
                while let Some((payload, length)) = next_frame(&came) {
                    let is_answer = payload.starts_with(b"4");
                    ensure!(
                        !is_answer || payload.starts_with(b"40"),
                        "refused: {}",
                        String::from_utf8_lossy(payload)
                    );
                    came.drain(..length);
                    if is_answer {
                        return Ok((stream, came));
                    }
                }
                ensure!(
                    stream.read_buf(&mut came).await? > 0,
                    "closed before CONNECT was answered"
                );
            }
        };
        let (stream, came) = timeout(PATIENCE, opened)
            .await
            .context("a socket did not connect")??;
        board.connected.set(board.connected.get() + 1);
        let board = Rc::clone(board);
        let task = spawn_local(async move {
            let ended = listen(&stream, came, &board).await;
            if ended.is_err() {
                board.lost.set(board.lost.get() + 1);
            }
        });
        Ok(Self { task })
    }
}

thread_local! {
    /// One for all sockets: each is done with it before the next reads.
    static SPACE: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

async fn listen(stream: &TcpStream, mut rest: Vec<u8>, board: &Board) -> Result<()> {
    take_frames(stream, &mut rest, &[], board)?;
    loop {
        stream.readable().await?;
        SPACE.with_borrow_mut(|space| match stream.try_read(space) {
            Ok(0) => bail!("closed"),
            Ok(read) => take_frames(stream, &mut rest, &space[..read], board),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        })?;
    }
}

/// Takes whole frames out of what came, and keeps the rest.
fn take_frames(stream: &TcpStream, rest: &mut Vec<u8>, came: &[u8], board: &Board) -> Result<()> {
    let now = Instant::now();
    let mut bytes = came;
    let joined;
    if !rest.is_empty() {
        rest.extend_from_slice(came);
        joined = std::mem::take(rest);
        bytes = &joined;
    }
    while let Some((payload, length)) = next_frame(bytes) {
        if let Some(number) = number_in(payload) {
            board.came(number, now);
        } else if payload == b"2" {
            stream.try_write(&masked("3"))?;
        }
        bytes = &bytes[length..];
    }
    rest.extend_from_slice(bytes);
    Ok(())
}

/// The payload of the first frame, and how long the frame is, if all of it has come.
fn next_frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (head, length) = match *bytes.get(1)? & 0x7F {
        126 => (
            4,
            usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)),
        ),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?,
        ),
        short => (2, usize::from(short)),
    };
    Some((bytes.get(head..head + length)?, head + length))
}

/// The number that [`crate::http::Http::send`] wrote into a message.
fn number_in(payload: &[u8]) -> Option<usize> {
    let event = payload.strip_prefix(b"42[\"new_message\"")?;
    let begin = memchr::memchr(b'#', event)? + 1;
    let digits = event.get(begin..begin + 8)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A text frame from a client; a mask of zeros leaves the text as it is.
fn masked(text: &str) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(short @ 0..126) => frame.push(0x80 | short),
        Ok(_) | Err(_) => {
            frame.push(0x80 | 126);
            frame.extend((text.len() as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(text.as_bytes());
    frame
}
