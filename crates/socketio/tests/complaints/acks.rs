//! Acknowledgements and attachments.

use futures_util::future::join_all;
use khaya_socketio::Binary;
use tokio_tungstenite::tungstenite::Message;

use crate::script::{HANDSHAKE, Script, connected, event};

/// #461: "cannot answer server acks".
#[tokio::test]
async fn a_server_that_asks_is_answered() {
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    let mut peer = script.connected(HANDSHAKE).await;
    peer.say(r#"420["question",1]"#).await;
    peer.say(r#"427["question",2]"#).await;
    for expected in [1, 2] {
        let mut question = event(&mut events, "question").await;
        assert_eq!(question.payload::<u32>().unwrap(), expected);
        question
            .take_responder()
            .unwrap()
            .reply_args(&(expected, "yes"))
            .unwrap();
    }
    peer.hears(r#"430[1,"yes"]"#).await;
    peer.hears(r#"437[2,"yes"]"#).await;
}

/// #422: "binary emit with ack sends the wrong type".
#[tokio::test]
async fn an_emit_with_bytes_and_an_ack_is_a_binary_event_with_an_id() {
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, _events) = client.socket("/").build().unwrap();
    socket.connect();
    let mut peer = script.connected(HANDSHAKE).await;
    let answer = socket.emit_with_ack("upload", &Binary(vec![1, 2, 3].into()));
    peer.hears(r#"451-0["upload",{"_placeholder":true,"num":0}]"#)
        .await;
    assert_eq!(peer.heard().await, Message::binary(vec![1, 2, 3]));
    peer.say(r#"461-0[{"_placeholder":true,"num":0}]"#).await;
    peer.say_bytes(&[4]).await;
    assert_eq!(
        answer.await.unwrap().payload::<Binary>().unwrap(),
        Binary(vec![4].into())
    );
}

/// Read in its code: the ids of acknowledgements are random below 999, and collide.
#[tokio::test]
async fn two_thousand_acks_under_way_have_two_thousand_ids() {
    const COUNT: usize = 2000;
    let script = Script::start().await;
    let client = script.client().build().unwrap();
    let (socket, mut events) = client.socket("/").build().unwrap();
    socket.connect();
    let mut peer = script.connected(HANDSHAKE).await;
    connected(&mut events).await;
    let answers: Vec<_> = (0..COUNT)
        .map(|number| socket.emit_with_ack("q", &number))
        .collect();
    for number in 0..COUNT {
        peer.hears(&format!("42{number}[\"q\",{number}]")).await;
    }
    // The last one is answered first.
    for number in (0..COUNT).rev() {
        peer.say(&format!("43{number}[{number}]")).await;
    }
    for (number, answer) in join_all(answers).await.into_iter().enumerate() {
        assert_eq!(answer.unwrap().payload::<usize>().unwrap(), number);
    }
}
