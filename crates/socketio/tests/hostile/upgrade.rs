//! The upgrade, ended and spoilt at every step: polling goes on.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use khaya_socketio::Transport;

use crate::server::{Answer, End, Polled, Request, Told, Turn, client, http, patient_hello, serve, text};

/// A polling session whose WebSocket is answered with these bytes, and then closed or not. After the WebSocket
/// has been asked for, an event comes over polling.
async fn polling_goes_on(websocket: impl Fn(&Request) -> Answer + Send + Sync + 'static) {
    let polled = Polled::default();
    let asked = AtomicBool::new(false);
    let url = serve(move |request: &Request| {
        if request.is_websocket() {
            asked.store(true, SeqCst);
            return websocket(request);
        }
        match polled.turn(request, &patient_hello()) {
            Turn::Usual(answer) => answer,
            // Some more rounds, so that the WebSocket has time to spoil what it can.
            Turn::Get(turn) if turn > 20 && asked.load(SeqCst) => {
                Answer::More(http("200 OK", "42[\"goes on\"]"))
            }
            Turn::Get(_) => Answer::More(http("200 OK", "6")),
        }
    })
    .await;
    let mut told = Told::connect(client(&url, [Transport::Polling, Transport::WebSocket]));
    assert_eq!(told.begun().await, End::Connected);
    assert_eq!(told.event().await.name(), "goes on");
    assert_eq!(told.client.metrics().sessions, 1);
}

#[tokio::test]
async fn a_close_at_every_byte_before_the_probe_is_answered() {
    let probed = text("3probe");
    for cut in 0..129 + probed.len() {
        let probed = probed.clone();
        polling_goes_on(move |request| {
            let mut bytes = [request.accept(), probed.clone()].concat();
            bytes.truncate(cut);
            Answer::Last(bytes)
        })
        .await;
    }
}

#[tokio::test]
async fn answers_to_the_probe_that_are_none() {
    for wrong in [
        "3",
        "3prob",
        "3probe ",
        "2probe",
        "6",
        "1",
        r#"42["too early"]"#,
        "0{}",
        "nonsense",
        "",
    ] {
        polling_goes_on(move |request| Answer::Hang([request.accept(), text(wrong)].concat())).await;
    }
}

#[tokio::test]
async fn a_websocket_that_is_refused_or_never_answered() {
    polling_goes_on(|_| Answer::Last(http("400 Bad Request", r#"{"code":3,"message":"Bad request"}"#))).await;
    polling_goes_on(|_| Answer::Hang(Vec::new())).await;
    polling_goes_on(|request| Answer::Hang(request.accept())).await;
}
