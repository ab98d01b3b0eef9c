//! socketioxide, in a task of the test itself.

use axum::Router;
use rmpv::Value;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef, TryData},
    handler::ConnectHandler as _,
};
use tokio::net::TcpListener;

use crate::{node::PATIENCE, servers};

#[tokio::test]
async fn it_agrees() {
    let (layer, io) = SocketIo::builder()
        .ack_timeout(PATIENCE)
        .max_buffer_size(4096)
        .build_layer();
    for namespace in ["/", "/foo"] {
        io.ns(namespace, connected.with(serve));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, Router::new().layer(layer)).await });
    servers::agree(&url).await;
    server.abort();
}

async fn connected(_socket: SocketRef) {}

/// Before the CONNECT is answered, which socketioxide does before it calls `connected`: so no event is missed.
async fn serve(socket: SocketRef, TryData(auth): TryData<serde_json::Value>) -> Result<(), String> {
    if let Some(refusal) = auth
        .ok()
        .and_then(|auth| Some(auth.get("refuse")?.as_str()?.to_owned()))
    {
        return Err(refusal);
    }
    socket.on("echo", async |Data(value): Data<Value>, ack: AckSender| {
        ack.send(&value).expect("the client is there");
    });
    socket.on(
        "say",
        async |socket: SocketRef, Data((name, value)): Data<(String, Value)>| {
            socket.emit(name, &value).expect("the client is there");
        },
    );
    socket.on("ask", async |socket: SocketRef, Data(value): Data<Value>| {
        let answer = socket
            .emit_with_ack::<_, Value>("question", &value)
            .expect("the client is there");
        let answer = answer.await.expect("it answers in time");
        socket.emit("answered", &answer).expect("the client is there");
    });
    socket.on("leave me", async |socket: SocketRef| {
        let _ = socket.disconnect();
    });
    Ok(())
}
