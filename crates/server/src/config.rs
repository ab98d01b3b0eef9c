//! What a server can be told: from the command line, the environment, a file. What makes no sense is refused
//! with a sentence, wherever it comes from.

mod limits;

use std::{
    net::{Ipv4Addr, SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde::Deserialize;

use self::limits::LimitOptions;
pub use self::limits::Limits;
pub use crate::bus::BusAt;
pub use crate::proxy::{Proxies, ProxyHeader};
use crate::{Database, Error};

/// Everything that a server can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 picks one.
    pub listen: SocketAddr,
    /// The folder of the files, and of the database when that is SQLite.
    pub data: PathBuf,
    /// The database, when it is not SQLite in the folder of data.
    pub database: Option<Database>,
    /// Where the bytes of files lie.
    pub files: FilesAt,
    /// The largest file, in bytes.
    pub file_bytes: u64,
    /// All files of one person, in bytes.
    pub file_quota: u64,
    /// How long an upload waits for a message.
    pub upload_ttl: Duration,
    /// A folder of releases of the app, when the server hands them out.
    pub updates: Option<PathBuf>,
    /// The name that clients show.
    pub name: String,
    /// How long an access token lasts.
    pub token_ttl: Duration,
    /// How long a session lasts that nobody uses; for ever when absent.
    pub session_ttl: Option<Duration>,
    /// After how long somebody who does nothing is away; never when absent.
    pub away_after: Option<Duration>,
    /// The `Origin`s that may call: pages of browsers. The app sends none.
    pub allow_origin: Vec<String>,
    /// Who may make an account.
    pub registration: Registration,
    /// What a collector of metrics says to be let in; without one only admins are.
    pub metrics_token: Option<String>,
    /// What joins this node to others of the same server.
    pub bus: Option<BusAt>,
    /// The certificate and the key to speak TLS with; without them the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The proxies in front of the server, whose word on a client's address is taken.
    pub proxies: Proxies,
    /// How much of anything the server takes.
    pub limits: Limits,
}

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the server's certificate, and those between it and its root.
    pub cert: PathBuf,
    /// PEM: the certificate's key.
    pub key: PathBuf,
}

/// Where the bytes of files lie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FilesAt {
    /// In `files` in the folder of the data.
    #[default]
    Data,
    /// In another folder, which all nodes of a server share.
    Folder(PathBuf),
    /// In a bucket of something that speaks S3: `s3://BUCKET/PREFIX`.
    Bucket(url::Url),
}

/// Who may make an account by `POST /auth/register`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Whoever has an invite.
    #[default]
    Invite,
    /// Anyone.
    Open,
    /// No one.
    Closed,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            data: default_data(),
            database: None,
            files: FilesAt::default(),
            file_bytes: 100 * 1024 * 1024,
            file_quota: 10 * 1024 * 1024 * 1024,
            upload_ttl: Duration::from_secs(86_400),
            updates: None,
            name: "Khaya".to_owned(),
            token_ttl: Duration::from_secs(900),
            session_ttl: Some(Duration::from_secs(7_776_000)),
            away_after: Some(Duration::from_secs(600)),
            allow_origin: Vec::new(),
            registration: Registration::default(),
            metrics_token: None,
            bus: None,
            tls: None,
            proxies: Proxies::default(),
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// The database that there is to use.
    #[must_use]
    pub fn database(&self) -> Database {
        self.database
            .clone()
            .unwrap_or_else(|| Database::Sqlite(self.data.clone()))
    }
}

