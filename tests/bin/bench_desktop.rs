//! What the app costs a desktop: memory with a window and in the tray, and how long a window takes to come back.
//! `cargo xtask bench desktop` builds everything for release and runs this.

#[cfg(target_os = "linux")]
#[tokio::main(flavor = "current_thread")]
async fn main() {
    khaya_tests::scenario::on_desktop("bench_desktop", bench::run).await;
}

#[cfg(not(target_os = "linux"))]
fn main() {
    panic!("this is measured on Linux, which has a desktop without a screen");
}

#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "the figures are what this program is for")]
mod bench {
    use std::{fs, path::PathBuf};

    use anyhow::{Context as _, Result, ensure};
    use khaya_tests::{
        artifacts::built_program,
        desktop::Desktop,
        family::{family, proportional_size},
        panel::Panel,
        process::Process,
        server::PASSWORD,
        team::Team,
        wait::eventually,
    };

    /// How often the window is closed and opened.
    const CYCLES: usize = 20;

    /// How many messages the chat has that is open.
    const MESSAGES: usize = 500;

    /// What the app logs when a page has painted what it shows.
    const PAINTED: &str = "the window is painted";

    struct Measured {
        process: Process,
        data: PathBuf,
        painted: usize,
    }

    pub(crate) async fn run(desktop: &Desktop) -> Result<()> {
        let program = built_program("khaya")?;
        println!("program: {} KB", fs::metadata(&program)?.len() / 1024);
        let panel = desktop.panel().await?;
        let team = Team::start(desktop.artifacts(), &[]).await?;
        for number in 0..MESSAGES {
            team.bob
                .send(
                    &team.direct,
                    &format!("Message {number} of many, with some words in it"),
                )
                .await?;
        }
        team.ada.read_all(&team.direct).await?;
        team.bob.send(&team.direct, "The one that is new").await?;
        let mut app = Measured::start(desktop, &team)?;
        let first = app.until_painted().await?;
        println!("first window painted after {first} ms (not signed in yet)");
        app.show_chat(desktop, &panel, &team.direct).await?;
        desktop.picture("open").await?;
        println!("window open: {} MB", app.megabytes()?);
        app.close(desktop).await?;
        println!("in the tray: {} MB", app.megabytes()?);

        let mut notices = desktop.notices().await?;
        team.bob.send(&team.direct, "While it was hidden").await?;
        let notice = notices.next().await?;
        ensure!(notice.body == "While it was hidden", "{notice:?}");
        println!("in the tray, after a notice: {} MB", app.megabytes()?);

        let (mut times, mut sizes) = (Vec::new(), Vec::new());
        for cycle in 0..CYCLES {
            times.push(app.reopen(&panel).await?);
            if cycle == 0 {
                desktop.picture("reopened").await?;
            }
            app.close(desktop).await?;
            sizes.push(app.megabytes()?);
        }
        println!("reopened and painted, ms: {times:?}");
        println!("in the tray after each, MB: {sizes:?}");
        times.sort_unstable();
        println!(
            "reopened and painted: median {} ms, longest {} ms",
            times[CYCLES / 2],
            times[CYCLES - 1]
        );
        Ok(())
    }

    async fn told(panel: &Panel, line: &str) -> Result<()> {
        eventually(format!("“{line}” in the tray"), async || {
            Ok((panel.tool_tip().await? == line).then_some(()))
        })
        .await
    }

    impl Measured {
        fn start(desktop: &Desktop, team: &Team) -> Result<Self> {
            let data = desktop.home().join("profiles/ada");
            let mut command = desktop.command(built_program("khaya")?);
            command.args(["--profile", "ada", "--server", team.address(), "--sign-in", "ada"]);
            command.args(["--password-stdin", "--data-dir"]).arg(&data);
            let mut process = Process::spawn("khaya", &mut command, desktop.artifacts())?;
            process.write_line(PASSWORD)?;
            Ok(Self {
                process,
                data,
                painted: 0,
            })
        }

        /// Opens the chat by its link, and waits until some of it has been seen.
        async fn show_chat(&self, desktop: &Desktop, panel: &Panel, chat: &str) -> Result<()> {
            told(panel, "1 unread message").await?;
            let mut second = desktop.command(built_program("khaya")?);
            second.args(["--profile", "ada", "--data-dir"]).arg(&self.data);
            second.arg(format!("khaya://chat/{chat}"));
            let mut second = Process::spawn("second", &mut second, desktop.artifacts())?;
            ensure!(second.ended().await?.success());
            desktop.activate(&self.window(desktop).await?).await?;
            told(panel, "No unread messages").await
        }

        async fn window(&self, desktop: &Desktop) -> Result<String> {
            eventually("the app's window", async || {
                for process in family(self.process.id())? {
                    if let Some(window) = desktop.windows_of(process).await?.into_iter().next() {
                        return Ok(Some(window));
                    }
                }
                Ok(None)
            })
            .await
        }

        /// Closes the window as a person would, and waits until nothing of it is left.
        async fn close(&self, desktop: &Desktop) -> Result<()> {
            let window = self.window(desktop).await?;
            desktop.activate(&window).await?;
            desktop.run("xdotool", &["key", "alt+F4"]).await?;
            eventually("the window's processes to be gone", async || {
                Ok((family(self.process.id())?.len() == 1).then_some(()))
            })
            .await
        }

        /// Clicks the tray, and gives how many milliseconds later the page was painted.
        async fn reopen(&mut self, panel: &Panel) -> Result<u64> {
            panel.click().await?;
            self.until_painted().await
        }

        async fn until_painted(&mut self) -> Result<u64> {
            let line = eventually("a painted window", async || {
                let log = self.log()?;
                Ok(log
                    .lines()
                    .filter(|line| line.contains(PAINTED))
                    .nth(self.painted)
                    .map(str::to_owned))
            })
            .await?;
            self.painted += 1;
            let (_, milliseconds) = line.rsplit_once("milliseconds=").context("a time")?;
            Ok(milliseconds.trim().parse()?)
        }

        fn log(&self) -> Result<String> {
            Ok(fs::read_to_string(self.process.log())?)
        }

        fn megabytes(&self) -> Result<u64> {
            Ok(proportional_size(self.process.id())? / 1024)
        }
    }
}
