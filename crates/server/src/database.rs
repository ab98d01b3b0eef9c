//! Where the database is: `sqlite:DIR` or `postgres://…`, as it is written, and how it is reached safely.
//!
//! Never shows a password, and never sends one over a network in the clear unless it is told to.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use postgres::config::{Host, SslMode, TargetSessionAttrs};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// How long the database may take to answer a connection, and how long it may be silent with something unanswered.
const PATIENCE: Duration = Duration::from_secs(5);

/// A database.
#[derive(Debug, Clone)]
pub enum Database {
    /// SQLite, in this folder.
    Sqlite(PathBuf),
    /// Postgres.
    Postgres(Box<Address>),
}

/// Where a Postgres is, and who one is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    config: tokio_postgres::Config,
    /// A file of certificates, one of which vouches for the server; those of the system when absent.
    roots: Option<PathBuf>,
}

impl FromStr for Database {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(PathBuf::from(
                path.strip_prefix("//").unwrap_or(path),
            )));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(Box::new(Address::read(text)?)));
        }
        Err(refused("write sqlite:DIR or postgres://USER@HOST/NAME"))
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(dir) => write!(f, "{}", dir.display()),
            Self::Postgres(address) => write!(f, "{address:?}"),
        }
    }
}

impl fmt::Debug for Address {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let name = self.config.get_dbname().unwrap_or_default();
        write!(f, "postgres://{host}/{name}")
    }
}

impl Address {
    pub(crate) fn read(text: &str) -> Result<Self, Error> {
        let (base, parameters) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslmode", "disable")) => mode = Some(SslMode::Disable),
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => mode = Some(SslMode::Require),
                Some(("sslmode", _)) => {
                    return Err(refused(
                        "sslmode is require, with which the server's certificate is checked, or disable",
                    ));
                }
                Some(("sslrootcert", file)) => roots = Some(unescaped(file)),
                Some(_) | None => others.push(parameter),
            }
        }
        let mut config: tokio_postgres::Config = format!("{base}?{}", others.join("&"))
            .parse()
            .map_err(|error: postgres::Error| refused(&cause_of(&error)))?;
        if config.get_user().is_none() || config.get_hosts().is_empty() {
            return Err(refused("name a user and a host: postgres://USER@HOST/NAME"));
        }
        let mode = mode.unwrap_or(if is_here(&config) {
            SslMode::Disable
        } else {
            SslMode::Require
        });
        config
            .ssl_mode(mode)
            .application_name("khaya-server")
            .connect_timeout(PATIENCE)
            .tcp_user_timeout(PATIENCE)
            .keepalives_idle(PATIENCE)
            .keepalives_interval(PATIENCE)
            .target_session_attrs(TargetSessionAttrs::ReadWrite);
        Ok(Self { config, roots })
    }

    /// How connections are made.
    pub(crate) fn parts(&self) -> Result<(tokio_postgres::Config, Option<MakeRustlsConnect>), Error> {
        let tls = if self.config.get_ssl_mode() == SslMode::Disable {
            None
        } else {
            Some(self.tls()?)
        };
        Ok((self.config.clone(), tls))
    }

    fn tls(&self) -> Result<MakeRustlsConnect, Error> {
        let mut roots = RootCertStore::empty();
        match &self.roots {
            Some(file) => {
                let failed = |error| refused(&format!("sslrootcert: {}: {error}", file.display()));
                let certificates =
                    CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))?;
                for certificate in certificates {
                    let certificate = certificate.map_err(|error| failed(error.to_string()))?;
                    roots
                        .add(certificate)
                        .map_err(|error| failed(error.to_string()))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(refused(
                "there are no certificates to check the server's with; name a file by sslrootcert=FILE",
            ));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(&error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

/// Whether the database is on this machine.
fn is_here(config: &tokio_postgres::Config) -> bool {
    let named = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    named && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

fn unescaped(text: &str) -> PathBuf {
    let decoded = url::form_urlencoded::parse(text.as_bytes()).next();
    PathBuf::from(decoded.map_or_else(|| text.to_owned(), |(text, _)| text.into_owned()))
}

/// What is the matter: the error itself says only when it happened.
pub(crate) fn cause_of(error: &postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn refused(why: &str) -> Error {
    Error::Config(format!("database: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        match url.parse().unwrap() {
            Database::Postgres(address) => address.config.get_ssl_mode(),
            Database::Sqlite(dir) => panic!("{}", dir.display()),
        }
    }

    #[test]
    fn passwords_are_not_shown_and_go_over_networks_encrypted() {
        let shown = format!(
            "{:?}",
            "postgres://me:secret@db.example/khaya"
                .parse::<Database>()
                .unwrap()
        );
        assert!(
            shown.contains("db.example/khaya") && !shown.contains("secret"),
            "{shown}"
        );
        for here in [
            "postgres://me@localhost/k",
            "postgresql://me@127.0.0.1:5433/k",
            "postgres://me@%2Frun%2Fpg/k",
        ] {
            assert_eq!(mode(here), SslMode::Disable, "{here}");
        }
        for there in [
            "postgres://me@db.example/k",
            "postgres://me@10.0.0.1/k?sslmode=verify-full",
            "postgres://me@localhost/k?sslmode=require&connect_timeout=3",
            "postgres://me@localhost,db.example/k",
        ] {
            assert_eq!(mode(there), SslMode::Require, "{there}");
        }
        assert_eq!(mode("postgres://me@10.0.0.1/k?sslmode=disable"), SslMode::Disable);
    }

    #[test]
    fn what_makes_no_sense_is_refused_without_being_repeated() {
        for bad in [
            "mysql://x",
            "sqlite:",
            "postgres://:secret@",
            "postgres://me:secret@h/k?sslmode=prefer",
            "postgres://me:secret@h/k?nonsense=1",
            "postgres://me:secret@h:port/k",
        ] {
            let error = bad.parse::<Database>().unwrap_err().to_string();
            assert!(
                error.starts_with("database: ") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
