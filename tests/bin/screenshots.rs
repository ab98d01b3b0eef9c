//! Pictures of two people's windows on the demo team, light and dark, into the folder that the first argument
//! names. `cargo xtask screenshots` runs this.

#[cfg(target_os = "linux")]
#[tokio::main(flavor = "current_thread")]
async fn main() {
    khaya_tests::scenario::on_desktop("screenshots", pictures::take).await;
}

#[cfg(not(target_os = "linux"))]
fn main() {
    panic!("the pictures are taken on Linux, which has a desktop without a screen");
}

#[cfg(target_os = "linux")]
mod pictures {
    use std::{env, fs, path::PathBuf};

    use anyhow::{Context as _, Result};
    use khaya_tests::{
        app::{App, Options},
        desktop::Desktop,
        locator::{Role, any},
        page::messages,
        server::Server,
    };

    /// What `khaya-server demo` gives everybody.
    const PASSWORD: &str = "khaya-demo";

    /// Two of the demo team, and the chat that each has open.
    const PEOPLE: [(&str, &str, &str); 2] =
        [("one", "thandi", "Release 2.0 🚀"), ("two", "amina", "Everyone")];

    /// The look, and what GTK has to be told for it.
    const LOOKS: [(&str, &str); 2] = [("light", "Adwaita"), ("dark", "Adwaita:dark")];

    const SIZE: [&str; 2] = ["1180", "760"];

    pub(crate) async fn take(desktop: &Desktop) -> Result<()> {
        let folder = PathBuf::from(
            env::args_os()
                .nth(1)
                .context("name the folder for the pictures")?,
        );
        fs::create_dir_all(&folder)?;
        let server = Server::start_demo(desktop.artifacts()).await?;
        for (look, theme) in LOOKS {
            for (number, username, chat) in PEOPLE {
                let app = open(desktop, &format!("{username}-{look}"), theme).await?;
                let page = app.page();
                page.sign_in(server.address(), username, PASSWORD).await?;
                page.connection("Connected").await?;
                page.open_chat(chat).await?;
                page.find(&messages().with(any(Role::Item))).await?;
                let window = app.window(desktop).await?;
                desktop.activate(&window).await?;
                desktop
                    .run(
                        "xdotool",
                        &[&["windowsize", "--sync", &window], &SIZE[..]].concat(),
                    )
                    .await?;
                page.painted().await?;
                desktop
                    .picture_of(&window, &folder.join(format!("{look}-{number}.png")))
                    .await?;
            }
        }
        Ok(())
    }

    async fn open(desktop: &Desktop, profile: &str, theme: &str) -> Result<App> {
        let options = Options {
            profile,
            environment: &[("GTK_THEME", theme)],
            ..Options::default()
        };
        App::start(desktop, &options).await
    }
}
