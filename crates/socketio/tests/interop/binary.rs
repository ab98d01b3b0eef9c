//! Binary attachments, and the text they are taken out of.

use khaya_socketio::{Binary, EmitError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    listening::{connected, connected_to},
    node::{Server, over_each_link},
};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Upload {
    hello: String,
    content: Binary,
    parts: Vec<Option<Binary>>,
}

fn binary(bytes: &[u8]) -> Binary {
    Binary(bytes.to_vec().into())
}

fn upload() -> Upload {
    Upload {
        hello: "lol".to_owned(),
        content: binary(&[0, 1, 2, 255]),
        parts: vec![Some(binary(b"asdf")), None, Some(binary(&[]))],
    }
}

#[tokio::test]
async fn the_server_gets_bytes_wherever_they_stand() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        let kinds = it
            .socket
            .emit_args_with_ack("kinds", &(binary(&[1, 2, 3]), upload(), "text"))
            .await;
        let (alone, inside, text): (Value, Value, Value) = kinds.unwrap().payload().unwrap();
        assert_eq!(alone, json!({ "bytes": [1, 2, 3] }));
        assert_eq!(
            inside,
            json!({
                "hello": "lol",
                "content": { "bytes": [0, 1, 2, 255] },
                "parts": [{ "bytes": [97, 115, 100, 102] }, null, { "bytes": [] }],
            })
        );
        assert_eq!(text, "text");
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn bytes_come_back_as_they_went() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        it.socket
            .emit_args("say", &("doge", binary(b"asdfasdf")))
            .unwrap();
        let event = it.told.event("doge").await;
        assert_eq!(event.attachments().len(), 1);
        assert_eq!(event.payload::<Binary>().unwrap(), binary(b"asdfasdf"));

        it.socket.emit_args("say", &("upload", upload())).unwrap();
        assert_eq!(it.told.payload::<Upload>("upload").await, upload());
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn acknowledgements_carry_bytes_both_ways() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected_to(client, "/cool").await;
        let echoed = it
            .socket
            .emit_args_with_ack("echo", &(upload(), binary(b"xxx")))
            .await
            .unwrap();
        assert_eq!(
            echoed.args::<(Upload, Binary)>().unwrap(),
            (upload(), binary(b"xxx"))
        );

        it.socket.emit("ask", &binary(b"question")).unwrap();
        let mut question = it.told.event("question").await;
        assert_eq!(question.payload::<Binary>().unwrap(), binary(b"question"));
        question.take_responder().unwrap().reply(&upload()).unwrap();
        assert_eq!(it.told.payload::<Upload>("answered").await, upload());
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn text_and_bytes_keep_their_order() {
    let server = Server::start().await;
    over_each_link(&server, async |link, client| {
        let mut it = connected(client).await;
        for number in 0..100_u8 {
            it.socket.emit_args("say", &("bytes", binary(&[number]))).unwrap();
            it.socket.emit_args("say", &("text", number)).unwrap();
        }
        for number in 0..100_u8 {
            assert_eq!(it.told.payload::<Binary>("bytes").await, binary(&[number]));
            assert_eq!(it.told.payload::<u8>("text").await, number);
        }
        it.told.ran_over(link).await;
    })
    .await;
}

#[tokio::test]
async fn half_a_megabyte_goes_both_ways() {
    let server = Server::start().await;
    let large: Vec<u8> = (0..500_000_u32)
        .map(|number| number.to_le_bytes()[number as usize % 3])
        .collect();
    over_each_link(&server, |link, client| {
        let large = binary(&large);
        async move {
            let mut it = connected(client).await;
            let echoed = it.socket.emit_with_ack("echo", &large).await.unwrap();
            assert_eq!(echoed.payload::<Binary>().unwrap(), large);
            it.told.ran_over(link).await;
        }
    })
    .await;
}

#[tokio::test]
async fn ten_attachments_go_and_eleven_are_refused() {
    let server = Server::start().await;
    over_each_link(&server, async |_, client| {
        let it = connected(client).await;
        let many = |count: u8| (0..count).map(|number| binary(&[number])).collect::<Vec<_>>();
        let echoed = it.socket.emit_args_with_ack("echo", &many(10)).await.unwrap();
        assert_eq!(echoed.attachments().len(), 10);
        assert_eq!(echoed.args::<Vec<Binary>>().unwrap(), many(10));
        let error = it.socket.emit_args("echo", &many(11)).unwrap_err();
        assert!(matches!(error, EmitError::Arguments(_)), "{error}");
    })
    .await;
}

#[tokio::test]
async fn packets_are_written_as_the_official_encoder_writes_them() {
    let server = Server::start().await;
    let it = connected_to(server.client(), "/deep").await;
    it.socket.emit("plain", &()).unwrap();
    it.socket.emit_args("a", &(1, json!({}))).unwrap();
    it.socket.emit("quoted \"\\\u{7}", &"€").unwrap();
    it.socket.emit("a", &binary(b"abc")).unwrap();
    it.socket
        .emit_args(
            "a",
            &(
                "b",
                4,
                json!({ "g": null }),
                binary(&[0; 9]),
                vec![binary(&[0; 3])],
            ),
        )
        .unwrap();
    it.socket.emit("upload", &upload()).unwrap();
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
            "0/deep,",
            r#"2/deep,["plain"]"#,
            r#"2/deep,["a",1,{}]"#,
            r#"2/deep,["quoted \"\\\u0007","€"]"#,
            r#"51-/deep,["a",{"_placeholder":true,"num":0}]"#,
            "<3 bytes>",
            r#"52-/deep,["a","b",4,{"g":null},{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]"#,
            "<9 bytes>",
            "<3 bytes>",
            r#"53-/deep,["upload",{"hello":"lol","content":{"_placeholder":true,"num":0},"parts":[{"_placeholder":true,"num":1},null,{"_placeholder":true,"num":2}]}]"#,
            "<4 bytes>",
            "<4 bytes>",
            "<0 bytes>",
            r#"2/deep,0["session"]"#
        ])
    );
}
