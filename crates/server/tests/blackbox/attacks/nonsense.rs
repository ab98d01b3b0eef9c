//! What makes no sense, sent to every call that there is: it is refused, and never more than that.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::client::{Person, Team};

/// How often each call is made.
const EACH: usize = 40;

/// Names of fields, of queries, and some that there are not.
const NAMES: [&str; 28] = [
    "username",
    "password",
    "name",
    "invite",
    "refreshToken",
    "currentPassword",
    "newPassword",
    "avatarFileId",
    "role",
    "uses",
    "expiresAt",
    "kind",
    "memberIds",
    "topic",
    "messageId",
    "muted",
    "pinned",
    "content",
    "clientId",
    "replyTo",
    "visibleTo",
    "visibleToRoles",
    "attachmentIds",
    "since",
    "limit",
    "cursor",
    "before",
    "q",
];

/// Texts that something may stumble over.
const TEXTS: [&str; 24] = [
    "",
    " ",
    "\0",
    "a\0b",
    "\u{1F469}\u{200D}\u{1F467}",
    "\u{202E}",
    "\u{FEFF}",
    "'; DROP TABLE users; --",
    "%",
    "_",
    "\\",
    "\"",
    "*",
    "NEAR(",
    "a AND",
    "(",
    ":",
    "../..",
    "%00",
    "%2e%2e%2f",
    "-1",
    "9223372036854775808",
    "1e400",
    "\u{10FFFF}",
];

struct Nonsense {
    random: StdRng,
    /// Ids that there are.
    ids: Vec<String>,
}

impl Nonsense {
    fn text(&mut self) -> String {
        match self.random.random_range(0..6) {
            0 => self.ids.choose(&mut self.random).unwrap().clone(),
            1 => "x".repeat(self.random.random_range(1..40_000)),
            2 => (0..self.random.random_range(1..30))
                .map(|_| self.random.random::<char>())
                .collect(),
            _ => (*TEXTS.choose(&mut self.random).unwrap()).to_owned(),
        }
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.random.random_range(0..10) {
            0 => Value::Null,
            1 => json!(self.random.random::<bool>()),
            2 => json!(self.random.random::<i64>()),
            3 => json!(self.random.random::<f64>() * 1e300),
            4 if depth < 4 => {
                let count = self.random.random_range(0..5);
                (0..count).map(|_| self.value(depth + 1)).collect()
            }
            5 if depth < 4 => self.object(depth + 1),
            _ => json!(self.text()),
        }
    }

    fn object(&mut self, depth: usize) -> Value {
        let mut object = Map::new();
        for _ in 0..self.random.random_range(0..8) {
            let name = (*NAMES.choose(&mut self.random).unwrap()).to_owned();
            let value = self.value(depth);
            object.insert(name, value);
        }
        Value::Object(object)
    }

    /// A path with something in the place of its ids.
    fn path(&mut self, path: &str) -> String {
        let mut parts = Vec::new();
        for part in path.split('/') {
            if part.starts_with('{') {
                let text = if self.random.random_range(0..2) == 0 {
                    self.ids.choose(&mut self.random).unwrap().clone()
                } else {
                    self.text().chars().take(300).collect()
                };
                parts.push(url::form_urlencoded::byte_serialize(text.as_bytes()).collect());
            } else {
                parts.push(part.to_owned());
            }
        }
        parts.join("/")
    }

    fn query(&mut self) -> Vec<(&'static str, String)> {
        let count = self.random.random_range(0..4);
        (0..count)
            .map(|_| {
                let name = *NAMES.choose(&mut self.random).unwrap();
                (name, self.text().chars().take(3000).collect())
            })
            .collect()
    }
}

#[tokio::test]
async fn nonsense_is_refused_by_every_call() {
    let seed = rand::random();
    println!("the seed is {seed}");
    let team = Team::start_with(|config| {
        config.limits.max_requests_per_user = 0;
        config.limits.max_requests_per_address = 0;
    })
    .await;
    let (ann, ben) = (team.join("ann", "admin").await, team.join("ben", "member").await);
    let chat = ann.group(&[&ben]).await;
    let said = ann.say(&chat, json!({"content": "word"})).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let document = ann.get("/openapi.json").await.1;
    let mut nonsense = Nonsense {
        random: StdRng::seed_from_u64(seed),
        ids: vec![chat, said, ann.id.clone(), ben.id.clone()],
    };
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            // What would end the session, or the chat, is for other tests.
            if path == "/auth/logout" || (method == "delete" && !path.contains("messages")) {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            for _ in 0..EACH {
                try_one(&ann, &method, path, &mut nonsense).await;
            }
        }
    }
    assert_eq!(ann.get("/auth/me").await.0, 200);
}

async fn try_one(person: &Person, method: &Method, path: &str, nonsense: &mut Nonsense) {
    let (asked, query) = (nonsense.path(path), nonsense.query());
    let body = if nonsense.random.random_range(0..8) == 0 {
        nonsense.value(0)
    } else {
        nonsense.object(0)
    };
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&query)
        .finish();
    let mut request = person.request(method.clone(), &format!("{asked}?{query}"));
    if !method.is_safe() {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    assert!(
        status < 500,
        "{method} {asked}?{query} {body}: {status} {}",
        answer.text().await.unwrap()
    );
}
