//! The REST side of a server, called as any program would: plain HTTP and JSON, no types of the product.

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

/// A server's address, and who calls.
#[derive(Debug, Clone)]
pub struct Rest {
    http: reqwest::Client,
    address: String,
    token: Option<String>,
}

/// What a call answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON, `null` when it is none.
    pub body: Value,
}

/// Somebody who signed in.
#[derive(Debug, Clone)]
pub struct Account {
    pub rest: Rest,
    pub id: String,
    pub username: String,
    pub name: String,
    pub token: String,
}

impl Rest {
    /// Calls at `address` (`http://…`) as nobody.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(address: &str) -> Result<Self> {
        Ok(Self {
            http: reqwest::Client::builder().no_proxy().build()?,
            address: address.to_owned(),
            token: None,
        })
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The server's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// One call, whatever it answers. A body of `null` is none.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(&self, method: &str, path: &str, body: Value) -> Result<Answer> {
        self.call_with(method, path, body, &[]).await
    }

    /// One call with headers.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call_with(
        &self,
        method: &str,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Result<Answer> {
        let mut request = self.request(method, path)?;
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        answer_to(request).await
    }

    /// One call with a body that is not JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post_bytes(&self, path: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = self.request("POST", path)?.body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer_to(request).await
    }

    fn request(&self, method: &str, path: &str) -> Result<RequestBuilder> {
        let method = Method::from_bytes(method.as_bytes())?;
        let request = self.http.request(method, format!("{}{path}", self.address));
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    /// A call that must succeed; gives its body.
    ///
    /// # Errors
    /// When it does not answer 2xx.
    pub async fn ok(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let answer = self.call(method, path, body).await?;
        ensure!(
            (200..300).contains(&answer.status),
            "{method} {path}: {} {}",
            answer.status,
            answer.text
        );
        Ok(answer.body)
    }

    /// A call that must succeed, without a body.
    ///
    /// # Errors
    /// When it does not answer 2xx.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.ok("GET", path, Value::Null).await
    }

    /// Signs in.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn sign_in(&self, username: &str, password: &str) -> Result<Account> {
        let body = json!({ "username": username, "password": password });
        let answer = self.ok("POST", "/auth/login", body).await?;
        let token = text(&answer, "/token")?;
        Ok(Account {
            rest: self.with_token(&token),
            id: text(&answer, "/user/id")?,
            username: username.to_owned(),
            name: text(&answer, "/user/name")?,
            token,
        })
    }
}

impl Account {
    /// Sends a message and gives it as answered.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn send(&self, chat: &str, content: &str) -> Result<Value> {
        let path = format!("/chat/{chat}/messages");
        self.rest.ok("POST", &path, json!({ "content": content })).await
    }

    /// Has read all that a chat has.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn read_all(&self, chat: &str) -> Result<()> {
        let messages = self.rest.get(&format!("/chat/{chat}/messages")).await?;
        if let Some(newest) = messages["items"].as_array().and_then(|items| items.last()) {
            let body = json!({ "messageId": newest["id"] });
            self.rest.ok("PUT", &format!("/chat/{chat}/read"), body).await?;
        }
        Ok(())
    }

    /// Sends a message with a file that was uploaded.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn send_with_file(&self, chat: &str, content: &str, file: &str) -> Result<Value> {
        let body = json!({ "content": content, "attachmentIds": [file] });
        self.rest
            .ok("POST", &format!("/chat/{chat}/messages"), body)
            .await
    }

    /// Uploads a file and gives its id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn upload(&self, name: &str, mime_type: &str, bytes: Vec<u8>) -> Result<String> {
        let name: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let headers = [("Content-Type", mime_type), ("X-File-Name", &name)];
        let answer = self.rest.post_bytes("/files", bytes, &headers).await?;
        ensure!(
            answer.status == 201,
            "an upload was answered {}: {}",
            answer.status,
            answer.text
        );
        text(&answer.body, "/id")
    }

    /// Starts a group with others and gives its id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn start_group(&self, name: &str, members: &[&Account]) -> Result<String> {
        self.start_chat("group", Some(name), members).await
    }

    /// Starts a direct chat and gives its id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn start_direct(&self, with: &Account) -> Result<String> {
        self.start_chat("direct", None, &[with]).await
    }

    async fn start_chat(&self, kind: &str, name: Option<&str>, members: &[&Account]) -> Result<String> {
        let ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
        let mut body = json!({ "kind": kind, "memberIds": ids });
        if let Some(name) = name {
            body["name"] = name.into();
        }
        text(&self.rest.ok("POST", "/chat", body).await?, "/id")
    }
}

async fn answer_to(request: RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer {
        status,
        headers,
        text,
        body,
    })
}

/// The string at a JSON pointer.
///
/// # Errors
/// When there is none.
pub fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .map(str::to_owned)
        .with_context(|| format!("no text at {pointer} in {value}"))
}
