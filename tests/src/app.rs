//! The app, started as a person would start it, with a driver that uses its window.

use std::{
    cell::RefCell,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    rc::Rc,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    artifacts::{built_program, tail},
    desktop::Desktop,
    disk::{on_own_disk, seen_by},
    family::{child_named, family},
    page::Page,
    process::Process,
    wait::eventually,
    webdriver::{self, Session},
};

/// How an app is started.
#[derive(Debug, Default, Clone)]
pub struct Options<'a> {
    pub profile: &'a str,
    /// Fills in the server of the sign-in form.
    pub server: Option<&'a str>,
    /// The link that opens it.
    pub link: Option<&'a str>,
    /// It is to begin in the tray.
    pub hidden: bool,
    /// More of the environment.
    pub environment: &'a [(&'a str, &'a str)],
    /// Another program than the one that was built beside the test.
    pub program: Option<&'a Path>,
    /// The size in bytes of a disk of its own for the profile. None means a folder of the home.
    pub disk: Option<u64>,
}

/// A running app. It lives as long as its desktop, so that a failure can be looked into, or until it is killed.
#[derive(Debug, Clone)]
pub struct App(Rc<Running>);

#[derive(Debug)]
struct Running {
    page: Page,
    process: u32,
    profile: String,
    data: PathBuf,
    log: PathBuf,
    /// None once the app was killed.
    driver: RefCell<Option<Process>>,
}

impl App {
    /// Starts the app on a desktop and waits for its window.
    ///
    /// # Errors
    /// When there is no window that can be driven.
    pub async fn start(desktop: &Desktop, options: &Options<'_>) -> Result<Self> {
        let profile = options.profile;
        let data = desktop.home().join("profiles").join(profile);
        fs::create_dir_all(&data)?;
        let port = free_port()?;
        let mut command = match options.disk {
            // The driver, and the app below it.
            Some(bytes) => on_own_disk(
                desktop.command("unshare"),
                &data,
                bytes,
                Path::new("WebKitWebDriver"),
            ),
            None => desktop.command("WebKitWebDriver"),
        };
        command.args(["--host=127.0.0.1", &format!("--port={port}")]);
        // The web view can be driven only when the app was started for it.
        command.env("TAURI_WEBVIEW_AUTOMATION", "true");
        command.envs(options.environment.iter().copied());
        let mut driver = Process::spawn(&format!("app-{profile}"), &mut command, desktop.artifacts())?;

        let http = webdriver::http_client()?;
        let address = format!("http://127.0.0.1:{port}");
        eventually("the driver to take sessions", async || {
            driver.ensure_running()?;
            Ok(webdriver::is_ready(&http, &address).await?.then_some(()))
        })
        .await?;
        let binary = match options.program {
            Some(program) => program.to_owned(),
            None => built_program("khaya")?,
        };
        let binary = binary.to_str().context("a path that is text")?;
        let session = Session::open(http, &address, binary, &arguments(options, &data)?)
            .await
            .with_context(|| format!("the app's log ends with\n{}", tail(driver.log(), 40)))?;
        let app = Self(Rc::new(Running {
            page: Page::new(session),
            process: child_named(driver.id(), "khaya")?.context("the driver started the app")?,
            profile: profile.to_owned(),
            data,
            log: driver.log().to_owned(),
            driver: RefCell::new(Some(driver)),
        }));
        desktop.keep(app.clone());
        Ok(app)
    }

    /// Starts the same profile a second time, as a person does who clicks the icon once more, or a link.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_again(&self, desktop: &Desktop, link: Option<&str>) -> Result<Process> {
        let mut command = desktop.command(built_program("khaya")?);
        command
            .args(["--profile", &self.0.profile])
            .arg("--data-dir")
            .arg(&self.0.data)
            .args(link);
        Process::spawn(
            &format!("second-{}", self.0.profile),
            &mut command,
            desktop.artifacts(),
        )
    }

    /// The page in its window.
    #[must_use]
    pub fn page(&self) -> &Page {
        &self.0.page
    }

    /// The id of the app's own process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.0.process
    }

    /// The profile's folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.0.data
    }

    /// The profile's folder as the app sees it, also when that is a disk of its own.
    #[must_use]
    pub fn data_seen_by_app(&self) -> PathBuf {
        seen_by(self.0.process, &self.0.data)
    }

    /// What it wrote to standard output and standard error.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log(&self) -> Result<String> {
        let log = fs::read(&self.0.log).context("the app's log")?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    /// The X id of its window, which may belong to a process that the app started.
    ///
    /// # Errors
    /// When none can be seen.
    pub async fn window(&self, desktop: &Desktop) -> Result<String> {
        eventually("the app's window", async || {
            for process in family(self.0.process)? {
                if let Some(window) = desktop.windows_of(process).await?.into_iter().next() {
                    return Ok(Some(window));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Kills it as a crash would, and waits until it is gone.
    ///
    /// # Errors
    /// When it stays.
    pub async fn kill(self) -> Result<()> {
        kill(self.0.process);
        eventually("the app to be gone", async || {
            Ok((!Path::new(&format!("/proc/{}/exe", self.0.process)).exists()).then_some(()))
        })
        .await?;
        self.0.driver.take();
        Ok(())
    }

    /// What the app looks like, for a failure's message.
    pub(crate) async fn report(&self) -> String {
        let Running {
            profile, page, log, ..
        } = &*self.0;
        let tree = match page.tree().await {
            Ok(tree) => tree,
            Err(error) => format!("(its page cannot be read: {error:#})"),
        };
        let log = tail(log, 40);
        format!("--- app {profile}, its page:\n{tree}\n--- app {profile}, the end of its log:\n{log}\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(driver) = self.driver.get_mut() else {
            return;
        };
        // Its process id may long be another's, unless the driver still has it as a child.
        if child_named(driver.id(), "khaya").is_ok_and(|child| child == Some(self.process)) {
            kill(self.process);
        }
    }
}

fn arguments(options: &Options<'_>, data: &Path) -> Result<Vec<String>> {
    let data = data.to_str().context("a path that is text")?;
    let mut arguments = vec!["--profile", options.profile, "--data-dir", data];
    if let Some(server) = options.server {
        arguments.extend(["--server", server]);
    }
    arguments.extend(options.link);
    arguments.extend(options.hidden.then_some("--hidden"));
    Ok(arguments.into_iter().map(str::to_owned).collect())
}

/// A port that nobody has, and that the system gives to nobody who asks for any: it takes those from 32768 upwards.
/// The driver cannot choose one by itself.
fn free_port() -> Result<u16> {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 22_000;
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let ports = (0..COUNT).filter_map(|_| {
        let call = CALLS.fetch_add(1, Ordering::Relaxed);
        // Processes that run side by side have numbers that are near to each other.
        u16::try_from(FIRST + (std::process::id() * 199 + call) % COUNT).ok()
    });
    let mut free = ports.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().context("one of so many ports is free")
}

fn kill(process: u32) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself.
        kill_process(pid, Signal::KILL).ok();
    }
}
