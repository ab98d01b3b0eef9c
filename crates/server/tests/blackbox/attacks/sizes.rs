//! Too much, too deep, or packed.

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Client;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

use super::{Target, in_time};
use crate::{
    client::{self, Socket, Team, code},
    polling::Polling,
};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn oversize_and_deep_bodies_are_refused() {
    let target = Target::start(&[]).await;
    let ben = &target.bystander;
    let send = async |body: String| {
        let request = ben.request(reqwest::Method::POST, "/chat/x/messages");
        client::answer(request.header("Content-Type", "application/json").body(body)).await
    };
    // 16 MiB that are said to be so, and that are not.
    let big = format!("{{\"content\":\"{}\"}}", "x".repeat(16 * MIB));
    let refused = ben.request(reqwest::Method::POST, "/chat/x/messages").body(big);
    // It may be told while the rest is still on its way.
    match refused.header("Content-Type", "application/json").send().await {
        Ok(response) => assert_eq!(response.status(), 413),
        Err(error) => assert!(error.is_request() || error.is_body(), "{error}"),
    }
    let mut stream = TcpStream::connect(target.address()).await.unwrap();
    let head = "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    for _ in 0..256 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _reset = in_time(stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
        "{answer}"
    );
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        for body in [
            deep.clone(),
            format!("{{\"content\":{deep}}}"),
            format!("{{\"content\":\"x\",\"unknown\":{deep}}}"),
        ] {
            let refused = send(body).await;
            assert!(matches!(refused.0.as_u16(), 404 | 422), "{refused:?}");
        }
    }
    for bad in [
        "{\"content\":\"\\ud800\"}",
        "{\"content\":1e999}",
        "\u{feff}{}",
        "{}{}",
        "\0",
    ] {
        assert_eq!(
            code(&send(bad.to_owned()).await),
            (422, "invalid_request"),
            "{bad}"
        );
    }
    target.survives("oversize and deep bodies").await;
}

#[tokio::test]
async fn deep_and_large_packets_end_their_own_socket_alone() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let mut watching = alice.socket().await;
    let deep = "[".repeat(20_000) + &"]".repeat(20_000);
    for packet in [
        format!("42[\"join_chat\",{deep}]"),
        format!("40{{\"token\":{deep}}}"),
        format!("42{deep}"),
        "45100000-[\"picture\"]".to_owned(),
        "4299999999999999999999[\"join_chat\"]".to_owned(),
    ] {
        let mut socket = alice.socket().await;
        let _closed = socket.try_write(packet).await;
        let polling = Polling::connected(&alice).await;
        let status = polling.post(format!("42[\"join_chat\",{deep}]")).await;
        assert!(matches!(status.as_u16(), 200 | 400 | 413), "{status}");
    }
    let acked = watching.ask("leave_chat", json!({"chatId": "x"})).await;
    assert_eq!(acked, json!({"ok": true}));
}

#[tokio::test]
async fn frames_of_64_mib_are_refused_at_their_head() {
    let target = Target::start(&[]).await;
    let mut held = Vec::new();
    for opcode in [0x81_u8, 0x82] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(target.address()).await.unwrap();
            let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
                           Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            // A frame's head that promises 64 MiB, and as much of them as is taken.
            let mut frame = vec![opcode, 0x80 | 127];
            frame.extend((64 * MIB as u64).to_be_bytes());
            frame.extend([0, 0, 0, 0]);
            frame.extend(vec![b'4'; 256 * 1024]);
            let _refused = stream.write_all(&frame).await;
            let mut rest = Vec::new();
            // It ends, as soon as the head is read.
            let _reset = in_time(stream.read_to_end(&mut rest)).await;
            assert!(rest.starts_with(b"HTTP/1.1 101") || rest.is_empty());
            held.push(stream);
        }
    }
    target.survives("40 frames of 64 MiB").await;
    // In pieces it is no smaller.
    let url = format!(
        "{}/socket.io/?EIO=4&transport=websocket",
        target.url().replace("http", "ws")
    );
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    for _ in 0..64 {
        if socket.send(Message::binary(vec![0; MIB])).await.is_err() {
            break;
        }
    }
    while let Some(Ok(_)) = in_time(socket.next()).await {}
    target.survives("64 MiB in one message of many frames").await;
    // Nor is a POST.
    let polling = Polling::open(&Client::new(), target.url()).await.unwrap();
    let body = vec![b'4'; 64 * MIB];
    match Client::new().post(polling.url()).body(body).send().await {
        Ok(response) => assert!(response.status().is_client_error(), "{}", response.status()),
        Err(error) => assert!(error.is_request() || error.is_body(), "{error}"),
    }
    target.survives("a POST of 64 MiB").await;
}

#[tokio::test]
async fn bombs_are_not_unpacked() {
    let target = Target::start(&[]).await;
    // 64 MiB of nothing, stored in blocks of gzip (RFC 1952) that repeat: what counts is that nobody looks.
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    bomb.extend(vec![0; 400 * 1024]);
    for (encoding, path) in [
        ("gzip", "/auth/login"),
        ("deflate", "/auth/login"),
        ("br", "/auth/refresh"),
        ("zstd", "/auth/register"),
        ("gzip, gzip", "/auth/login"),
        ("gzip", "/socket.io/?EIO=4&transport=polling"),
        ("gzip", "/files"),
    ] {
        let request = Client::new()
            .post(format!("{}{path}", target.url()))
            .header("Content-Type", "application/json")
            .header("Content-Encoding", encoding)
            .body(bomb.clone());
        assert_eq!(
            code(&client::answer(request).await),
            (415, "unsupported_media_type"),
            "{encoding} {path}"
        );
    }
    target.survives("packed bodies").await;
}

#[tokio::test]
async fn heads_that_never_end_are_refused() {
    let target = Target::start(&[]).await;
    let mut stream = TcpStream::connect(target.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let line = format!("X-Filler: {}\r\n", "x".repeat(8000));
    let mut sent = 0;
    while sent < 16 * MIB && stream.write_all(line.as_bytes()).await.is_ok() {
        sent += line.len();
    }
    assert!(sent < 16 * MIB, "{sent} bytes of head were taken");
    let socket = Socket::open(target.url(), "").await;
    drop(socket);
    target.survives("a head without an end").await;
}
