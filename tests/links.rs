//! Links that open the app, cold and warm: to a chat, and to an account by an invitation. One that is none is refused.
#![cfg(target_os = "linux")]

use std::{fs, os::unix::fs::PermissionsExt as _};

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    app::{App, Options},
    desktop::Desktop,
    flow::{sent, signed_in},
    locator::{Role, named},
    page::{Page, messages},
    scenario::on_desktop,
    server,
    team::Team,
    wait::eventually,
};
use serde_json::json;

const PASSWORD: &str = "quite a long one";

#[tokio::test]
async fn an_invitation_leads_to_an_account() {
    on_desktop("links_invite", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let link = invitation(&team).await?;
        // Cold, on a computer where nobody has signed in yet.
        let options = Options {
            profile: "eve",
            link: Some(&link),
            ..Options::default()
        };
        let eve = App::start(desktop, &options).await?;
        let page = eve.page();
        let create = named(Role::Button, "Create account");
        page.find(&create).await?;
        let server = page.value(&named(Role::Textbox, "Server")).await?;
        ensure!(team.address().ends_with(&server), "{server}");
        desktop.picture("invited").await?;
        page.click(&create).await?;
        page.fill(&named(Role::Textbox, "Username"), "ada").await?;
        page.fill(&named(Role::Textbox, "Your name"), "Eve").await?;
        page.fill(&named(Role::Textbox, "Password"), PASSWORD).await?;
        page.click(&create).await?;
        page.shows("Somebody has this username already").await?;
        page.fill(&named(Role::Textbox, "Username"), "eve").await?;
        page.fill(&named(Role::Textbox, "Password"), PASSWORD).await?;
        page.click(&create).await?;
        page.connection("Connected").await?;
        let kept = page.everything_kept().await?;
        let code = link.split(['/', '?']).nth(3).context("a code")?;
        ensure!(
            !kept.contains(PASSWORD) && !kept.contains(code),
            "the page keeps a secret"
        );
        ensure!(!eve.log()?.contains(code), "the log tells the invitation");

        // Warm, where somebody is signed in, who has an account already.
        follow(desktop, &eve, &link).await?;
        page.shows("You are signed in here already").await?;

        // Warm, where nobody is; and the invitation has been used.
        page.click(&named(Role::Button, "Settings")).await?;
        page.click(&named(Role::Button, "Sign out")).await?;
        page.find(&named(Role::Button, "Sign in")).await?;
        follow(desktop, &eve, &link).await?;
        page.fill(&named(Role::Textbox, "Username"), "fay").await?;
        page.fill(&named(Role::Textbox, "Your name"), "Fay").await?;
        page.fill(&named(Role::Textbox, "Password"), PASSWORD).await?;
        page.click(&create).await?;
        page.shows("The server lets nobody in with this invitation")
            .await?;
        page.click(&named(Role::Button, "I have an account already"))
            .await?;
        page.find(&named(Role::Button, "Sign in")).await?;
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_link_opens_its_chat_and_nothing_else_does() {
    on_desktop("links_chat", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        team.bob.send(&team.direct, "Here you are").await?;
        let ada = signed_in(desktop, "ada", team.address()).await?;
        let link = format!("khaya://chat/{}", team.direct);
        follow(desktop, &ada, &link).await?;
        ada.page().find(&messages().with(sent("Here you are"))).await?;
        ada.page().open_chat("Garden").await?;
        for bad in [
            "khaya://chat/a/b/c",
            "khaya://chat/..",
            "khaya://run/rm",
            "khaya://invite/a?server=file:///etc",
            "https://chat.example.org/",
        ] {
            let mut second = ada.start_again(desktop, Some(bad))?;
            ensure!(!second.ended().await?.success(), "{bad} was taken");
            let said = fs::read_to_string(second.log())?;
            ensure!(said.contains("not a link that Khaya opens"), "{bad}: {said}");
        }
        // Of a chat that there is not, nothing happens; and the app goes on.
        follow(desktop, &ada, "khaya://chat/none").await?;
        ada.page().find(&named(Role::Region, "Garden")).await?;
        ada.kill().await?;

        let options = Options {
            profile: "ada",
            link: Some(&link),
            ..Options::default()
        };
        let ada = App::start(desktop, &options).await?;
        ada.page().find(&messages().with(sent("Here you are"))).await?;
        Ok(())
    })
    .await;
}

/// Says where a browser would go.
const BROWSER: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\" >> \"$HOME/opened\"\n";

/// Clicks the link with these words.
const CLICK: &str = "const links = [...document.querySelectorAll('message-timeline a')];
    const link = links.find((link) => link.textContent === arguments[0]);
    link?.click();
    return link !== undefined;";

#[tokio::test]
async fn an_external_link_goes_to_the_browser_after_a_look_at_its_true_target() {
    on_desktop("links_external", async |desktop| {
        let programs = desktop.home().join("bin");
        fs::create_dir_all(&programs)?;
        let browser = programs.join("xdg-open");
        fs::write(&browser, BROWSER)?;
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755))?;
        let path = format!("{}:{}", programs.display(), std::env::var("PATH")?);
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let said = "See [bank.example](https://evil.example/login) and https://khaya.example/";
        team.bob.send(&team.direct, said).await?;
        let options = Options {
            profile: "ada",
            environment: &[("PATH", &path)],
            ..Options::default()
        };
        let ada = App::start(desktop, &options).await?;
        let page = ada.page();
        page.sign_in(team.address(), "ada", server::PASSWORD).await?;
        page.connection("Connected").await?;
        page.open_chat("Bob").await?;

        let question = named(Role::Dialog, "Follow this link?");
        for button in ["Cancel", "Open in the browser"] {
            click(page, "bank.example").await?;
            page.find(&question).await?;
            page.shows("https://evil.example/login").await?;
            page.click(&question.clone().with(named(Role::Button, button)))
                .await?;
            page.gone(&question).await?;
        }
        // What says itself where it leads needs no question.
        click(page, "https://khaya.example/").await?;
        let file = desktop.home().join("opened");
        let opened = eventually("both to be opened", async || {
            let opened = fs::read_to_string(&file).unwrap_or_default();
            Ok((opened.lines().count() == 2).then_some(opened))
        })
        .await?;
        ensure!(
            opened == "https://evil.example/login\nhttps://khaya.example/\n",
            "{opened}"
        );
        Ok(())
    })
    .await;
}

async fn click(page: &Page, words: &str) -> Result<()> {
    page.until(&format!("the link “{words}”"), async || {
        let clicked = page.session().execute(CLICK, json!(words)).await?;
        Ok((clicked == true).then_some(()))
    })
    .await
}

async fn invitation(team: &Team) -> Result<String> {
    let made = team
        .dora
        .rest
        .ok("POST", "/invites", json!({ "uses": 1 }))
        .await?;
    Ok(made["link"].as_str().context("a link")?.to_owned())
}

/// Clicks a link, as a browser hands it over.
async fn follow(desktop: &Desktop, app: &App, link: &str) -> Result<()> {
    let mut second = app.start_again(desktop, Some(link))?;
    let status = second.ended().await?;
    ensure!(status.success(), "{status}");
    Ok(())
}
