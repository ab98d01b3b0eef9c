//! Accounts, sessions, passwords, invites, roles.

use khaya_server::config::Registration;
use reqwest::Client;
use serde_json::{Value, json};

use crate::client::{Answer, PASSWORD, Person, Team, answer, code};

async fn register(team: &Team, username: &str, invite: Option<&str>) -> Answer {
    let mut body = json!({"username": username, "password": "long enough", "name": "New"});
    if let Some(invite) = invite {
        body["invite"] = json!(invite);
    }
    answer(
        Client::new()
            .post(format!("{}/auth/register", team.url))
            .json(&body),
    )
    .await
}

#[tokio::test]
async fn an_invite_makes_as_many_accounts_as_it_says() {
    let team = Team::start().await;
    let (admin, member) = (
        team.join("root", "admin").await,
        team.join("alice", "member").await,
    );
    assert_eq!(
        code(&member.post("/invites", json!({})).await),
        (403, "forbidden")
    );
    let (status, invite) = admin.post("/invites", json!({"uses": 2, "role": "guest"})).await;
    assert_eq!(status, 201, "{invite}");
    let code_of = |invite: &Value| invite["code"].as_str().unwrap().to_owned();
    let first = code_of(&invite);
    assert!(
        invite["link"]
            .as_str()
            .unwrap()
            .starts_with(&format!("khaya://invite/{first}"))
    );
    assert_eq!(
        admin.get("/invites").await.1["items"].as_array().unwrap().len(),
        1
    );

    assert_eq!(code(&register(&team, "bob", None).await), (403, "forbidden"));
    assert_eq!(
        code(&register(&team, "bob", Some("made-up")).await),
        (403, "forbidden")
    );
    let (status, made) = register(&team, "bob", Some(&first)).await;
    assert_eq!((status.as_u16(), &made["user"]["role"]), (201, &json!("guest")));
    let bob = Person {
        token: made["token"].as_str().unwrap().to_owned(),
        ..member.clone()
    };
    assert_eq!(bob.get("/auth/me").await.1["username"], "bob");
    // A refused account costs no use.
    assert_eq!(
        code(&register(&team, "bob", Some(&first)).await),
        (409, "conflict")
    );
    assert_eq!(register(&team, "carl", Some(&first)).await.0, 201);
    assert_eq!(
        code(&register(&team, "dora", Some(&first)).await),
        (403, "forbidden")
    );

    let second = code_of(&admin.post("/invites", json!({})).await.1);
    assert_eq!(
        code(&member.delete(&format!("/invites/{second}")).await),
        (403, "forbidden")
    );
    assert_eq!(admin.delete(&format!("/invites/{second}")).await.0, 204);
    assert_eq!(
        code(&admin.delete(&format!("/invites/{second}")).await),
        (404, "not_found")
    );
    assert_eq!(
        code(&register(&team, "dora", Some(&second)).await),
        (403, "forbidden")
    );
    for bad in [
        json!({"uses": 0}),
        json!({"expiresAt": "2001-01-01T00:00:00Z"}),
        json!({"role": ""}),
    ] {
        assert_eq!(code(&admin.post("/invites", bad).await), (422, "invalid_request"));
    }
}

#[tokio::test]
async fn a_server_is_open_or_closed_as_it_is_told() {
    let open = Team::start_with(|config| config.registration = Registration::Open).await;
    assert_eq!(register(&open, "bob", None).await.1["user"]["role"], "member");
    let short = json!({"username": "eve", "password": "short", "name": "Eve"});
    let short = answer(
        Client::new()
            .post(format!("{}/auth/register", open.url))
            .json(&short),
    )
    .await;
    assert_eq!(code(&short), (422, "invalid_request"));
    let closed = Team::start_with(|config| config.registration = Registration::Closed).await;
    assert_eq!(code(&register(&closed, "bob", None).await), (403, "forbidden"));
    let discovery = answer(Client::new().get(format!("{}/.well-known/khaya", closed.url)))
        .await
        .1;
    assert!(
        !discovery["features"]
            .as_array()
            .unwrap()
            .contains(&json!("register"))
    );
}

#[tokio::test]
async fn a_session_is_ended_from_another_and_its_socket_with_it() {
    let team = Team::start().await;
    let (phone, eve) = (
        team.join("alice", "member").await,
        team.join("eve", "admin").await,
    );
    let desk = Person::sign_in(&team.url, "alice").await;
    let mut at_phone = phone.socket().await;
    let sessions = desk.get("/auth/sessions").await.1;
    let items = sessions["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let other = items.iter().find(|session| session["current"] == false).unwrap()["id"]
        .as_str()
        .unwrap();
    assert_eq!(
        code(&eve.delete(&format!("/auth/sessions/{other}")).await),
        (404, "not_found")
    );
    assert_eq!(desk.delete(&format!("/auth/sessions/{other}")).await.0, 204);
    assert_eq!(at_phone.until_closed().await, ["session_revoked"]);
    assert_eq!(code(&phone.get("/auth/me").await), (401, "unauthorized"));
    assert_eq!(
        code(&desk.delete(&format!("/auth/sessions/{other}")).await),
        (404, "not_found")
    );
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let team = Team::start().await;
    let phone = team.join("alice", "member").await;
    let desk = Person::sign_in(&team.url, "alice").await;
    let change = |current: &str, new: &str| {
        let (desk, body) = (
            desk.clone(),
            json!({"currentPassword": current, "newPassword": new}),
        );
        async move { desk.put("/auth/password", body).await }
    };
    assert_eq!(
        code(&change("wrong", "another horse").await),
        (401, "invalid_credentials")
    );
    assert_eq!(code(&change(PASSWORD, "short").await), (422, "invalid_request"));
    assert_eq!(change(PASSWORD, "another horse").await.0, 204);
    assert_eq!(code(&phone.get("/auth/me").await), (401, "unauthorized"));
    assert_eq!(desk.get("/auth/me").await.0, 200);
    let login = |password: &str| json!({"username": "alice", "password": password});
    let post = |body: Value| answer(Client::new().post(format!("{}/auth/login", team.url)).json(&body));
    assert_eq!(code(&post(login(PASSWORD)).await), (401, "invalid_credentials"));
    assert_eq!(post(login("another horse")).await.0, 200);
}

#[tokio::test]
async fn names_and_roles_are_changed_by_who_may() {
    let team = Team::start().await;
    let (admin, alice) = (
        team.join("root", "admin").await,
        team.join("alice", "member").await,
    );
    assert_eq!(
        alice.patch("/auth/me", json!({"name": "Alicia"})).await.1["name"],
        "Alicia"
    );
    assert_eq!(
        admin.get("/users?query=alicia").await.1["items"][0]["id"],
        alice.id.as_str()
    );
    assert_eq!(
        code(&alice.patch("/auth/me", json!({"name": " "})).await),
        (422, "invalid_request")
    );
    let path = format!("/users/{}", alice.id);
    assert_eq!(
        code(&alice.patch(&path, json!({"role": "admin"})).await),
        (403, "forbidden")
    );
    assert_eq!(
        admin.patch(&path, json!({"role": "admin"})).await.1["role"],
        "admin"
    );
    assert_eq!(alice.get("/invites").await.0, 200);
    assert_eq!(
        code(&admin.patch("/users/nobody", json!({"role": "admin"})).await),
        (404, "not_found")
    );
    assert_eq!(
        code(&admin.patch(&path, json!({"role": "a b"})).await),
        (422, "invalid_request")
    );
}
