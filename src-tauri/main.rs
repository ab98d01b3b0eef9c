//! The desktop shell of Khaya: it joins the chat actor, the page and the system.
//!
//! Owns: the command line, the profile's directory and lock, the window, the tray, notifications, the keyring's
//! entry, settings, logs. Never decides about chats, and never hands the page a secret.
//!
//! Here is how the app starts; [`app`] is how it runs and ends, and [`window`] all of it that knows a window.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod app;
mod app_lock;
mod arguments;
mod ask;
mod autostart;
mod deep_link;
mod host;
mod instance;
mod launcher;
mod link;
mod logs;
mod notifications;
mod picture;
mod policy;
mod profile;
mod questions;
mod quiet;
mod secrets;
mod settings;
mod sign_in;
mod suspend;
mod tray;
mod update;
mod updates;
mod window;
mod words;

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use clap::Parser;
use khaya_chat::actor;
use reqwest::redirect;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
    task::JoinHandle,
};

use crate::{
    app::{App, Ended, Faces, Parts},
    app_lock::AppLock,
    arguments::Arguments,
    ask::{Ask, Asks},
    deep_link::DeepLink,
    host::{Host, Surface},
    instance::{Claim, Instance, Knock},
    launcher::Launcher,
    policy::Policy,
    profile::Profile,
    secrets::Keyring,
    settings::Settings,
    sign_in::SignIn,
    tray::Tray,
    update::{Staged, Updater},
    words::Words,
};

/// How long what shows notices may take to end once the chat actor has.
#[cfg(target_os = "linux")]
const NOTICES_TIME: std::time::Duration = std::time::Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let sentence = with_causes(&error);
            tracing::error!(error = sentence, "the app cannot go on");
            // Nobody is left to tell if this fails too.
            let _ = writeln!(io::stderr(), "khaya: {sentence}");
            #[cfg(target_os = "linux")]
            if !io::IsTerminal::is_terminal(&io::stderr())
                && !host::is_window()
                && let Ok(runtime) = runtime()
            {
                runtime.block_on(notifications::say_why_it_ended(words(&arguments), &sentence));
            }
            ExitCode::FAILURE
        }
    }
}

/// In what language to say why nothing runs: as far as that is known, that of the profile's window.
#[cfg(target_os = "linux")]
fn words(arguments: &Arguments) -> Words {
    let profile = Profile::open(arguments).ok();
    Words::wanted(profile.and_then(|profile| Settings::read(&profile).language()))
}

/// The error and what led to it, each said once: some messages hold their cause, some leave it to who prints them.
fn with_causes(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |told, cause| {
            if told.contains(&cause) {
                told
            } else {
                format!("{told}: {cause}")
            }
        })
}

