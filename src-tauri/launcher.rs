//! The number on the app's icon in docks and launchers.
//!
//! On Linux a signal of Unity's, which other docks hear too: nobody answers, and where nobody hears it costs nothing.
//! Elsewhere the window system's own.
//!
//! <https://wiki.ubuntu.com/Unity/LauncherAPI>

#[cfg(target_os = "linux")]
pub(crate) use bus::Launcher;
#[cfg(not(target_os = "linux"))]
pub(crate) use native::Launcher;

#[cfg(target_os = "linux")]
mod bus {
    use std::collections::HashMap;

    use zbus::{Connection, zvariant::Value};

    use crate::host::Surface;

    /// By this a dock finds the icon: the name of the desktop file.
    const ICON: &str = "application://khaya.desktop";
    const INTERFACE: &str = "com.canonical.Unity.LauncherEntry";

    /// The icon, as far as a bus carries word of it.
    #[derive(Debug, Clone)]
    pub(crate) struct Launcher {
        bus: Option<Connection>,
        path: String,
    }

    impl Launcher {
        pub(crate) async fn start(_: &Surface, profile: &str) -> Self {
            let bus = Connection::session().await;
            let bus = bus
                .inspect_err(|error| tracing::debug!(%error, "there is no bus for a badge"))
                .ok();
            Self {
                bus,
                path: path(profile),
            }
        }

        /// Shows how much is unread; nothing for zero.
        pub(crate) async fn tell_unread(&self, unread: u64) {
            let Some(bus) = &self.bus else { return };
            let told = HashMap::from([
                ("count", Value::from(i64::try_from(unread).unwrap_or(i64::MAX))),
                ("count-visible", Value::from(unread > 0)),
            ]);
            let body = (ICON, told);
            let signal = bus.emit_signal(None::<&str>, self.path.as_str(), INTERFACE, "Update", &body);
            if let Err(error) = signal.await {
                tracing::debug!(%error, "the badge cannot be told");
            }
        }
    }

    /// Each sender on the bus has a path of its own; a profile's name may have what a path may not.
    fn path(profile: &str) -> String {
        let name: String = profile.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("/com/canonical/unity/launcherentry/{name}")
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_path_for_every_profile() {
            assert_eq!(path("a-b"), "/com/canonical/unity/launcherentry/612d62");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod native {
    use tauri::Manager;

    use crate::host::Surface;

    /// The icon of the main window in dock or taskbar.
    #[derive(Clone)]
    pub(crate) struct Launcher {
        surface: Surface,
    }

    impl Launcher {
        #[expect(
            clippy::unused_async,
            reason = "the other systems' launcher waits for the bus"
        )]
        pub(crate) async fn start(surface: &Surface, _: &str) -> Self {
            Self {
                surface: surface.clone(),
            }
        }

        #[expect(
            clippy::unused_async,
            reason = "the other systems' launcher waits for the bus"
        )]
        /// Shows how much is unread; nothing for zero.
        pub(crate) async fn tell_unread(&self, unread: u64) {
            let Some(window) = self.surface.webview_windows().into_values().next() else {
                return;
            };
            #[cfg(target_os = "macos")]
            let told =
                window.set_badge_count((unread > 0).then(|| i64::try_from(unread).unwrap_or(i64::MAX)));
            #[cfg(target_os = "windows")]
            let told = if unread > 0 {
                crate::tray::dot().and_then(|dot| window.set_overlay_icon(Some(dot)))
            } else {
                window.set_overlay_icon(None)
            };
            if let Err(error) = told {
                tracing::debug!(%error, "the badge cannot be told");
            }
        }
    }
}
