//! One HTTP connection, kept open, that asks one thing after the other. Does as little as can be done, so that the
//! load does not become what is measured.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection of somebody who is signed in.
#[derive(Debug)]
pub(crate) struct Http {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The lines that every request has.
    headers: String,
}

impl Http {
    pub(crate) async fn connect(address: &str, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(4096),
            headers: format!("Host: {address}\r\nAuthorization: Bearer {token}\r\n"),
        })
    }

    /// Sends a message that carries its number where [`number_in`](crate::sockets) finds it. Gives the status.
    pub(crate) async fn send(&mut self, chat: &str, number: usize) -> Result<u16> {
        let body = format!(
            "{{\"content\":\"#{number:08}# {TEXT}\",\"clientId\":\"{:032x}\"}}",
            fastrand::u128(..)
        );
        let request = format!(
            "POST /chat/{chat}/messages HTTP/1.1\r\n{}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.headers,
            body.len(),
        );
        Ok(self.ask(&request).await?.0)
    }

    /// Sends a message that has to be stored.
    pub(crate) async fn must_send(&mut self, chat: &str, number: usize) -> Result<()> {
        let status = self.send(chat, number).await?;
        ensure!(status == 201, "a message was answered {status}");
        Ok(())
    }

    /// What a path gives, which has to be something.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Value> {
        let request = format!("GET {path} HTTP/1.1\r\n{}\r\n", self.headers);
        let (status, body) = self.ask(&request).await?;
        ensure!(status == 200, "{path} was answered {status}");
        Ok(serde_json::from_slice(&body).unwrap_or(json!(null)))
    }

    async fn ask(&mut self, request: &str) -> Result<(u16, Vec<u8>)> {
        self.stream.write_all(request.as_bytes()).await?;
        let head = loop {
            if let Some(end) = memchr::memmem::find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let (status, length) = {
            let text = std::str::from_utf8(&self.buffer[..head])?;
            let status = text.get(9..12).context("a status")?.parse()?;
            let length: usize = text
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .context("a content-length")?
                .1
                .trim()
                .parse()?;
            (status, length)
        };
        while self.buffer.len() < head + length {
            self.read().await?;
        }
        let body = self.buffer[head..head + length].to_vec();
        self.buffer.drain(..head + length);
        Ok((status, body))
    }

    async fn read(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.buffer).await?;
        ensure!(read > 0, "the server closed an HTTP connection");
        Ok(())
    }
}

/// Of the length that people write.
const TEXT: &str = "The quick brown fox jumps over the lazy dog, looks around, finds nobody who would have seen it, \
                    and does it once more for the joy of it.";