/// The options of `serve`, as they are given: each on the command line, as `KHAYA_…`, or in the file.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Options {
    /// The folder of the database and the files [default: khaya-server in the system's folder for data]
    #[arg(long, env = "KHAYA_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// A TOML file of options, each under its name here; what is said here and in the environment goes before it
    #[arg(long, env = "KHAYA_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// The database: postgres://USER@HOST/NAME, or sqlite:DIR [default: SQLite in the folder of data]
    #[arg(long, env = "KHAYA_DATABASE", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
    /// Where to listen; port 0 picks one [default: 127.0.0.1:4000]
    #[arg(long, env = "KHAYA_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// What joins several nodes that serve one database: redis://HOST:PORT (rediss:// over TLS), or postgres://USER@HOST/NAME
    #[arg(long, env = "KHAYA_BUS", hide_env_values = true, value_name = "URL")]
    bus: Option<String>,
    /// Where files lie: nothing for `files` in the folder of the data, another folder, or s3://BUCKET/PREFIX with AWS_… variables
    #[arg(long, env = "KHAYA_FILES", value_name = "DIR|URL")]
    files: Option<String>,
    /// The largest file that is taken, in bytes [default: 104857600]
    #[arg(long, env = "KHAYA_FILE_BYTES", value_name = "BYTES")]
    file_bytes: Option<u64>,
    /// What all files of one person take together, in bytes [default: 10737418240]
    #[arg(long, env = "KHAYA_FILE_QUOTA", value_name = "BYTES")]
    file_quota: Option<u64>,
    /// How long a file waits for the message that it is for [default: 86400]
    #[arg(long, env = "KHAYA_UPLOAD_TTL", value_name = "SECONDS")]
    upload_ttl: Option<u64>,
    /// A folder of the app's releases, handed out at /.well-known/khaya/updates/: stable.json, beta.json, and what these name
    #[arg(long, env = "KHAYA_UPDATES", value_name = "DIR")]
    updates: Option<PathBuf>,
    /// The name of the server that clients show [default: Khaya]
    #[arg(long, env = "KHAYA_NAME")]
    name: Option<String>,
    /// How long an access token lasts [default: 900]
    #[arg(long, env = "KHAYA_TOKEN_TTL", value_name = "SECONDS")]
    token_ttl: Option<u64>,
    /// How long somebody stays signed in on a device that they do not use; 0 is for ever [default: 7776000, 90 days]
    #[arg(long, env = "KHAYA_SESSION_TTL", value_name = "SECONDS")]
    session_ttl: Option<u64>,
    /// After how long somebody who is there and does nothing is told as away; 0 is never [default: 600]
    #[arg(long, env = "KHAYA_AWAY_AFTER", value_name = "SECONDS")]
    away_after: Option<u64>,
    /// An Origin whose pages may call this server; may be repeated, or hold several with commas between them
    #[arg(long, env = "KHAYA_ALLOW_ORIGIN", value_name = "ORIGIN")]
    #[serde(default, deserialize_with = "one_or_many")]
    allow_origin: Vec<String>,
    /// Who may make an account [default: invite]
    #[arg(long, env = "KHAYA_REGISTRATION")]
    registration: Option<Registration>,
    /// What a collector of metrics says as its bearer token; without one only admins may read them
    #[arg(
        long,
        env = "KHAYA_METRICS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    metrics_token: Option<String>,
    /// Speak TLS with the certificate in this PEM file, which is read again when it changes or on SIGHUP
    #[arg(long, env = "KHAYA_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The key of the certificate, a PEM file too
    #[arg(long, env = "KHAYA_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// An address or network (10.0.0.0/8) of proxies in front of the server: what they say of a client's address
    /// is believed, and nobody else. May be repeated, or hold several with commas between them
    #[arg(long, env = "KHAYA_TRUSTED_PROXY", value_name = "ADDRESS")]
    #[serde(default, deserialize_with = "one_or_many")]
    trusted_proxy: Vec<String>,
    /// The header in which they say it; the proxy has to set it itself, whatever the client sent [default:
    /// x-forwarded-for]
    #[arg(long, env = "KHAYA_PROXY_HEADER")]
    proxy_header: Option<ProxyHeader>,
    #[command(flatten)]
    #[serde(skip)]
    limits: LimitOptions,
}

impl Options {
    /// Those of a command that is not `serve`.
    pub(crate) fn beside(data: Option<PathBuf>, database: Option<String>, config: Option<PathBuf>) -> Self {
        Self {
            data,
            database,
            config,
            ..Self::default()
        }
    }

