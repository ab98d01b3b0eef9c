//! Where the window runs: how the app gets one when it has none.
//!
//! On Linux in a child process, which is this same program with `KHAYA_WINDOW` set; the line to it is a socket that the
//! child has as its standard input. Elsewhere on the main thread of this process.

#[cfg(target_os = "linux")]
pub(crate) use child::{Host, Surface, is_window, line_to_parent, restore_umask};
#[cfg(not(target_os = "linux"))]
pub(crate) use here::{Host, Surface};

#[cfg(target_os = "linux")]
mod child {
    use std::{
        env,
        ffi::OsString,
        fs, io,
        os::{
            fd::{AsFd, OwnedFd},
            unix::net::UnixStream as StdStream,
        },
        path::{Path, PathBuf},
        process::{ExitStatus, Stdio},
        sync::Arc,
        time::Duration,
    };

    use khaya_code_pages::CodePages;
    use rustix::{fs::Mode, process::umask};
    use tokio::{
        net::UnixStream,
        process::{Child, Command},
        time,
    };

    use crate::{
        link::{self, End, ToApp, ToWindow},
        profile::Profile,
    };

    /// What tray and notices need of the window system: nothing.
    #[derive(Debug, Clone)]
    pub(crate) struct Surface;

    /// Says that the process is the window of its parent, and which rights new files of programs have that it starts.
    const VARIABLE: &str = "KHAYA_WINDOW";

    /// This very program, also when another version stands in its place on the disk by now.
    const PROGRAM: &str = "/proc/self/exe";

    /// Where Linux has the graphics cards that programs paint with (its documentation, "DRM userland interfaces").
    const CARDS: &str = "/dev/dri";

    /// How the web view collects what its page needs no more: all that there is each time, once eight megabytes have come
    /// together. By itself it mostly looks at what is young, and keeps all that hangs on what was old when it died, until
    /// that is many times what the page is made of (docs/decisions/0002-linux-window-process.md).
    const COLLECTING: [(&str, &str); 2] = [("JSC_useGenerationalGC", "0"), ("JSC_largeHeapSize", "8388608")];

    /// How long a window may take to end after the line has.
    const END_TIME: Duration = Duration::from_secs(3);

    /// How long an app without a window may take to begin, before what that needed is given back.
    const BEGINNING: Duration = Duration::from_secs(10);

    /// Starts windows.
    #[derive(Debug)]
    pub(crate) struct Host {
        name: PathBuf,
        umask: Mode,
        arguments: [OsString; 4],
        code: Arc<CodePages>,
        /// One that was started ahead.
        ready: Option<End<ToApp, ToWindow>>,
    }

    impl Host {
        /// `umask`: what the window gives to programs that it starts.
        pub(crate) fn new(profile: &Profile, umask: Mode) -> io::Result<Self> {
            let root = profile.root().as_os_str().to_owned();
            Ok(Self {
                name: env::current_exe()?,
                umask,
                arguments: [
                    "--profile".into(),
                    profile.name().into(),
                    "--data-dir".into(),
                    root,
                ],
                code: Arc::new(CodePages::of_program()?),
                ready: None,
            })
        }

        /// Starts a window ahead, so that GTK begins while the app does. Must be called within a runtime.
        pub(crate) fn prepare(&mut self) -> io::Result<()> {
            self.ready = Some(self.start()?);
            Ok(())
        }

        /// The app begins without a window. Must be called within a runtime.
        pub(crate) fn rest(&self) {
            let code = Arc::clone(&self.code);
            tokio::spawn(async move {
                time::sleep(BEGINNING).await;
                give_back(&code);
            });
        }

        /// A window, which shows nothing until it is told to. It ends when the line does. Must be called within a
        /// runtime.
        pub(crate) fn open(&mut self) -> io::Result<End<ToApp, ToWindow>> {
            self.ready.take().map_or_else(|| self.start(), Ok)
        }

        /// The window is not wanted any more: it ends when it sees that the line has.
        #[expect(clippy::unused_self, reason = "a window in the same process lives on")]
        pub(crate) fn close(&mut self, line: End<ToApp, ToWindow>) {
            drop(line);
        }

