//! A real notification server with a history: mako. What it shows, it shows on Wayland, so there is a desktop of that
//! kind beside the other one: sway, without a screen.

use std::{collections::HashMap, fs, os::unix, path::PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use zbus::{Connection, fdo::DBusProxy, zvariant::OwnedValue};

use crate::{desktop::Desktop, process::Process, wait::eventually};

const NAME: &str = "org.freedesktop.Notifications";

/// Notices stay until they are clicked or closed.
const CONFIG: &str = "default-timeout=0\nmax-history=100\n";

/// Somebody who is not root, without whom sway does not run: `nobody`, everywhere.
const NOBODY: u32 = 65534;

/// A running server, until it is dropped.
#[derive(Debug)]
pub struct Remembering {
    // In the order in which they end: who needs another first.
    server: ServerProxy<'static>,
    _mako: Process,
    _sway: Process,
    _runtime: TempDir,
}

/// What a person does with its notices, by its own program or a key. mako(5), makoctl(1).
#[zbus::proxy(
    interface = "fr.emersion.Mako",
    default_service = "org.freedesktop.Notifications",
    default_path = "/fr/emersion/Mako"
)]
trait Server {
    fn list_notifications(&self) -> zbus::Result<Vec<HashMap<String, OwnedValue>>>;
    fn dismiss_all_notifications(&self) -> zbus::Result<()>;
    fn restore_notification(&self) -> zbus::Result<()>;
    fn invoke_action(&self, id: u32, action: &str) -> zbus::Result<()>;
}

impl Remembering {
    pub(crate) async fn start(desktop: &Desktop, address: &str) -> Result<Self> {
        let runtime = tempfile::Builder::new().prefix("khaya-way").tempdir_in("/tmp")?;
        let sway = start_sway(desktop, &runtime)?;
        let display = eventually("a Wayland display", async || display_in(&runtime)).await?;
        let bus = zbus::connection::Builder::address(address)?.build().await?;
        wait_for_owner(&bus, false).await?;
        let config = desktop.home().join("mako");
        fs::write(&config, CONFIG)?;
        let mut start = desktop.command("mako");
        start.arg("--config").arg(config).env("WAYLAND_DISPLAY", display);
        let mako = Process::spawn("mako", &mut start, desktop.artifacts())?;
        wait_for_owner(&bus, true).await?;
        Ok(Self {
            server: ServerProxy::new(&bus).await?,
            _mako: mako,
            _sway: sway,
            _runtime: runtime,
        })
    }

    /// Waits until so many notices are on the screen.
    ///
    /// # Errors
    /// When there never are.
    pub async fn until_shown(&self, count: usize) -> Result<()> {
        eventually(format!("{count} notices on the screen"), async || {
            let shown = self.server.list_notifications().await?;
            Ok((shown.len() == count).then_some(()))
        })
        .await
    }

    /// Takes all notices off the screen.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn dismiss_all(&self) -> Result<()> {
        self.server.dismiss_all_notifications().await?;
        self.until_shown(0).await
    }

    /// Brings the notice back that went from the screen last and has not come back yet.
    ///
    /// # Errors
    /// When the server is gone.
    pub async fn bring_back(&self) -> Result<()> {
        Ok(self.server.restore_notification().await?)
    }

    /// Clicks the notice with this text.
    ///
    /// # Errors
    /// When it is not on the screen.
    pub async fn click(&self, text: &str) -> Result<()> {
        let shown = self.server.list_notifications().await?;
        let has_it = |notice: &&HashMap<String, OwnedValue>| {
            let body = notice.get("body").and_then(|body| <&str>::try_from(body).ok());
            body.is_some_and(|body| body.contains(text))
        };
        let notice = shown.iter().find(has_it);
        let notice = notice.with_context(|| format!("“{text}” in {shown:?}"))?;
        let id = u32::try_from(notice.get("id").context("an id")?)?;
        Ok(self.server.invoke_action(id, "default").await?)
    }
}

/// Starts sway, by somebody who is not root.
fn start_sway(desktop: &Desktop, runtime: &TempDir) -> Result<Process> {
    let mut start = if rustix::process::geteuid().is_root() {
        unix::fs::chown(runtime.path(), Some(NOBODY), Some(NOBODY))?;
        let mut start = desktop.command("setpriv");
        // Being somebody else ends the wish to end with the test.
        start.args(["--pdeathsig", "KILL", "--clear-groups"]);
        start.arg(format!("--reuid={NOBODY}"));
        start.arg(format!("--regid={NOBODY}"));
        start.args(["--", "sway"]);
        start
    } else {
        desktop.command("sway")
    };
    start.args(["--config", "/dev/null"]).current_dir("/");
    for (name, value) in [
        ("WLR_BACKENDS", "headless"),
        ("WLR_LIBINPUT_NO_DEVICES", "1"),
        ("WLR_RENDERER", "pixman"),
    ] {
        start.env(name, value);
    }
    start.env("XDG_RUNTIME_DIR", runtime.path());
    Process::spawn("sway", &mut start, desktop.artifacts())
}

/// The socket of the display, once it is there.
fn display_in(runtime: &TempDir) -> Result<Option<PathBuf>> {
    let paths = fs::read_dir(runtime.path())?.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    Ok(paths.into_iter().find(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("wayland-") && !name.contains('.'))
    }))
}

async fn wait_for_owner(bus: &Connection, wanted: bool) -> Result<()> {
    let names = DBusProxy::new(bus).await?;
    eventually(format!("{NAME} to be on the bus: {wanted}"), async || {
        Ok((names.name_has_owner(NAME.try_into()?).await? == wanted).then_some(()))
    })
    .await
}
