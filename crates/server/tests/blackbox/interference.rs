//! Non-interference: in two worlds in which the same is said to everyone, and in one of which much is said in
//! secret between, somebody for whom none of the secrets is finds no difference, an admin neither.

use std::collections::BTreeMap;

use image::ImageFormat;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest::{collection::vec, prelude::*};
use reqwest::{Method, header};
use serde_json::{Value, json};

use self::renaming::rename;
use crate::{
    client::{Person, Socket, Team},
    files::{picture, uploaded},
};

mod renaming;

/// Something that happens to everyone.
#[derive(Debug, Clone)]
enum Public {
    Say(usize),
    /// A message with a picture, which becomes the picture of its sender as well or not.
    Show {
        avatar: bool,
    },
    Edit(usize),
    Delete(usize),
    React(usize),
    Pin(usize),
    Read(usize),
}

/// Something of which outsiders know nothing.
#[derive(Debug, Clone)]
enum Secret {
    Say {
        by_role: bool,
    },
    /// A message with a file of its own, and with one that everyone has.
    Show,
    Edit,
    Delete,
    React,
    Pin,
    /// Which others see as having read what was said to everyone before.
    Read,
}

fn public() -> impl Strategy<Value = Public> {
    prop_oneof![
        3 => (0..2_usize).prop_map(Public::Say),
        1 => any::<bool>().prop_map(|avatar| Public::Show { avatar }),
        1 => (0..8_usize).prop_map(Public::Edit),
        1 => (0..8_usize).prop_map(Public::Delete),
        1 => (0..8_usize).prop_map(Public::React),
        1 => (0..8_usize).prop_map(Public::Pin),
        1 => (0..8_usize).prop_map(Public::Read),
    ]
}

fn secret() -> impl Strategy<Value = Secret> {
    prop_oneof![
        3 => any::<bool>().prop_map(|by_role| Secret::Say { by_role }),
        2 => Just(Secret::Show),
        1 => Just(Secret::Edit),
        1 => Just(Secret::Delete),
        1 => Just(Secret::React),
        1 => Just(Secret::Pin),
        2 => Just(Secret::Read),
    ]
}

