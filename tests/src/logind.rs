//! The part of logind that tells of sleep, on the test's own bus.
//!
//! <https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.login1.html>

use std::{
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use zbus::{Connection, fdo, object_server::SignalEmitter, zvariant};

use crate::wait::eventually;

const PATH: &str = "/org/freedesktop/login1";

/// A running logind, until it is dropped.
#[derive(Debug)]
pub struct Logind {
    bus: Connection,
    /// Our ends of what was given to those who want a moment before sleep.
    held: Arc<Mutex<Vec<OwnedFd>>>,
}

#[derive(Debug)]
struct Manager {
    held: Arc<Mutex<Vec<OwnedFd>>>,
}

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn inhibit(&self, _what: &str, _who: &str, _why: &str, _mode: &str) -> fdo::Result<zvariant::OwnedFd> {
        let (ours, theirs) = std::io::pipe().map_err(|error| fdo::Error::Failed(error.to_string()))?;
        if let Ok(mut held) = self.held.lock() {
            held.push(ours.into());
        }
        Ok(zvariant::OwnedFd::from(OwnedFd::from(theirs)))
    }

    #[zbus(name = "GetSessionByPID")]
    fn session_by_pid(&self, _process: u32) -> fdo::Result<zvariant::OwnedObjectPath> {
        Err(fdo::Error::Failed("no session".to_owned()))
    }

    #[zbus(signal)]
    async fn prepare_for_sleep(emitter: &SignalEmitter<'_>, start: bool) -> zbus::Result<()>;
}

impl Logind {
    pub(crate) async fn start(address: &str) -> Result<Self> {
        let held = Arc::<Mutex<Vec<OwnedFd>>>::default();
        let manager = Manager {
            held: Arc::clone(&held),
        };
        let bus = zbus::connection::Builder::address(address)?
            .serve_at(PATH, manager)?
            .name("org.freedesktop.login1")?
            .build()
            .await?;
        Ok(Self { bus, held })
    }

    /// Says that the computer goes to sleep, and waits until nobody wants a moment more.
    ///
    /// # Errors
    /// When somebody never lets it.
    pub async fn sleep(&self) -> Result<()> {
        eventually("somebody who wants a moment before sleep", async || {
            Ok((!self.waiting().is_empty()).then_some(()))
        })
        .await?;
        let waiting = self.waiting();
        let manager = self.bus.object_server().interface::<_, Manager>(PATH).await?;
        Manager::prepare_for_sleep(manager.signal_emitter(), true).await?;
        for pipe in waiting {
            eventually("sleep to be allowed", async || {
                let mut polled = [rustix::event::PollFd::new(
                    &pipe,
                    rustix::event::PollFlags::empty(),
                )];
                let changed = rustix::event::poll(&mut polled, Some(&rustix::event::Timespec::default()))?;
                Ok((changed > 0).then_some(()))
            })
            .await?;
        }
        Ok(())
    }

    /// The pipes whose other ends somebody may still hold.
    fn waiting(&self) -> Vec<OwnedFd> {
        let held = self.held.lock().map(|mut held| std::mem::take(&mut *held));
        held.unwrap_or_default()
    }
}
