//! `backup`, `restore`, `migrate` and `check`: everything arrives, what clients hold stays good, nothing is
//! overwritten.

use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    client::{Answer, answer},
    database,
    program::{Serving, run},
};

/// Somebody of the demo team, by a token that outlives servers.
struct Someone {
    token: String,
}

impl Someone {
    async fn sign_in(url: &str) -> Self {
        let body = json!({"username": "amina", "password": "khaya-demo"});
        let (status, signed_in) = answer(Client::new().post(format!("{url}/auth/login")).json(&body)).await;
        assert_eq!(status, 200, "{signed_in}");
        let token = signed_in["token"].as_str().unwrap().to_owned();
        Self { token }
    }

    async fn ask(&self, url: &str, path: &str) -> Answer {
        answer(Client::new().get(format!("{url}{path}")).bearer_auth(&self.token)).await
    }

    async fn get(&self, url: &str, path: &str) -> Value {
        let (status, value) = self.ask(url, path).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    async fn say(&self, url: &str, content: &str) -> Value {
        let chats = self.get(url, "/chat").await;
        let chat = chats["items"][0]["id"].as_str().unwrap();
        let call = Client::new()
            .post(format!("{url}/chat/{chat}/messages"))
            .bearer_auth(&self.token)
            .json(&json!({"content": content}));
        let (status, message) = answer(call).await;
        assert_eq!(status, 201, "{message}");
        message
    }

    /// All that they can read.
    async fn everything(&self, url: &str) -> Vec<Value> {
        let mut seen = vec![
            self.get(url, "/auth/me").await,
            self.get(url, "/users?query=").await,
        ];
        let chats = self.get(url, "/chat").await;
        for chat in chats["items"].as_array().unwrap() {
            let id = chat["id"].as_str().unwrap();
            seen.push(self.get(url, &format!("/chat/{id}/messages?limit=100")).await);
        }
        seen.push(chats);
        for word in ["the", "a", "会", "release"] {
            let found = self.get(url, &format!("/search?q={word}")).await;
            seen.push(found["items"].clone());
        }
        seen
    }
}

fn done(data: &Path, arguments: &[&str]) -> String {
    let output = run(data, arguments, "");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(data: &Path, arguments: &[&str], why: &str) {
    let output = run(data, arguments, "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains(why),
        "{arguments:?}: {output:?}"
    );
}

#[tokio::test]
async fn a_backup_of_a_serving_server_is_restored_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy, other) = (
        dir.path().join("data"),
        dir.path().join("copy"),
        dir.path().join("other"),
    );
    let to_copy = ["backup", "--to", copy.to_str().unwrap()];
    let from_copy = ["restore", "--from", copy.to_str().unwrap()];
    refused(&data, &to_copy, "there is no database");
    done(&data, &["demo"]);
    let serving = Serving::start(&data, &["--listen", "127.0.0.1:0"]);
    let amina = Someone::sign_in(&serving.url).await;
    let place = amina.get(&serving.url, "/sync").await["next"]
        .as_str()
        .unwrap()
        .to_owned();
    let more = amina.get(&serving.url, "/search?q=the&limit=1").await["nextCursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let said = amina.say(&serving.url, "said before the backup").await;
    done(&data, &to_copy);
    done(&data, &["check"]);
    refused(&data, &to_copy, "already");
    refused(&data, &from_copy, "a server is at");
    let before = amina.everything(&serving.url).await;
    for _ in 0..3 {
        amina.say(&serving.url, "said after the backup").await;
    }
    let beyond = amina.get(&serving.url, "/sync").await["next"]
        .as_str()
        .unwrap()
        .to_owned();
    let next = amina
        .get(&serving.url, &format!("/search?q=the&limit=1&cursor={more}"))
        .await;
    drop(serving);

    refused(&data, &from_copy, "name an empty one");
    done(&other, &from_copy);
    done(&other, &["check"]);
    let serving = Serving::start(&other, &["--listen", "127.0.0.1:0"]);
    assert_eq!(amina.everything(&serving.url).await, before);
    let again = amina
        .get(&serving.url, &format!("/search?q=the&limit=1&cursor={more}"))
        .await;
    assert_eq!(again["items"], next["items"]);
    let missed = amina.get(&serving.url, &format!("/sync?since={place}")).await;
    assert_eq!(missed["events"][0]["data"]["message"]["id"], said["id"]);
    // What is numbered goes on after what was, not over it.
    let next = missed["next"].as_str().unwrap();
    let said = amina.say(&serving.url, "said after the restore").await;
    let missed = amina.get(&serving.url, &format!("/sync?since={next}")).await;
    assert_eq!(missed["events"].as_array().unwrap().len(), 1);
    assert_eq!(missed["events"][0]["data"]["message"]["id"], said["id"]);
    // Who was told more than the backup has begins afresh, also once as much has happened again.
    for number in 0..5 {
        let lost = amina.ask(&serving.url, &format!("/sync?since={beyond}")).await;
        assert_eq!(lost.0, 410, "{number}: {}", lost.1);
        amina.say(&serving.url, "said after the restore").await;
    }
}

#[test]
fn a_check_names_what_is_broken() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    done(&data, &["demo"]);
    done(&data, &["check"]);
    for (harm, found) in [
        (
            "DELETE FROM events WHERE pos = (SELECT MIN(pos) FROM events WHERE seq = 5 AND user_id IS NULL)",
            "1 numbers missing within the streams of chats",
        ),
        (
            "UPDATE users SET private_seq = 99 WHERE private_seq > 0",
            "streams of people that end",
        ),
        (
            "UPDATE messages SET created_at = 1 WHERE number = (SELECT MAX(number) FROM messages WHERE restricted = 0)",
            "1 messages that are not later than the one before",
        ),
        (
            "DELETE FROM audience WHERE kind = 'user'",
            "restricted messages that their sender is not listed for",
        ),
        ("UPDATE members SET role = 'member'", "groups without an owner"),
        (
            "DELETE FROM search WHERE rowid = (SELECT MIN(number) FROM messages WHERE restricted = 0)",
            "1 messages whose words are not filed",
        ),
    ] {
        database::tamper(&data, harm).unwrap();
        refused(&data, &["check"], found);
    }
    let copy = dir.path().join("copy");
    refused(
        &data,
        &["backup", "--to", copy.to_str().unwrap()],
        "is not as it must be",
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_team_moves_from_sqlite_to_postgres_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let (data, back) = (dir.path().join("data"), dir.path().join("back"));
    let sqlite = format!("sqlite:{}", data.display());
    let sqlite_again = format!("sqlite:{}", back.display());
    let postgres = crate::postgres::database_of(&dir.path().join("postgres"));
    let serve = |database: &str| Serving::start(&data, &["--listen", "127.0.0.1:0", "--database", database]);
    done(&data, &["demo", "--database", &sqlite]);
    let serving = serve(&sqlite);
    let amina = Someone::sign_in(&serving.url).await;
    let place = amina.get(&serving.url, "/sync").await["next"]
        .as_str()
        .unwrap()
        .to_owned();
    let said = amina.say(&serving.url, "said on SQLite").await;
    let migrate = ["migrate", "--from", &sqlite, "--to", &postgres];
    refused(&data, &migrate, "a server is at");
    let before = amina.everything(&serving.url).await;
    drop(serving);
    let there = done(&data, &migrate);
    refused(&data, &migrate, "name an empty one");

    let serving = serve(&postgres);
    assert_eq!(amina.everything(&serving.url).await, before);
    let missed = amina.get(&serving.url, &format!("/sync?since={place}")).await;
    assert_eq!(missed["events"][0]["data"]["message"]["id"], said["id"]);
    refused(
        &data,
        &["migrate", "--from", &postgres, "--to", &sqlite_again],
        "a server is at",
    );
    drop(serving);
    done(&data, &["check", "--database", &postgres]);

    let and_back = done(&data, &["migrate", "--from", &postgres, "--to", &sqlite_again]);
    let hashes = |told: &str| -> Vec<String> {
        told.lines()
            .filter(|line| line.contains("sha256"))
            .map(str::to_owned)
            .collect()
    };
    assert!(hashes(&there).len() >= 12, "{there}");
    assert_eq!(hashes(&there), hashes(&and_back));
    let serving = serve(&sqlite_again);
    assert_eq!(amina.everything(&serving.url).await, before);
    amina.say(&serving.url, "said at home again").await;
    drop(serving);
    done(&data, &["check", "--database", &sqlite_again]);
}