fn start(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    #[cfg(target_os = "linux")]
    if host::is_window() {
        return run_window(arguments);
    }
    #[cfg(target_os = "linux")]
    let umask = profile::keep_files_private();
    #[cfg(target_os = "macos")]
    profile::keep_files_private();
    let sign_in = SignIn::read(arguments, io::stdin().lock())?;
    let profile = Profile::open(arguments)?;
    logs::start(&profile, "khaya")?;
    let knock = Knock {
        raise: !arguments.hidden,
        link: arguments.link.as_ref().map(ToString::to_string),
    };
    let instance = match instance::claim(&profile, &knock)? {
        Claim::First(instance) => instance,
        Claim::Second => return second_start(&profile, sign_in.is_some()),
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        profile = profile.name(),
        "starting"
    );
    let (parting, instance) = run(
        &runtime()?,
        Start {
            profile,
            instance,
            sign_in,
            server: arguments.server.clone(),
            visible: !arguments.hidden,
            link: arguments.link.clone(),
            #[cfg(target_os = "linux")]
            umask,
        },
    )?;
    match parting {
        Parting::Nothing => {}
        // The profile is still ours, so that nobody shows notices of it yet.
        #[cfg(target_os = "linux")]
        Parting::Notices(left) => left.keep(umask),
        Parting::NewVersion(staged) => {
            drop(instance);
            staged.hand_over().context("the new version cannot take over")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Another process has the profile, and has heard of this one.
fn second_start(profile: &Profile, signs_in: bool) -> anyhow::Result<ExitCode> {
    let name = profile.name();
    if signs_in {
        writeln!(
            io::stderr(),
            "khaya: nobody was signed in: Khaya is open already for the profile {name}. Sign in in its window, or quit \
             it first."
        )?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(
        io::stdout(),
        "Khaya is open already for the profile {name}; its window comes to the front."
    )?;
    Ok(ExitCode::SUCCESS)
}

/// What is known before anything runs.
struct Start {
    profile: Profile,
    instance: Instance,
    sign_in: Option<SignIn>,
    server: Option<String>,
    visible: bool,
    link: Option<DeepLink>,
    /// The rights of new files before they were made private: for programs that the app starts, such as a browser.
    #[cfg(target_os = "linux")]
    umask: rustix::fs::Mode,
}

/// What is still to be done when nothing of the app runs any more.
enum Parting {
    Nothing,
    /// There are notices on the screen that are to be of use all the same.
    #[cfg(target_os = "linux")]
    Notices(notifications::Left),
    /// It is to take over.
    NewVersion(Staged),
}

/// The app, whose window is another process. The profile is its own for as long as there is an [`Instance`].
#[cfg(target_os = "linux")]
fn run(runtime: &Runtime, start: Start) -> anyhow::Result<(Parting, Instance)> {
    runtime.block_on(async {
        let mut host = Host::new(&start.profile, start.umask).context("this program cannot be found")?;
        if start.visible {
            host.prepare().context("the window cannot be started")?;
        } else {
            host.rest();
        }
        serve(start, host, Surface, Asks::channel()).await
    })
}

/// The window of an app that is another process.
#[cfg(target_os = "linux")]
fn run_window(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    // Before anything starts a thread.
    webkit2gtk_nvidia_quirk::apply_workaround_with_options(Default::default());
    let profile = Profile::open(arguments)?;
    logs::start(&profile, "window")?;
    host::restore_umask();
    let runtime = runtime()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let line = runtime
        .block_on(async { host::line_to_parent() })
        .context("the app cannot be reached")?;
    window::run(profile, line, |_| {})?;
    Ok(ExitCode::SUCCESS)
}

/// The app and its window in one process: the window has the main thread.
#[cfg(not(target_os = "linux"))]
fn run(runtime: &Runtime, start: Start) -> anyhow::Result<(Parting, Instance)> {
    let (line, ends) = link::within();
    tauri::async_runtime::set(runtime.handle().clone());
    let (ended, result) = std::sync::mpsc::channel();
    let asks = Asks::channel();
    #[cfg(target_os = "macos")]
    notifications::hear(&start.profile, asks.0.clone());
    window::run(
        start.profile.clone(),
        ends,
        #[cfg(target_os = "macos")]
        asks.0.clone(),
        move |handle| {
            let surface = handle.clone();
            tauri::async_runtime::spawn(async move {
                // The line to the window ends with this, and the window with the line.
                let _ = ended.send(serve(start, Host::new(line), surface, asks).await);
            });
        },
    )?;
    result.recv().context("the app ended before it could say how")?
}

async fn serve(
    start: Start,
    host: Host,
    surface: Surface,
    (asks, asked): (Asks, mpsc::Receiver<Ask>),
) -> anyhow::Result<(Parting, Instance)> {
    let Start {
        profile,
        mut instance,
        sign_in,
        server,
        visible,
        link,
        ..
    } = start;
    let settings = Settings::read(&profile);
    let keyring = Arc::new(Keyring::of_system(profile.name()));
    let lock = AppLock::open(&profile, Arc::clone(&keyring));
    let updater = Updater::start(settings.clone(), Policy::read(), profile.arguments());
    let (chat, requests) = actor::start(actor::Config {
        data_dir: profile.root().to_owned(),
        http: http_client,
        secrets: keyring,
    })
    .await?;
    let from_second = asks.clone();
    instance.hear(move |knock| match knock.link.map(|link| link.parse()) {
        Some(Ok(link)) => from_second.send(Ask::Follow(link)),
        Some(Err(error)) => tracing::warn!(%error, "a second start brought a link that is none"),
        None if knock.raise => from_second.send(Ask::Open),
        None => {}
    });
    let quiet_until = watch::Sender::new(None);
    let words = Words::of(&settings);
    let tray = Tray::start(&surface, &profile, asks.clone(), quiet_until.subscribe(), words).await;
    let launcher = Launcher::start(&surface, profile.name()).await;
    let (remarks, remarked) = mpsc::channel(1);
    let notices = notifications::Context {
        surface: surface.clone(),
        settings: settings.clone(),
        lock: lock.clone(),
        asks: asks.clone(),
        profile: profile.clone(),
    };
    let notices = tokio::spawn(notifications::serve(notices, requests, remarked));
    if let Some(link) = link {
        asks.send(Ask::Follow(link));
    }
    tokio::spawn(suspend::follow(asks.clone(), lock.clone(), settings.clone()));
    tokio::spawn(ask::quit_on_signal(asks));
    if let Some(sign_in) = sign_in {
        tokio::spawn(sign_in.run(chat.clone()));
    }
    let app = App::new(Parts {
        profile,
        settings,
        chat,
        lock,
        updater: updater.clone(),
        faces: Faces {
            surface,
            host,
            tray,
            launcher,
            remarks,
        },
        asked,
        quiet_until,
        server,
    });
    let parting = match app.run(visible).await? {
        Ended::Quit => left_of(notices).await,
        Ended::Stopped => Parting::Nothing,
        Ended::Restart => updater
            .take_staged()
            .map_or(Parting::Nothing, Parting::NewVersion),
    };
    Ok((parting, instance))
}

/// What is left of the notices, once the chat actor asks for no more of them.
#[cfg(target_os = "linux")]
async fn left_of(notices: JoinHandle<notifications::Remains>) -> Parting {
    match tokio::time::timeout(NOTICES_TIME, notices).await {
        Ok(Ok(Some(left))) => Parting::Notices(left),
        Ok(Ok(None) | Err(_)) | Err(_) => Parting::Nothing,
    }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unused_async, reason = "on Linux it takes its time")]
async fn left_of(_: JoinHandle<notifications::Remains>) -> Parting {
    Parting::Nothing
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no tasks can run")
}

/// A client with a pool of connections for the whole app.
fn http_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        // Where the sessions of an account are listed, this is how the person tells them apart.
        .user_agent(format!("Khaya/{} ({})", env!("CARGO_PKG_VERSION"), system()))
        // A redirect would carry a password or a token to whatever address a server names.
        .redirect(redirect::Policy::none())
        .build()
}

/// The system's name as people know it.
fn system() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "macOS",
        "windows" => "Windows",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_said_once() {
        let error = anyhow::anyhow!("disk full")
            .context("the store (disk full) fails")
            .context("no start");
        assert_eq!(with_causes(&error), "no start: the store (disk full) fails");
        let error = anyhow::anyhow!("disk full").context("the store fails");
        assert_eq!(with_causes(&error), "the store fails: disk full");
    }
}
