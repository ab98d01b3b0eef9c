//! TLS: what is spoken, and a certificate that changes.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _, future::join_all};
use khaya_server::config::TlsFiles;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use reqwest::{Certificate, Client, StatusCode};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::{
    client::{PASSWORD, Person, Team, answer},
    program::{Serving, run},
};

/// A certificate for this machine.
struct Identity(CertifiedKey<KeyPair>);

impl Identity {
    fn new() -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        Self(generate_simple_self_signed(names).unwrap())
    }

    fn write(&self, dir: &Path) -> TlsFiles {
        let files = TlsFiles {
            cert: dir.join("cert.pem"),
            key: dir.join("key.pem"),
        };
        std::fs::write(&files.cert, self.0.cert.pem()).unwrap();
        std::fs::write(&files.key, self.0.signing_key.serialize_pem()).unwrap();
        files
    }

    /// A client that trusts this certificate and no other.
    fn client(&self) -> Client {
        let certificate = Certificate::from_pem(self.0.cert.pem().as_bytes()).unwrap();
        Client::builder()
            .tls_certs_only([certificate])
            .pool_max_idle_per_host(0)
            .build()
            .unwrap()
    }

    /// A WebSocket by such a client, for which the system keeps little, and the status with which it was opened.
    async fn socket(&self, url: &str) -> (WebSocketStream<MaybeTlsStream<TcpStream>>, StatusCode) {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.0.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let address = url.strip_prefix("https://").unwrap();
        let stream = TcpSocket::new_v4().unwrap();
        stream.set_recv_buffer_size(16 * 1024).unwrap();
        let stream = stream.connect(address.parse().unwrap()).await.unwrap();
        let request = format!("wss://{address}/socket.io/?EIO=4&transport=websocket");
        let request = request.into_client_request().unwrap();
        let connector = Connector::Rustls(Arc::new(config));
        let (socket, response) = client_async_tls_with_config(request, stream, None, Some(connector))
            .await
            .unwrap();
        (socket, response.status())
    }
}

#[tokio::test]
async fn speaks_tls_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::new();
    let files = identity.write(dir.path());
    let team = Team::start_with(|config| config.tls = Some(files.clone())).await;
    let url = team.server.url();
    assert!(url.starts_with("https://"), "{url}");
    let found = answer(identity.client().get(format!("{url}/.well-known/khaya"))).await;
    assert_eq!(found.0, 200);
    assert!(Client::new().get(format!("{url}/healthz")).send().await.is_err());
    let plain = url.replace("https", "http");
    assert!(
        Client::new()
            .get(format!("{plain}/healthz"))
            .send()
            .await
            .is_err()
    );

    let (_socket, status) = identity.socket(url).await;
    assert_eq!(status, 101);
}

#[tokio::test]
async fn a_client_that_begins_to_read_late_gets_everything_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::new();
    let files = identity.write(dir.path());
    let team = Team::start_with(|config| {
        config.tls = Some(files.clone());
        config.limits.max_requests_per_user = 0;
        config.limits.max_requests_per_address = 0;
    })
    .await;
    let url = team.server.url();
    team.server
        .add_user("alice", "Alice", "member", PASSWORD)
        .await
        .unwrap();
    let alice = Person::sign_in_by(identity.client(), url, "alice").await;
    let chat = alice.group(&[]).await;
    let (mut socket, _) = identity.socket(url).await;
    let auth = json!({"token": alice.token});
    socket.send(Message::text(format!("40{auth}"))).await.unwrap();
    let mut next = async || socket.next().await.unwrap().unwrap().into_text().unwrap();
    while !next().await.starts_with("40") {}
    // More than the system takes, and less than the server.
    let text = "x".repeat(16_000);
    for _ in 0..2 {
        join_all((0..100).map(|_| alice.say(&chat, json!({"content": text})))).await;
    }
    let mut before = None;
    for _ in 0..200 {
        let packet = loop {
            let packet = next().await;
            if packet.starts_with("42[\"new_message\"") {
                break packet;
            }
        };
        let event: Value = serde_json::from_str(&packet[2..]).unwrap();
        let number = event[1]["seq"].as_u64().unwrap();
        assert!(
            before.is_none_or(|before| number == before + 1),
            "{before:?} {number}"
        );
        before = Some(number);
    }
}

#[tokio::test]
async fn a_new_certificate_is_taken_while_serving_and_a_bad_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Identity::new(), Identity::new());
    let files = old.write(dir.path());
    let team = Team::start_with(|config| config.tls = Some(files.clone())).await;
    let health = format!("{}/healthz", team.server.url());
    let takes = async |identity: &Identity| identity.client().get(&health).send().await.is_ok();
    assert!(takes(&old).await && !takes(&new).await);
    // Half of a change: the key does not fit, and the old certificate stays.
    std::fs::write(&files.key, new.0.signing_key.serialize_pem()).unwrap();
    assert!(takes(&old).await);
    new.write(dir.path());
    let taken = async {
        while !takes(&new).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken)
        .await
        .expect("still the old certificate");
    assert!(!takes(&old).await);
}

#[test]
fn files_that_make_no_sense_are_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let files = Identity::new().write(dir.path());
    let (cert, key) = (files.cert.to_str().unwrap(), files.key.to_str().unwrap());
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let other = tempfile::tempdir().unwrap();
    let foreign = Identity::new().write(other.path()).key;
    for (arguments, named) in [
        (vec!["--tls-cert", cert], "tls-key"),
        (vec!["--tls-key", key], "tls-cert"),
        (vec!["--tls-cert", empty, "--tls-key", key], "tls-cert"),
        (vec!["--tls-cert", cert, "--tls-key", "/nowhere"], "tls-key"),
        (
            vec!["--tls-cert", cert, "--tls-key", foreign.to_str().unwrap()],
            "tls-key",
        ),
    ] {
        let arguments = [vec!["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let refused = run(&dir.path().join("data"), &arguments, "");
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        let why = String::from_utf8_lossy(&refused.stderr);
        assert!(why.contains(named), "{arguments:?}: {why}");
    }
    let serving = Serving::start(
        &dir.path().join("data"),
        &["--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key],
    );
    assert!(serving.url.starts_with("https://127.0.0.1:"));
}
