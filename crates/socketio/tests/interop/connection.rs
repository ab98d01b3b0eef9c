//! Connecting, and the plainest traffic.

use khaya_socketio::{Binary, Client, ConnectionEvent, DeliveryStatus, SocketEvent, Transport};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_tungstenite::accept_async;

use crate::{
    listening::{Listener, connected, connected_to, socket},
    node::{Link, Server, over_each_link, soon},
};

#[tokio::test]
async fn connects_and_is_answered() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        it.socket.emit_args("say", &("hi", 1)).unwrap();
        assert_eq!(it.told.payload::<u32>("hi").await, 1);
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_before_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::builder(&url).build().unwrap();
    let (never_connected, told) = socket(&client, "/");
    let queued = never_connected.emit("hi", &()).unwrap();
    // All that the client had to do is done once it is gone.
    drop((client, never_connected, told));
    assert_eq!(queued.left_queue().await, DeliveryStatus::Dropped);
    let accepted = futures_util::poll!(std::pin::pin!(listener.accept()));
    assert!(accepted.is_pending(), "somebody connected");
}

#[tokio::test]
async fn the_id_is_the_servers_and_not_the_sessions() {
    let server = Server::start().await;
    for namespace in ["/", "/foo"] {
        over_each_link(&server, async move |_, client| {
            let client = client.build().unwrap();
            let (socket, mut told) = socket(&client, namespace);
            socket.connect();
            let sid = told
                .connection(|event| match event {
                    ConnectionEvent::Opened { sid, .. } => Some(sid.to_string()),
                    _ => None,
                })
                .await;
            let id = told.connected().await;
            let servers: String = socket.emit_with_ack("id", &()).await.unwrap().payload().unwrap();
            assert_eq!(id, servers);
            assert_ne!(id, sid);
        })
        .await;
    }
}

#[tokio::test]
async fn each_connect_has_an_id_of_its_own() {
    let server = Server::start().await;
    let mut it = connected(server.client()).await;
    it.socket.disconnect();
    it.told.disconnected().await;
    it.socket.connect();
    assert_ne!(it.told.connected().await, it.id);
}

#[tokio::test]
async fn two_clients_are_two_sessions() {
    let server = Server::start().await;
    let one = connected(server.client()).await;
    let other = connected(server.client().query([("woot", "")])).await;
    let (sessions, open): (u32, u32) = one
        .socket
        .emit_with_ack("count", &())
        .await
        .unwrap()
        .args()
        .unwrap();
    assert_eq!((sessions, open), (2, 2));
    drop(other);
}

#[tokio::test]
async fn the_query_arrives_as_it_was_meant() {
    let server = Server::start().await;
    over_each_link(&server, async move |_, client| {
        let it = connected(client.query([("e", "f"), ("&a", "&=?a"), ("ü", "€ ")])).await;
        let handshake: Value = it
            .socket
            .emit_with_ack("handshake", &())
            .await
            .unwrap()
            .payload()
            .unwrap();
        assert_eq!(handshake["query"]["e"], "f");
        assert_eq!(handshake["query"]["&a"], "&=?a");
        assert_eq!(handshake["query"]["ü"], "€ ");
    })
    .await;
}

#[tokio::test]
async fn the_query_of_the_url_arrives_too() {
    let server = Server::start().await;
    let url = format!("{}/?b=c&d=e", server.url);
    let mut it = connected_to(Link::WebSocket.client(&url), "/handshake").await;
    let handshake: Value = it.told.payload("handshake").await;
    assert_eq!(handshake["query"]["b"], "c");
    assert_eq!(handshake["query"]["d"], "e");
}

#[tokio::test]
async fn auth_arrives_and_stays_out_of_the_query() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let client = client.build().unwrap();
        let given = client.socket("/handshake").auth(json!({ "a": "b", "c": "d" }));
        let asked = client.socket("/other").auth_with(async || json!({ "e": "f" }));
        let (socket, events) = given.build().unwrap();
        socket.connect();
        let handshake: Value = Listener::new(events).payload("handshake").await;
        assert_eq!(handshake["auth"], json!({ "a": "b", "c": "d" }));
        assert_eq!(handshake["query"].get("a"), None);

        let (socket, _events) = asked.build().unwrap();
        socket.connect();
        let handshake: Value = socket
            .emit_with_ack("handshake", &())
            .await
            .unwrap()
            .payload()
            .unwrap();
        assert_eq!(handshake["auth"], json!({ "e": "f" }));
        assert_eq!(handshake["query"].get("e"), None);
    })
    .await;
}

#[tokio::test]
async fn json_of_every_kind_goes_both_ways() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        for value in [
            json!(false),
            json!(null),
            json!(0),
            json!(-1.5e300),
            json!(""),
            json!([]),
            json!({ "a": { "b": [1, null, "\u{1e}"] } }),
            json!("てすと"),
            json!("Я Б Г Д Ж Й"),
            json!("Ä ä Ü ü ß"),
            json!("cash money €€€"),
            json!("\u{10000}-\u{dffff}\u{f0000}-\u{10ffff}\u{e000}-\u{f8ff}"),
            json!("\u{0}\u{8}\u{2028}\\\"/"),
        ] {
            it.socket.emit_args("say", &("value", &value)).unwrap();
            assert_eq!(it.told.payload::<Value>("value").await, value);
            let echoed = it.socket.emit_with_ack("echo", &value).await.unwrap();
            assert_eq!(echoed.payload::<Value>().unwrap(), value);
        }
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn a_date_comes_as_a_string() {
    let server = Server::start().await;
    let it = connected(server.client()).await;
    let dates = it.socket.emit_with_ack("date", &()).await.unwrap();
    let (date, inside): (String, Value) = dates.args().unwrap();
    assert_eq!(date, "1970-01-01T00:00:00.000Z");
    assert_eq!(inside, json!({ "date": date }));
}

