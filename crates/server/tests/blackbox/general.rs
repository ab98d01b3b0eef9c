//! What holds for every call: discovery, health, problems, origins, limits.

use reqwest::{Client, Method, StatusCode, header};
use serde_json::json;

use crate::client::{Team, answer, code};

#[tokio::test]
async fn tells_what_it_can_do_and_that_it_lives() {
    let team = Team::start().await;
    let get = |path: &str| answer(Client::new().get(format!("{}{path}", team.url)));
    let (status, discovery) = get("/.well-known/khaya").await;
    assert_eq!((status, &discovery["contract"]), (StatusCode::OK, &json!(1)));
    assert_eq!(discovery["limits"]["messageBytes"], 16384);
    assert_eq!(get("/healthz").await.0, 200);
    assert_eq!(get("/readyz").await.0, 200);
}

#[tokio::test]
async fn what_there_is_not_is_a_problem() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    assert_eq!(code(&alice.get("/nowhere").await), (404, "not_found"));
    assert_eq!(code(&alice.get("/chat/no%20id").await), (404, "not_found"));
    assert_eq!(answer(alice.request(Method::DELETE, "/auth/me")).await.0, 405);
    let response = alice.request(Method::GET, "/chat/none").send().await.unwrap();
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be_are_told_apart() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let text = alice
        .request(Method::POST, "/chat")
        .header(header::CONTENT_TYPE, "text/plain")
        .body("{}");
    assert_eq!(code(&answer(text).await), (415, "unsupported_media_type"));
    let json = |body: String| {
        answer(
            alice
                .request(Method::POST, "/chat")
                .header(header::CONTENT_TYPE, "application/json")
                .body(body),
        )
    };
    for bad in [
        "",
        "{",
        "[]",
        r#"["group",[]]"#,
        "{} {}",
        "\u{0}",
        &"[".repeat(100_000),
    ] {
        assert_eq!(
            code(&json(bad.to_owned()).await),
            (422, "invalid_request"),
            "{:.20}",
            bad
        );
    }
    assert_eq!(
        code(&json(" ".repeat(600 * 1024)).await),
        (413, "payload_too_large")
    );
}

#[tokio::test]
async fn a_refused_field_is_named() {
    let team = Team::start().await;
    let alice = team.join("alice", "member").await;
    let field = |(status, problem): (StatusCode, serde_json::Value)| {
        assert_eq!(status, 422, "{problem}");
        problem["errors"][0]["field"].as_str().unwrap().to_owned()
    };
    assert_eq!(field(alice.post("/chat", json!({"memberIds": []})).await), "kind");
    assert_eq!(
        field(
            alice
                .post("/chat", json!({"kind": "group", "memberIds": [1]}))
                .await
        ),
        "memberIds[0]"
    );
    assert_eq!(field(alice.get("/chat?limit=x").await), "limit");
    assert_eq!(
        field(alice.get(&format!("/users?query={}", "_".repeat(25_001))).await),
        "query"
    );
}

#[tokio::test]
async fn only_allowed_origins_may_call() {
    let team = Team::start_with(|config| config.allow_origin = vec!["https://chat.example".to_owned()]).await;
    for path in ["/.well-known/khaya", "/socket.io/?EIO=4&transport=polling"] {
        let call = |origin: &'static str| {
            Client::new()
                .get(format!("{}{path}", team.url))
                .header(header::ORIGIN, origin)
                .send()
        };
        assert_eq!(
            call("https://evil.example").await.unwrap().status(),
            403,
            "{path}"
        );
        assert_eq!(call("null").await.unwrap().status(), 403, "{path}");
        let good = call("https://chat.example").await.unwrap();
        assert_eq!(good.status(), 200, "{path}");
        assert_eq!(
            good.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN],
            "https://chat.example"
        );
    }
    let preflight = Client::new()
        .request(Method::OPTIONS, format!("{}/auth/login", team.url))
        .header(header::ORIGIN, "https://chat.example")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 204);
}

#[tokio::test]
async fn metrics_are_for_admins_and_collectors() {
    let team = Team::start_with(|config| config.metrics_token = Some("collector".to_owned())).await;
    let (admin, member) = (
        team.join("root", "admin").await,
        team.join("alice", "member").await,
    );
    assert_eq!(admin.get("/metrics").await.0, 200);
    assert_eq!(code(&member.get("/metrics").await), (403, "forbidden"));
    let with = |token: &str| {
        answer(
            Client::new()
                .get(format!("{}/metrics", team.url))
                .bearer_auth(token),
        )
    };
    assert_eq!(with("collector").await.0, 200);
    assert_eq!(with("collectors").await.0, 401);
}
