//! Where releases of the app are announced, on this machine: signed by a key of the test's own, and handed out by a
//! server of the test's own, which can lie, or by the team's.

use std::{
    collections::HashMap,
    fmt, fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use minisign::KeyPair;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What is answered for a path: the bytes, and how many it says there are.
type Answers = Arc<Mutex<HashMap<String, (Vec<u8>, usize)>>>;

/// Where releases are announced; a server of its own ends when the value is dropped.
pub struct Releases {
    keys: KeyPair,
    address: String,
    place: Place,
}

/// Where what is announced is put.
enum Place {
    /// Into the memory of a server of its own.
    Memory { answers: Answers, _tasks: JoinSet<()> },
    /// Into the folder that `khaya-server serve --updates` hands out.
    Folder(PathBuf),
}

impl fmt::Debug for Releases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Releases")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// How a release is announced.
#[derive(Debug, Clone, Copy)]
pub struct Announced<'a> {
    pub version: &'a str,
    /// What the signature says it is.
    pub signed_as: &'a str,
    pub program: &'a [u8],
    /// Somebody else has signed it.
    pub forged: bool,
    /// It breaks off half way.
    pub truncated: bool,
}

impl Releases {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let answers = Answers::default();
        let mut tasks = JoinSet::new();
        let known = Arc::clone(&answers);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let known = Arc::clone(&known);
                // Who goes away before the answer does not want it.
                connections.spawn(async move { answer(client, &known).await.ok() });
            }
        });
        Ok(Self {
            keys: KeyPair::generate_unencrypted_keypair()?,
            address,
            place: Place::Memory {
                answers,
                _tasks: tasks,
            },
        })
    }

    /// Handed out by the server at `address`, from the folder that its `--updates` names.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn handed_out_by(address: &str, folder: PathBuf) -> Result<Self> {
        Ok(Self {
            keys: KeyPair::generate_unencrypted_keypair()?,
            address: format!("{address}/.well-known/khaya/updates"),
            place: Place::Folder(folder),
        })
    }

    /// What the app is told of them, for its environment.
    #[must_use]
    pub fn environment(&self) -> [(String, String); 2] {
        [
            ("KHAYA_UPDATE_KEY".to_owned(), self.keys.pk.to_base64()),
            (
                "KHAYA_UPDATE_URL".to_owned(),
                format!("{}/{{channel}}.json", self.address),
            ),
        ]
    }

    /// Announces a release on the channel `stable`.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn announce(&self, announced: Announced<'_>) -> Result<()> {
        let others = KeyPair::generate_unencrypted_keypair()?;
        let key = if announced.forged {
            &others.sk
        } else {
            &self.keys.sk
        };
        let comment = format!("file:khaya\tversion:{}", announced.signed_as);
        let signature = minisign::sign(None, key, announced.program, Some(&comment), None)?;
        let platform = format!("linux-{}", std::env::consts::ARCH);
        let manifest = json!({
            "version": announced.version,
            "notes": "Everything is better.",
            "platforms": { platform: {
                "url": format!("{}/program", self.address),
                "signature": BASE64_STANDARD.encode(signature.into_string()),
            } },
        });
        let manifest = manifest.to_string().into_bytes();
        let whole = announced.program.len();
        let sent = &announced.program[..if announced.truncated { whole / 2 } else { whole }];
        match &self.place {
            Place::Memory { answers, .. } => {
                let mut answers = answers.lock().ok().context("a whole map")?;
                answers.insert("/stable.json".to_owned(), (manifest.clone(), manifest.len()));
                answers.insert("/program".to_owned(), (sent.to_vec(), whole));
            }
            Place::Folder(folder) => {
                fs::write(folder.join("program"), sent)?;
                fs::write(folder.join("stable.json"), manifest)?;
            }
        }
        Ok(())
    }
}

async fn answer(mut client: TcpStream, answers: &Answers) -> Result<()> {
    let mut request = [0; 8192];
    let read = client.read(&mut request).await?;
    let request = String::from_utf8_lossy(&request[..read]).into_owned();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let found = answers.lock().ok().and_then(|answers| answers.get(path).cloned());
    let (status, body, length) = match found {
        Some((body, length)) => ("200 OK", body, length),
        None => ("404 Not Found", Vec::new(), 0),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    client.write_all(head.as_bytes()).await?;
    client.write_all(&body).await?;
    client.shutdown().await?;
    Ok(())
}
