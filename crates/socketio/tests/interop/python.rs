//! python-socketio.

use crate::{
    listening::connected,
    node::{Link, Server},
    servers,
};

#[tokio::test]
async fn it_agrees() {
    let server = Server::python().await;
    servers::agree(&server.url).await;
}

#[tokio::test]
async fn no_body_has_more_packets_than_it_takes() {
    let server = Server::python().await;
    let it = connected(Link::Polling.client(&server.url)).await;
    // python-engineio refuses a body of more than 16 packets, and closes the session.
    let answers: Vec<_> = (0..500)
        .map(|number| it.socket.emit_with_ack("echo", &number))
        .collect();
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap().payload::<usize>().unwrap(), number);
    }
    assert_eq!(it.client.metrics().sessions, 1);
}
