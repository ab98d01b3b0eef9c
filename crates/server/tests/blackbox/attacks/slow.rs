//! Those who take their time: heads, bodies, handshakes and upgrades that do not come to an end.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{Target, in_time};
use crate::polling::Polling;

/// What a server with little patience is told.
const HASTY: [&str; 6] = [
    "--header-timeout",
    "2",
    "--body-timeout",
    "2",
    "--connect-timeout",
    "2",
];

/// Opens many connections that say the same beginning, and waits until the server has ended each.
async fn all_end(target: &Target, count: usize, beginning: &str) -> Vec<String> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(target.address()).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    target.survives(&format!("{count} connections held open")).await;
    let mut answers = Vec::new();
    for mut stream in streams {
        let mut answer = Vec::new();
        let _reset = in_time(stream.read_to_end(&mut answer)).await;
        answers.push(String::from_utf8_lossy(&answer).into_owned());
    }
    answers
}

#[tokio::test]
async fn slow_heads_end() {
    let target = Target::start(&HASTY).await;
    for beginning in ["", "GET /auth/me HTTP/1.1\r\nHost: x\r\nX-Slow: "] {
        for answer in all_end(&target, 300, beginning).await {
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
                "{answer}"
            );
        }
    }
    // One byte now and then is no way around it.
    let mut stream = TcpStream::connect(target.address()).await.unwrap();
    in_time(async {
        while stream.write_all(b"G").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn slow_bodies_end() {
    let target = Target::start(&HASTY).await;
    let login = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
    for answer in all_end(&target, 300, login).await {
        assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    }
    let polling = Polling::connected(&target.bystander).await;
    let path = polling.url().strip_prefix(target.url()).unwrap();
    let post = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n4");
    for answer in all_end(&target, 5, &post).await {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}

#[tokio::test]
async fn half_open_upgrades_end() {
    let target = Target::start(&HASTY).await;
    let upgrade = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    let answers = all_end(&target, 300, &upgrade("/socket.io/?EIO=4&transport=websocket")).await;
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    }
    // An upgrade of a session, whose probe never comes.
    let polling = Polling::open(&target.bystander.http, target.url()).await.unwrap();
    let path = polling.url().strip_prefix(target.url()).unwrap();
    let path = path.replace("transport=polling", "transport=websocket");
    all_end(&target, 20, &upgrade(&path)).await;
    // One of a session that there is not.
    let unknown = upgrade("/socket.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAA");
    all_end(&target, 20, &unknown).await;
}
