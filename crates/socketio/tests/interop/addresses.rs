//! What the client makes of a URL: the first request, read off the wire.

use khaya_socketio::{BuildError, Client, Transport};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
};

use crate::listening::socket;

/// The head of the first request that arrives.
async fn head(mut stream: TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.expect("the request has an end");
        head.push(byte);
    }
    String::from_utf8(head).expect("a request is text")
}

/// Asks a client for its first request; `url` is what stands around `ADDRESS`.
async fn request(bind: &str, url: &str, transport: Transport, path: Option<&str>) -> (String, String) {
    let listener = TcpListener::bind(bind).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut builder = Client::builder(url.replace("ADDRESS", &address)).transports([transport]);
    if let Some(path) = path {
        builder = builder.path(path);
    }
    let client = builder.build().unwrap();
    let (socket, _told) = socket(&client, "/");
    socket.connect();
    let (stream, _) = listener.accept().await.unwrap();
    (head(stream).await, address)
}

#[tokio::test]
async fn the_first_request_is_the_one_that_the_url_means() {
    use Transport::{Polling, WebSocket};
    let cases = [
        (
            "127.0.0.1:0",
            "http://ADDRESS",
            Polling,
            None,
            "/socket.io/?EIO=4&transport=polling",
        ),
        (
            "127.0.0.1:0",
            "ws://ADDRESS/",
            WebSocket,
            None,
            "/socket.io/?EIO=4&transport=websocket",
        ),
        (
            "127.0.0.1:0",
            "ws://ADDRESS",
            Polling,
            None,
            "/socket.io/?EIO=4&transport=polling",
        ),
        (
            "127.0.0.1:0",
            "http://ADDRESS",
            WebSocket,
            None,
            "/socket.io/?EIO=4&transport=websocket",
        ),
        (
            "127.0.0.1:0",
            "http://ADDRESS/?a=b#c",
            Polling,
            None,
            "/socket.io/?a=b&EIO=4&transport=polling",
        ),
        (
            "127.0.0.1:0",
            "http://ADDRESS",
            Polling,
            Some("some-path"),
            "/some-path/?EIO=4&transport=polling",
        ),
        (
            "127.0.0.1:0",
            "http://ADDRESS",
            WebSocket,
            Some("/a/b/"),
            "/a/b/?EIO=4&transport=websocket",
        ),
        (
            "[::1]:0",
            "http://ADDRESS",
            Polling,
            None,
            "/socket.io/?EIO=4&transport=polling",
        ),
        (
            "[::1]:0",
            "ws://ADDRESS/",
            WebSocket,
            None,
            "/socket.io/?EIO=4&transport=websocket",
        ),
    ];
    for (bind, url, transport, path, expected) in cases {
        let (head, address) = request(bind, url, transport, path).await;
        let target = head.split(' ').nth(1).unwrap();
        assert_eq!(parts(target), parts(expected), "{url}");
        let host = format!("\r\nhost: {address}\r\n");
        assert!(head.to_lowercase().contains(&host), "{url}: {head}");
        let upgrades = head.to_lowercase().contains("\r\nupgrade: websocket\r\n");
        assert_eq!(upgrades, transport == WebSocket, "{url}: {head}");
    }
}

/// The path, and the parameters in any order.
fn parts(target: &str) -> (&str, Vec<&str>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parameters: Vec<&str> = query
        .split('&')
        // A time stamp against caches may be there.
        .filter(|parameter| !parameter.starts_with("t="))
        .collect();
    parameters.sort_unstable();
    (path, parameters)
}

#[tokio::test]
async fn hosts_and_default_ports_are_those_of_the_scheme() {
    use Transport::{Polling, WebSocket};
    // A proxy is told where the client wants to go, and a tunnel names the port.
    let cases = [
        ("http://example.org", Polling, "GET http://example.org/socket.io/"),
        (
            "http://example.org:80/",
            Polling,
            "GET http://example.org/socket.io/",
        ),
        ("ws://example.org", WebSocket, "GET http://example.org/socket.io/"),
        (
            "http://example.org:8080",
            WebSocket,
            "GET http://example.org:8080/socket.io/",
        ),
        ("https://example.org", Polling, "CONNECT example.org:443 "),
        ("wss://example.org", WebSocket, "CONNECT example.org:443 "),
        ("wss://example.org:2020", WebSocket, "CONNECT example.org:2020 "),
        ("https://example.org:80", Polling, "CONNECT example.org:80 "),
        ("https://[::1]", Polling, "CONNECT [::1]:443 "),
        (
            "http://[2001:db8::7334]:8080",
            Polling,
            "GET http://[2001:db8::7334]:8080/socket.io/",
        ),
    ];
    for (url, transport, expected) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let http = reqwest::Client::builder()
            .http1_only()
            .proxy(reqwest::Proxy::all(proxy).unwrap())
            .build()
            .unwrap();
        let client = Client::builder(url)
            .transports([transport])
            .http_client(http.clone())
            .websocket_client(http)
            .build()
            .unwrap();
        let (socket, _told) = socket(&client, "/");
        socket.connect();
        let (stream, _) = listener.accept().await.unwrap();
        let head = head(stream).await;
        assert!(head.starts_with(expected), "{url}: {head}");
    }
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in [
        "",
        "/woot",
        "localhost:3000/no",
        "//localhost:3000",
        "http://",
        "http://[::1",
        "http://a:99999",
    ] {
        let error = Client::builder(url).build().unwrap_err();
        assert!(
            matches!(error, BuildError::Url(_) | BuildError::Scheme(_)),
            "{url}: {error}"
        );
    }
    let error = Client::builder("ftp://localhost").build().unwrap_err();
    assert_eq!(error.to_string(), "unsupported url scheme: ftp");
}

#[tokio::test]
async fn a_namespace_of_another_form_is_refused() {
    let client = Client::builder("http://127.0.0.1:1").build().unwrap();
    for namespace in ["", "foo", "/a,b", "/a?b"] {
        let error = client.socket(namespace).build().unwrap_err();
        assert!(matches!(error, BuildError::Namespace(_)), "{namespace}: {error}");
    }
}
