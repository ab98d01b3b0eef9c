//! The official `socket.io-client` from npm against `khaya-server`.

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use khaya_tests::{
    artifacts::Artifacts,
    node::{Connect, Socket, message_of},
    server::PASSWORD,
    team::Team,
    wait::eventually,
};
use serde_json::{Value, json};

const POLLING: &[&str] = &["polling"];
const WEBSOCKET: &[&str] = &["websocket"];
/// What the package does by itself: polling first, then an upgrade.
const BY_ITSELF: &[&str] = &["polling", "websocket"];

#[tokio::test]
async fn chats_over_polling() -> Result<()> {
    chats("interop_polling", POLLING).await
}

#[tokio::test]
async fn chats_over_websocket() -> Result<()> {
    chats("interop_websocket", WEBSOCKET).await
}

#[tokio::test]
async fn upgrades_from_polling_to_websocket_and_chats() -> Result<()> {
    let artifacts = Artifacts::new("interop_upgrade")?;
    let team = Team::start(&artifacts, &[]).await?;
    let mut ada = Socket::start("ada", &artifacts)?;
    let told = ada.connected(team.address(), &team.ada.token, BY_ITSELF).await?;
    // It begins with polling; the upgrade may be done before the server answers the CONNECT, or after.
    if told["transport"] == "polling" {
        let told = ada.told("an upgrade", |told| told["told"] == "upgrade").await?;
        ensure!(told["transport"] == "websocket", "{told}");
    }
    team.bob.send(&team.direct, "after the upgrade").await?;
    let event = ada.event("new_message").await?;
    ensure!(message_of(&event)? == (team.direct.as_str(), "after the upgrade"));
    Ok(())
}