struct World {
    team: Team,
    /// Those who share secrets: the first is the owner, the second has the role that some secrets are for.
    insiders: [Person; 2],
    /// A member and an admin.
    outsiders: [Person; 2],
    sockets: [Socket; 2],
    since: [String; 2],
    chat: String,
    said: Vec<String>,
    /// The secrets that may be talked about and, in a world without them, what was said to everyone before each.
    secrets: Vec<String>,
    /// A secret that there is, or was; in a world without them what there never was.
    known: String,
    /// Files that are for everyone, and files that are not.
    shown: Vec<String>,
    hidden: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let team = Team::start().await;
        let insiders = [team.join("ann", "member").await, team.join("ben", "nurse").await];
        let outsiders = [team.join("out", "member").await, team.join("root", "admin").await];
        let chat = insiders[0]
            .group(&[&insiders[1], &outsiders[0], &outsiders[1]])
            .await;
        let sockets = [outsiders[0].socket().await, outsiders[1].socket().await];
        let mut since = [String::new(), String::new()];
        for (since, person) in since.iter_mut().zip(&outsiders) {
            person.get("/sync").await.1["next"]
                .as_str()
                .unwrap()
                .clone_into(since);
        }
        Self {
            team,
            insiders,
            outsiders,
            sockets,
            since,
            chat,
            said: Vec::new(),
            secrets: Vec::new(),
            known: "0".repeat(22),
            shown: Vec::new(),
            hidden: Vec::new(),
        }
    }

    fn path(&self, message: &str) -> String {
        format!("/chat/{}/messages/{message}", self.chat)
    }

    async fn do_public(&mut self, step: &Public) {
        let pick = |n: usize| self.said.get(n % self.said.len().max(1)).cloned();
        match *step {
            Public::Say(who) => {
                let body = json!({"content": format!("public {}", self.said.len())});
                let sent = self.insiders[who].say(&self.chat, body).await;
                self.said.push(sent["id"].as_str().unwrap().to_owned());
            }
            Public::Show { avatar } => {
                let owner = &self.insiders[0];
                let file = uploaded(owner, "image/png", picture(9, 9, ImageFormat::Png)).await;
                let body = json!({"content": "shown", "attachmentIds": [file]});
                let sent = owner.say(&self.chat, body).await;
                if avatar {
                    owner.patch("/auth/me", json!({"avatarFileId": file})).await;
                }
                self.said.push(sent["id"].as_str().unwrap().to_owned());
                self.shown.push(file);
            }
            Public::Edit(n) => {
                let Some(id) = pick(n) else { return };
                for person in &self.insiders {
                    person.patch(&self.path(&id), json!({"content": "edited"})).await;
                }
            }
            Public::Delete(n) => {
                let Some(id) = pick(n) else { return };
                self.insiders[0].delete(&self.path(&id)).await;
            }
            Public::React(n) => {
                let Some(id) = pick(n) else { return };
                self.outsiders[0]
                    .put(&format!("{}/reactions/👍", self.path(&id)), json!({}))
                    .await;
            }
            Public::Pin(n) => {
                let Some(id) = pick(n) else { return };
                self.insiders[0]
                    .put(&format!("{}/pin", self.path(&id)), json!({}))
                    .await;
            }
            Public::Read(n) => {
                let Some(id) = pick(n) else { return };
                self.outsiders[1]
                    .put(&format!("/chat/{}/read", self.chat), json!({"messageId": id}))
                    .await;
            }
        }
    }

    async fn do_secret(&mut self, step: &Secret) {
        let last = self.secrets.last().cloned();
        match *step {
            Secret::Say { by_role } => {
                let mut body = json!({"content": "secret", "replyTo": last});
                if by_role && last.is_none() {
                    body["visibleToRoles"] = json!(["nurse"]);
                } else {
                    body["visibleTo"] = json!([self.insiders[0].id, self.insiders[1].id]);
                }
                let sent = self.insiders[0].say(&self.chat, body).await;
                self.keep_secret(&sent);
            }
            Secret::Show => {
                let owner = &self.insiders[0];
                let file = uploaded(owner, "text/plain", "a secret file").await;
                let files: Vec<&String> = self.shown.last().into_iter().chain([&file]).collect();
                let listed = [&self.insiders[1].id];
                let body = json!({"content": "secret", "visibleTo": listed, "attachmentIds": files});
                let sent = owner.say(&self.chat, body).await;
                self.keep_secret(&sent);
                self.hidden.push(file);
            }
            Secret::Edit => {
                let Some(id) = last else { return };
                self.insiders[0]
                    .patch(&self.path(&id), json!({"content": "more secret"}))
                    .await;
            }
            Secret::Delete => {
                let Some(id) = self.secrets.pop() else { return };
                assert_eq!(self.insiders[0].delete(&self.path(&id)).await.0, 204);
                self.secrets.clear();
            }
            Secret::React => {
                let Some(id) = last else { return };
                self.insiders[1]
                    .put(&format!("{}/reactions/🤫", self.path(&id)), json!({}))
                    .await;
            }
            Secret::Pin => {
                let Some(id) = last else { return };
                self.insiders[0]
                    .put(&format!("{}/pin", self.path(&id)), json!({}))
                    .await;
            }
            Secret::Read => self.read(last).await,
        }
    }

    /// What there is of a secret for those who do not know it, in a world without it.
    async fn do_no_secret(&mut self, step: &Secret) {
        match *step {
            Secret::Say { .. } | Secret::Show => {
                self.secrets.push(self.said.last().cloned().unwrap_or_default())
            }
            Secret::Delete => self.secrets.clear(),
            Secret::Read => {
                let before = self.secrets.last().cloned().filter(|id| !id.is_empty());
                self.read(before).await;
            }
            Secret::Edit | Secret::React | Secret::Pin => {}
        }
    }

    fn keep_secret(&mut self, sent: &Value) {
        sent["id"].as_str().unwrap().clone_into(&mut self.known);
        self.secrets.push(self.known.clone());
    }

    async fn read(&self, id: Option<String>) {
        let Some(id) = id else { return };
        self.insiders[1]
            .put(&format!("/chat/{}/read", self.chat), json!({"messageId": id}))
            .await;
    }

    /// What somebody is answered who has got hold of a secret's id.
    async fn poked(&self, person: &Person) -> Value {
        let (chat, id, path) = (&self.chat, &self.known, self.path(&self.known));
        json!([
            person.get(&format!("/chat/{chat}/messages?before={id}")).await.1,
            person.get(&format!("/chat/{chat}/messages?after={id}")).await.1,
            person.patch(&path, json!({"content": "mine"})).await.1,
            person.delete(&path).await.1,
            person.put(&format!("{path}/pin"), json!({})).await.1,
            person.put(&format!("{path}/reactions/👍"), json!({})).await.1,
            person.delete(&format!("{path}/reactions/🤫")).await.1,
            person
                .put(&format!("/chat/{chat}/read"), json!({"messageId": id}))
                .await
                .1,
            person
                .post(
                    &format!("/chat/{chat}/messages"),
                    json!({"content": "re", "replyTo": id})
                )
                .await
                .1,
        ])
    }

    /// All that an outsider was told and can read, renamed.
    async fn seen(&mut self) -> [Value; 2] {
        // The last of what is told, so that all before it has come.
        self.do_public(&Public::Say(0)).await;
        let last = self.said.last().cloned().unwrap();
        let mut seen = [Value::Null, Value::Null];
        for (index, seen) in seen.iter_mut().enumerate() {
            let mut told = Vec::new();
            loop {
                let (name, data) = self.sockets[index].next().await;
                let done = name == "new_message" && data["message"]["id"] == last.as_str();
                told.push(json!([name, data]));
                if done {
                    break;
                }
            }
            let person = &self.outsiders[index];
            let mut pages = Vec::new();
            let mut path = format!("/chat/{}/messages?limit=3", self.chat);
            loop {
                let page = person.get(&path).await.1;
                let next = page["nextCursor"].as_str().map(str::to_owned);
                pages.push(page);
                let Some(next) = next else { break };
                path = format!("/chat/{}/messages?limit=3&before={next}", self.chat);
            }
            let mut sync = person
                .get(&format!("/sync?limit=100&since={}", self.since[index]))
                .await
                .1;
            // A place is sealed anew every time; that two of one place differ is tested elsewhere.
            sync["next"] = Value::Null;
            let chats = person.get("/chat").await.1;
            let search = person.get("/search?q=secret").await.1;
            let edited = person.get("/search?q=ed").await.1;
            let me = person.get("/auth/me").await.1;
            let people = person.get("/users").await.1;
            let chat = person.get(&format!("/chat/{}", self.chat)).await.1;
            let joined = person
                .post(&format!("/chat/{}/join", self.chat), json!({}))
                .await
                .1;
            let narrow = format!(
                "/search?q=s&chatId={}&senderId={}",
                self.chat, self.insiders[0].id
            );
            let narrow = person.get(&narrow).await.1["items"].clone();
            let first = self.said.first().cloned().unwrap();
            let after = person
                .get(&format!("/chat/{}/messages?limit=2&after={first}", self.chat))
                .await
                .1;
            let poked = self.poked(person).await;
            let metrics = person.get("/metrics").await.1;
            let heads = heads_seen(person, &self.chat).await;
            let files = files_seen(person, &self.shown, &self.hidden).await;
            *seen = rename(&json!([
                me, chats, pages, sync, told, search, edited, people, files, chat, joined, narrow, after,
                poked, metrics, heads
            ]));
        }
        seen
    }
}