    /// Adds what the file says, if one is named, and checks everything.
    pub(crate) fn into_config(self) -> Result<Config, Error> {
        let file = self
            .config
            .as_deref()
            .map_or_else(|| Ok(Self::default()), Self::read)?;
        let default = Config::default();
        let data = self.data.or(file.data).unwrap_or(default.data);
        let origins = several(self.allow_origin, file.allow_origin);
        let proxies = several(self.trusted_proxy, file.trusted_proxy);
        let cert = named(self.tls_cert).or(named(file.tls_cert));
        let key = named(self.tls_key).or(named(file.tls_key));
        Ok(Config {
            listen: match given(self.listen).or(given(file.listen)) {
                Some(text) => address(&text)?,
                None => default.listen,
            },
            data,
            database: given(self.database)
                .or(given(file.database))
                .map(|text| text.parse())
                .transpose()?,
            files: match given(self.files).or(given(file.files)) {
                Some(text) => files_at(&text)?,
                None => default.files,
            },
            file_bytes: match self.file_bytes.or(file.file_bytes) {
                Some(0) => return Err(Error::Config("file-bytes: is at least 1".to_owned())),
                bytes => bytes.unwrap_or(default.file_bytes),
            },
            file_quota: self.file_quota.or(file.file_quota).unwrap_or(default.file_quota),
            upload_ttl: match self.upload_ttl.or(file.upload_ttl) {
                Some(seconds @ 1..=31_536_000) => Duration::from_secs(seconds),
                Some(_) => return Err(Error::Config("upload-ttl: is 1 to 31536000 seconds".to_owned())),
                None => default.upload_ttl,
            },
            updates: match named(self.updates).or(named(file.updates)) {
                Some(folder) if folder.is_dir() => Some(folder),
                Some(folder) => {
                    return Err(Error::Config(format!(
                        "updates: {} is no folder",
                        folder.display()
                    )));
                }
                None => None,
            },
            name: given(self.name).or(given(file.name)).unwrap_or(default.name),
            token_ttl: match self.token_ttl.or(file.token_ttl) {
                Some(seconds @ 1..=31_536_000) => Duration::from_secs(seconds),
                Some(_) => return Err(Error::Config("token-ttl: is 1 to 31536000 seconds".to_owned())),
                None => default.token_ttl,
            },
            session_ttl: match self.session_ttl.or(file.session_ttl) {
                Some(0) => None,
                Some(seconds @ 86_400..=315_360_000) => Some(Duration::from_secs(seconds)),
                Some(_) => {
                    return Err(Error::Config(
                        "session-ttl: is 0, or 86400 to 315360000".to_owned(),
                    ));
                }
                None => default.session_ttl,
            },
            away_after: match self.away_after.or(file.away_after) {
                Some(0) => None,
                Some(seconds @ 1..=31_536_000) => Some(Duration::from_secs(seconds)),
                Some(_) => return Err(Error::Config("away-after: is 0 to 31536000 seconds".to_owned())),
                None => default.away_after,
            },
            allow_origin: listed(&origins).map(origin).collect::<Result<_, _>>()?,
            registration: self.registration.or(file.registration).unwrap_or_default(),
            metrics_token: given(self.metrics_token).or(given(file.metrics_token)),
            bus: given(self.bus)
                .or(given(file.bus))
                .map(|url| BusAt::new(&url))
                .transpose()?,
            tls: match (cert, key) {
                (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
                (None, None) => None,
                (Some(_), None) => {
                    return Err(Error::Config("tls-key: is needed beside tls-cert".to_owned()));
                }
                (None, Some(_)) => {
                    return Err(Error::Config("tls-cert: is needed beside tls-key".to_owned()));
                }
            },
            proxies: Proxies::new(
                listed(&proxies),
                self.proxy_header.or(file.proxy_header).unwrap_or_default(),
            )?,
            limits: self.limits.or(&file.limits),
        })
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::io(format!("cannot read {}", path.display()), source))?;
        Self::parse(&text).map_err(|error| Error::Config(format!("{}: {error}", path.display())))
    }

    /// Reads TOML. A name may be written with underscores, as in the environment.
    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let mut options = toml::Table::new();
        let mut limits = toml::Table::new();
        for (name, value) in text.parse::<toml::Table>()? {
            let name = name.replace('_', "-");
            if LimitOptions::names().any(|limit| limit == name) {
                limits.insert(name, value);
            } else {
                options.insert(name, value);
            }
        }
        Ok(Self {
            limits: limits.try_into()?,
            ..options.try_into()?
        })
    }
}

