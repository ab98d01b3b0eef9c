//! The keeper of notices: it waits on the connection that is its standard input until one of them is clicked, all of
//! them are gone, the app has been started anew, or the bus ends.
//!
//! Owns a list of numbers and links. Never shows a notice, and knows of no message, no account and no file of the app.

#[cfg(target_os = "linux")]
mod bus;
#[cfg(target_os = "linux")]
mod notices;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let app = std::env::args_os().skip(1).collect();
    let notices = khaya_keeper::read(&std::env::var(khaya_keeper::NOTICES).unwrap_or_default());
    match bus::keep(notices::Notices::new(notices), app) {
        Ok(()) => ExitCode::SUCCESS,
        // The bus is gone, and nobody is left to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Elsewhere the system itself keeps notices, and starts the app.
#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
