//! A person's own account in a real window: name and picture, where they are signed in, and another password.
#![cfg(target_os = "linux")]

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    flow::signed_in,
    locator::{Locator, Role, containing, named, starting},
    page::Page,
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
};
use serde_json::Value;

#[tokio::test]
async fn another_device_is_signed_out_and_the_password_changed() {
    on_desktop("account", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let window = signed_in(desktop, "ada", team.address()).await?;
        let page = window.page();
        page.click(&named(Role::Button, "Settings")).await?;
        page.find(&device("This device")).await?;
        // The one that the test itself uses.
        page.find(&device("Last seen")).await?;
        ensure!(team.ada.rest.call("GET", "/auth/me", Value::Null).await?.status == 200);
        page.click(&device("Last seen").with(starting(Role::Button, "Sign out")))
            .await?;
        page.click(&named(Role::Dialog, "Sign out there").with(named(Role::Button, "Sign out there")))
            .await?;
        page.gone(&device("Last seen")).await?;
        let answer = team.ada.rest.call("GET", "/auth/me", Value::Null).await?;
        ensure!(
            answer.status == 401,
            "a device that was signed out is answered {}",
            answer.status
        );

        change_password(page, "not my password").await?;
        page.shows("The current password is wrong.").await?;
        change_password(page, PASSWORD).await?;
        page.shows("Your password is changed.").await?;
        let nobody = team.server.rest()?;
        ensure!(
            nobody.sign_in("ada", PASSWORD).await.is_err(),
            "the old password is still taken"
        );
        nobody.sign_in("ada", NEW_PASSWORD).await?;
        // The one who changed it stays.
        page.click(&named(Role::Dialog, "Settings").with(named(Role::Button, "Close")))
            .await?;
        page.open_chat("Bob").await?;
        page.send("Still here").await?;
        page.connection("Connected").await
    })
    .await;
}

#[tokio::test]
async fn a_name_and_a_picture_are_changed_and_others_see_them() {
    on_desktop("profile", async |desktop| {
        let team = Team::start(desktop.artifacts(), &[]).await?;
        let window = signed_in(desktop, "ada", team.address()).await?;
        let page = window.page();
        page.click(&named(Role::Button, "Settings")).await?;
        let settings = named(Role::Dialog, "Settings");
        page.fill(&settings.with(named(Role::Textbox, "Your name")), "Ada King")
            .await?;
        page.click(&named(Role::Button, "Save name")).await?;
        page.shows("Saved.").await?;

        let path = desktop.home().join("me.png");
        let target = path.to_str().context("a path that is text")?;
        desktop
            .run("convert", &["-size", "900x400", "plasma:tomato-gold", target])
            .await?;
        let fields = page
            .session()
            .elements(None, "profile-settings input[type=file]")
            .await?;
        let field = fields.first().context("a field for the picture")?;
        page.session().type_text(field, target).await?;
        page.find(&named(Role::Button, "Remove the picture")).await?;
        page.until("the picture to be painted", async || {
            Ok((page.session().execute(OWN_PICTURE, Value::Null).await? == true).then_some(()))
        })
        .await?;
        let me = team.ada.rest.get("/auth/me").await?;
        ensure!(me["name"] == "Ada King" && me["avatarFileId"].is_string(), "{me}");

        let bob = signed_in(desktop, "bob", team.address()).await?;
        bob.page().open_chat("Ada King").await?;
        page.click(&named(Role::Button, "Remove the picture")).await?;
        page.gone(&named(Role::Button, "Remove the picture")).await?;
        let me = team.ada.rest.get("/auth/me").await?;
        ensure!(me["avatarFileId"].is_null(), "{me}");
        Ok(())
    })
    .await;
}

const OWN_PICTURE: &str = "
    const { complete, naturalWidth, naturalHeight } =
        document.querySelector('profile-settings .avatar-picture') ?? {};
    return complete === true && naturalWidth > 0 && naturalWidth === naturalHeight;";

const NEW_PASSWORD: &str = "quite another battery staple";

async fn change_password(page: &Page, current: &str) -> Result<()> {
    page.fill(&named(Role::Textbox, "Current password"), current)
        .await?;
    page.fill(&named(Role::Textbox, "New password"), NEW_PASSWORD)
        .await?;
    page.click(&named(Role::Button, "Change password")).await
}

/// One of the devices in the settings.
fn device(about: &str) -> Locator {
    named(Role::List, "Devices").with(containing(Role::Item, &[about]))
}
