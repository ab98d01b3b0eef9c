//! Every screen of a real window, looked at by axe in light, dark and with more contrast: what it can see, nobody has to
//! find by using the app.
#![cfg(target_os = "linux")]

use std::fs;

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    app::{App, Options},
    desktop::Desktop,
    flow::composer,
    locator::{Locator, Role, any, containing, named},
    node,
    page::{Page, messages},
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
};
use serde_json::{Value, json};

/// Keys of WebDriver (section 17.4.2).
const ESCAPE: &str = "\u{E00C}";

/// The look, and what GTK has to be told for it.
const LOOKS: [(&str, &str); 3] = [
    ("light", "Adwaita"),
    ("dark", "Adwaita:dark"),
    ("contrast", "HighContrast"),
];

#[tokio::test]
async fn no_screen_in_any_look_has_a_fault_that_axe_finds() {
    on_desktop("screens", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        furnish(desktop, &team).await?;
        let mut faults = Vec::new();
        let mut seen = 0;
        for (look, theme) in LOOKS {
            let options = Options {
                profile: look,
                environment: &[("GTK_THEME", theme)],
                ..Options::default()
            };
            let app = App::start(desktop, &options).await?;
            let mut screens = Screens {
                page: app.page(),
                look,
                faults: &mut faults,
                seen: 0,
            };
            walk(&mut screens, &team).await?;
            seen += screens.seen;
            desktop.picture(look).await?;
            app.kill().await?;
        }
        ensure!(seen == 60, "{seen} screens were looked at");
        ensure!(faults.is_empty(), "{}", faults.join("\n"));
        Ok(())
    })
    .await;
}

