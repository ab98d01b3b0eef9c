//! New versions of the app: asks quietly whether there is one, and fetches and checks it when the person wants it.
//!
//! Owns what is known of a new version. Never installs by itself: the app ends when nothing is unsent or being typed,
//! and hands over then ([`Staged::hand_over`]). Nothing that is announced or fetched counts before a signature of the
//! makers has been checked, over the file and over its version.

mod install;
mod manifest;
mod signature;

use std::{
    env, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Client, Response, redirect::Policy as Redirects};
use semver::Version;
use serde::Serialize;
use tokio::{
    fs::File,
    io::AsyncWriteExt,
    sync::{mpsc, watch},
    task, time,
};

pub(crate) use self::install::{Staged, failed_version, forget_in, prove_that_it_works};
use self::{install::Installation, manifest::Release};
use crate::{policy::Policy, settings::Settings};

/// How soon after the start, and how often, it is asked for a new version.
const FIRST_CHECK: Duration = Duration::from_secs(60);
const CHECK_EVERY: Duration = Duration::from_secs(6 * 60 * 60);

/// The largest program, in bytes.
const MAX_PROGRAM: u64 = 512 * 1024 * 1024;

/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);

/// How many redirects are followed; each must be safe.
const REDIRECTS: usize = 5;

/// What the page shows of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub(crate) enum State {
    /// This app does not update itself, and why.
    Off {
        why: Off,
    },
    /// Nobody has asked yet.
    Unknown,
    Checking,
    UpToDate,
    Available {
        version: String,
        notes: String,
    },
    Downloading {
        version: String,
        percent: u64,
    },
    /// It takes the place of this one as soon as the app ends for it.
    Ready {
        version: String,
    },
    /// The sentence says what went wrong. What is installed goes on.
    Failed {
        message: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Off {
    /// This build has no key to check a release with, and nowhere to ask.
    NotBuiltIn,
    /// Whoever runs this computer has decided so.
    Policy,
    /// A package manager or an installer put the app in place, and updates it.
    Managed,
}

/// Why there is no new version, as the person is told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateError {
    #[error("The new version cannot be fetched: {0}. Nothing has changed; try again later.")]
    Network(String),
    #[error("What the update server says cannot be understood. Nothing has changed.")]
    Manifest,
    #[error("There is a new version, but not for this kind of computer.")]
    OtherSystems,
    #[error("The new version was cut off on its way. Nothing has changed; try again.")]
    Truncated,
    #[error("The new version is larger than any should be. Nothing has changed.")]
    TooLarge,
    #[error(
        "The new version is not signed by those who make Khaya. It was thrown away; nothing has changed."
    )]
    Signature,
    #[error(
        "The new version is signed as another one than it says it is. It was thrown away; nothing has changed."
    )]
    OtherVersion,
    #[error("The new version does not run on this computer. It was thrown away; nothing has changed.")]
    DoesNotRun,
    #[error("This build has no valid key to check a new version with.")]
    Key,
    #[error("The new version cannot be written to the disk: {0}. Nothing has changed.")]
    Disk(#[source] io::Error),
}

/// What the app wants of it.
#[derive(Debug)]
enum Order {
    Check,
    Install,
}

/// How the app asks. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Updater {
    orders: mpsc::Sender<Order>,
    state: watch::Receiver<State>,
    staged: Arc<Mutex<Option<Staged>>>,
}

impl Updater {
    /// Begins to ask, if this build can. `arguments`: how the program is started anew.
    pub(crate) fn start(settings: Settings, policy: Policy, arguments: Vec<String>) -> Self {
        let (orders, ordered) = mpsc::channel(4);
        let (tell, state) = watch::channel(State::Unknown);
        let staged = Arc::default();
        match Source::find(policy) {
            Ok((source, installation)) => {
                let worker = Worker {
                    source,
                    installation,
                    settings,
                    arguments,
                    tell,
                    staged: Arc::clone(&staged),
                    release: None,
                };
                tokio::spawn(worker.run(ordered));
            }
            Err(why) => drop(tell.send_replace(State::Off { why })),
        }
        Self {
            orders,
            state,
            staged,
        }
    }

