//! What every server must agree with the client about, whoever wrote it.
//!
//! A server under test has the namespaces `/`, which refuses the auth `{ "refuse": … }`, and `/foo`, and in
//! each the events `echo`, `say`, `ask` and `leave me` of the Node server.

use khaya_socketio::{Binary, DisconnectReason};
use serde_json::json;

use crate::{
    listening::{Listener, connected, socket},
    node::{Link, PATIENCE},
};

/// Runs all of it over each link.
pub(crate) async fn agree(url: &str) {
    for link in Link::ALL {
        eprintln!("over {link:?}");
        let run = Box::pin(agree_over(link, url));
        tokio::time::timeout(PATIENCE * 2, run)
            .await
            .unwrap_or_else(|_| panic!("over {link:?}: never ends"));
    }
}

async fn agree_over(link: Link, url: &str) {
    let mut it = connected(link.client(url)).await;

    // Acknowledgements, both ways.
    let answers: Vec<_> = (0..200)
        .map(|number| it.socket.emit_with_ack("echo", &number))
        .collect();
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap().payload::<usize>().unwrap(), number);
    }
    it.socket.emit("ask", &"what?").unwrap();
    let mut question = it.told.event("question").await;
    assert_eq!(question.payload::<String>().unwrap(), "what?");
    question.take_responder().unwrap().reply(&"that").unwrap();
    assert_eq!(it.told.payload::<String>("answered").await, "that");

    // Order, every script, and bytes among the text.
    for number in 0..200 {
        it.socket.emit_args("say", &("number", number)).unwrap();
    }
    for number in 0..200 {
        assert_eq!(it.told.payload::<u32>("number").await, number);
    }
    it.socket
        .emit_args("say", &("text", "Я てすと €\u{10000}"))
        .unwrap();
    assert_eq!(it.told.payload::<String>("text").await, "Я てすと €\u{10000}");
    let bytes = Binary(vec![0, 1, 2, 254, 255].into());
    it.socket.emit_args("say", &("bytes", &bytes)).unwrap();
    assert_eq!(it.told.payload::<Binary>("bytes").await, bytes);
    let echoed = it.socket.emit_with_ack("echo", &bytes).await.unwrap();
    assert_eq!(echoed.payload::<Binary>().unwrap(), bytes);

    // Another namespace, and one that is refused.
    let (second, mut second_told) = socket(&it.client, "/foo");
    second.connect();
    second_told.connected().await;
    assert_eq!(
        second
            .emit_with_ack("echo", &"foo")
            .await
            .unwrap()
            .payload::<String>()
            .unwrap(),
        "foo"
    );
    let other = link.client(url).build().unwrap();
    let (refused, events) = other
        .socket("/")
        .auth(json!({ "refuse": "not you" }))
        .build()
        .unwrap();
    refused.connect();
    let (message, _, active) = Listener::new(events).connect_error().await;
    assert_eq!((message.as_str(), active), ("not you", false));

    // The end, and coming back.
    it.told.ran_over(link).await;
    second.emit("leave me", &()).unwrap();
    assert_eq!(
        second_told.disconnected().await,
        DisconnectReason::ServerDisconnect
    );
    it.client.network_changed();
    it.told.disconnected().await;
    it.told.connected().await;
    assert_eq!(
        it.socket
            .emit_with_ack("echo", &1)
            .await
            .unwrap()
            .payload::<u32>()
            .unwrap(),
        1
    );
}
