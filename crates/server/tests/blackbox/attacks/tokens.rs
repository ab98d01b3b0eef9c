//! Tokens that nobody was given.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::client::{Person, Socket, Team, code};

/// Tokens for the person of a good one, each wrong in one way.
fn forged(good: &str) -> Vec<(String, String)> {
    let mut parts = good.split('.');
    let (header, claims, signature) = (
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
    );
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let read: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let mut forged = Vec::new();
    for alg in [
        "none", "None", "NONE", "nOnE", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "",
    ] {
        let header = encode(json!({"alg": alg, "typ": "at+jwt"}));
        forged.push((
            format!("alg {alg} without a signature"),
            format!("{header}.{claims}."),
        ));
        forged.push((
            format!("alg {alg} with a signature"),
            format!("{header}.{claims}.{signature}"),
        ));
    }
    for key in ["", "secret", "khaya", "khaya-server", "/dev/null"] {
        for (what, header) in [
            (
                "no kid",
                Header {
                    typ: Some("at+jwt".to_owned()),
                    ..Header::new(Algorithm::HS256)
                },
            ),
            (
                "a kid that is a path",
                Header {
                    typ: Some("at+jwt".to_owned()),
                    kid: Some("../../../../dev/null".to_owned()),
                    jku: Some("https://evil.example/keys".to_owned()),
                    ..Header::new(Algorithm::HS256)
                },
            ),
            (
                "HS512",
                Header {
                    typ: Some("at+jwt".to_owned()),
                    ..Header::new(Algorithm::HS512)
                },
            ),
        ] {
            let key = EncodingKey::from_secret(key.as_bytes());
            let token = jsonwebtoken::encode(&header, &read, &key).unwrap();
            forged.push((format!("a guessed key, {what}"), token));
        }
    }
    let mut later = read.clone();
    later["exp"] = json!(4_000_000_000_u64);
    let mut other = read.clone();
    other["sub"] = json!("somebody-else");
    for (what, claims) in [("a later end", later), ("another person", other)] {
        forged.push((
            what.to_owned(),
            format!("{header}.{}.{signature}", encode(claims)),
        ));
    }
    forged.push(("half of it".to_owned(), good[..good.len() / 2].to_owned()));
    forged.push(("a long one".to_owned(), "a.".repeat(2000)));
    forged
}

#[tokio::test]
async fn forged_tokens_are_refused_on_http_and_on_connect() {
    let team = Team::start().await;
    let alice = team.join("alice", "admin").await;
    let refused = r#"44{"message":"unauthorized","data":{"code":"unauthorized"}}"#;
    for (what, token) in forged(&alice.token) {
        let mallory = Person {
            token: token.clone(),
            ..alice.clone()
        };
        assert_eq!(
            code(&mallory.get("/auth/me").await),
            (401, "unauthorized"),
            "{what}"
        );
        let mut socket = Socket::open(&team.url, "").await;
        assert_eq!(socket.connect(json!({"token": token})).await, refused, "{what}");
    }
    assert_eq!(alice.get("/auth/me").await.0, 200);
}

#[tokio::test]
async fn tokens_of_another_server_and_of_another_kind_are_refused() {
    let (here, there) = (Team::start().await, Team::start().await);
    let (alice, foreign) = (
        here.join("alice", "member").await,
        there.join("alice", "admin").await,
    );
    for token in [&foreign.token, &alice.refresh_token, &foreign.refresh_token] {
        let mallory = Person {
            token: token.clone(),
            ..alice.clone()
        };
        assert_eq!(code(&mallory.get("/auth/me").await), (401, "unauthorized"));
    }
    for token in [&alice.token, &foreign.refresh_token] {
        let refreshed = alice.post("/auth/refresh", json!({"refreshToken": token})).await;
        assert_eq!(code(&refreshed), (401, "unauthorized"));
    }
}