    /// What is known, and each change of it.
    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Asks now.
    pub(crate) fn check(&self) {
        self.order(Order::Check);
    }

    /// Fetches and checks what is available, until the state is [`State::Ready`] or says why not.
    pub(crate) fn fetch(&self) {
        self.order(Order::Install);
    }

    /// What is ready to take the place of this program.
    pub(crate) fn take_staged(&self) -> Option<Staged> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn order(&self, order: Order) {
        // A full line means that it is busy with what is asked; a closed one that it is off.
        if let Err(error) = self.orders.try_send(order) {
            tracing::debug!(%error, "the updater takes no order");
        }
    }
}

/// Where releases are announced, and by whose key they are checked.
struct Source {
    url: String,
    key: String,
}

impl Source {
    fn find(policy: Policy) -> Result<(Self, Installation), Off> {
        if policy.updates == Some(false) {
            return Err(Off::Policy);
        }
        let key = built_in("KHAYA_UPDATE_KEY", option_env!("KHAYA_UPDATE_KEY")).ok_or(Off::NotBuiltIn)?;
        let url = policy
            .update_url
            .or_else(|| built_in("KHAYA_UPDATE_URL", option_env!("KHAYA_UPDATE_URL")))
            .ok_or(Off::NotBuiltIn)?;
        let installation = Installation::find().ok_or(Off::Managed)?;
        Ok((Self { url, key }, installation))
    }
}

/// Chosen when the program was built. Only a build for testing takes it from its environment.
fn built_in(name: &str, built_in: Option<&str>) -> Option<String> {
    let chosen = built_in.map(str::to_owned).filter(|chosen| !chosen.is_empty());
    if cfg!(debug_assertions) {
        chosen.or_else(|| env::var(name).ok())
    } else {
        chosen
    }
}

/// The task that asks and fetches.
struct Worker {
    source: Source,
    installation: Installation,
    settings: Settings,
    arguments: Vec<String>,
    tell: watch::Sender<State>,
    staged: Arc<Mutex<Option<Staged>>>,
    release: Option<Release>,
}

