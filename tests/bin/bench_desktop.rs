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
    use std::fs;

    use anyhow::{Result, ensure};
    use khaya_tests::{artifacts::built_program, desktop::Desktop, in_tray::InTray, team::Team};

    /// How often the window is closed and opened.
    const CYCLES: usize = 20;

    /// How many messages the chat has that is open.
    const MESSAGES: usize = 500;

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
        let mut app = InTray::start(desktop, &team)?;
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
}
