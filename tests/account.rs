//! A person's own account in a real window: where they are signed in, and another password.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use khaya_tests::{
    flow::signed_in,
    locator::{Locator, Role, containing, named, starting},
    page::Page,
    scenario::on_desktop,
    server::PASSWORD,
    team::Team,
};

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
        ensure!(
            team.ada
                .rest
                .call("GET", "/auth/me", serde_json::Value::Null)
                .await?
                .status
                == 200
        );
        page.click(&device("Last seen").with(starting(Role::Button, "Sign out")))
            .await?;
        page.click(&named(Role::Dialog, "Sign out there").with(named(Role::Button, "Sign out there")))
            .await?;
        page.gone(&device("Last seen")).await?;
        let answer = team
            .ada
            .rest
            .call("GET", "/auth/me", serde_json::Value::Null)
            .await?;
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
