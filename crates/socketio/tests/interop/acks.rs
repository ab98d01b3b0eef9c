//! Acknowledgements, in both directions.

use futures_util::future::join_all;
use khaya_socketio::{AckError, DeliveryStatus};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    listening::{Listener, connected, connected_to, socket},
    node::{PATIENCE, Server, over_each_link},
};

#[tokio::test]
async fn the_answer_has_all_its_arguments() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        let one = it.socket.emit_with_ack("echo", &123).await.unwrap();
        assert_eq!(one.payload::<u32>().unwrap(), 123);
        let several = it
            .socket
            .emit_args_with_ack("echo", &(1, "a", json!({ "b": null })))
            .await
            .unwrap();
        assert_eq!(several.json(), r#"1,"a",{"b":null}"#);
        let none = it.socket.emit_with_ack("echo", &()).await.unwrap();
        assert_eq!(none.json(), "");
        assert_eq!(none.payload::<Option<u32>>().unwrap(), None);
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn a_namespace_has_acknowledgements_of_its_own() {
    let server = Server::start().await;
    let it = connected_to(server.client(), "/foo").await;
    let (root, _told) = socket(&it.client, "/");
    root.connect();
    let (foo, root) = tokio::join!(
        it.socket.emit_with_ack("echo", &"foo"),
        root.emit_with_ack("echo", &"root")
    );
    assert_eq!(foo.unwrap().payload::<String>().unwrap(), "foo");
    assert_eq!(root.unwrap().payload::<String>().unwrap(), "root");
}

#[tokio::test]
async fn a_thousand_at_once_get_each_its_own_answer() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        let answers = join_all((0..1000).map(|number| it.socket.emit_with_ack("echo", &number))).await;
        for (number, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer.unwrap().payload::<usize>().unwrap(), number);
        }
        it.told.ran_over(link).await;
    })
    .await;
}

