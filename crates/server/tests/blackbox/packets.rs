//! Packets that no client sends: they end the connection or are ignored, and nothing else happens.

use serde_json::json;

use crate::client::{Socket, Team};

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_connection() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    for packet in ["40{\"token\":\"x\"}", "42", "42{}", "4x", "9", "41"] {
        let mut socket = alice.socket().await;
        socket.write(packet.to_owned()).await;
        assert_eq!(socket.until_closed().await, Vec::<String>::new(), "{packet}");
    }
    let mut early = Socket::open(&team.url, "").await;
    early.write(r#"42["join_chat",{}]"#.to_owned()).await;
    assert_eq!(early.until_closed().await, Vec::<String>::new());
    let mut big = alice.socket().await;
    big.write(format!("42[\"a\",\"{}\"]", "x".repeat(70_000))).await;
    assert_eq!(big.until_closed().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_not_known_is_ignored_and_a_burst_is_served() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let mut socket = alice.socket().await;
    socket
        .write(r#"451-["picture",{"_placeholder":true,"num":0}]"#.to_owned())
        .await;
    socket.write_binary(vec![1, 2, 3]).await;
    socket.write(r#"42/admin,["a"]"#.to_owned()).await;
    socket.write("41/admin,".to_owned()).await;
    socket.write("43/admin,1[]".to_owned()).await;
    assert_eq!(
        socket.connect_to("/admin").await,
        r#"44/admin,{"message":"Invalid namespace"}"#
    );
    // A client that comes back sends at once what it gathered.
    let join = json!({"chatId": alice.group(&[]).await});
    for _ in 0..500 {
        socket.emit("join_chat", join.clone()).await;
    }
    assert_eq!(socket.ask("join_chat", join).await, json!({"ok": true}));
}
