//! Pictures of real windows on the demo team. The first argument names the folder for those of the documents, the second
//! the one for every screen in every look. `cargo xtask screenshots` runs this.

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
    use std::{
        env, fs,
        path::{Path, PathBuf},
        time::Duration,
    };

    use anyhow::{Context as _, Result, bail};
    use khaya_tests::{
        app::{App, Options},
        desktop::Desktop,
        locator::{Role, any},
        page::{Page, messages},
        server::Server,
    };
    use serde_json::{Value, json};
    use tokio::time::sleep;

    /// What `khaya-server demo` gives everybody.
    const PASSWORD: &str = "khaya-demo";

    /// Two of the demo team, and the chat that each has open.
    const PEOPLE: [(&str, &str, &str); 2] =
        [("one", "thandi", "Release 2.0 🚀"), ("two", "amina", "Everyone")];

    /// A way in which the window can look.
    struct Look {
        name: &'static str,
        /// What GTK has to be told.
        theme: &'static str,
        size: [&'static str; 2],
        settings: &'static str,
    }

    const LOOKS: [Look; 6] = [
        look("light", "Adwaita", ["1180", "760"], "{}"),
        look("dark", "Adwaita:dark", ["1180", "760"], "{}"),
        look("contrast", "HighContrast", ["1180", "760"], "{}"),
        look("narrow", "Adwaita", ["360", "740"], "{}"),
        look("arabic", "Adwaita", ["1180", "760"], r#"{"language":"ar"}"#),
        look("large", "Adwaita", ["1180", "760"], r#"{"textSize":"200"}"#),
    ];

    const fn look(
        name: &'static str,
        theme: &'static str,
        size: [&'static str; 2],
        settings: &'static str,
    ) -> Look {
        Look {
            name,
            theme,
            size,
            settings,
        }
    }

    /// What is opened, by parts of the page, since names differ by language; and closed again.
    const SCREENS: [(&str, &str); 17] = [
        (
            "menu",
            "[...document.querySelectorAll('li.message')].at(-1).focus();
             document.querySelector('[data-act=more]').click()",
        ),
        (
            "emoji",
            "document.querySelector('message-composer [data-part=emoji]').click()",
        ),
        (
            "audience",
            "document.querySelector('message-composer [data-part=restrict]').click()",
        ),
        (
            "details",
            "document.querySelector('chat-header [data-part=details]').click()",
        ),
        (
            "find",
            "document.querySelector('chat-header [data-part=find]').click()",
        ),
        (
            "picture",
            "[...document.querySelectorAll('.picture-button')].at(-1).click()",
        ),
        (
            "new-chat",
            "document.querySelector('[data-part=new-chat]').click()",
        ),
        (
            "settings",
            "document.querySelector('.sill [data-part=settings]').click()",
        ),
        (
            "settings-notices",
            "document.querySelector('.sill [data-part=settings]').click();
             document.querySelectorAll('.settings-nav-item')[4].click()",
        ),
        (
            "settings-computer",
            "document.querySelector('.sill [data-part=settings]').click();
             document.querySelectorAll('.settings-nav-item')[7].click()",
        ),
        (
            "settings-lock",
            "document.querySelector('.sill [data-part=settings]').click();
             document.querySelectorAll('.settings-nav-item')[8].click()",
        ),
        (
            "settings-version",
            "document.querySelector('.sill [data-part=settings]').click();
             document.querySelectorAll('.settings-nav-item')[10].click()",
        ),
        (
            "settings-storage",
            "document.querySelector('.sill [data-part=settings]').click();
             document.querySelectorAll('.settings-nav-item')[11].click()",
        ),
        (
            "settings-about",
            "document.querySelector('.sill [data-part=settings]').click();
             document.querySelectorAll('.settings-nav-item')[15].click()",
        ),
        (
            "keys",
            "document.querySelector('.sill [data-part=settings]').click();
             document.querySelectorAll('.settings-nav-item')[13].click()",
        ),
        (
            "selection",
            "const rows = [...document.querySelectorAll('li.message')];
             for (const row of [rows.at(-1), rows.at(-3)]) document.querySelector('message-timeline').select(row.dataset.key)",
        ),
        (
            "found",
            "document.querySelector('dialog[open]')?.close();
             document.querySelector('chat-header [data-part=find]').click();
             const field = document.querySelector('message-search input[type=search]');
             field.value = 'release';
             document.querySelector('message-search [data-part=here]').click()",
        ),
    ];

    pub(crate) async fn take(desktop: &Desktop) -> Result<()> {
        let mut folders = env::args_os().skip(1).map(PathBuf::from);
        let best = folders.next().context("name the folder for the pictures")?;
        let all = folders.next().context("name the folder for all pictures")?;
        fs::create_dir_all(&best)?;
        fs::create_dir_all(&all)?;
        let server = Server::start_demo(desktop.artifacts()).await?;
        furnish(desktop, &server).await?;
        have_carets_rest(desktop)?;
        for look in &LOOKS {
            let (_, username, chat) = PEOPLE[0];
            let app = open(desktop, username, look).await?;
            let page = app.page();
            let window = fit(desktop, &app, look).await?;
            let shoot = async |name: &str| {
                page.painted().await?;
                still(desktop, &window, &all.join(format!("{}-{name}.png", look.name))).await
            };
            form_is_there(page).await?;
            shoot("sign-in").await?;
            sign_in(page, server.address(), username).await?;
            shoot("chats").await?;
            show_chat(page, chat).await?;
            shoot("chat").await?;
            for (name, script) in SCREENS {
                page.session().execute(script, Value::Null).await?;
                shoot(name).await?;
                page.session().execute(CLOSE, Value::Null).await?;
            }
            app.kill().await?;
        }
        for look in &LOOKS[..2] {
            for (number, username, chat) in PEOPLE {
                let app = open(desktop, username, look).await?;
                let window = fit(desktop, &app, look).await?;
                sign_in(app.page(), server.address(), username).await?;
                show_chat(app.page(), chat).await?;
                app.page().find(&messages().with(any(Role::Item))).await?;
                app.page().painted().await?;
                let path = best.join(format!("{}-{number}.png", look.name));
                still(desktop, &window, &path).await?;
                app.kill().await?;
            }
        }
        Ok(())
    }

    /// A picture of a window in which nothing moves or comes any more, as far as one can tell by looking.
    async fn still(desktop: &Desktop, window: &str, path: &Path) -> Result<()> {
        const LOOKS: usize = 50;
        let text = path.to_str().context("a path that is text")?;
        let mut seen = [String::new(), String::new()];
        for _ in 0..LOOKS {
            desktop.picture_of(window, path).await?;
            let now = desktop.run("identify", &["-format", "%#", text]).await?;
            if seen.iter().all(|before| *before == now) {
                return Ok(());
            }
            seen.rotate_left(1);
            seen[1] = now;
            sleep(Duration::from_millis(150)).await;
        }
        bail!("{text} does not come to rest")
    }

    /// A window with a caret that blinks never comes to rest where pictures of it take long.
    fn have_carets_rest(desktop: &Desktop) -> Result<()> {
        let folder = desktop.home().join(".config/gtk-3.0");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("settings.ini"), "[Settings]\ngtk-cursor-blink=0\n").context("the settings")
    }

    /// A picture in the chat that is shown, and words with it.
    async fn furnish(desktop: &Desktop, server: &Server) -> Result<()> {
        let amina = server.rest()?.sign_in("amina", PASSWORD).await?;
        let path = desktop.home().join("Saturday.png");
        let target = path.to_str().context("a path that is text")?;
        let hills = "polygon 0,620 260,520 520,600 820,480 1200,610 1200,800 0,800";
        let near = "polygon 0,720 340,640 700,730 1200,660 1200,800 0,800";
        let draw = [
            "-size",
            "1200x800",
            "gradient:#5563c6-#f0b13a",
            "-fill",
            "#fbefd6",
            "-draw",
            "circle 860,470 860,390",
            "-fill",
            "#7b3f4c",
            "-draw",
            hills,
            "-fill",
            "#3a2230",
            "-draw",
            near,
            target,
        ];
        desktop.run("convert", &draw).await?;
        let picture = amina
            .upload("Saturday.png", "image/png", fs::read(&path)?)
            .await?;
        let chats = amina.rest.get("/chat").await?;
        let chats = chats["items"].as_array().context("chats")?;
        let release = chats
            .iter()
            .find(|chat| chat["name"] == PEOPLE[0].2)
            .context("the chat")?;
        let id = release["id"].as_str().context("an id")?;
        amina
            .send_with_file(id, "From the release walk on Saturday", &picture)
            .await
            .map(drop)
    }

    async fn open(desktop: &Desktop, username: &str, look: &Look) -> Result<App> {
        let profile = format!("{username}-{}", look.name);
        let folder = desktop.home().join("profiles").join(&profile);
        // A second time it is another window.
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("settings.json"), look.settings)?;
        let options = Options {
            profile: &profile,
            environment: &[("GTK_THEME", look.theme)],
            ..Options::default()
        };
        App::start(desktop, &options).await
    }

    /// Gives the window its size, and its X id.
    async fn fit(desktop: &Desktop, app: &App, look: &Look) -> Result<String> {
        let window = app.window(desktop).await?;
        desktop.activate(&window).await?;
        let resize = [&["windowsize", "--sync", &window], &look.size[..]].concat();
        desktop.run("xdotool", &resize).await?;
        Ok(window)
    }

    async fn form_is_there(page: &Page) -> Result<()> {
        page.until("the form", async || {
            let fields = page.session().elements(None, "#sign-in-server").await?;
            Ok((!fields.is_empty()).then_some(()))
        })
        .await
    }

    async fn sign_in(page: &Page, server: &str, username: &str) -> Result<()> {
        form_is_there(page).await?;
        for (field, text) in [("server", server), ("username", username), ("password", PASSWORD)] {
            let found = page
                .session()
                .elements(None, &format!("#sign-in-{field}"))
                .await?;
            let field = found.first().context("a field")?;
            page.session().clear(field).await?;
            page.session().type_text(field, text).await?;
        }
        page.session()
            .execute(
                "document.querySelector('sign-in [data-part=submit]').click()",
                Value::Null,
            )
            .await?;
        page.until("the chats", async || {
            let rows = page.session().elements(None, "chat-list li").await?;
            Ok((!rows.is_empty()).then_some(()))
        })
        .await
    }

    async fn show_chat(page: &Page, name: &str) -> Result<()> {
        page.session().execute(OPEN, json!(name)).await?;
        page.until("the messages", async || {
            let rows = page.session().elements(None, "li.message").await?;
            Ok((rows.len() > 3).then_some(()))
        })
        .await?;
        page.pictures().await.map(drop)
    }

    const OPEN: &str = "
        const rows = [...document.querySelectorAll('chat-list li')];
        rows.find((row) => row.textContent.includes(arguments[0])).querySelector('button').click();";

    const CLOSE: &str = "
        document.querySelector('dialog[open]')?.close();
        document.querySelector(':popover-open')?.hidePopover();
        document.querySelector('message-timeline').endSelection();";
}
