//! Hears when the computer goes to sleep, or the person locks the screen: then a locked app is wanted.
//!
//! On Linux from logind, which waits a moment for those who asked it to. Elsewhere nobody tells: there the time
//! that passed while the computer slept counts as time in which the app was not used.

#[cfg(target_os = "linux")]
pub(crate) use logind::follow;
#[cfg(not(target_os = "linux"))]
pub(crate) use silent::follow;

#[cfg(target_os = "linux")]
mod logind {
    use std::time::Duration;

    use futures_util::StreamExt;
    use tokio::time;
    use zbus::{Connection, zvariant::OwnedFd};

    use crate::{
        app_lock::AppLock,
        ask::{Ask, Asks},
        settings::Settings,
        words::Words,
    };

    #[zbus::proxy(
        interface = "org.freedesktop.login1.Manager",
        default_service = "org.freedesktop.login1",
        default_path = "/org/freedesktop/login1"
    )]
    trait Manager {
        fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<OwnedFd>;
        fn get_session_by_pid(&self, process: u32) -> zbus::Result<zbus::zvariant::OwnedObjectPath>;
        #[zbus(signal)]
        fn prepare_for_sleep(&self, start: bool) -> zbus::Result<()>;
    }

    #[zbus::proxy(
        interface = "org.freedesktop.login1.Session",
        default_service = "org.freedesktop.login1"
    )]
    trait Session {
        #[zbus(signal)]
        fn lock(&self) -> zbus::Result<()>;
    }

    /// How long sleep is held up at most; logind would not wait much longer.
    const LOCK_TIME: Duration = Duration::from_secs(3);

    /// Asks to lock each time, until the bus ends.
    pub(crate) async fn follow(asks: Asks, lock: AppLock, settings: Settings) {
        if let Err(error) = hear(&asks, &lock, &settings).await {
            tracing::info!(%error, "nobody tells when this computer sleeps");
        }
    }

    async fn hear(asks: &Asks, lock: &AppLock, settings: &Settings) -> zbus::Result<()> {
        let bus = Connection::system().await?;
        let manager = ManagerProxy::new(&bus).await?;
        let mut sleeps = manager.receive_prepare_for_sleep().await?;
        // A process that no session started hears of sleep alone.
        let session = match manager.get_session_by_pid(std::process::id()).await {
            Ok(path) => Some(SessionProxy::builder(&bus).path(path)?.build().await?),
            Err(error) => {
                tracing::debug!(%error, "this process belongs to no session");
                None
            }
        };
        let mut locks = match &session {
            Some(session) => session.receive_lock().await?.map(drop).boxed(),
            None => futures_util::stream::pending().boxed(),
        };
        loop {
            // Held until the lock has been asked for: the page then has the time to save what is typed.
            let awake = hold(&manager, Words::of(settings)).await;
            tokio::select! {
                sleep = sleeps.next() => match sleep {
                    Some(sleep) if sleep.args().is_ok_and(|told| told.start) => close(asks, lock).await,
                    Some(_) => {}
                    None => return Ok(()),
                },
                lock = locks.next() => match lock {
                    Some(()) => asks.send(Ask::Lock),
                    None => locks = futures_util::stream::pending().boxed(),
                },
            }
            drop(awake);
        }
    }

    /// Until the lock is closed, or it is clear that it will not be.
    async fn close(asks: &Asks, lock: &AppLock) {
        if !lock.is_set() {
            return;
        }
        let mut changes = lock.changes();
        asks.send(Ask::Lock);
        if time::timeout(LOCK_TIME, changes.wait_for(|locked| *locked))
            .await
            .is_err()
        {
            tracing::warn!("this computer sleeps before the app is locked");
        }
    }

    async fn hold(manager: &ManagerProxy<'_>, words: Words) -> Option<OwnedFd> {
        let held = manager
            .inhibit("sleep", "Khaya", words.text("native.beforeSleep"), "delay")
            .await;
        held.inspect_err(|error| tracing::debug!(%error, "sleep does not wait for the lock"))
            .ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod silent {
    use crate::{app_lock::AppLock, ask::Asks, settings::Settings};

    pub(crate) async fn follow(_: Asks, _: AppLock, _: Settings) {}
}
