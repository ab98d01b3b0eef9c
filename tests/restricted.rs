//! A restricted message, looked for from outside by those whom it is not for: a member of the chat who is not
//! listed, and an admin who is not. What they are told is compared with what they would be told had it never been
//! sent: everything that a server says, down to counts, numbers and headers.

use anyhow::{Result, ensure};
use khaya_tests::{
    artifacts::Artifacts,
    node::Socket,
    rest::{Account, text},
    team::Team,
};
use serde_json::{Value, json};

const SECRET: &str = "The surprise is on Friday";

#[tokio::test]
async fn who_is_not_listed_finds_no_trace() -> Result<()> {
    let artifacts = Artifacts::new("restricted_trace")?;
    let team = Team::start(&artifacts, &[]).await?;
    let chat = team.garden.as_str();
    let outsiders = [&team.cem, &team.dora];
    let mut sockets = Vec::new();
    for account in [&team.bob, &team.cem, &team.dora] {
        let mut socket = Socket::start(&account.username, &artifacts)?;
        socket
            .connected(team.address(), &account.token, &["websocket"])
            .await?;
        socket.settle(chat).await?;
        sockets.push(socket);
    }
    let before = team.ada.send(chat, "before").await?;
    let mut seen = Vec::new();
    for outsider in outsiders {
        let since = cursor(outsider).await?;
        seen.push((everything(outsider, &team, &since).await?, since));
    }

    let secret = json!({ "content": SECRET, "visibleTo": [team.bob.id] });
    let path = format!("/chat/{chat}/messages");
    let secret = team.ada.rest.ok("POST", &path, secret).await?;
    let id = text(&secret, "/id")?;

    // Those whom it is for have it; for the others not one byte of any answer has changed.
    for listed in [&team.bob, &team.ada] {
        let since = cursor(listed).await?;
        ensure!(everything(listed, &team, &since).await?.contains(SECRET));
    }
    for (outsider, (before, since)) in outsiders.into_iter().zip(&seen) {
        let now = everything(outsider, &team, since).await?;
        for (now, before) in now.lines().zip(before.lines()) {
            ensure!(now == before, "{} saw {before} and then {now}", outsider.username);
        }
        ensure!(now == *before, "{} saw more than before", outsider.username);
    }

    // Whatever names it answers as what was never there.
    for outsider in outsiders {
        for (method, path, body) in naming(chat, "ID") {
            let with = |id: &str| (path.replace("ID", id), with_id(&body, id));
            let (there, there_body) = with(&id);
            let (nowhere, nowhere_body) = with("no-such-message");
            let real = outsider.rest.call(method, &there, there_body).await?;
            let unreal = outsider.rest.call(method, &nowhere, nowhere_body).await?;
            let real = (real.status, real.text.replace(&id, "ID"));
            let unreal = (unreal.status, unreal.text.replace("no-such-message", "ID"));
            ensure!(
                real == unreal,
                "{method} {path}: {real:?} for it, {unreal:?} for none"
            );
            ensure!(real.0 >= 400, "{method} {path} answers {real:?}");
        }
    }

    // The next message for all comes to everybody as the one after `before`, with no gap in its numbers.
    let after = team.ada.send(chat, "after").await?;
    for socket in &mut sockets[1..] {
        let first = socket.event("new_message").await?;
        let second = socket.event("new_message").await?;
        ensure!(first["message"]["id"] == before["id"], "{first}");
        ensure!(second["message"]["id"] == after["id"], "{second}");
        let number = |event: &Value| event["seq"].as_u64().unwrap_or_default();
        ensure!(number(&second) == number(&first) + 1, "{first} then {second}");
        ensure!(
            first["scope"] == "chat" && second["scope"] == "chat",
            "{first} then {second}"
        );
        socket.settle(chat).await?;
        ensure!(
            !format!("{:?}", socket.passed()).contains(&id),
            "{:?}",
            socket.passed()
        );
        ensure!(socket.passed().is_empty(), "{:?}", socket.passed());
    }
    // While the one who is listed gets it, in a stream of their own.
    let [bob, ..] = sockets.as_mut_slice() else {
        unreachable!("three sockets")
    };
    let listed = [bob.event("new_message").await?, bob.event("new_message").await?];
    ensure!(listed[1]["message"]["content"] == SECRET, "{listed:?}");
    ensure!(listed[1]["scope"] == "private", "{listed:?}");
    Ok(())
}

