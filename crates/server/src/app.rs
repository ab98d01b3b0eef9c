//! The running server: what its parts share, and starting and stopping it.

use std::{
    fmt,
    net::SocketAddr,
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use khaya_wire::User;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Error,
    activity::Activity,
    bus::{self, Item},
    files::{self, Files},
    http,
    limits::Quotas,
    listen::{self, Front, Tls},
    operator,
    password::Passwords,
    presence,
    realtime::Hub,
    store::{Store, settings, users::NewUser},
    throttle::Throttle,
    token::Keys,
    verified::Verified,
};

/// What every request and every connection can reach. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    parts: Arc<Parts>,
}

pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) files: Files,
    pub(crate) keys: Keys,
    pub(crate) verified: Verified,
    pub(crate) passwords: Passwords,
    pub(crate) hub: Hub,
    pub(crate) activity: Activity,
    pub(crate) throttle: Throttle,
    pub(crate) quotas: Quotas,
    pub(crate) counters: Counters,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl App {
    /// Opens the database and gets everything ready to serve.
    pub(crate) async fn open(config: Config) -> Result<Self, Error> {
        let hub = Hub::default();
        let files = Files::open(&config)?;
        let store = Store::open(&config.database(), hub.clone()).await?;
        let secret = settings::secret(&store).await?;
        Ok(Self {
            parts: Arc::new(Parts {
                keys: Keys::new(&secret, config.token_ttl),
                verified: Verified::default(),
                passwords: Passwords::new(),
                counters: Counters::default(),
                activity: Activity::new(config.away_after),
                throttle: Throttle::default(),
                quotas: Quotas::new(&config.limits),
                config,
                store,
                files,
                hub,
            }),
        })
    }
}

/// What is counted for operators.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    spoofed_typing: AtomicU64,
}

impl Counters {
    /// Somebody said that somebody else types.
    pub(crate) fn spoofed_typing(&self) {
        self.spoofed_typing.fetch_add(1, Ordering::Relaxed);
    }

    /// The text that Prometheus reads.
    pub(crate) fn to_prometheus(&self, connections: usize, sockets: usize) -> String {
        let spoofed = self.spoofed_typing.load(Ordering::Relaxed);
        format!(
            "# HELP khaya_connections Authenticated sockets on this node.\n\
             # TYPE khaya_connections gauge\n\
             khaya_connections {connections}\n\
             # HELP khaya_sockets Connections of Socket.IO on this node, authenticated or not.\n\
             # TYPE khaya_sockets gauge\n\
             khaya_sockets {sockets}\n\
             # HELP khaya_spoofed_typing_total user_typing events that named somebody else.\n\
             # TYPE khaya_spoofed_typing_total counter\n\
             khaya_spoofed_typing_total {spoofed}\n"
        )
    }
}

/// A server that serves.
#[derive(Debug)]
pub struct Server {
    app: App,
    address: SocketAddr,
    url: String,
    stop: CancellationToken,
    /// Ends what keeps the bus: last, so that what is still committed is told there.
    leave: CancellationToken,
    served: tokio::task::JoinHandle<()>,
    sweeping: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts serving.
    ///
    /// # Errors
    /// When the data folder, the database or the address cannot be used.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let wanted = config.listen;
        let app = App::open(config).await?;
        let stop = CancellationToken::new();
        let tls = app
            .config
            .tls
            .clone()
            .map(|files| Tls::start(files, stop.clone()))
            .transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = bind(
            wanted,
            u32::try_from(app.config.limits.backlog).unwrap_or(u32::MAX),
        )?;
        let address = listener
            .local_addr()
            .map_err(|source| Error::io("cannot tell the address", source))?;
        let sweeping = tokio::spawn(files::sweep(app.clone(), stop.clone()));
        tokio::spawn(
            stop.clone()
                .run_until_cancelled_owned(presence::watch(app.clone())),
        );
        let leave = CancellationToken::new();
        if let Some(at) = app.config.bus.clone() {
            bus::start(&app, at, leave.clone()).await?;
        }
        let service = http::service(app.clone());
        let front = Front {
            tls,
            proxies: app.config.proxies.clone(),
            limits: app.config.limits.clone(),
        };
        let served = tokio::spawn(listen::serve(listener, service, front, stop.clone()));
        Ok(Self {
            app,
            address,
            url: format!("{scheme}://{address}"),
            stop,
            leave,
            served,
            sweeping,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds somebody who can sign in.
    ///
    /// # Errors
    /// When the username is taken, or one of the texts is not what it has to be.
    pub async fn add_user(
        &self,
        username: &str,
        name: &str,
        role: &str,
        password: &str,
    ) -> Result<User, Error> {
        let new = NewUser {
            username: username.to_owned(),
            name: name.to_owned(),
            role: role.to_owned(),
            password_hash: self.app.passwords.hash(password.to_owned()).await?,
        };
        operator::add_user(&self.app, new).await
    }

    /// Gives somebody another role, which counts from their next request and event on.
    ///
    /// # Errors
    /// When there is nobody of that username, or the role is none.
    pub async fn set_role(&self, username: &str, role: &str) -> Result<(), Error> {
        operator::set_role(&self.app, username, role)
            .await
            .map(|_user| ())
    }

    /// Takes no new requests, finishes those that run, stores what waits, and closes the database.
    pub async fn stop(self) {
        self.app.hub.say(|| Item::Bye);
        self.stop.cancel();
        self.app.hub.close();
        let _ended = self.served.await;
        let _ended = self.sweeping.await;
        self.app.store.close().await;
        self.leave.cancel();
    }
}

fn bind(address: SocketAddr, backlog: u32) -> Result<TcpListener, Error> {
    let failed = |source| Error::io(format!("cannot listen on {address}"), source);
    let socket = if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()
    } else {
        tokio::net::TcpSocket::new_v6()
    }
    .map_err(failed)?;
    #[cfg(unix)]
    socket.set_reuseaddr(true).map_err(failed)?;
    socket.bind(address).map_err(failed)?;
    socket.listen(backlog).map_err(failed)
}
