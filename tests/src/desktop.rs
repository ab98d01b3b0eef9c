//! A desktop without a screen: X server, session bus, unlocked keyring, notification daemon and window manager,
//! all of this test's own, in a home folder of its own.
//!
//! Never touches the desktop, the home or the keyring of who runs the test.

use std::{
    cell::RefCell,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::{
    answering::Answering,
    app::App,
    artifacts::Artifacts,
    logind::Logind,
    notices::Notices,
    panel::Panel,
    process::{Process, command, output},
    remembering::Remembering,
    wait::eventually,
};

/// What unlocks the keyring of a test.
pub const KEYRING_PASSWORD: &str = "keyring";

/// The program that is the keyring.
const KEYRING: &str = "gnome-keyring-daemon";

/// A bus that starts nothing by itself: what is on it was put there by the test.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <keep_umask/>
  <listen>unix:dir=@RUNTIME@</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Notices stay until they are clicked or closed, and equal ones are not made one.
const DUNST: &str = "[global]
    width = 320
    height = 120
    origin = bottom-right
    stack_duplicates = false
    notification_limit = 0
    history_length = 100
    idle_threshold = 0
[urgency_low]
    timeout = 0
[urgency_normal]
    timeout = 0
[urgency_critical]
    timeout = 0
";

/// A running desktop. Everything on it ends when the value is dropped.
#[derive(Debug)]
pub struct Desktop {
    // In the order in which they end: who needs another first.
    apps: RefCell<Vec<App>>,
    processes: RefCell<Vec<Process>>,
    environment: Vec<(String, String)>,
    home: TempDir,
    _runtime: TempDir,
    artifacts: Artifacts,
}

impl Desktop {
    /// Starts a desktop and waits until all of it is there.
    ///
    /// # Errors
    /// When a program is missing or does not come up.
    pub async fn start(artifacts: &Artifacts) -> Result<Self> {
        let started = Instant::now();
        let home = tempfile::Builder::new().prefix("khaya-home").tempdir()?;
        // Short, because the path of a socket may have 108 bytes at most (unix(7)).
        let runtime = tempfile::Builder::new().prefix("khaya-run").tempdir_in("/tmp")?;
        fs::set_permissions(runtime.path(), fs::Permissions::from_mode(0o700))?;
        let mut desktop = Self {
            processes: RefCell::default(),
            environment: environment(home.path(), runtime.path())?,
            home,
            _runtime: runtime,
            artifacts: artifacts.clone(),
            apps: RefCell::new(Vec::new()),
        };
        desktop.start_display().await?;
        desktop.start_bus().await?;
        desktop.start_keyring(KEYRING_PASSWORD).await?;
        desktop.start_dunst()?;
        desktop.spawn("openbox", &["--sm-disable"])?;
        desktop.wait_until_ready().await?;
        let log = format!("the desktop took {:?}\n", started.elapsed());
        fs::write(artifacts.path("desktop.log"), log)?;
        Ok(desktop)
    }

    /// A command that runs on this desktop, and sees nothing of the one outside.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = command(program);
        command.env_clear().envs(self.environment.iter().cloned());
        command.current_dir(self.home.path());
        command
    }

    /// Runs a program on this desktop and gives what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub async fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut run = self.command(program);
        run.args(arguments);
        output(run, "").await
    }

    /// The home folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where this test leaves logs and pictures.
    #[must_use]
    pub fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// Follows the notices that are raised from now on.
    ///
    /// # Errors
    /// When the bus cannot be watched.
    pub async fn notices(&self) -> Result<Notices> {
        Notices::watch(&self.bus_address()?).await
    }

    /// Puts a panel on the desktop that shows tray icons: until then it has none.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn panel(&self) -> Result<Panel> {
        Panel::start(&self.bus_address()?).await
    }

    /// Puts on the bus what tells of sleep.
    ///
    /// # Errors
    /// When the bus is gone.
    pub async fn logind(&self) -> Result<Logind> {
        Logind::start(&self.bus_address()?).await
    }

    /// Puts a notification server that takes answers in place of the desktop's own.
    ///
    /// # Errors
    /// When that one does not go.
    pub async fn answering(&self) -> Result<Answering> {
        self.end("dunst")?;
        eventually("another notification server", async || {
            Answering::start(&self.bus_address()?).await.map(Some)
        })
        .await
    }

    /// Puts a notification server that has a history in place of the desktop's own.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn remembering(&self) -> Result<Remembering> {
        self.end("dunst")?;
        Remembering::start(self, &self.bus_address()?).await
    }

    /// Clicks the notice that is shown first (dunst's position 0): of several, the one that came first.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub async fn click_notice(&self) -> Result<()> {
        self.run("dunstctl", &["action", "0"]).await.map(drop)
    }

    /// Takes all notices off the screen, as a person does.
    ///
    /// # Errors
    /// When the daemon does not answer.
    pub async fn dismiss_notices(&self) -> Result<()> {
        self.run("dunstctl", &["close-all"]).await.map(drop)
    }

    /// Waits until so many notices are on the screen.
    ///
    /// # Errors
    /// When there never are.
    pub async fn until_notices(&self, count: usize) -> Result<()> {
        eventually(format!("{count} notices on the screen"), async || {
            let shown = self.run("dunstctl", &["count", "displayed"]).await?;
            Ok((shown.trim().parse() == Ok(count)).then_some(()))
        })
        .await
    }

    /// What the keyring holds for `service` `khaya` and this user.
    ///
    /// # Errors
    /// When the keyring does not answer.
    pub async fn secret(&self, username: &str) -> Result<Option<String>> {
        let mut lookup = self.command("secret-tool");
        lookup.args(["lookup", "service", "khaya", "username", username]);
        // It says that there is none by its exit status.
        Ok(output(lookup, "").await.ok().filter(|secret| !secret.is_empty()))
    }

    /// Gives the keyboard to the window with this X id, and waits until it has it.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn activate(&self, window: &str) -> Result<()> {
        self.run("xdotool", &["windowactivate", "--sync", window]).await?;
        eventually("the window to be active", async || {
            Ok((self.active_window().await? == window).then_some(()))
        })
        .await
    }

    /// The X id of the window that has the keyboard.
    ///
    /// # Errors
    /// When there is none.
    pub async fn active_window(&self) -> Result<String> {
        Ok(self.run("xdotool", &["getactivewindow"]).await?.trim().to_owned())
    }

    /// The X ids of the windows of a process that can be seen.
    ///
    /// # Errors
    /// When the display is gone.
    pub async fn windows_of(&self, process: u32) -> Result<Vec<String>> {
        let mut search = self.command("xdotool");
        search.args(["search", "--onlyvisible", "--pid", &process.to_string()]);
        // It fails when it finds none.
        let found = output(search, "").await.unwrap_or_default();
        Ok(found.lines().map(str::to_owned).collect())
    }

    /// Makes a picture of the whole screen among the artifacts.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn picture(&self, name: &str) -> Result<PathBuf> {
        let path = self.artifacts.path(&format!("{name}.png"));
        self.picture_of("root", &path).await?;
        Ok(path)
    }

    /// Makes a picture of one window.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn picture_of(&self, window: &str, path: &Path) -> Result<()> {
        let path = path.to_str().context("a path that is text")?;
        self.run("import", &["-window", window, path]).await.map(drop)
    }

    /// Types a path into the system's dialog of this title.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn choose_file(&self, title: &str, target: &Path) -> Result<()> {
        let target = target.to_str().context("a path that is text")?;
        let search = ["search", "--sync", "--onlyvisible", "--name", title];
        let dialog = self.run("xdotool", &search).await?;
        let dialog = dialog.lines().next().context("a dialog")?.to_owned();
        self.activate(&dialog).await?;
        // Where a file is to be opened, the field for its path has to be asked for.
        self.run("xdotool", &["key", "ctrl+l", "ctrl+a"]).await?;
        self.run("xdotool", &["type", "--delay", "20", target]).await?;
        self.run("xdotool", &["key", "Return"]).await?;
        // What completes the path may have taken that, which shows when the dialog stays.
        let mut looks = 0_u32;
        let closed = async || {
            let is_open = self
                .run("xdotool", &["search", "--onlyvisible", "--name", title])
                .await;
            if is_open.is_err() {
                return Ok(Some(()));
            }
            looks += 1;
            if looks.is_multiple_of(50) {
                self.activate(&dialog).await?;
                self.run("xdotool", &["key", "Return"]).await?;
            }
            Ok(None)
        };
        eventually("the dialog to close", closed).await
    }

    /// Keeps an app until the desktop ends.
    pub(crate) fn keep(&self, app: App) {
        self.apps.borrow_mut().push(app);
    }

    /// What the screen and all apps look like, for a failure's message.
    pub async fn report(&self) -> String {
        let mut report = match self.picture("failure").await {
            Ok(path) => format!("picture of the screen: {}\n", path.display()),
            Err(error) => format!("no picture of the screen: {error:#}\n"),
        };
        let apps = self.apps.borrow().clone();
        for app in &apps {
            report.push_str(&app.report().await);
        }
        report
    }

    /// The bus's address.
    fn bus_address(&self) -> Result<String> {
        let found = self
            .environment
            .iter()
            .find(|(name, _)| name == "DBUS_SESSION_BUS_ADDRESS");
        Ok(found.context("the bus is started first")?.1.clone())
    }

    async fn start_display(&mut self) -> Result<()> {
        let arguments = [
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1600x1000x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ];
        self.spawn("Xvfb", &arguments)?;
        let number = self
            .last()?
            .line("its display's number", |line| line.parse::<u32>().ok())
            .await?;
        self.environment
            .push(("DISPLAY".to_owned(), format!(":{number}")));
        Ok(())
    }

    async fn start_bus(&mut self) -> Result<()> {
        let config = self.home.path().join("bus.conf");
        let runtime = self._runtime.path().to_str().context("a path that is text")?;
        fs::write(&config, BUS.replace("@RUNTIME@", runtime))?;
        let config = format!("--config-file={}", config.display());
        self.spawn("dbus-daemon", &[&config, "--nofork", "--print-address=1"])?;
        let address = self
            .last()?
            .line("its address", |line| {
                line.starts_with("unix:").then(|| line.to_owned())
            })
            .await?;
        // What else there is on this machine, such as its own logind, is not this desktop's.
        for bus in ["DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS"] {
            self.environment.push((bus.to_owned(), address.clone()));
        }
        Ok(())
    }

    /// Ends the keyring: nobody answers for it any more.
    ///
    /// # Errors
    /// When there is none.
    pub fn end_keyring(&self) -> Result<()> {
        self.end(KEYRING)
    }

    /// Starts a keyring with what the one before has stored, and tries to unlock it with this password.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_keyring(&self, password: &str) -> Result<()> {
        let mut start = self.command(KEYRING);
        start.args(["--foreground", "--unlock", "--components=secrets"]);
        let mut keyring = Process::spawn(KEYRING, &mut start, &self.artifacts)?;
        keyring.write_all_and_close(password)?;
        self.processes.borrow_mut().insert(0, keyring);
        self.wait_for_name("org.freedesktop.secrets").await
    }

    /// Deletes what the keyring holds for `service` `khaya` and this user.
    ///
    /// # Errors
    /// When the keyring does not answer.
    pub async fn forget_secret(&self, username: &str) -> Result<()> {
        let of_user = ["clear", "service", "khaya", "username", username];
        self.run("secret-tool", &of_user).await.map(drop)
    }

    fn start_dunst(&mut self) -> Result<()> {
        let config = self.home.path().join("dunstrc");
        fs::write(&config, DUNST)?;
        let config = config.to_str().context("a path that is text")?.to_owned();
        self.spawn("dunst", &["-config", &config])
    }

    async fn wait_until_ready(&mut self) -> Result<()> {
        self.wait_for_name("org.freedesktop.Notifications").await?;
        eventually("a window manager", async || {
            let said = self.run("xprop", &["-root", "_NET_SUPPORTING_WM_CHECK"]).await?;
            Ok(said.contains("window id").then_some(()))
        })
        .await
    }

    async fn wait_for_name(&self, name: &'static str) -> Result<()> {
        let bus = zbus::connection::Builder::address(self.bus_address()?.as_str())?
            .build()
            .await?;
        let names = zbus::fdo::DBusProxy::new(&bus).await?;
        eventually(format!("{name} on the bus"), async || {
            Ok(names.name_has_owner(name.try_into()?).await?.then_some(()))
        })
        .await
    }

    /// Ends a program of the desktop.
    fn end(&self, program: &str) -> Result<()> {
        let mut processes = self.processes.borrow_mut();
        let at = processes.iter().position(|process| process.name() == program);
        processes.remove(at.context("a program of the desktop")?);
        Ok(())
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut start = self.command(program);
        start.args(arguments);
        let process = Process::spawn(program, &mut start, &self.artifacts)?;
        self.processes.get_mut().insert(0, process);
        Ok(())
    }

    /// The one that was started last.
    fn last(&mut self) -> Result<&mut Process> {
        self.processes.get_mut().first_mut().context("a started process")
    }
}

fn environment(home: &Path, runtime: &Path) -> Result<Vec<(String, String)>> {
    let path = std::env::var("PATH").context("PATH")?;
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path that is text");
    let pairs = [
        ("PATH", path),
        ("HOME", text(home)?),
        ("XDG_RUNTIME_DIR", text(runtime)?),
        ("LANG", "C.UTF-8".to_owned()),
        ("TZ", "UTC".to_owned()),
        ("GDK_BACKEND", "x11".to_owned()),
        // There is no accessibility bus, and looking for one takes time.
        ("NO_AT_BRIDGE", "1".to_owned()),
        ("LIBGL_ALWAYS_SOFTWARE", "1".to_owned()),
        ("RUST_BACKTRACE", "1".to_owned()),
    ];
    Ok(pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect())
}
