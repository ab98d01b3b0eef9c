//! What a server can be told: from the command line, the environment, a file.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use crate::Error;

/// Everything that a server can be told.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 picks one.
    pub listen: SocketAddr,
    /// The folder of the database and the files.
    pub data: PathBuf,
    /// The name that clients show.
    pub name: String,
    /// How long an access token lasts.
    pub token_ttl: Duration,
    /// The `Origin`s that may call: pages of browsers. The app sends none.
    pub allow_origin: Vec<String>,
    /// What a collector of metrics says to be let in; without one only admins are.
    pub metrics_token: Option<String>,
    /// How many connections may wait to be accepted.
    pub backlog: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            data: default_data(),
            name: "Khaya".to_owned(),
            token_ttl: Duration::from_secs(900),
            allow_origin: Vec::new(),
            metrics_token: None,
            backlog: 4096,
        }
    }
}

/// What a file of options may hold: every option of `serve` under its name, with `-` or `_`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ConfigFile {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) name: Option<String>,
    #[serde(alias = "token_ttl")]
    pub(crate) token_ttl: Option<u64>,
    #[serde(alias = "allow_origin")]
    pub(crate) allow_origin: Option<Vec<String>>,
    #[serde(alias = "metrics_token")]
    pub(crate) metrics_token: Option<String>,
    pub(crate) backlog: Option<u32>,
}

impl ConfigFile {
    /// Reads a TOML file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::io(format!("cannot read {}", path.display()), source))?;
        toml::from_str(&text).map_err(|error| Error::Config(format!("{}: {error}", path.display())))
    }
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