/// What stands before lists: how long they are, and what a cache might compare.
async fn heads_seen(person: &Person, chat: &str) -> Value {
    let mut seen = Vec::new();
    for path in [
        "/chat",
        "/users",
        "/auth/me",
        "/search?q=secret",
        &format!("/chat/{chat}"),
        &format!("/chat/{chat}/messages"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = person.request(method, path).send().await.unwrap();
            let headers: BTreeMap<String, String> = answer
                .headers()
                .iter()
                .filter(|(name, _)| *name != header::DATE)
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            seen.push(json!([answer.status().as_u16(), headers]));
        }
    }
    json!(seen)
}

/// All that is answered about files: one answer for each that was shown to everyone, and all that differ for the rest,
/// of which a file that never was is one.
async fn files_seen(person: &Person, shown: &[String], hidden: &[String]) -> Value {
    let mut seen = Vec::new();
    for id in shown {
        seen.push(file_seen(person, id).await);
    }
    let mut nowhere = vec![file_seen(person, "0000000000000000000000").await];
    for id in hidden {
        let answer = file_seen(person, id).await;
        if !nowhere.contains(&answer) {
            nowhere.push(answer);
        }
    }
    json!([seen, nowhere])
}

async fn file_seen(person: &Person, id: &str) -> Value {
    let mut seen = Vec::new();
    for path in [format!("/files/{id}"), format!("/files/{id}/thumbnail")] {
        for (method, condition) in [
            (Method::GET, ""),
            (Method::HEAD, ""),
            (Method::GET, "*"),
            (Method::GET, "\"x\""),
        ] {
            let mut request = person.request(method, &path).header(header::RANGE, "bytes=9000-");
            if !condition.is_empty() {
                request = request.header(header::IF_NONE_MATCH, condition);
            }
            let answer = request.send().await.unwrap();
            let headers: BTreeMap<String, Value> = answer
                .headers()
                .iter()
                .filter(|(name, _)| *name != header::DATE)
                .map(|(name, value)| {
                    // Ids stand alone, for the renaming.
                    let parts: Vec<&str> = value.to_str().unwrap().split(['"', '.']).collect();
                    (name.to_string(), json!(parts))
                })
                .collect();
            let status = answer.status().as_u16();
            let body = answer.bytes().await.unwrap().to_vec();
            seen.push(json!([status, headers, body]));
        }
    }
    json!(seen)
}

#[test]
fn outsiders_cannot_tell_a_world_with_secrets_from_one_without() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let script = vec((public(), vec(secret(), 0..4)), 1..12);
    let mut runner = TestRunner::new(Config {
        cases: 6,
        rng_seed: RngSeed::Fixed(20_261_122),
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&script, |script| {
            runtime.block_on(async {
                let (mut silent, mut secretive) = tokio::join!(World::new(), World::new());
                for (public, secrets) in &script {
                    silent.do_public(public).await;
                    secretive.do_public(public).await;
                    for secret in secrets {
                        secretive.do_secret(secret).await;
                        silent.do_no_secret(secret).await;
                    }
                }
                let (silent_seen, secretive_seen) = (silent.seen().await, secretive.seen().await);
                silent.team.server.stop().await;
                secretive.team.server.stop().await;
                prop_assert_eq!(silent_seen, secretive_seen);
                Ok(())
            })
        })
        .unwrap();
}
