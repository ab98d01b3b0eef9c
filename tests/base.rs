//! The same app, unchanged, against a server of level Base that is written with the official Node package: over
//! WebSocket, over polling only, and when the WebSocket is refused midway.
#![cfg(target_os = "linux")]

use anyhow::ensure;
use khaya_tests::{
    base::BaseServer,
    flow::{Level, Pair, shown_once},
    locator::{Role, containing},
    page::messages,
    proxy::{Network, Proxy},
    scenario::on_desktop,
    server::PASSWORD,
};

#[tokio::test]
async fn over_websocket() {
    on_desktop("base_websocket", async |desktop| {
        let server = BaseServer::start(desktop.artifacts(), &["polling", "websocket"]).await?;
        let pair = Pair::sign_in(desktop, server.address(), Level::Base).await?;
        pair.ada.page().transport("WebSocket").await?;
        pair.talk("once").await?;
        pair.write_elsewhere("once").await?;
        pair.talk("twice").await?;
        pair.sign_out().await
    })
    .await;
}

#[tokio::test]
async fn over_polling_only() {
    on_desktop("base_polling", async |desktop| {
        let server = BaseServer::start(desktop.artifacts(), &["polling"]).await?;
        let pair = Pair::sign_in(desktop, server.address(), Level::Base).await?;
        pair.ada.page().transport("Polling").await?;
        pair.talk("once").await?;
        pair.write_elsewhere("once").await?;
        pair.ada.page().transport("Polling").await?;
        pair.sign_out().await
    })
    .await;
}

#[tokio::test]
async fn when_the_websocket_is_refused_midway() {
    on_desktop("base_refused_midway", async |desktop| {
        let server = BaseServer::start(desktop.artifacts(), &["polling", "websocket"]).await?;
        let proxy = Proxy::start(server.address()).await?;
        let pair = Pair::sign_in(desktop, proxy.address(), Level::Base).await?;
        let (ada, bob) = (pair.ada.page(), pair.bob.page());
        ada.transport("WebSocket").await?;
        pair.talk("at first").await?;

        // The connections are cut, and no WebSocket comes through any more.
        proxy.set(Network::NoWebSockets);
        let account = server.rest()?.sign_in("ada", PASSWORD).await?;
        account.send("c1", "Said in between").await?;
        ada.transport("Polling").await?;
        bob.transport("Polling").await?;
        ensure!(
            proxy.seen().websocket > 2,
            "a WebSocket was tried again: {:?}",
            proxy.seen()
        );
        shown_once(ada, "Said in between", &[]).await?;
        shown_once(bob, "Said in between", &[]).await?;
        pair.talk("by polling").await?;

        // What was said at first is there once, too.
        for page in [ada, bob] {
            for text in ["Shall we, at first?", "We shall, at first.", "Said in between"] {
                let shown = page
                    .count(&messages().with(containing(Role::Item, &[text])))
                    .await?;
                ensure!(shown == 1, "“{text}” is shown {shown} times");
            }
        }
        pair.sign_out().await
    })
    .await;
}

#[tokio::test]
async fn when_no_websocket_is_ever_answered() {
    on_desktop("base_silent_websocket", async |desktop| {
        let server = BaseServer::start(desktop.artifacts(), &["polling", "websocket"]).await?;
        let proxy = Proxy::start(server.address()).await?;
        proxy.set(Network::SilentWebSockets);
        let pair = Pair::sign_in(desktop, proxy.address(), Level::Base).await?;
        pair.ada.page().transport("Polling").await?;
        pair.talk("in spite of it").await
    })
    .await;
}
