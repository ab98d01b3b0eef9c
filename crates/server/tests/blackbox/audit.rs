//! The audit log: what is in it, what is not, and that nobody changes it.

use serde_json::{Value, json};

use crate::{
    cli::login,
    client::{PASSWORD, Person, answer},
    database,
    program::{Serving, run},
};

/// The log as the command prints it.
fn log(data: &std::path::Path, arguments: &[&str]) -> Vec<Value> {
    let all = [&["audit", "--json"], arguments].concat();
    let output = run(data, &all, "");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn add(data: &std::path::Path, username: &str, role: &str) {
    let arguments = [
        "user",
        "add",
        username,
        "--name",
        "Somebody",
        "--role",
        role,
        "--password-stdin",
    ];
    let added = run(data, &arguments, PASSWORD);
    assert!(added.status.success(), "{added:?}");
}

#[tokio::test]
async fn who_did_what_is_noted_and_nothing_of_what_they_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let serving = Serving::start(data, &["--listen", "127.0.0.1:0"]);
    for (username, role) in [("root", "admin"), ("ann", "member"), ("ben", "member")] {
        add(data, username, role);
    }
    assert!(run(data, &["user", "role", "ben", "nurse"], "").status.success());
    assert!(run(data, &["invite"], "").status.success());

    assert_eq!(login(&serving.url, "ann", "not-her-password").await.0, 401);
    assert_eq!(login(&serving.url, "my-secret-password", "x").await.0, 401);
    let root = Person::sign_in(&serving.url, "root").await;
    let ann = Person::sign_in(&serving.url, "ann").await;
    let ben = Person::sign_in(&serving.url, "ben").await;
    let (_, invite) = root.post("/invites", json!({"uses": 2, "role": "guest"})).await;
    let code = invite["code"].as_str().unwrap();
    let registered = json!({"username": "gus", "name": "Gus", "password": PASSWORD, "invite": code});
    let register = reqwest::Client::new()
        .post(format!("{}/auth/register", serving.url))
        .json(&registered);
    assert_eq!(answer(register).await.0, 201);
    assert_eq!(root.delete(&format!("/invites/{code}")).await.0, 204);
    assert_eq!(
        root.patch(&format!("/users/{}", ben.id), json!({"role": "member"}))
            .await
            .0,
        200
    );

    let chat = ann.group(&[]).await;
    let member = format!("/chat/{chat}/members/{}", ben.id);
    assert_eq!(ann.put(&member, json!({})).await.0, 200);
    assert_eq!(ann.put(&member, json!({"role": "moderator"})).await.0, 200);
    let said = ben.say(&chat, json!({"content": "what ben wrote"})).await;
    let own = ann.say(&chat, json!({"content": "what ann wrote"})).await;
    for message in [&said, &own] {
        let path = format!("/chat/{chat}/messages/{}", message["id"].as_str().unwrap());
        assert_eq!(ann.delete(&path).await.0, 204);
    }
    assert_eq!(ann.delete(&member).await.0, 204);
    assert_eq!(ann.delete(&format!("/chat/{chat}")).await.0, 204);

    let wrong = json!({"currentPassword": "wrong", "newPassword": "a new password"});
    assert_eq!(ben.put("/auth/password", wrong).await.0, 401);
    let right = json!({"currentPassword": PASSWORD, "newPassword": "a new password"});
    assert_eq!(ben.put("/auth/password", right).await.0, 204);
    let again = Person::sign_in(&serving.url, "ann").await;
    let sessions = again.get("/auth/sessions").await.1;
    let other = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|session| session["current"] == false)
        .unwrap();
    let other = other["id"].as_str().unwrap();
    assert_eq!(again.delete(&format!("/auth/sessions/{other}")).await.0, 204);
    assert_eq!(again.post("/auth/logout", Value::Null).await.0, 204);
    // A refresh token that was used twice before.
    let mut token = root.refresh_token.clone();
    for expected in [200, 200, 401] {
        let refresh = json!({"refreshToken": if expected == 401 { &root.refresh_token } else { &token }});
        let (status, fresh) = root.post("/auth/refresh", refresh).await;
        assert_eq!(status, expected, "{fresh}");
        if expected == 200 {
            fresh["refreshToken"].as_str().unwrap().clone_into(&mut token);
            let http = root.http.get(format!("{}/auth/me", root.url));
            answer(http.bearer_auth(fresh["token"].as_str().unwrap())).await;
        }
    }

    let lines = log(data, &[]);
    let told: Vec<Value> = lines
        .iter()
        .map(|line| json!([line["action"], line["actor"], line["user"], line["detail"]]))
        .collect();
    let expected = [
        json!(["user_added", null, "root", "admin"]),
        json!(["user_added", null, "ann", "member"]),
        json!(["user_added", null, "ben", "member"]),
        json!(["role_set", null, "ben", "nurse"]),
        json!(["invite_made", null, null, "1 × member"]),
        json!(["sign_in_failed", null, "ann", null]),
        json!(["sign_in_failed", null, null, null]),
        json!(["signed_in", "root", null, null]),
        json!(["signed_in", "ann", null, null]),
        json!(["signed_in", "ben", null, null]),
        json!(["invite_made", "root", null, "2 × guest"]),
        json!(["registered", "gus", null, "guest"]),
        json!(["invite_withdrawn", "root", null, null]),
        json!(["role_set", "root", "ben", "member"]),
        json!(["member_added", "ann", "ben", "member"]),
        json!(["member_role_set", "ann", "ben", "moderator"]),
        json!(["message_deleted", "ann", "ben", null]),
        json!(["member_removed", "ann", "ben", null]),
        json!(["chat_deleted", "ann", null, null]),
        json!(["password_check_failed", "ben", null, null]),
        json!(["password_changed", "ben", null, null]),
        json!(["signed_in", "ann", null, null]),
        json!(["session_ended", "ann", null, null]),
        json!(["signed_out", "ann", null, null]),
        json!(["refresh_reused", null, null, null]),
    ];
    assert_eq!(told, expected);
    let deleted = lines
        .iter()
        .find(|line| line["action"] == "message_deleted")
        .unwrap();
    assert_eq!(
        (&deleted["chatId"], &deleted["messageId"]),
        (&json!(chat), &said["id"])
    );
    assert_eq!(lines[5]["address"], "127.0.0.1");
    let all = json!(lines).to_string();
    let tokens = [&ann.token, &ann.refresh_token, &root.token];
    let texts = ["wrote", "my-secret-password", PASSWORD, "a new password", code];
    for secret in texts.into_iter().chain(tokens.map(String::as_str)) {
        assert!(!all.contains(secret), "{secret} is in the log");
    }

    // By person, by kind, by time; in words.
    let of_ben = log(data, &["--user", "Ben"]);
    assert_eq!(
        of_ben.len(),
        told.iter()
            .filter(|line| line[1] == "ben" || line[2] == "ben")
            .count()
    );
    assert_eq!(log(data, &["--action", "signed_in"]).len(), 4);
    assert_eq!(log(data, &["--since", "2999-01-01"]).len(), 0);
    assert_eq!(
        log(data, &["--since", "2020-01-01T00:00:00+02:00"]).len(),
        expected.len()
    );
    let words = String::from_utf8(run(data, &["audit", "--action", "message_deleted"], "").stdout).unwrap();
    assert!(
        words.contains(" message_deleted by ann user ben chat "),
        "{words}"
    );
    for bad in [["--since", "yesterday"], ["--action", "made_tea"]] {
        assert_eq!(
            run(data, &[&["audit"], &bad[..]].concat(), "").status.code(),
            Some(2)
        );
    }
}

#[test]
fn what_was_noted_stays() {
    let dir = tempfile::tempdir().unwrap();
    add(dir.path(), "ann", "member");
    for change in ["DELETE FROM audit", "UPDATE audit SET action = 'nothing'"] {
        let refused = database::tamper(dir.path(), change).unwrap_err();
        assert!(refused.contains("the audit log is not"), "{refused}");
    }
    assert_eq!(log(dir.path(), &[]).len(), 1);
}