#[tokio::test]
async fn the_stream_has_every_event_with_its_name_and_arguments() {
    let server = Server::start().await;
    let mut it = connected(server.client()).await;
    for name in ["my-event", "\"quoted\\name\"", "日本", "message"] {
        it.socket.emit_args("say", &(name, "123", [4])).unwrap();
        let event = it
            .told
            .until(|event| match event {
                SocketEvent::Event(event) => Some(event),
                _ => None,
            })
            .await;
        assert_eq!(event.name(), name);
        assert_eq!(event.json(), "\"123\",[4]");
        assert_eq!(
            event.args::<(String, Vec<u32>)>().unwrap(),
            ("123".to_owned(), vec![4])
        );
    }
}

#[tokio::test]
async fn what_goes_out_is_told_as_it_goes() {
    let server = Server::start().await;
    let client = server.client().build().unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let (socket, _events) = client
        .socket("/")
        .on_outgoing(move |name, json| drop(tell.send((name.to_owned(), json.to_owned()))))
        .build()
        .unwrap();
    // What is dropped never goes.
    socket.volatile().emit("dropped", &()).unwrap();
    socket.emit("my-event", &"123").unwrap();
    socket.connect();
    let bytes = Binary(vec![1, 2, 3].into());
    socket.emit_args_with_ack("echo", &(1, bytes)).await.unwrap();
    let heard = (told.recv().await.unwrap(), told.recv().await.unwrap());
    let pair = |name: &str, json: &str| (name.to_owned(), json.to_owned());
    assert_eq!(
        heard,
        (
            pair("my-event", "\"123\""),
            pair("echo", r#"1,{"_placeholder":true,"num":0}"#)
        )
    );
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_thousand_events_come_in_order() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        it.socket.emit("say many", &1000).unwrap();
        for expected in 0..1000 {
            assert_eq!(it.told.payload::<u32>("number").await, expected);
        }
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_emitted_before_and_at_connect_goes_in_order() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let client = client.build().unwrap();
        let (socket, mut told) = socket(&client, "/");
        socket.emit_args("say", &("number", 0)).unwrap();
        socket.emit_args("say", &("number", 1)).unwrap();
        socket.connect();
        told.connected().await;
        socket.emit_args("say", &("number", 2)).unwrap();
        for expected in 0..3 {
            assert_eq!(told.payload::<u32>("number").await, expected);
        }
        told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn a_volatile_event_is_dropped_while_not_connected() {
    let server = Server::start().await;
    let client = server.client().build().unwrap();
    let (socket, mut told) = socket(&client, "/");
    let dropped = socket.volatile().emit_args("say", &("hi", "volatile")).unwrap();
    let refused = socket.volatile().emit_with_ack("echo", &1);
    socket.emit_args("say", &("hi", "kept")).unwrap();
    socket.connect();
    assert_eq!(told.payload::<String>("hi").await, "kept");
    assert_eq!(dropped.left_queue().await, DeliveryStatus::Dropped);
    assert!(refused.await.unwrap_err().is_unsent());
}

#[tokio::test]
async fn a_volatile_event_is_dropped_while_the_transport_is_busy() {
    let server = Server::start().await;
    let mut it = connected(Link::Polling.client(&server.url)).await;
    // The POST with the first one is under way when the second one is looked at.
    it.socket.emit_args("say", &("hi", "kept")).unwrap();
    let dropped = it
        .socket
        .volatile()
        .emit_args("say", &("hi", "volatile"))
        .unwrap();
    assert_eq!(dropped.left_queue().await, DeliveryStatus::Dropped);
    it.socket.emit_args("say", &("hi", "kept too")).unwrap();
    assert_eq!(it.told.payload::<String>("hi").await, "kept");
    assert_eq!(it.told.payload::<String>("hi").await, "kept too");
}

#[tokio::test]
async fn a_volatile_event_is_sent_when_it_can_be() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        it.told.ran_over(link).await;
        let answer = it.socket.volatile().emit_with_ack("echo", &1).await;
        assert_eq!(answer.unwrap().payload::<u32>().unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn names_that_the_protocol_keeps_are_refused() {
    let server = Server::start().await;
    let it = connected(server.client()).await;
    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ] {
        let error = it.socket.emit(name, &"goodbye").unwrap_err();
        assert_eq!(error.to_string(), format!("reserved event name: {name}"));
    }
}

#[tokio::test]
async fn a_server_of_socket_io_2_is_a_connect_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // It says CONNECT by itself and gives no id; no Node server of today does.
    let server = tokio::spawn(async move {
        use futures_util::{SinkExt as _, StreamExt as _};
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = accept_async(stream).await.unwrap();
        let hello = r#"0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
        server.send(hello.into()).await.unwrap();
        server.send("40".into()).await.unwrap();
        while server.next().await.is_some_and(|message| message.is_ok()) {}
    });
    let client = Client::builder(&url)
        .transports([Transport::WebSocket])
        .reconnection(soon())
        .build()
        .unwrap();
    let (socket, mut told) = socket(&client, "/");
    socket.connect();
    let (message, _, active) = told.connect_error().await;
    assert!(message.contains("2.x") || message.contains("v2"), "{message}");
    assert!(!active);
    server.abort();
}
