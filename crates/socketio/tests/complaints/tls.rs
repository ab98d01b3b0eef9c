//! TLS.

use std::sync::Arc;

use khaya_socketio::{Client, SocketEvent, Transport};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};
use tokio_tungstenite::accept_async;

use crate::script::{HANDSHAKE, connected, until};

/// #366: "native-tls hard-wired": the application chooses the TLS and its roots, by its own HTTP client.
#[tokio::test]
async fn the_applications_own_roots_are_trusted_and_no_others() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config =
        ServerConfig::builder_with_provider(Arc::new(tokio_rustls::rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // One that does not trust the certificate ends here.
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut socket = accept_async(stream).await.unwrap();
            use futures_util::{SinkExt as _, StreamExt as _};
            socket.send(HANDSHAKE.into()).await.unwrap();
            let _connect = socket.next().await;
            socket.send(r#"40{"sid":"n"}"#.into()).await.unwrap();
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        }
    });

    let stranger = Client::builder(&url)
        .transports([Transport::WebSocket])
        .build()
        .unwrap();
    let (socket, mut events) = stranger.socket("/").build().unwrap();
    socket.connect();
    let message = until(&mut events, |event| match event {
        SocketEvent::ConnectError { message, .. } => Some(message),
        SocketEvent::Connected { .. } => panic!("an unknown certificate is trusted"),
        SocketEvent::Event(_) | SocketEvent::Disconnected { .. } | SocketEvent::Connection(_) => None,
    })
    .await;
    assert!(message.to_lowercase().contains("certificate"), "{message}");

    let root = reqwest::Certificate::from_der(cert.der()).unwrap();
    let http = reqwest::Client::builder()
        .http1_only()
        .tls_certs_merge([root])
        .build()
        .unwrap();
    let friend = Client::builder(&url)
        .transports([Transport::WebSocket])
        .websocket_client(http)
        .build()
        .unwrap();
    let (socket, mut events) = friend.socket("/").build().unwrap();
    socket.connect();
    connected(&mut events).await;
    server.abort();
}