impl Worker {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut next = FIRST_CHECK;
        loop {
            match time::timeout(next, orders.recv()).await {
                Ok(Some(Order::Check)) => self.check().await,
                Ok(Some(Order::Install)) => self.install().await,
                Ok(None) => return,
                // Nobody waits for the answer of a quiet check, so nobody is told that it failed.
                Err(_) => {
                    next = CHECK_EVERY;
                    let before = self.tell.borrow().clone();
                    self.check().await;
                    if matches!(*self.tell.borrow(), State::Failed { .. }) {
                        self.tell.send_replace(before);
                    }
                }
            }
        }
    }

    async fn check(&mut self) {
        if matches!(*self.tell.borrow(), State::Ready { .. }) {
            return;
        }
        self.tell.send_replace(State::Checking);
        let state = match self.ask().await {
            Ok(Some(release)) => {
                let state = State::Available {
                    version: release.version.to_string(),
                    notes: release.notes.clone(),
                };
                self.release = Some(release);
                state
            }
            Ok(None) => State::UpToDate,
            Err(error) => failed(&error),
        };
        self.tell.send_replace(state);
    }

    async fn install(&mut self) {
        let Some(release) = self.release.clone() else {
            return;
        };
        let state = match self.fetch(&release).await {
            Ok(staged) => {
                *self.staged.lock().unwrap_or_else(PoisonError::into_inner) = Some(staged);
                State::Ready {
                    version: release.version.to_string(),
                }
            }
            Err(error) => {
                self.installation.discard();
                failed(&error)
            }
        };
        self.tell.send_replace(state);
    }

    async fn ask(&self) -> Result<Option<Release>, UpdateError> {
        let url = self
            .source
            .url
            .replace("{channel}", self.settings.update_channel());
        let url = url.parse().map_err(|_| UpdateError::Manifest)?;
        if !manifest::is_safe(&url) {
            return Err(UpdateError::Manifest);
        }
        let mut answer = get(url.as_str()).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = next_of(&mut answer).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > manifest::MAX_BYTES {
                return Err(UpdateError::Manifest);
            }
        }
        manifest::read(&bytes, &current())
    }

    async fn fetch(&self, release: &Release) -> Result<Staged, UpdateError> {
        self.download(release, &self.installation.staging()).await?;
        let (installation, arguments) = (self.installation.clone(), self.arguments.clone());
        let (release, key) = (release.clone(), self.source.key.clone());
        let staged = task::spawn_blocking(move || {
            signature::check(
                &installation.staging(),
                &release.signature,
                &release.version,
                &key,
            )?;
            installation.stage(&release.version, arguments)
        });
        staged
            .await
            .unwrap_or_else(|error| Err(UpdateError::Disk(io::Error::other(error))))
    }

    async fn download(&self, release: &Release, to: &Path) -> Result<(), UpdateError> {
        let version = release.version.to_string();
        let tell = |percent| State::Downloading {
            version: version.clone(),
            percent,
        };
        self.tell.send_replace(tell(0));
        let mut answer = get(release.url.as_str()).await?;
        let expected = answer.content_length();
        if expected.is_some_and(|expected| expected > MAX_PROGRAM) {
            return Err(UpdateError::TooLarge);
        }
        let mut file = File::create(to).await.map_err(UpdateError::Disk)?;
        let mut got = 0;
        while let Some(chunk) = next_of(&mut answer).await.map_err(|_| UpdateError::Truncated)? {
            got += chunk.len() as u64;
            if got > MAX_PROGRAM {
                return Err(UpdateError::TooLarge);
            }
            file.write_all(&chunk).await.map_err(UpdateError::Disk)?;
            let percent = expected.map_or(0, |expected| got * 100 / expected.max(1));
            self.tell.send_if_modified(|state| {
                let next = tell(percent.min(100));
                let is_new = *state != next;
                *state = next;
                is_new
            });
        }
        // What the last writing failed with is told by nothing else.
        file.flush().await.map_err(UpdateError::Disk)?;
        file.sync_all().await.map_err(UpdateError::Disk)?;
        match expected {
            Some(expected) if got < expected => Err(UpdateError::Truncated),
            Some(_) | None => Ok(()),
        }
    }
}

/// This program's.
fn current() -> Version {
    let [major, minor, patch] = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ]
    .map(|part| part.parse().unwrap_or_default());
    Version {
        pre: semver::Prerelease::new(env!("CARGO_PKG_VERSION_PRE")).unwrap_or_default(),
        ..Version::new(major, minor, patch)
    }
}

fn failed(error: &UpdateError) -> State {
    tracing::warn!(?error, "there is no new version");
    State::Failed {
        message: error.to_string(),
    }
}

/// Not the app's own client: that follows nobody, and a release may be one redirect away.
async fn get(url: &str) -> Result<Response, UpdateError> {
    let redirects = Redirects::custom(|attempt| {
        if attempt.previous().len() > REDIRECTS || !manifest::is_safe(attempt.url()) {
            attempt.error("this redirect is not followed")
        } else {
            attempt.follow()
        }
    });
    let client = Client::builder()
        .user_agent(concat!("Khaya/", env!("CARGO_PKG_VERSION")))
        .redirect(redirects)
        .read_timeout(SILENCE)
        .connect_timeout(SILENCE)
        .build()
        .map_err(|error| unreachable(&error))?;
    let answer = client
        .get(url)
        .send()
        .await
        .map_err(|error| unreachable(&error))?;
    answer.error_for_status().map_err(|error| unreachable(&error))
}

async fn next_of(answer: &mut Response) -> Result<Option<Vec<u8>>, UpdateError> {
    let chunk = answer.chunk().await.map_err(|error| unreachable(&error))?;
    Ok(chunk.map(|chunk| chunk.to_vec()))
}

fn unreachable(error: &reqwest::Error) -> UpdateError {
    UpdateError::Network(match error.status() {
        Some(status) => format!("the update server answers {}", status.as_u16()),
        None if error.is_timeout() => "the update server does not answer".to_owned(),
        None => "the update server cannot be reached".to_owned(),
    })
}
