//! The calls, against small servers that answer well, badly, or not at all.

#![expect(clippy::unwrap_used, reason = "a test that is surprised fails")]

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::RawQuery,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response as Answer},
    routing::{any, get, post},
};
use khaya_chat::{
    api::{self, ApiError, Call, Part, Request, Response, Server},
    files::Outgoing,
    intent::Secret,
    store::StoreKey,
};
use khaya_wire::{ChatId, Code, MessageId, rest};
use serde_json::{Value, json};
use tokio::net::TcpListener;

async fn serve(router: Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server::from_typed(&address.to_string()).unwrap()
}

async fn ask(server: &Server, request: Request) -> Result<Response, ApiError> {
    let call = Call {
        server: server.clone(),
        token: request.needs_token().then(|| Secret::new("token")),
        request,
    };
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    api::perform(&client, call).await
}

fn chat() -> ChatId {
    ChatId::new("c1").unwrap()
}

fn list() -> Request {
    Request::Chats {
        cursor: None,
        limit: 100,
    }
}

fn login() -> Request {
    Request::Login(rest::Login {
        username: "ana".into(),
        password: "wrong".into(),
    })
}

fn problem(status: u16, code: &str) -> Answer {
    (
        StatusCode::from_u16(status).unwrap(),
        [(header::CONTENT_TYPE, "application/problem+json")],
        Json(json!({"type": "about:blank", "title": "No", "status": status, "detail": "Why", "code": code})),
    )
        .into_response()
}

fn code_of(result: Result<Response, ApiError>) -> String {
    result.unwrap_err().failure().code
}

#[tokio::test]
async fn asks_as_the_contract_says() {
    async fn messages(headers: HeaderMap, RawQuery(query): RawQuery) -> Json<Value> {
        assert_eq!(headers[header::AUTHORIZATION], "Bearer token");
        assert_eq!(query.as_deref(), Some("limit=100&before=m1"));
        Json(json!({"items": [], "nextCursor": null, "unknown": 1}))
    }
    async fn send(body: Json<Value>) -> Answer {
        assert_eq!(body.0, json!({"content": "Bom dia", "clientId": "k1"}));
        let message = json!({
            "id": "m2", "chatId": "c1", "senderId": "u1", "content": "Bom dia", "createdAt": "2026-11-22T15:15:42.070Z",
        });
        (StatusCode::CREATED, Json(message)).into_response()
    }
    let server = serve(Router::new().route("/chat/c1/messages", get(messages).post(send))).await;
    let part = Part::Before(MessageId::new("m1").unwrap());
    let Ok(Response::Messages(page)) = ask(&server, Request::Messages { chat: chat(), part }).await else {
        panic!("a page was due");
    };
    assert_eq!(page.next_cursor, None);
    let message = rest::SendMessage {
        content: "Bom dia".into(),
        client_id: Some("k1".parse().unwrap()),
        reply_to: None,
        visible_to: None,
        visible_to_roles: None,
        attachment_ids: None,
    };
    let sent = ask(
        &server,
        Request::Send {
            chat: chat(),
            message,
        },
    )
    .await;
    let Ok(Response::Sent(sent)) = sent else {
        panic!("a message was due: {sent:?}");
    };
    assert_eq!(sent.id.as_str(), "m2");
}

#[tokio::test]
async fn a_server_without_discovery_is_base() {
    let server = serve(Router::new()).await;
    assert_eq!(
        ask(&server, Request::Discover).await,
        Ok(Response::Discovered(None))
    );
}

#[tokio::test]
async fn a_login_page_of_the_network_is_recognised() {
    let page = || async { Html("<html><title>Welcome to the hotel</title></html>") };
    let server = serve(Router::new().fallback(page)).await;
    for request in [Request::Discover, login(), list()] {
        let result = ask(&server, request.clone()).await;
        assert_eq!(result, Err(ApiError::NotKhaya), "{request:?}");
    }
    // One that sends the browser to its page first.
    let elsewhere = format!("{server}/portal");
    let redirect = move || async move { (StatusCode::FOUND, [(header::LOCATION, elsewhere)]) };
    let server = serve(Router::new().route("/portal", get(page)).fallback(redirect)).await;
    assert_eq!(code_of(ask(&server, list()).await), "not_khaya");
}