/// What is given as several, or as one with commas in it.
fn listed(texts: &[String]) -> impl Iterator<Item = &str> {
    texts
        .iter()
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// A variable that is set and empty says nothing.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn named(path: Option<PathBuf>) -> Option<PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

/// What is given, or else what the file says.
fn several(given: Vec<String>, in_file: Vec<String>) -> Vec<String> {
    if given.iter().all(|text| text.trim().is_empty()) {
        in_file
    } else {
        given
    }
}

fn address(text: &str) -> Result<SocketAddr, Error> {
    text.trim()
        .to_socket_addrs()
        .map_err(|error| Error::Config(format!("listen: {text} is no address and port: {error}")))?
        .next()
        .ok_or_else(|| Error::Config(format!("listen: {text} has no address")))
}

fn files_at(text: &str) -> Result<FilesAt, Error> {
    if !text.contains("://") {
        return Ok(FilesAt::Folder(PathBuf::from(text)));
    }
    match text.trim().parse::<url::Url>() {
        Ok(url) if url.scheme() == "s3" && url.host_str().is_some() && url.username().is_empty() => {
            Ok(FilesAt::Bucket(url))
        }
        Ok(_) | Err(_) => Err(Error::Config(
            "files: is a folder, or s3://BUCKET/PREFIX".to_owned(),
        )),
    }
}

/// An origin as browsers send it (RFC 6454, section 6.2): scheme, host and port, nothing after them.
fn origin(text: &str) -> Result<String, Error> {
    let refused = || {
        Error::Config(format!(
            "allow-origin: {text} is no origin; write it as https://chat.example"
        ))
    };
    let url: url::Url = text.parse().map_err(|_| refused())?;
    let bare = url.host_str().is_some()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    if !bare {
        return Err(refused());
    }
    let origin = url.origin();
    Ok(if origin.is_tuple() {
        origin.ascii_serialization()
    } else {
        text.trim_end_matches('/').to_ascii_lowercase()
    })
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}

/// The folder of data when none is named: where the system keeps a program's data.
fn default_data() -> PathBuf {
    let home = || std::env::home_dir().unwrap_or_default();
    let base = if cfg!(windows) {
        std::env::var_os("LOCALAPPDATA").map_or_else(|| home().join("AppData").join("Local"), PathBuf::from)
    } else if cfg!(target_os = "macos") {
        home().join("Library").join("Application Support")
    } else {
        std::env::var_os("XDG_DATA_HOME").map_or_else(|| home().join(".local").join("share"), PathBuf::from)
    };
    base.join("khaya-server")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str) -> Result<Config, Error> {
        Options::parse(toml)
            .map_err(|error| Error::Config(error.to_string()))?
            .into_config()
    }

    #[test]
    fn takes_what_makes_sense() {
        let config = read("listen = \"localhost:0\"\nallow-origin = \"http://A.example:80/ , https://b.example\"\ndatabase = \"sqlite:/x\"").unwrap();
        assert_eq!(config.allow_origin, ["http://a.example", "https://b.example"]);
        assert!(config.listen.ip().is_loopback());
        assert_eq!(config.database().to_string(), "/x");
        assert_eq!(
            read("max-connections = 7\nheader_timeout = 0").unwrap().limits,
            Limits {
                max_connections: 7,
                header_timeout: 0,
                ..Limits::default()
            }
        );
        assert_eq!(read("listen = \"\"\nbus = \"\"").unwrap().listen.port(), 4000);
    }

    #[test]
    fn refuses_what_makes_none() {
        for bad in [
            "listen = \"here\"",
            "token-ttl = 0",
            "token-ttl = 9223372036854775807",
            "allow-origin = \"*\"",
            "allow-origin = [\"https://a.example/path\"]",
            "file-bytes = 0",
            "upload-ttl = 0",
            "updates = \"/no/such/folder\"",
            "files = \"ftp://x\"",
            "files = \"s3://key:secret@bucket\"",
            "database = \"mysql://x\"",
            "max-connections = -1",
            "max-connections = \"many\"",
            "trusted-proxy = \"nginx\"",
            "proxy-header = \"x-real-ip\"",
            "tls-cert = \"/x\"",
            "tls-key = \"/x\"",
            "bus = \"nats://x\"",
            "bus = \"redis:\"",
            "bus = \"postgres://\"",
            "registration = \"maybe\"",
            "listne = \"x\"",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
