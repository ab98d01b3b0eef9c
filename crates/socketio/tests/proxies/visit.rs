//! A server, and a visit to it from a process with an environment of its own.

use std::{env, process::Stdio, sync::Arc};

use axum::Router;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::StreamExt as _;
use khaya_socketio::{Client, ConnectionEvent, SocketEvent, Transport};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use socketioxide::{SocketIo, extract::SocketRef};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    process::Command,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// What tells the process of a visit what to visit. Without it the test below visits a server of its own.
const URL: &str = "VISIT_URL";
const TRANSPORT: &str = "VISIT_TRANSPORT";
const ROOT: &str = "VISIT_ROOT";
/// What a process says before it says how its visit went.
const SAYS: &str = "the visit: ";

pub(crate) struct Server {
    scheme: &'static str,
    port: u16,
    /// Its certificate.
    root: Option<Vec<u8>>,
}

impl Server {
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.host())
    }
}

/// A Socket.IO server.
pub(crate) async fn serve() -> Server {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", async |_socket: SocketRef| {});
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, Router::new().layer(layer)).await });
    Server {
        scheme: "http",
        port,
        root: None,
    }
}

/// The same behind TLS.
pub(crate) async fn serve_tls() -> Server {
    let plain = serve().await.host();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, plain) = (acceptor.clone(), plain.clone());
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                copy_bidirectional(&mut stream, &mut TcpStream::connect(plain).await?).await
            });
        }
    });
    Server {
        scheme: "https",
        port,
        root: Some(cert.der().to_vec()),
    }
}

/// A visit that is still to be made.
pub(crate) struct Visit(Command);

impl Visit {
    /// `transport` is `websocket`, `polling`, or `upgrade` for both.
    pub(crate) fn over(transport: &str, server: &Server) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["visit::how_a_visit_goes", "--exact", "--nocapture"]);
        for name in [
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "NO_PROXY",
            "REQUEST_METHOD",
        ] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.env(URL, server.url()).env(TRANSPORT, transport);
        if let Some(root) = &server.root {
            command.env(ROOT, STANDARD.encode(root));
        }
        command.stdin(Stdio::null()).stderr(Stdio::inherit());
        Self(command)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// How it went.
    pub(crate) async fn make(mut self) -> String {
        let output = self.0.output().await.unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let said = output.lines().find_map(|line| line.split_once(SAYS));
        said.unwrap_or_else(|| panic!("it says nothing: {output}"))
            .1
            .to_owned()
    }
}

/// The visit itself; with no server named, to one of its own.
#[tokio::test]
async fn how_a_visit_goes() {
    let Ok(url) = env::var(URL) else {
        let told = visit(&serve().await.url(), "websocket", None).await;
        return assert_eq!(told, "connected over WebSocket");
    };
    let root = env::var(ROOT).ok().map(|root| STANDARD.decode(root).unwrap());
    let told = visit(&url, &env::var(TRANSPORT).unwrap(), root).await;
    println!("\n{SAYS}{told}");
}

async fn visit(url: &str, transport: &str, root: Option<Vec<u8>>) -> String {
    let mut client = Client::builder(url).transports(match transport {
        "websocket" => vec![Transport::WebSocket],
        "polling" => vec![Transport::Polling],
        "upgrade" => vec![Transport::Polling, Transport::WebSocket],
        other => panic!("no such transport: {other}"),
    });
    if let Some(root) = root {
        let root = reqwest::Certificate::from_der(&root).unwrap();
        let http = reqwest::Client::builder().http1_only().tls_certs_merge([root]);
        let http = http.build().unwrap();
        client = client.http_client(http.clone()).websocket_client(http);
    }
    let client = client.build().unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    loop {
        match events.next().await.unwrap() {
            SocketEvent::Connection(ConnectionEvent::TransportChanged(to)) => {
                return format!("upgraded to {to:?}");
            }
            SocketEvent::Connected { transport: over, .. } if transport != "upgrade" => {
                return format!("connected over {over:?}");
            }
            SocketEvent::ConnectError { message, .. } => return format!("error: {message}"),
            SocketEvent::Disconnected { reason } => return format!("disconnected: {}", reason.as_str()),
            SocketEvent::Connected { .. } | SocketEvent::Event(_) | SocketEvent::Connection(_) => {}
        }
    }
}
