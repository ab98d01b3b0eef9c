//! Servers that say nothing more.

use khaya_socketio::{DisconnectReason, Transport};

use crate::server::{Answer, End, Polled, Request, Told, Turn, client, hello, over_websocket, serve, text};

#[tokio::test]
async fn over_websocket_it_is_a_ping_timeout() {
    let end = over_websocket(text(&hello()), text(r#"40{"sid":"a"}"#)).await;
    assert_eq!(end, End::Lost(DisconnectReason::PingTimeout));
}

#[tokio::test]
async fn over_polling_too() {
    let polled = Polled::default();
    let url = serve(move |request: &Request| match polled.turn(request, &hello()) {
        Turn::Usual(answer) => answer,
        Turn::Get(_) => Answer::Hang(Vec::new()),
    })
    .await;
    let mut told = Told::connect(client(&url, [Transport::Polling]));
    assert_eq!(told.lost().await, DisconnectReason::PingTimeout);
}

#[tokio::test]
async fn only_a_heartbeat_counts_as_one() {
    // Events come, and no heartbeat: the server that should send one is gone wrong.
    let mut said = text(r#"40{"sid":"a"}"#);
    said.extend((0..1000).flat_map(|_| text(r#"42["noise"]"#)));
    let end = over_websocket(text(&hello()), said).await;
    assert_eq!(end, End::Lost(DisconnectReason::PingTimeout));
}
