//! Ending: by the client, by letting go of it, by the server.

use khaya_socketio::{ConnectionEvent, DisconnectReason};

use crate::{
    listening::{Connected, Listener, connected, socket},
    node::{Server, over_each_link},
};

/// Asks until the server has no session but the observer's.
async fn alone(observer: &Connected) {
    loop {
        let count = observer.socket.emit_with_ack("count", &()).await.unwrap();
        let (_, open): (u32, u32) = count.args().unwrap();
        if open == 1 {
            return;
        }
    }
}

/// Waits until the session has ended.
async fn closed(told: &mut Listener) {
    told.connection(|event| matches!(event, ConnectionEvent::Closed { .. }).then_some(()))
        .await;
}

#[tokio::test]
async fn a_closed_client_is_gone_from_the_server_and_does_not_come_back() {
    let server = Server::start().await;
    let observer = connected(server.client()).await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        it.told.ran_over(link).await;
        it.client.close();
        assert_eq!(it.told.disconnected().await, DisconnectReason::ForcedClose);
        // It comes back when it is asked to.
        it.socket.connect();
        it.told.connected().await;
        it.client.close();
        assert_eq!(it.told.disconnected().await, DisconnectReason::ForcedClose);
        closed(&mut it.told).await;
        assert_eq!(it.client.metrics().reconnect_attempts, 0);
    })
    .await;
    alone(&observer).await;
}

#[tokio::test]
async fn a_client_that_nobody_holds_is_gone_from_the_server() {
    let server = Server::start().await;
    let observer = connected(server.client()).await;
    over_each_link(&server, async |_, client| {
        drop(connected(client).await);
    })
    .await;
    alone(&observer).await;
}

#[tokio::test]
async fn closed_in_the_middle_of_the_upgrade_it_is_closed() {
    let server = Server::start().await;
    let observer = connected(server.client()).await;
    over_each_link(&server, async |_, client| {
        let client = client.build().unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        told.connection(|event| matches!(event, ConnectionEvent::Opened { .. }).then_some(()))
            .await;
        client.close();
        closed(&mut told).await;
    })
    .await;
    alone(&observer).await;
}

#[tokio::test]
async fn the_server_closes_everything() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected(client).await;
        it.socket.emit("close", &()).unwrap();
        assert_eq!(it.told.disconnected().await, DisconnectReason::ServerDisconnect);
    })
    .await;
}
