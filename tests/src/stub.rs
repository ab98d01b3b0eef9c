//! A web server that is no chat server: it answers every request with the same page of HTML, as a router's
//! sign-in page or a mistyped address would.

use std::sync::{Arc, Mutex};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A running web server; it ends when the value is dropped.
#[derive(Debug)]
pub struct HtmlServer {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl HtmlServer {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&asked);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                // Who goes away before the answer does not want it.
                connections.spawn(async move { answer(client, &noted).await.ok() });
            }
        });
        Ok(Self {
            address,
            asked,
            _tasks: tasks,
        })
    }

    /// The first lines of all requests so far.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().map(|asked| asked.clone()).unwrap_or_default()
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

async fn answer(mut client: TcpStream, noted: &Mutex<Vec<String>>) -> Result<()> {
    const PAGE: &str = "<!doctype html><title>Welcome</title><h1>Welcome to the guest network</h1>";
    let mut request = [0; 8192];
    let read = client.read(&mut request).await?;
    let text = String::from_utf8_lossy(request.get(..read).unwrap_or_default());
    if let (Some(line), Ok(mut asked)) = (text.lines().next(), noted.lock()) {
        asked.push(line.to_owned());
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        PAGE.len()
    );
    client.write_all(head.as_bytes()).await?;
    client.write_all(PAGE.as_bytes()).await?;
    client.shutdown().await?;
    Ok(())
}

/// An address on this machine where nothing listens.
///
/// # Errors
/// When there is no free port.
pub async fn dead_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Ok(format!("http://{}", listener.local_addr()?))
}