/// One of each thing that a message can have.
async fn furnish(desktop: &Desktop, team: &Team) -> Result<()> {
    let path = desktop.home().join("roof.png");
    let target = path.to_str().context("a path that is text")?;
    desktop
        .run("convert", &["-size", "320x200", "plasma:tomato-gold", target])
        .await?;
    let picture = team.bob.upload("roof.png", "image/png", fs::read(&path)?).await?;
    team.bob
        .send(
            &team.garden,
            "# Plan\n\n- [x] paint\n- [ ] `plant`\n\n> as said\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        )
        .await?;
    team.bob
        .send(&team.garden, "```rust\nfn main() { println!(\"hello\"); }\n```")
        .await?;
    team.bob
        .send(&team.garden, "A [link](https://example.org) for @ada")
        .await?;
    team.bob
        .send_with_file(&team.garden, "From the roof", &picture)
        .await?;
    let notes = team
        .bob
        .upload("notes.txt", "text/plain", b"notes".to_vec())
        .await?;
    team.bob.send_with_file(&team.garden, "", &notes).await?;
    let own = team.ada.send(&team.garden, "Lovely").await?;
    let id = own["id"].as_str().context("an id")?;
    let path = format!("/chat/{}/messages/{id}/reactions/%F0%9F%8E%89", team.garden);
    team.bob.rest.ok("PUT", &path, Value::Null).await?;
    let answer = json!({ "content": "Is it?", "replyTo": id, "visibleTo": [team.ada.id] });
    let path = format!("/chat/{}/messages", team.garden);
    team.bob.rest.ok("POST", &path, answer).await.map(drop)
}

/// Opens one screen after another.
async fn walk(screens: &mut Screens<'_>, team: &Team) -> Result<()> {
    let page = screens.page;
    page.find(&named(Role::Button, "Sign in")).await?;
    screens.look("sign-in").await?;
    page.sign_in(team.address(), "ada", PASSWORD).await?;
    page.connection("Connected").await?;
    page.find(&khaya_tests::page::chats().with(any(Role::Item)))
        .await?;
    screens.look("nothing open").await?;
    page.open_chat("Garden").await?;
    page.find(&messages().with(containing(Role::Item, &["Is it?"])))
        .await?;
    page.pictures().await?;
    screens.look("chat").await?;
    page.type_text(&composer(), ":smi").await?;
    page.find(&any(Role::Option)).await?;
    screens.look("completion").await?;
    let field = page.find(&composer()).await?;
    page.session().clear(&field).await?;
    let lovely = messages().with(containing(Role::Item, &["Lovely"]));
    // What can be done stands beside the message that has the focus.
    page.focus(&lovely).await?;
    page.click(&lovely.clone().with(named(Role::Button, "More")))
        .await?;
    screens.look("menu").await?;
    page.click(&named(Role::MenuItem, "Delete")).await?;
    screens
        .close("question", &named(Role::Dialog, "Delete this message?"), "Cancel")
        .await?;
    page.click(&named(Role::Button, "Emoji")).await?;
    let search = named(Role::Dialog, "Emoji").with(named(Role::Textbox, "Find an emoji"));
    page.find(&search).await?;
    screens.look("emoji").await?;
    page.type_text(&search, ESCAPE).await?;
    for (name, button, dialog) in [
        ("audience", "Who can see it", "Who can see the next message?"),
        ("details", "About this chat", "Garden"),
        ("new chat", "New chat", "New chat"),
        ("picture", "Open picture roof.png", "Picture"),
    ] {
        page.click(&named(Role::Button, button)).await?;
        screens.close(name, &named(Role::Dialog, dialog), "Close").await?;
    }
    page.click(&named(Role::Button, "Settings")).await?;
    let settings = named(Role::Dialog, "Settings");
    page.find(&settings.clone().with(named(Role::Button, "Sign out")))
        .await?;
    screens.look("settings").await?;
    // What is about this computer has its own parts, and asks the app.
    for part in ["Notifications", "Lock", "Storage", "Version", "About"] {
        page.click(&settings.clone().with(named(Role::Button, part)))
            .await?;
        screens.look(part).await?;
    }
    screens
        .close("the end of the settings", &settings, "Close")
        .await?;
    page.focus(&lovely).await?;
    page.click(&lovely.clone().with(named(Role::Button, "More")))
        .await?;
    page.click(&named(Role::MenuItem, "Select")).await?;
    page.shows("1 message selected").await?;
    screens.look("selection").await?;
    page.click(&named(Role::Button, "Cancel")).await?;
    page.click(&named(Role::Button, "Search in this chat")).await?;
    let dialog = named(Role::Dialog, "Search messages");
    page.type_text(&dialog.clone().with(any(Role::Searchbox)), "roof")
        .await?;
    page.find(&named(Role::List, "Messages found").with(any(Role::Item)))
        .await?;
    screens.close("search", &dialog, "Close").await
}

/// The screens of one window in one look.
struct Screens<'a> {
    page: &'a Page,
    look: &'static str,
    faults: &'a mut Vec<String>,
    seen: usize,
}

impl Screens<'_> {
    /// Looks at what the window shows now.
    async fn look(&mut self, screen: &str) -> Result<()> {
        let axe = fs::read_to_string(node::folder().join("node_modules/axe-core/axe.min.js"))
            .context("the Node packages are missing; `cargo xtask test` installs them")?;
        let session = self.page.session();
        self.page.painted().await?;
        session.execute(&axe, Value::Null).await?;
        let found = session.execute_async(FAULTS).await?;
        let found = found.as_array().with_context(|| format!("axe said {found}"))?;
        self.seen += 1;
        for fault in found {
            self.faults.push(format!("{}, {screen}: {fault}", self.look));
        }
        Ok(())
    }

    /// Looks at a dialog, and closes it.
    async fn close(&mut self, screen: &str, dialog: &Locator, button: &str) -> Result<()> {
        self.page.find(dialog).await?;
        self.look(screen).await?;
        self.page
            .click(&dialog.clone().with(named(Role::Button, button)))
            .await?;
        self.page.gone(dialog).await
    }
}

/// What axe finds, a line for each fault.
const FAULTS: &str = "
    const done = arguments[arguments.length - 1];
    const line = ({ target, failureSummary }) => target.join(' ') + ' « ' + failureSummary.replace(/\\s+/g, ' ') + ' »';
    axe.run(document).then(
        ({ violations }) => done(violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 4).map(line).join('; '))),
        (error) => done(String(error)),
    );";
