//! The tests' own tools, without the product: a desktop that works, a network that can be made worse.
#![cfg(target_os = "linux")]

use anyhow::{Result, ensure};
use khaya_tests::{
    artifacts::Artifacts,
    base::BaseServer,
    node::{Connect, Socket},
    notices::Notice,
    proxy::{Network, Proxy},
    scenario::on_desktop,
    server::PASSWORD,
};
use serde_json::Value;

#[tokio::test]
async fn a_desktop_keeps_secrets_and_shows_notices() {
    on_desktop("harness_desktop", async |desktop| {
        let mut notices = desktop.notices().await?;
        let mut store = desktop.command("secret-tool");
        store.args(["store", "--label=x", "service", "khaya", "username", "p/session"]);
        khaya_tests::process::output(store, "a secret").await?;
        ensure!(desktop.secret("p/session").await?.as_deref() == Some("a secret"));
        ensure!(desktop.secret("p/other").await?.is_none());

        ensure!(notices.pending().await?.is_empty());
        let notify = ["call", "--session", "--dest=org.freedesktop.Notifications"];
        let notify = [&notify[..], &["--object-path=/org/freedesktop/Notifications"]].concat();
        let method = [
            "--method=org.freedesktop.Notifications.Notify",
            "--",
            "app",
            "0",
            "",
        ];
        let rest = ["Ada", "Hello", "['default', 'Open']", "{}", "-1"];
        desktop
            .run("gdbus", &[&notify[..], &method[..], &rest[..]].concat())
            .await?;
        let notice = notices.next().await?;
        let expected = Notice {
            process: notice.process,
            app: "app".to_owned(),
            replaces: 0,
            summary: "Ada".to_owned(),
            body: "Hello".to_owned(),
            actions: vec!["default".to_owned(), "Open".to_owned()],
        };
        ensure!(notice == expected, "{notice:?}");
        ensure!(notices.pending().await?.is_empty());
        desktop.click_notice().await
    })
    .await;
}

#[tokio::test]
async fn a_network_can_be_made_worse() -> Result<()> {
    let artifacts = Artifacts::new("harness_network")?;
    let server = BaseServer::start(&artifacts, &["polling", "websocket"]).await?;
    let proxy = Proxy::start(server.address()).await?;
    let ada = server.rest()?.sign_in("ada", PASSWORD).await?;
    let mut socket = Socket::start("socket", &artifacts)?;

    socket
        .connected(proxy.address(), &ada.token, &["websocket"])
        .await?;
    ensure!(proxy.seen().websocket == 1);

    proxy.set(Network::NoWebSockets);
    let gone = |told: &Value| told["told"] == "disconnect";
    socket.told("the end of the connection", gone).await?;
    let how = Connect {
        token: Some(&ada.token),
        transports: &["websocket"],
        ..Connect::default()
    };
    let refused = socket.connect(proxy.address(), how).await?;
    ensure!(refused["told"] == "connect_error", "{refused}");
    let told = socket
        .connected(proxy.address(), &ada.token, &["polling"])
        .await?;
    ensure!(told["transport"] == "polling", "{told}");

    proxy.set(Network::Down);
    socket.told("the end of the connection", gone).await?;
    Ok(())
}