#[tokio::test]
async fn a_role_is_an_audience_too() -> Result<()> {
    let artifacts = Artifacts::new("restricted_role")?;
    let team = Team::start(&artifacts, &[]).await?;
    let path = format!("/chat/{}/messages", team.garden);
    let to_admins = json!({ "content": SECRET, "visibleToRoles": ["admin"] });
    team.ada.rest.ok("POST", &path, to_admins).await?;
    for (account, can_see) in [
        (&team.ada, true),
        (&team.dora, true),
        (&team.bob, false),
        (&team.cem, false),
    ] {
        let since = cursor(account).await?;
        let found = everything(account, &team, &since).await?.contains(SECRET);
        ensure!(found == can_see, "{}: {found}", account.username);
    }
    Ok(())
}

#[tokio::test]
async fn an_audience_is_of_the_chat_and_a_reply_reaches_no_further() -> Result<()> {
    let artifacts = Artifacts::new("restricted_audience")?;
    let team = Team::start(&artifacts, &[]).await?;
    let path = format!("/chat/{}/messages", team.garden);
    let outside = json!({ "content": "x", "visibleTo": ["no-such-user"] });
    let answer = team.ada.rest.call("POST", &path, outside).await?;
    ensure!(
        answer.status == 422 && answer.body["code"] == "invalid_request",
        "{answer:?}"
    );
    let stranger = json!({ "content": "x", "visibleTo": [team.cem.id] });
    let answer = team
        .ada
        .rest
        .call("POST", &format!("/chat/{}/messages", team.direct), stranger)
        .await?;
    ensure!(answer.status == 422, "{answer:?}");

    let secret = json!({ "content": SECRET, "visibleTo": [team.bob.id] });
    let secret = team.ada.rest.ok("POST", &path, secret).await?;
    for (audience, status) in [
        (json!(null), 422),
        (json!([team.cem.id]), 422),
        (json!([team.ada.id, team.cem.id]), 422),
        (json!([team.ada.id]), 201),
    ] {
        let mut reply = json!({ "content": "a reply", "replyTo": secret["id"] });
        if !audience.is_null() {
            reply["visibleTo"] = audience.clone();
        }
        let answer = team.bob.rest.call("POST", &path, reply).await?;
        ensure!(answer.status == status, "to {audience}: {answer:?}");
    }
    Ok(())
}

/// Every answer that tells somebody of the chat, with its headers, as one text. `since` is a cursor of theirs.
async fn everything(account: &Account, team: &Team, since: &str) -> Result<String> {
    let chat = &team.garden;
    let mut all = String::new();
    for path in [
        "/auth/me".to_owned(),
        "/chat".to_owned(),
        "/chat?limit=1".to_owned(),
        format!("/chat/{chat}"),
        format!("/chat/{chat}/messages"),
        format!("/chat/{chat}/messages?limit=1"),
        format!("/chat/{chat}/messages?limit=100"),
        "/users?query=".to_owned(),
        "/search?q=surprise".to_owned(),
        format!("/sync?since={since}"),
        "/metrics".to_owned(),
    ] {
        let answer = account.rest.call("GET", &path, Value::Null).await?;
        let headers = answer
            .headers
            .iter()
            .filter(|(name, _)| *name != "date" && *name != "x-request-id");
        let headers: Vec<_> = headers.collect();
        // What an operator sees counts requests; who is no operator is not told.
        let text = if path == "/metrics" && answer.status == 200 {
            String::new()
        } else {
            answer.text
        };
        // A cursor is sealed anew each time it is given; only its length could tell something.
        let text = match answer.body["next"].as_str() {
            Some(next) => text.replace(next, &"x".repeat(next.len())),
            None => text,
        };
        all.push_str(&format!("{path}: {} {headers:?}\n{text}\n", answer.status));
    }
    Ok(all)
}

/// Where somebody's `/sync` is now.
async fn cursor(account: &Account) -> Result<String> {
    text(&account.rest.get("/sync").await?, "/next")
}

/// Every call that can name a message; `ID` stands for it.
fn naming(chat: &str, id: &str) -> Vec<(&'static str, String, Value)> {
    let message = format!("/chat/{chat}/messages/{id}");
    vec![
        ("GET", format!("/chat/{chat}/messages?before={id}"), Value::Null),
        ("GET", format!("/chat/{chat}/messages?after={id}"), Value::Null),
        ("GET", message.clone(), Value::Null),
        ("PATCH", message.clone(), json!({ "content": "mine now" })),
        ("DELETE", message.clone(), Value::Null),
        ("PUT", format!("{message}/pin"), Value::Null),
        ("PUT", format!("{message}/reactions/%F0%9F%91%8D"), Value::Null),
        ("PUT", format!("/chat/{chat}/read"), json!({ "messageId": "ID" })),
        (
            "POST",
            format!("/chat/{chat}/messages"),
            json!({ "content": "re", "replyTo": "ID" }),
        ),
    ]
}

fn with_id(body: &Value, id: &str) -> Value {
    let mut body = body.clone();
    for field in ["messageId", "replyTo"] {
        if body.get(field).is_some() {
            body[field] = id.into();
        }
    }
    body
}
