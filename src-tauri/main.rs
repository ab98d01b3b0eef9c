//! The desktop shell of Khaya: it joins the chat actor, the page and the system.
//!
//! Owns: the command line, the profile's directory and lock, the window, the tray, notifications, the keyring's
//! entry, settings, logs. Never decides about chats, and never hands the page a secret.
//!
//! Here is how the app starts; [`app`] is how it runs and ends.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod app;
mod arguments;
mod commands;
mod instance;
mod logs;
mod notifications;
mod profile;
mod secrets;
mod settings;
mod sign_in;
mod tray;
mod updates;
mod window;

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use clap::Parser;
use khaya_chat::{actor, shell::ShellRequest};
use tauri::{AppHandle, Manager, RunEvent};
use tokio::sync::mpsc;

use crate::{
    app::{App, Ask, Asks},
    arguments::Arguments,
    instance::{Claim, Instance, Knock},
    profile::Profile,
    secrets::Keyring,
    settings::Settings,
    sign_in::SignIn,
};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(%error, "the app cannot start");
            // Nobody is left to tell if this fails too.
            let _ = writeln!(io::stderr(), "khaya: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let sign_in = SignIn::read(arguments, io::stdin().lock())?;
    let profile = Profile::open(arguments)?;
    logs::start(&profile.logs())?;
    let instance = match instance::claim(
        &profile,
        &Knock {
            raise: !arguments.hidden,
        },
    )? {
        Claim::First(instance) => instance,
        Claim::Second => {
            writeln!(
                io::stdout(),
                "Khaya is open already for the profile {}; its window comes to the front.",
                profile.name()
            )?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        profile = profile.name(),
        "starting"
    );
    apply_quirks();

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no tasks can run")?;
    tauri::async_runtime::set(runtime.handle().clone());
    let (chat, requests) = runtime.block_on(actor::start(actor::Config {
        data_dir: profile.root().to_owned(),
        http: http_client()?,
        secrets: Arc::new(Keyring::of_system(profile.name())),
    }))?;
    run(Parts {
        chat,
        requests,
        profile,
        instance,
        sign_in,
        server: arguments.server.clone(),
        hidden: arguments.hidden,
    })
}

/// What is ready before there is a window.
struct Parts {
    chat: actor::Handle,
    requests: mpsc::Receiver<ShellRequest>,
    profile: Profile,
    instance: Instance,
    sign_in: Option<SignIn>,
    server: Option<String>,
    hidden: bool,
}

fn run(parts: Parts) -> anyhow::Result<ExitCode> {
    let window_state = tauri_plugin_window_state::Builder::default()
        .with_filename(parts.profile.window_state().to_string_lossy())
        .with_state_flags(window::remembered())
        .build();
    let builder = tauri::Builder::default()
        .plugin(tauri_plugin_store::Builder::default().build())
        .plugin(
            tauri_plugin_opener::Builder::default()
                .open_js_links_on_click(false)
                .build(),
        )
        .plugin(window_state);
    #[cfg(not(target_os = "linux"))]
    let builder = builder.plugin(tauri_plugin_notification::init());
    let app = builder
        .invoke_handler(tauri::generate_handler![
            commands::alive,
            commands::dispatch,
            commands::flushed,
            commands::open_link,
            commands::save_settings,
            commands::settings,
            commands::snapshot,
        ])
        .on_window_event(window::on_event)
        .setup(move |app| Ok(set_up(app.handle(), parts)?))
        .build(tauri::generate_context!())
        .context("the window system cannot be used")?;
    let code = app.run_return(|_, event| {
        // The last window may go to the tray: the app ends only when it is asked to, and that names a code.
        if let RunEvent::ExitRequested { api, code: None, .. } = event {
            api.prevent_exit();
        }
    });
    Ok(if code == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn set_up(handle: &AppHandle, parts: Parts) -> anyhow::Result<()> {
    let Parts {
        chat,
        requests,
        profile,
        mut instance,
        sign_in,
        server,
        hidden,
    } = parts;
    let (asks, asked) = Asks::channel();
    let (updates, update_requests) = mpsc::channel(app::UPDATE_REQUESTS);
    let app = App::new(chat.clone(), asks.clone(), updates);
    handle.manage(Settings::open(handle, &profile)?);
    handle.manage(profile.clone());

    use tauri::async_runtime::spawn;
    spawn(app.follow_focus());
    spawn(updates::run(handle.clone(), chat.view(), update_requests, server));
    spawn(notifications::serve(handle.clone(), requests, asks.clone()));
    if let Some(sign_in) = sign_in {
        spawn(sign_in.run(chat.clone()));
    }
    handle.manage(app);

    let from_second = asks.clone();
    instance.hear(move |knock| {
        if knock.raise {
            from_second.send(Ask::Open);
        }
    });
    handle.manage(instance);

    if !hidden {
        window::show(handle);
    }
    let handle = handle.clone();
    spawn(async move {
        let tray = tray::start(&handle, profile.name(), asks.clone()).await;
        if hidden && !tray.is_there() {
            tracing::warn!("there is no tray to hide in; the window is shown");
            asks.send(Ask::Open);
        }
        spawn(tray::follow(handle.clone(), tray.clone(), chat.view()));
        spawn(app::quit_on_signal(asks));
        app::serve(handle, asked, tray).await;
    });
    Ok(())
}

/// One client with one pool of connections for the whole app.
fn http_client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("Khaya/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("no secure connection can be made")
}

/// Works around what makes windows blank on some systems, before anything touches the display.
#[cfg(target_os = "linux")]
fn apply_quirks() {
    webkit2gtk_nvidia_quirk::apply_workaround_with_options(Default::default());
}

#[cfg(not(target_os = "linux"))]
fn apply_quirks() {}
