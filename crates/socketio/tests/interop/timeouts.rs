//! Acknowledgements that do not come, and attempts to connect that take too long.

use std::time::Duration;

use khaya_socketio::{AckError, DeliveryStatus};
use serde_json::{Value, json};

use crate::{
    listening::{connected, socket},
    node::{PATIENCE, Server, over_each_link},
};

const SOON: Duration = Duration::from_millis(50);

#[tokio::test]
async fn while_not_connected_it_times_out_and_is_never_sent() {
    let server = Server::start().await;
    let client = server.client().build().unwrap();
    let (socket, mut told) = socket(&client, "/");
    let answer = socket.with_timeout(SOON).emit_with_ack("echo", &"late");
    let delivery = answer.delivery().unwrap().clone();
    let error = answer.await.unwrap_err();
    assert!(matches!(error, AckError::Timeout { written: false }), "{error:?}");
    assert!(error.is_unsent());
    assert_eq!(delivery.status(), DeliveryStatus::Dropped);
    assert_eq!(client.metrics().queued, 0);
    socket.connect();
    told.connected().await;
    let session: Value = socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    let packets = session["packets"].as_array().unwrap();
    assert_eq!(packets[0], "0");
    assert_eq!(packets.len(), 2, "{packets:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_times_out() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let it = connected(client).await;
        let error = it
            .socket
            .with_timeout(SOON)
            .emit_with_ack("never answered", &())
            .await
            .unwrap_err();
        assert!(matches!(error, AckError::Timeout { .. }), "{error:?}");
        assert_eq!(error.to_string(), "operation has timed out");
    })
    .await;
}

#[tokio::test]
async fn a_timeout_of_nothing_is_too_short() {
    let server = Server::start().await;
    let it = connected(server.client()).await;
    let error = it
        .socket
        .with_timeout(Duration::ZERO)
        .emit_with_ack("echo", &42)
        .await
        .unwrap_err();
    assert!(matches!(error, AckError::Timeout { .. }), "{error:?}");
    // The answer, if there was one, comes to nobody.
    assert_eq!(
        it.socket
            .emit_with_ack("echo", &43)
            .await
            .unwrap()
            .payload::<u32>()
            .unwrap(),
        43
    );
}

#[tokio::test]
async fn an_answer_in_time_is_an_answer() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        let answer = it.socket.with_timeout(PATIENCE).emit_with_ack("echo", &42).await;
        assert_eq!(answer.unwrap().payload::<u32>().unwrap(), 42);
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn the_sockets_own_timeout_holds_where_the_emit_has_none() {
    let server = Server::start().await;
    let client = server.client().build().unwrap();
    let (socket, _events) = client.socket("/").ack_timeout(SOON).build().unwrap();
    socket.connect();
    let error = socket.emit_with_ack("never answered", &()).await.unwrap_err();
    assert!(matches!(error, AckError::Timeout { .. }), "{error:?}");
    let answer = socket.with_timeout(PATIENCE).emit_with_ack("echo", &1).await;
    assert_eq!(answer.unwrap().payload::<u32>().unwrap(), 1);
}

#[tokio::test]
async fn an_attempt_of_no_time_at_all_fails_with_timeout() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let client = client.timeout(Duration::ZERO).build().unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.connect();
        let (message, data, active) = told.connect_error().await;
        assert_eq!(message, "timeout");
        assert_eq!((data, active), (None, true));
    })
    .await;
    let count: (u32, u32) = {
        let it = connected(server.client()).await;
        it.socket
            .emit_with_ack("count", &())
            .await
            .unwrap()
            .args()
            .unwrap()
    };
    assert_eq!(
        json!(count),
        json!((1, 1)),
        "an attempt that timed out left a session behind"
    );
}
