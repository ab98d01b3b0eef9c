//! The rows of the contract that `khaya-server` has, asked as plain HTTP: what is answered, and what is refused.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use khaya_tests::{
    artifacts::Artifacts,
    rest::{Answer, Rest, text},
    server::{PASSWORD, Server},
    team::Team,
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_server_says_what_it_can_to_anybody() -> Result<()> {
    let artifacts = Artifacts::new("contract_discovery")?;
    let server = Server::start(&artifacts, &[]).await?;
    let rest = server.rest()?;
    let discovery = rest.get("/.well-known/khaya").await?;
    ensure!(discovery["contract"] == 1, "{discovery}");
    ensure!(discovery["limits"]["messageBytes"] == 16_384, "{discovery}");
    let features = discovery["features"].as_array().context("features")?;
    let features: BTreeSet<&str> = features.iter().filter_map(Value::as_str).collect();
    for feature in ["refresh", "chats", "acks", "authenticate", "everywhere"] {
        ensure!(features.contains(feature), "{feature} is missing: {features:?}");
    }
    for path in ["/healthz", "/readyz"] {
        ensure!(rest.call("GET", path, Value::Null).await?.status == 200, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn signing_in_gives_tokens_and_refuses_alike() -> Result<()> {
    let artifacts = Artifacts::new("contract_login")?;
    let team = Team::start(&artifacts, &[]).await?;
    let rest = team.server.rest()?;
    let login = |username: &str, password: &str| json!({ "username": username, "password": password });

    let signed_in = rest.ok("POST", "/auth/login", login("ada", PASSWORD)).await?;
    ensure!(text(&signed_in, "/token")?.split('.').count() == 3, "{signed_in}");
    ensure!(!text(&signed_in, "/refreshToken")?.is_empty());
    ensure_time(&signed_in["expiresAt"])?;
    ensure!(
        signed_in["user"]["username"] == "ada" && signed_in["user"]["role"] == "member",
        "{signed_in}"
    );
    let me = rest
        .with_token(&text(&signed_in, "/token")?)
        .get("/auth/me")
        .await?;
    ensure!(me["id"] == signed_in["user"]["id"] && me["name"] == "Ada", "{me}");

    let wrong = rest.call("POST", "/auth/login", login("ada", "wrong")).await?;
    let nobody = rest.call("POST", "/auth/login", login("nobody", "wrong")).await?;
    ensure_problem(&wrong, 401, "invalid_credentials")?;
    ensure!(
        wrong.text == nobody.text,
        "who exists is not told: {} and {}",
        wrong.text,
        nobody.text
    );
    let bad = rest
        .call("POST", "/auth/login", json!({ "username": "ada" }))
        .await?;
    ensure_problem(&bad, 422, "invalid_request")?;
    let error = &bad.body["errors"][0];
    ensure!(
        error["field"].is_string() && error["detail"].is_string(),
        "{bad:?}"
    );
    Ok(())
}

#[tokio::test]
async fn without_a_good_token_nothing_is_answered() -> Result<()> {
    let artifacts = Artifacts::new("contract_token")?;
    let team = Team::start(&artifacts, &[]).await?;
    let chat = &team.garden;
    let rest = team.server.rest()?;
    for (method, path) in [
        ("GET", "/auth/me".to_owned()),
        ("GET", "/users?query=".to_owned()),
        ("GET", "/chat".to_owned()),
        ("POST", "/chat".to_owned()),
        ("GET", format!("/chat/{chat}")),
        ("POST", format!("/chat/{chat}/join")),
        ("GET", format!("/chat/{chat}/messages")),
        ("POST", format!("/chat/{chat}/messages")),
    ] {
        for caller in [&rest, &rest.with_token("nonsense")] {
            let answer = caller.call(method, &path, Value::Null).await?;
            ensure_problem(&answer, 401, "unauthorized").with_context(|| format!("{method} {path}"))?;
        }
        let with_query = format!(
            "{path}{}token={}",
            if path.contains('?') { '&' } else { '?' },
            team.ada.token
        );
        let answer = rest.call(method, &with_query, Value::Null).await?;
        ensure!(
            answer.status == 401,
            "a token in the query is none: {method} {path}: {answer:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn refreshing_rotates_and_an_old_token_ends_the_family() -> Result<()> {
    let artifacts = Artifacts::new("contract_refresh")?;
    let team = Team::start(&artifacts, &[]).await?;
    let rest = team.server.rest()?;
    let login = json!({ "username": "ada", "password": PASSWORD });
    let first = rest.ok("POST", "/auth/login", login).await?;
    let refresh = async |token: &Value| {
        rest.call("POST", "/auth/refresh", json!({ "refreshToken": token }))
            .await
    };

    let second = refresh(&first["refreshToken"]).await?;
    ensure!(second.status == 200, "{second:?}");
    ensure_time(&second.body["expiresAt"])?;
    // The answer may have been lost: the one before is still taken until the new access token is used.
    let again = refresh(&first["refreshToken"]).await?;
    ensure!(again.status == 200, "{again:?}");
    let newest = rest.with_token(&text(&again.body, "/token")?);
    newest.get("/auth/me").await?;
    let third = refresh(&again.body["refreshToken"]).await?;
    ensure!(third.status == 200, "{third:?}");
    rest.with_token(&text(&third.body, "/token")?)
        .get("/auth/me")
        .await?;

    // A thief's, or the owner's after a thief: the whole family is signed out.
    ensure_problem(&refresh(&first["refreshToken"]).await?, 401, "unauthorized")?;
    ensure_problem(&refresh(&third.body["refreshToken"]).await?, 401, "unauthorized")?;
    ensure_problem(&refresh(&json!("nonsense")).await?, 401, "unauthorized")
}

#[tokio::test]
async fn chats_are_listed_by_activity_and_hidden_from_strangers() -> Result<()> {
    let artifacts = Artifacts::new("contract_chats")?;
    let team = Team::start(&artifacts, &[]).await?;
    let ids = async |rest: &Rest| -> Result<Vec<Value>> {
        let page = rest.get("/chat").await?;
        ensure!(page["nextCursor"].is_null(), "{page}");
        let items = page["items"].as_array().context("items")?;
        Ok(items.iter().map(|chat| chat["id"].clone()).collect())
    };
    team.bob.send(&team.direct, "first").await?;
    ensure!(ids(&team.ada.rest).await? == [json!(team.direct), json!(team.garden)]);
    team.bob.send(&team.garden, "then").await?;
    ensure!(ids(&team.ada.rest).await? == [json!(team.garden), json!(team.direct)]);

    let first = team.ada.rest.get("/chat?limit=1").await?;
    let cursor = text(&first, "/nextCursor")?;
    let second = team
        .ada
        .rest
        .get(&format!("/chat?limit=1&cursor={cursor}"))
        .await?;
    ensure!(first["items"][0]["id"] == team.garden.as_str(), "{first}");
    ensure!(
        second["items"][0]["id"] == team.direct.as_str() && second["nextCursor"].is_null(),
        "{second}"
    );

    let chat = team.ada.rest.get(&format!("/chat/{}", team.direct)).await?;
    ensure!(chat["kind"] == "direct" && chat["name"] == "Bob", "{chat}");
    ensure!(
        chat["unreadCount"] == 1 && chat["lastMessage"]["content"] == "first",
        "{chat}"
    );
    ensure_time(&chat["updatedAt"])?;
    ensure!(
        chat["members"]
            .as_array()
            .is_some_and(|members| members.len() == 2),
        "{chat}"
    );

    // A stranger, also one who is an admin, is told what is told of a chat that is not there.
    for stranger in [&team.cem, &team.dora] {
        for (method, rest, body) in [
            ("GET", "", Value::Null),
            ("POST", "/join", Value::Null),
            ("GET", "/messages", Value::Null),
            ("POST", "/messages", json!({ "content": "hello" })),
        ] {
            let there = format!("/chat/{}{rest}", team.direct);
            let answer = stranger.rest.call(method, &there, body.clone()).await?;
            ensure_problem(&answer, 404, "not_found")?;
            let nowhere = stranger
                .rest
                .call(method, &format!("/chat/nowhere{rest}"), body)
                .await?;
            ensure!(
                answer.text == nowhere.text,
                "{} and {}",
                answer.text,
                nowhere.text
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_chat_is_started_once_for_two_and_needs_its_members() -> Result<()> {
    let artifacts = Artifacts::new("contract_start")?;
    let team = Team::start(&artifacts, &[]).await?;
    let guest = team.server.add("gus", "Gus", "guest").await?;
    let with = |ids: &[&str]| json!({ "kind": "direct", "memberIds": ids });

    let first = team.bob.rest.call("POST", "/chat", with(&[&team.cem.id])).await?;
    ensure!(first.status == 201, "{first:?}");
    let again = team.cem.rest.call("POST", "/chat", with(&[&team.bob.id])).await?;
    ensure!(
        again.status == 200 && again.body["id"] == first.body["id"],
        "{again:?}"
    );
    let unknown = team
        .bob
        .rest
        .call("POST", "/chat", with(&["no-such-user"]))
        .await?;
    ensure_problem(&unknown, 422, "invalid_request")?;
    let by_guest = guest.rest.call("POST", "/chat", with(&[&team.bob.id])).await?;
    ensure_problem(&by_guest, 403, "forbidden")?;

    let people = team.bob.rest.get("/users?query=ad").await?;
    ensure!(people["items"][0]["username"] == "ada", "{people}");
    let people = guest.rest.get("/users?query=").await?;
    let names: Vec<&Value> = people["items"]
        .as_array()
        .context("items")?
        .iter()
        .map(|user| &user["username"])
        .collect();
    ensure!(
        names == [&json!("gus")] || names.is_empty(),
        "a guest sees only whom they share a chat with: {people}"
    );
    Ok(())
}

#[tokio::test]
async fn messages_come_in_pages_oldest_first() -> Result<()> {
    let artifacts = Artifacts::new("contract_pages")?;
    let team = Team::start(&artifacts, &[]).await?;
    for number in 1..=7 {
        team.ada.send(&team.direct, &format!("message {number}")).await?;
    }
    let path = format!("/chat/{}/messages", team.direct);
    let page = async |query: &str| team.bob.rest.get(&format!("{path}?{query}")).await;
    let contents = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .filter_map(|item| item["content"].as_str())
            .map(|it| it.replace("message ", ""))
            .collect()
    };

    let newest = page("limit=3").await?;
    ensure!(contents(&newest) == ["5", "6", "7"], "{newest}");
    let older = page(&format!("limit=3&before={}", text(&newest, "/nextCursor")?)).await?;
    ensure!(contents(&older) == ["2", "3", "4"], "{older}");
    let oldest = page(&format!("limit=3&before={}", text(&older, "/nextCursor")?)).await?;
    ensure!(
        contents(&oldest) == ["1"] && oldest["nextCursor"].is_null(),
        "{oldest}"
    );
    let next = page(&format!("limit=3&after={}", text(&oldest, "/items/0/id")?)).await?;
    ensure!(contents(&next) == ["2", "3", "4"], "{next}");
    let rest = page(&format!("limit=3&after={}", text(&next, "/nextCursor")?)).await?;
    ensure!(
        contents(&rest) == ["5", "6", "7"] && rest["nextCursor"].is_null(),
        "{rest}"
    );
    for item in rest["items"].as_array().context("items")? {
        ensure_time(&item["createdAt"])?;
        ensure!(
            item["senderId"] == team.ada.id.as_str() && item.get("clientId").is_none(),
            "{item}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_same_client_id_is_the_same_message() -> Result<()> {
    let artifacts = Artifacts::new("contract_client_id")?;
    let mut team = Team::start(&artifacts, &[]).await?;
    let path = format!("/chat/{}/messages", team.direct);
    let body = json!({ "content": "once", "clientId": "5f0c6a52-1c1f-4b49-9d4a-000000000001" });
    let first = team.ada.rest.call("POST", &path, body.clone()).await?;
    ensure!(
        first.status == 201 && first.body["clientId"] == body["clientId"],
        "{first:?}"
    );
    team.server.restart().await?;
    let again = team.ada.rest.call("POST", &path, body.clone()).await?;
    ensure!(again.status == 200 && again.body == first.body, "{again:?}");
    let key = [("Idempotency-Key", "5f0c6a52-1c1f-4b49-9d4a-000000000001")];
    let by_header = team
        .ada
        .rest
        .call_with("POST", &path, json!({ "content": "once" }), &key)
        .await?;
    ensure!(
        by_header.status == 200 && by_header.body == first.body,
        "{by_header:?}"
    );

    let mut other = body.clone();
    other["content"] = "twice".into();
    ensure_problem(&team.ada.rest.call("POST", &path, other).await?, 409, "conflict")?;
    // Somebody else's is another.
    let others = team.bob.rest.call("POST", &path, body).await?;
    ensure!(others.status == 201, "{others:?}");
    let page = team.bob.rest.get(&path).await?;
    let items = page["items"].as_array().context("items")?;
    ensure!(items.len() == 2, "{page}");
    ensure!(items[0].get("clientId").is_none(), "the sender's alone: {page}");
    Ok(())
}

#[tokio::test]
async fn what_is_no_message_is_refused() -> Result<()> {
    let artifacts = Artifacts::new("contract_refused")?;
    let team = Team::start(&artifacts, &[]).await?;
    let path = format!("/chat/{}/messages", team.direct);
    for (body, status, code) in [
        (json!({}), 422, "invalid_request"),
        (json!({ "content": "" }), 422, "invalid_request"),
        (json!({ "content": 7 }), 422, "invalid_request"),
        (json!([]), 422, "invalid_request"),
        (
            json!({ "content": "x", "clientId": "not an id!" }),
            422,
            "invalid_request",
        ),
        (
            json!({ "content": "x", "replyTo": "no-such-message" }),
            422,
            "invalid_request",
        ),
        (json!({ "content": "é".repeat(8_193) }), 413, "payload_too_large"),
    ] {
        let answer = team.ada.rest.call("POST", &path, body.clone()).await?;
        ensure_problem(&answer, status, code)
            .with_context(|| body.to_string().chars().take(80).collect::<String>())?;
    }
    let longest = json!({ "content": "é".repeat(8_192), "unknown": "fields are ignored" });
    ensure!(team.ada.rest.call("POST", &path, longest).await?.status == 201);
    ensure_problem(
        &team.ada.rest.call("GET", "/no-such-route", Value::Null).await?,
        404,
        "not_found",
    )
}

fn ensure_problem(answer: &Answer, status: u16, code: &str) -> Result<()> {
    let media = answer
        .headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    ensure!(
        media.is_some_and(|media| media.starts_with("application/problem+json")),
        "{answer:?}"
    );
    ensure!(
        answer.status == status && answer.body["code"] == code,
        "{status} {code} expected: {answer:?}"
    );
    ensure!(
        answer.body["status"] == status && answer.body["title"].is_string(),
        "{answer:?}"
    );
    Ok(())
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T15:30:00.000Z`.
fn ensure_time(value: &Value) -> Result<()> {
    let time = value.as_str().context("a time is text")?;
    let shape: String = time
        .chars()
        .map(|it| if it.is_ascii_digit() { '0' } else { it })
        .collect();
    ensure!(shape == "0000-00-00T00:00:00.000Z", "{time}");
    Ok(())
}