#[tokio::test]
async fn a_connection_without_a_good_token_is_refused() -> Result<()> {
    let artifacts = Artifacts::new("interop_refused")?;
    let team = Team::start(&artifacts, &[]).await?;
    let good = team.ada.token.as_str();
    let (head, signature) = good.rsplit_once('.').expect("a JWT has three parts");
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let unsigned = format!(
        "{}.{}.",
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0",
        head.split_once('.').expect("two").1
    );
    let mut socket = Socket::start("socket", &artifacts)?;
    for transports in [POLLING, WEBSOCKET] {
        for (what, token, query_token) in [
            ("no token", None, None),
            ("no JWT", Some("nonsense"), None),
            ("an empty token", Some(""), None),
            ("a forged signature", Some(forged.as_str()), None),
            ("no signature", Some(unsigned.as_str()), None),
            ("a token in the query", None, Some(good)),
            ("a token in the query too", Some(good), Some(good)),
        ] {
            let how = Connect {
                token,
                query_token,
                transports,
                origin: None,
            };
            let told = socket.connect(team.address(), how).await?;
            ensure!(
                refused_as(&told, "unauthorized"),
                "{what} over {transports:?}: {told}"
            );
        }
        socket.connected(team.address(), good, transports).await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_expired_token_is_refused_and_ends_a_live_connection() -> Result<()> {
    let artifacts = Artifacts::new("interop_expired")?;
    let team = Team::start(&artifacts, &["--token-ttl", "6"]).await?;
    for transports in [POLLING, WEBSOCKET] {
        let mut socket = Socket::start("socket", &artifacts)?;
        let ada = team.server.rest()?.sign_in("ada", PASSWORD).await?;
        socket.connected(team.address(), &ada.token, transports).await?;
        socket
            .told("the end of the connection", |told| told["told"] == "disconnect")
            .await?;
        let told = eventually("the token to be refused", async || {
            let how = Connect {
                token: Some(&ada.token),
                transports,
                ..Connect::default()
            };
            let told = socket.connect(team.address(), how).await?;
            Ok((told["told"] == "connect_error").then_some(told))
        })
        .await?;
        ensure!(refused_as(&told, "token_expired"), "{transports:?}: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn a_fresh_token_keeps_a_live_connection() -> Result<()> {
    let artifacts = Artifacts::new("interop_authenticate")?;
    let team = Team::start(&artifacts, &["--token-ttl", "10"]).await?;
    let first = sign_in_whole(&team).await?;
    let mut socket = Socket::start("socket", &artifacts)?;
    let token = |answer: &Value| answer["token"].as_str().unwrap_or_default().to_owned();
    socket
        .connected(team.address(), &token(&first), WEBSOCKET)
        .await?;

    // An answer may get lost, so the first refresh token is taken again until what it brought has been used.
    let second = eventually("a token that outlives the first by seconds", async || {
        let body = json!({ "refreshToken": first["refreshToken"] });
        let second = team.server.rest()?.ok("POST", "/auth/refresh", body).await?;
        let outlives = expiry(&second)?.duration_since(expiry(&first)?);
        Ok((outlives >= SignedDuration::from_secs(5)).then_some(second))
    })
    .await?;
    let bad = socket
        .emit_acked("authenticate", json!({ "token": "nonsense" }))
        .await?;
    ensure!(
        bad["ok"] == false && bad["error"]["code"] == "unauthorized",
        "{bad}"
    );
    let good = socket
        .emit_acked("authenticate", json!({ "token": token(&second) }))
        .await?;
    ensure!(good["ok"] == true, "{good}");

    // The first token is at its end; the connection lives on the second.
    let rest = team.server.rest()?.with_token(&token(&first));
    eventually("the first token to end", async || {
        let answer = rest.call("GET", "/auth/me", Value::Null).await?;
        Ok((answer.status == 401 && answer.body["code"] == "token_expired").then_some(()))
    })
    .await?;
    socket.settle(&team.direct).await?;
    ensure!(socket.passed().is_empty(), "{:?}", socket.passed());
    // And no longer than that.
    socket
        .told("the end of the connection", |told| told["told"] == "disconnect")
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() -> Result<()> {
    let artifacts = Artifacts::new("interop_origin")?;
    let team = Team::start(&artifacts, &["--allow-origin", "https://chat.example.org"]).await?;
    let mut socket = Socket::start("socket", &artifacts)?;
    for transports in [POLLING, WEBSOCKET] {
        for (origin, is_taken) in [
            ("https://evil.example", false),
            ("https://chat.example.org", true),
        ] {
            let how = Connect {
                token: Some(&team.ada.token),
                transports,
                origin: Some(origin),
                ..Connect::default()
            };
            let told = socket.connect(team.address(), how).await?;
            ensure!(
                (told["told"] == "connect") == is_taken,
                "{origin} over {transports:?}: {told}"
            );
        }
    }
    let headers = [("Origin", "https://evil.example")];
    let answer = team
        .ada
        .rest
        .call_with("GET", "/auth/me", Value::Null, &headers)
        .await?;
    ensure!(
        answer.status == 403 && answer.body["code"] == "forbidden",
        "{answer:?}"
    );
    Ok(())
}

/// Two people and a stranger to their chat, all with the official client.
async fn chats(name: &str, transports: &[&str]) -> Result<()> {
    let artifacts = Artifacts::new(name)?;
    let team = Team::start(&artifacts, &[]).await?;
    let chat = team.direct.as_str();
    let mut ada = Socket::start("ada", &artifacts)?;
    let mut bob = Socket::start("bob", &artifacts)?;
    let mut cem = Socket::start("cem", &artifacts)?;
    ada.connected(team.address(), &team.ada.token, transports).await?;
    bob.connected(team.address(), &team.bob.token, transports).await?;
    cem.connected(team.address(), &team.cem.token, transports).await?;

    for socket in [&mut ada, &mut bob] {
        let ack = socket.emit_acked("join_chat", json!({ "chatId": chat })).await?;
        ensure!(ack == json!({ "ok": true }), "{ack}");
    }
    let refused = cem.emit_acked("join_chat", json!({ "chatId": chat })).await?;
    let unknown = cem
        .emit_acked("join_chat", json!({ "chatId": "no-such-chat" }))
        .await?;
    ensure!(
        refused["ok"] == false && refused["error"]["code"] == "not_found",
        "{refused}"
    );
    ensure!(
        refused == unknown,
        "a chat that one may not see answers as one that is not there"
    );

    // Typing reaches the other, not oneself, and not as somebody else.
    let typing = |user: &str| json!({ "chatId": chat, "userId": user });
    ada.emit("user_typing", typing(&team.bob.id))?;
    ada.emit("user_typing", typing(&team.ada.id))?;
    let event = bob.event("user_typing").await?;
    let expected = json!({ "chatId": chat, "userId": team.ada.id, "isTyping": true });
    ensure!(event == expected, "{event}");
    ada.emit(
        "user_typing",
        json!({ "chatId": chat, "userId": team.ada.id, "isTyping": false }),
    )?;
    ensure!(bob.event("user_typing").await?["isTyping"] == false);

    let sent = team.ada.send(chat, "Hello, Bob 👋").await?;
    for socket in [&mut ada, &mut bob] {
        let event = socket.event("new_message").await?;
        ensure!(message_of(&event)? == (chat, "Hello, Bob 👋"), "{event}");
        ensure!(event["message"]["id"] == sent["id"], "{event}");
    }

    // Left rooms hear no typing, but messages all the same.
    let ack = bob.emit_acked("leave_chat", json!({ "chatId": chat })).await?;
    ensure!(ack["ok"] == true, "{ack}");
    ada.emit("user_typing", typing(&team.ada.id))?;
    // Acknowledged in order: the typing above is dealt with.
    ada.settle(chat).await?;
    team.ada.send(chat, "Are you there?").await?;
    ensure!(message_of(&bob.event("new_message").await?)?.1 == "Are you there?");
    let heard = [bob.passed(), ada.passed()].concat();
    ensure!(
        heard.is_empty(),
        "nobody hears their own typing, nor in a chat they left: {heard:?}"
    );

    // The stranger heard nothing of all this.
    team.ada.send(&team.garden, "Good morning, garden").await?;
    ensure!(message_of(&cem.event("new_message").await?)?.1 == "Good morning, garden");
    ensure!(cem.passed().is_empty(), "{:?}", cem.passed());
    Ok(())
}

/// When the token of an answer ends.
fn expiry(answer: &Value) -> Result<Timestamp> {
    let time = answer["expiresAt"].as_str().context("no time")?;
    Ok(time.parse()?)
}

fn refused_as(told: &Value, code: &str) -> bool {
    told["told"] == "connect_error" && told["message"] == "unauthorized" && told["data"]["code"] == code
}

async fn sign_in_whole(team: &Team) -> Result<Value> {
    let body = json!({ "username": "ada", "password": PASSWORD });
    team.server.rest()?.ok("POST", "/auth/login", body).await
}
