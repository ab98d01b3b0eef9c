//! TLS by rustls, with a certificate that is read again when its files change or on SIGHUP. A new one that makes
//! no sense is told in the log, and the old one stays.

use std::{
    io,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
    server::TlsStream,
};
use tokio_util::sync::CancellationToken;

use crate::{Error, config::TlsFiles};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Speaks TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the certificate and its key, and again until `stop` whenever they change.
    pub(crate) fn start(files: TlsFiles, stop: CancellationToken) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let stamp = Stamp::of(&files);
        let certificate = Arc::new(Certificate {
            current: RwLock::new(Arc::new(read(&files, &provider)?)),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Config(format!("tls: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Certificate>::clone(&certificate));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        tokio::spawn(stop.run_until_cancelled_owned(follow(files, stamp, certificate, provider)));
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}

#[derive(Debug)]
struct Certificate {
    current: RwLock<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// What shows that a file was written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(Vec<Option<(SystemTime, u64)>>);

impl Stamp {
    fn of(files: &TlsFiles) -> Self {
        let look = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        Self(vec![look(&files.cert), look(&files.key)])
    }
}

async fn follow(
    files: TlsFiles,
    mut seen: Stamp,
    certificate: Arc<Certificate>,
    provider: Arc<CryptoProvider>,
) {
    let mut hangup = Hangup::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {
                let now = Stamp::of(&files);
                if now == seen {
                    continue;
                }
                seen = now;
            }
            () = hangup.recv() => seen = Stamp::of(&files),
        }
        match read(&files, &provider) {
            Ok(fresh) => {
                *certificate
                    .current
                    .write()
                    .unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
                tracing::info!("the certificate was read again");
            }
            Err(error) => tracing::warn!(%error, "the certificate stays as it was"),
        }
    }
}

/// What tells a server to read its files again.
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    fn new() -> Self {
        Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
        }
    }

    async fn recv(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
    let refused = |option: &str, path: &Path, why: String| {
        Error::Config(format!("{option}: {}: {why}", path.display()))
    };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect)
        .map_err(|error| refused("tls-cert", &files.cert, error.to_string()))?;
    if certificates.is_empty() {
        return Err(refused(
            "tls-cert",
            &files.cert,
            "holds no certificate".to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| refused("tls-key", &files.key, error.to_string()))?;
    CertifiedKey::from_der(certificates, key, provider)
        .map_err(|error| refused("tls-key", &files.key, error.to_string()))
}