        fn start(&self) -> io::Result<End<ToApp, ToWindow>> {
            let (ours, theirs) = StdStream::pair()?;
            ours.set_nonblocking(true)?;
            let mut child = Command::new(PROGRAM)
                .arg0(&self.name)
                .args(&self.arguments)
                .env(VARIABLE, format!("{:o}", self.umask.bits()))
                .envs(painting(Path::new(CARDS)))
                .envs(COLLECTING)
                .stdin(Stdio::from(OwnedFd::from(theirs)))
                // A terminal's Ctrl-C is for the app, which then lets the window save what is typed.
                .process_group(0)
                .spawn()?;
            tracing::debug!(process = child.id(), "a window starts");
            let (reader, writer) = UnixStream::from_std(ours)?.into_split();
            let (line, said) = link::over(reader, writer);
            let code = Arc::clone(&self.code);
            tokio::spawn(async move {
                let status = tokio::select! {
                    status = child.wait() => status,
                    _ = said => end(&mut child).await,
                };
                match status {
                    Ok(status) => tracing::debug!(%status, "a window has ended"),
                    Err(error) => tracing::warn!(%error, "it is not known how a window ended"),
                }
                give_back(&code);
            });
            Ok(line)
        }
    }

    /// In the tray the app does little, and of its code, to which GTK and WebKit belong, needs little.
    fn give_back(code: &CodePages) {
        if let Err(error) = code.give_back() {
            tracing::warn!(%error, "the memory of the code is not given back");
        }
    }

    /// How WebKitGTK is to paint. Where there is no graphics card it would paint as if there were one, by a program that
    /// stands for it: that takes twice the time, and twice the memory.
    fn painting(cards: &Path) -> Option<(&'static str, &'static str)> {
        let is_for_painting = |card: fs::DirEntry| card.file_name().as_encoded_bytes().starts_with(b"render");
        let has_card = fs::read_dir(cards).is_ok_and(|all| all.flatten().any(is_for_painting));
        (!has_card).then_some(("WEBKIT_DISABLE_COMPOSITING_MODE", "1"))
    }

    /// Sees to it that a window ends to which nothing more is said, also one that hangs.
    async fn end(child: &mut Child) -> io::Result<ExitStatus> {
        match time::timeout(END_TIME, child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                tracing::error!("a window does not end by itself");
                child.kill().await?;
                child.wait().await
            }
        }
    }

    /// Whether this process is the window of another.
    pub(crate) fn is_window() -> bool {
        env::var_os(VARIABLE).is_some()
    }

    /// Programs that the window starts, such as a browser, make files with the rights that the person chose. What the
    /// window itself writes stands in a private directory, or is made private.
    pub(crate) fn restore_umask() {
        let given = env::var(VARIABLE)
            .ok()
            .and_then(|text| u32::from_str_radix(&text, 8).ok());
        if let Some(bits) = given {
            umask(Mode::from_bits_truncate(bits));
        }
    }

    /// The line to the app of which this process is the window. Must be called within a runtime.
    pub(crate) fn line_to_parent() -> io::Result<End<ToWindow, ToApp>> {
        let stream = StdStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        stream.set_nonblocking(true)?;
        let (reader, writer) = UnixStream::from_std(stream)?.into_split();
        let (line, _) = link::over(reader, writer);
        Ok(line)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn paints_by_a_card_where_there_is_one() {
            let cards = tempfile::tempdir().unwrap();
            assert!(painting(&cards.path().join("none")).is_some());
            fs::write(cards.path().join("card0"), "").unwrap();
            assert!(
                painting(cards.path()).is_some(),
                "one that only shows does not paint"
            );
            fs::write(cards.path().join("renderD128"), "").unwrap();
            assert_eq!(painting(cards.path()), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod here {
    use std::io;

    use crate::link::{End, ToApp, ToWindow};

    /// What tray and notices need of the window system.
    pub(crate) type Surface = tauri::AppHandle;

    /// Hands out the line to the one window system of this process, which lives as long as the app.
    #[derive(Debug)]
    pub(crate) struct Host {
        line: Option<End<ToApp, ToWindow>>,
    }

    impl Host {
        pub(crate) fn new(line: End<ToApp, ToWindow>) -> Self {
            Self { line: Some(line) }
        }

        /// The line to the window, which shows nothing until it is told to.
        pub(crate) fn open(&mut self) -> io::Result<End<ToApp, ToWindow>> {
            self.line.take().ok_or_else(|| io::ErrorKind::BrokenPipe.into())
        }

        /// The window is not wanted any more. It has been told so; the line serves the next one.
        pub(crate) fn close(&mut self, line: End<ToApp, ToWindow>) {
            self.line = Some(line);
        }
    }
}
