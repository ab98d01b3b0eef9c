//! A client of HTTP long-polling, by hand.

use std::collections::VecDeque;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::client::Person;

/// A session of Engine.IO over polling.
pub(crate) struct Polling {
    http: Client,
    url: String,
    packets: VecDeque<String>,
}

impl Polling {
    /// Opens the engine. The status when it is refused.
    pub(crate) async fn open(http: &Client, url: &str) -> Result<Self, StatusCode> {
        let url = format!("{url}/socket.io/?EIO=4&transport=polling");
        let response = http.get(&url).send().await.unwrap();
        if response.status() != 200 {
            return Err(response.status());
        }
        let text = response.text().await.unwrap();
        let open: Value = serde_json::from_str(text.strip_prefix('0').unwrap()).unwrap();
        Ok(Self {
            http: http.clone(),
            url: format!("{url}&sid={}", open["sid"].as_str().unwrap()),
            packets: VecDeque::new(),
        })
    }

    /// Somebody's socket, connected.
    pub(crate) async fn connected(person: &Person) -> Self {
        let mut polling = Self::open(&person.http, &person.reads).await.unwrap();
        let auth = json!({"token": person.token});
        assert_eq!(polling.post(format!("40{auth}")).await, 200);
        let answer = polling.read().await.unwrap();
        assert!(answer.starts_with("40{"), "{answer}");
        polling
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Posts a payload.
    pub(crate) async fn post(&self, payload: String) -> StatusCode {
        self.http
            .post(&self.url)
            .body(payload)
            .send()
            .await
            .unwrap()
            .status()
    }

    /// One poll: what came, or the status when it is refused.
    pub(crate) async fn poll(&self) -> Result<Vec<String>, StatusCode> {
        let response = self.http.get(&self.url).send().await.unwrap();
        if response.status() != 200 {
            return Err(response.status());
        }
        let text = response.text().await.unwrap();
        Ok(text.split('\u{1e}').map(str::to_owned).collect())
    }

    /// The next packet but pings, which are answered. `None` when the session has ended.
    pub(crate) async fn read(&mut self) -> Option<String> {
        loop {
            match self.packets.pop_front() {
                Some(packet) if packet == "2" => {
                    self.post("3".to_owned()).await;
                }
                Some(packet) if packet == "1" => return None,
                Some(packet) if packet.is_empty() || packet == "6" => {}
                Some(packet) => return Some(packet),
                None => self.packets = self.poll().await.ok()?.into(),
            }
        }
    }

    /// Reads until the server ends the session; gives the names of the events that came before.
    pub(crate) async fn until_closed(&mut self) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(packet) = self.read().await {
            if let Some(event) = packet.strip_prefix("42") {
                let event: Value = serde_json::from_str(event).unwrap();
                events.push(event[0].as_str().unwrap().to_owned());
            }
        }
        events
    }
}