/// Whoever awaits an answer in the loop that takes the events takes none meanwhile.
#[tokio::test]
async fn an_answer_behind_more_events_than_there_is_room_for_comes_nevertheless() {
    const EVENTS: u32 = 2000;
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let client = client.build().unwrap();
        let (socket, events) = client.socket("/").event_capacity(200).build().unwrap();
        let mut told = Listener::new(events);
        socket.connect();
        told.connected().await;
        socket.emit("say many", &EVENTS).unwrap();
        for number in 0..EVENTS {
            assert_eq!(told.payload::<u32>("number").await, number);
            if number == 0 {
                let answer = timeout(PATIENCE, socket.emit_with_ack("echo", &"in the loop")).await;
                let answer = answer.expect("an answer comes").unwrap();
                assert_eq!(answer.payload::<String>().unwrap(), "in the loop");
            }
        }
        told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn the_server_asks_and_is_answered() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        it.socket.emit_args("ask", &("what?", 1)).unwrap();
        let mut question = it.told.event("question").await;
        assert_eq!(question.json(), "\"what?\",1");
        assert!(question.wants_ack());
        let responder = question.take_responder().unwrap();
        assert!(question.take_responder().is_none(), "an answer is given once");
        responder.reply_args(&(5, json!({ "test": true }))).unwrap();
        let answered = it.told.event("answered").await;
        assert_eq!(answered.json(), r#"5,{"test":true}"#);

        it.socket.emit("ask", &()).unwrap();
        let mut question = it.told.event("question").await;
        question.take_responder().unwrap().reply(&()).unwrap();
        assert_eq!(it.told.event("answered").await.json(), "");
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn an_event_that_wants_no_answer_takes_none() {
    let server = Server::start().await;
    let mut it = connected(server.client()).await;
    it.socket.emit_args("say", &("hi",)).unwrap();
    let mut event = it.told.event("hi").await;
    assert!(!event.wants_ack());
    assert!(event.take_responder().is_none());
}

#[tokio::test]
async fn a_question_that_is_left_alone_is_never_answered() {
    let server = Server::start().await;
    let mut it = connected(server.client()).await;
    it.socket.emit("ask in vain", &()).unwrap();
    drop(it.told.event("question").await);
    assert!(it.told.payload::<bool>("unanswered").await);
}

#[tokio::test]
async fn an_answer_for_a_session_that_is_gone_is_not_sent_on_the_next() {
    let server = Server::start().await;
    let mut it = connected(server.client()).await;
    it.socket.emit("ask", &1).unwrap();
    let responder = it.told.event("question").await.take_responder().unwrap();
    it.socket.emit("cut", &()).unwrap();
    it.told.disconnected().await;
    it.told.connected().await;
    responder.reply(&"too late").unwrap();
    let session: Value = it
        .socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    assert_eq!(session["packets"], json!(["0", "20[\"session\"]"]));
}

#[tokio::test]
async fn what_answers_twice_is_heard_once() {
    let server = Server::start().await;
    let it = connected(server.client()).await;
    assert_eq!(
        it.socket
            .emit_with_ack("twice", &())
            .await
            .unwrap()
            .payload::<u32>()
            .unwrap(),
        1
    );
    assert_eq!(
        it.socket
            .emit_with_ack("echo", &3)
            .await
            .unwrap()
            .payload::<u32>()
            .unwrap(),
        3
    );
}

#[tokio::test]
async fn a_forgotten_answer_disturbs_no_other() {
    let server = Server::start().await;
    let mut it = connected(server.client()).await;
    drop(it.socket.emit_with_ack("echo", &1));
    let mut polled = it.socket.emit_with_ack("echo", &2);
    assert!(futures_util::poll!(&mut polled).is_pending());
    drop(polled);
    it.socket.emit_args("say", &("hi",)).unwrap();
    it.told.event("hi").await;
    let session: Value = it
        .socket
        .emit_with_ack("session", &())
        .await
        .unwrap()
        .payload()
        .unwrap();
    assert_eq!(
        session["packets"],
        json!([
            "0",
            "20[\"echo\",1]",
            "21[\"echo\",2]",
            "2[\"say\",\"hi\"]",
            "22[\"session\"]"
        ])
    );
}

#[tokio::test]
async fn the_delivery_ends_as_acknowledged() {
    let server = Server::start().await;
    let it = connected(server.client()).await;
    let answer = it.socket.emit_with_ack("echo", &1);
    let delivery = answer.delivery().unwrap().clone();
    answer.await.unwrap();
    assert_eq!(delivery.status(), DeliveryStatus::Acknowledged);
}

#[tokio::test]
async fn a_disconnect_answers_all_that_wait() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let it = connected(client).await;
        let plain = it.socket.emit_with_ack("never answered", &1);
        let timed = it
            .socket
            .with_timeout(PATIENCE)
            .emit_with_ack("never answered", &2);
        // Both are surely written once this is answered.
        it.socket.emit_with_ack("echo", &3).await.unwrap();
        it.socket.disconnect();
        assert!(matches!(plain.await, Err(AckError::Disconnected)));
        assert!(matches!(timed.await, Err(AckError::Disconnected)));
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_answers_what_was_written_and_keeps_what_was_not() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let mut it = connected(client).await;
        let written = it.socket.emit_with_ack("cut", &());
        let reason = it.told.disconnected().await;
        assert!(reason.reconnects(), "{reason:?}");
        let error = written.await.unwrap_err();
        assert!(!error.is_unsent(), "{error:?}");
        it.told.connected().await;
        it.socket.emit_with_ack("echo", &1).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_was_never_sent_is_answered_after_the_next_connect() {
    let server = Server::start().await;
    let mut it = connected(server.client()).await;
    it.socket.disconnect();
    it.told.disconnected().await;
    let mut waiting = it.socket.emit_with_ack("echo", &"a");
    assert!(futures_util::poll!(&mut waiting).is_pending());
    it.socket.connect();
    assert_eq!(waiting.await.unwrap().payload::<String>().unwrap(), "a");
}
