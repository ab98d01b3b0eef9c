//! A small SOCKS5 proxy (RFC 1928): no authentication, CONNECT alone, and a memory of where it was sent.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const SUCCEEDED: u8 = 0;

pub(crate) struct Socks {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let memory = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A visitor may go at any time.
                tokio::spawn(pass(stream, memory.clone()));
            }
        });
        Self { port, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("socks5://127.0.0.1:{}", self.port)
    }

    /// Where it was asked to go, since it was last asked here.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn pass(mut client: TcpStream, asked: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting).await?;
    let mut methods = vec![0; usize::from(greeting[1])];
    client.read_exact(&mut methods).await?;
    assert!(greeting[0] == VERSION && methods.contains(&NO_AUTHENTICATION));
    client.write_all(&[VERSION, NO_AUTHENTICATION]).await?;

    let mut request = [0; 10];
    client.read_exact(&mut request).await?;
    assert_eq!(request[..4], [VERSION, CONNECT, 0, IPV4]);
    let [.., a, b, c, d, high, low] = request;
    let address = SocketAddr::from((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])));
    asked.lock().unwrap().push(address.to_string());
    let mut server = TcpStream::connect(address).await?;
    client
        .write_all(&[VERSION, SUCCEEDED, 0, IPV4, 0, 0, 0, 0, 0, 0])
        .await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