#[tokio::test]
async fn refusals_keep_their_code() {
    let server = serve(
        Router::new()
            .route(
                "/auth/login",
                post(|| async { problem(401, "invalid_credentials") }),
            )
            .route("/chat", get(|| async { problem(401, "token_expired") }))
            .route("/chat/c1", get(|| async { problem(418, "teapot") })),
    )
    .await;
    assert_eq!(code_of(ask(&server, login()).await), "invalid_credentials");
    assert!(ask(&server, list()).await.unwrap_err().requires_sign_in());
    // A code that is not known says no more than its status: it would be the same again.
    let error = ask(&server, Request::Chat { chat: chat() }).await.unwrap_err();
    assert!(!error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_server_with_errors_of_its_own_is_understood_by_status() {
    for (status, code) in [
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (413, "payload_too_large"),
        (422, "invalid_request"),
        (500, "unavailable"),
        (503, "unavailable"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let server =
            serve(Router::new().fallback(any(move || async move { (status, "{\"error\":1}") }))).await;
        assert_eq!(code_of(ask(&server, list()).await), code, "{status}");
    }
    let wrong = (StatusCode::UNAUTHORIZED, "no");
    let server = serve(Router::new().fallback(any(move || async move { wrong }))).await;
    assert_eq!(code_of(ask(&server, login()).await), "invalid_credentials");
}

#[tokio::test]
async fn a_busy_server_says_when_to_come_back() {
    let busy = || async { (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")]) };
    let server = serve(Router::new().fallback(any(busy))).await;
    let error = ask(&server, list()).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    assert!(matches!(
        error,
        ApiError::Refused {
            code: Code::RateLimited,
            ..
        }
    ));
}

#[tokio::test]
async fn a_proxy_without_its_server_is_not_taken_for_the_server() {
    let away = || async { (StatusCode::NOT_FOUND, "404 page not found") };
    let server = serve(Router::new().fallback(any(away))).await;
    let refresh = Request::Refresh(rest::Refresh {
        refresh_token: "refresh".into(),
    });
    for request in [refresh, Request::Chat { chat: chat() }, list()] {
        assert_eq!(ask(&server, request).await, Err(ApiError::NotKhaya));
    }
}

#[tokio::test]
async fn a_gateway_error_in_html_is_the_server_away() {
    let bad_gateway = || async { (StatusCode::BAD_GATEWAY, Html("<h1>502</h1>")) };
    let server = serve(Router::new().fallback(any(bad_gateway))).await;
    assert_eq!(code_of(ask(&server, list()).await), "unavailable");
}

#[tokio::test]
async fn json_of_something_else_is_no_khaya() {
    let other = || async { Json(json!({"hello": "world"})) };
    let server = serve(Router::new().fallback(any(other))).await;
    assert_eq!(code_of(ask(&server, list()).await), "not_khaya");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let endless = || async { Bytes::from(vec![b' '; 17 * 1024 * 1024]) };
    let server = serve(Router::new().fallback(any(endless))).await;
    assert_eq!(code_of(ask(&server, list()).await), "not_khaya");
}

#[tokio::test]
async fn nobody_there_is_told_apart_from_somebody_who_hangs_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::from_typed(&address.to_string()).unwrap();
    let hangs_up = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut read = [0; 16];
        tokio::io::AsyncReadExt::read(&mut connection, &mut read)
            .await
            .unwrap();
    });
    let error = ask(&server, list()).await.unwrap_err();
    assert!(error.outcome_is_unknown(), "{error:?}");
    hangs_up.await.unwrap();
    let error = ask(&server, list()).await.unwrap_err();
    assert_eq!(error, ApiError::Unreachable);
    assert!(!error.outcome_is_unknown());
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_where_it_is_due_is_told() {
    let server = serve(Router::new()).await;
    let secure = Server::from_typed(&server.to_string().replace("http://", "https://")).unwrap();
    assert_eq!(code_of(ask(&secure, list()).await), "tls");
}

#[tokio::test]
async fn a_copy_is_sealed_on_the_disk_and_arrives_as_it_was() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&received);
    let upload = move |headers: HeaderMap, body: Bytes| async move {
        to.lock().unwrap().push((headers, body.to_vec()));
        Json(json!({ "id": "f1", "name": "a", "mimeType": "text/plain", "size": 1 }))
    };
    let server = serve(Router::new().route("/files", post(upload))).await;
    let folder = tempfile::tempdir().unwrap();
    let (source, bytes) = (folder.path().join("source"), "known words ".repeat(20_000));
    fs::write(&source, &bytes).unwrap();
    let outgoing = Outgoing::of_profile(folder.path());
    let stage = || outgoing.stage(&source, "Fotos für Zoë".into(), "text/plain".into());
    stage().await.unwrap_err();
    outgoing.unlock(StoreKey::generate().unwrap().for_files());
    let file = stage().await.unwrap();
    assert_eq!(file.size, bytes.len() as u64);
    let copy = fs::read(folder.path().join("outgoing").join(file.id.as_str())).unwrap();
    assert!(!copy.windows(11).any(|window| window == b"known words"));
    let shown = outgoing.read(&file.id, bytes.len()).await.unwrap();
    assert!(*shown == *bytes.as_bytes(), "it can be shown");
    outgoing.read(&file.id, bytes.len() - 1).await.unwrap_err();

    let call = Call {
        server,
        token: Some(Secret::new("token")),
        request: Request::Upload { file: file.clone() },
    };
    let sent = Arc::new(AtomicU64::new(0));
    let so_far = Arc::clone(&sent);
    let progress = move |bytes| so_far.store(bytes, Ordering::Relaxed);
    let client = reqwest::Client::new();
    let uploaded = api::perform_with_file(&client, &outgoing, &call, progress).await;
    assert!(
        matches!(uploaded, Some(Ok(Response::Uploaded(_)))),
        "{uploaded:?}"
    );
    assert_eq!(sent.load(Ordering::Relaxed), file.size);
    let (headers, body) = received.lock().unwrap().pop().unwrap();
    assert!(body == bytes.as_bytes(), "it is the same");
    assert_eq!(headers["content-length"], bytes.len().to_string());
    assert_eq!(headers["x-file-name"], "Fotos%20f%C3%BCr%20Zo%C3%AB");

    outgoing.forget(std::slice::from_ref(&file.id)).await;
    let gone = api::perform_with_file(&client, &outgoing, &call, |_| {}).await;
    assert!(matches!(gone, Some(Err(ApiError::LocalFile(_)))), "{gone:?}");
}

#[tokio::test]
async fn what_stands_before_a_server_does_not_end_a_sign_in() {
    let refresh = || {
        Request::Refresh(rest::Refresh {
            refresh_token: "refresh".to_owned(),
        })
    };
    let server = serve(Router::new().fallback(any(|| async { (StatusCode::UNAUTHORIZED, "log in") }))).await;
    let error = ask(&server, refresh()).await.unwrap_err();
    assert!(error.is_retryable() && !error.requires_sign_in(), "{error:?}");
    let server = serve(Router::new().fallback(any(|| async { problem(401, "unauthorized") }))).await;
    assert!(ask(&server, refresh()).await.unwrap_err().requires_sign_in());
}
