//! The actor as a process without a window: it is told and asked on standard input, and answers on standard output,
//! a line of JSON each. For scripts, and for tests that kill it.
//!
//! `headless FOLDER` keeps everything in FOLDER, also the session and the store's key, in plain files: not for what
//! matters.
//!
//! | line in | line out |
//! |---|---|
//! | `{"number": 1, "intent": {"type": "openChat", …}}` | `{"number": 1, "failure": null}` when it has been taken |
//! | `{"number": 3, "attach": "PATH"}` | `{"number": 3, "file": {…}}`, for `attachments` of `send` |
//! | `{"number": 4, "save": ["FILE ID", "PATH"]}` | `{"number": 4, "failure": null}` |
//! | `{"number": 2}` | `{"number": 2, "view": {…}}` |

#![expect(clippy::print_stdout, reason = "that is how it answers")]

use std::{env, fs, io, path::PathBuf, sync::Arc};

use khaya_chat::{
    Intent,
    actor::{self, Config, Handle},
    intent::Secret,
    shell::{SecretName, Secrets, SecretsError, SecretsFuture},
};
use khaya_wire::FileId;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[derive(Deserialize)]
struct Line {
    number: u64,
    intent: Option<Intent>,
    attach: Option<PathBuf>,
    save: Option<(FileId, PathBuf)>,
}

/// Files of a folder in place of the keyring.
struct InFiles(PathBuf);

impl InFiles {
    fn path(&self, name: SecretName) -> PathBuf {
        self.0.join(match name {
            SecretName::Session => "session",
            SecretName::StoreKey => "store-key",
        })
    }

    fn result<T>(done: io::Result<T>) -> Result<T, SecretsError> {
        done.map_err(|error| SecretsError {
            message: error.to_string(),
        })
    }
}

impl Secrets for InFiles {
    fn load(&self, name: SecretName) -> SecretsFuture<'_, Option<Secret>> {
        let read = match fs::read_to_string(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(|text| Some(Secret::new(text))),
        };
        Box::pin(async { Self::result(read) })
    }

    fn store(&self, name: SecretName, secret: Secret) -> SecretsFuture<'_, ()> {
        let path = self.path(name);
        let fresh = path.with_extension("new");
        let done = fs::write(&fresh, secret.expose()).and_then(|()| fs::rename(&fresh, &path));
        Box::pin(async { Self::result(done) })
    }

    fn delete(&self, name: SecretName) -> SecretsFuture<'_, ()> {
        let done = match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
        Box::pin(async { Self::result(done) })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("usage: headless FOLDER")?);
    fs::create_dir_all(&folder)?;
    let config = Config {
        http: || reqwest::Client::builder().no_proxy().build(),
        secrets: Arc::new(InFiles(folder.clone())),
        data_dir: folder,
    };
    let (handle, mut requests) = actor::start(config).await?;
    tokio::spawn(async move { while requests.recv().await.is_some() {} });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        answer(&handle, serde_json::from_str(&line)?).await?;
    }
    handle.shut_down().await;
    Ok(())
}

async fn answer(handle: &Handle, line: Line) -> Result<(), serde_json::Error> {
    let number = line.number;
    if let Some(path) = line.attach {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let staged = handle
            .attach(&path, name, "application/octet-stream".to_owned())
            .await;
        println!("{}", json!({ "number": number, "file": staged.ok() }));
        return Ok(());
    }
    if let Some((file, to)) = line.save {
        println!(
            "{}",
            json!({ "number": number, "failure": handle.save(file, to).await.err() })
        );
        return Ok(());
    }
    let answer = match line.intent {
        Some(intent) => json!({ "number": number, "failure": handle.dispatch(intent).await.err() }),
        None => {
            let view = Arc::clone(&handle.view().borrow_and_update());
            json!({ "number": number, "view": serde_json::to_value(&*view)? })
        }
    };
    println!("{answer}");
    Ok(())
}
