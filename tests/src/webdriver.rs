//! The part of W3C WebDriver that the tests use, spoken to `WebKitWebDriver`.
//!
//! Computed roles and names are the browser's own, so what is found here is what a screen reader is told.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};

/// The key under which WebDriver gives a reference to an element (WebDriver, section 11.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browsing session. Clones are the same session.
#[derive(Debug, Clone)]
pub struct Session {
    http: reqwest::Client,
    /// Up to and with the session's id.
    address: String,
}

/// A reference to an element, which ends with the element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element(String);

/// Whether the driver at `address` takes sessions by now.
///
/// # Errors
/// When it does not answer.
pub async fn is_ready(http: &reqwest::Client, address: &str) -> Result<bool> {
    let status = issue(http, Method::GET, &format!("{address}/status"), None).await?;
    Ok(status["ready"] == true)
}

impl Session {
    /// Has the driver at `address` start `binary`.
    ///
    /// # Errors
    /// When the program does not open a page that can be driven.
    pub async fn open(http: reqwest::Client, address: &str, binary: &str, args: &[String]) -> Result<Self> {
        let options = json!({ "binary": binary, "args": args });
        let capabilities = json!({ "alwaysMatch": { "webkitgtk:browserOptions": options } });
        let body = json!({ "capabilities": capabilities });
        let opened = issue(&http, Method::POST, &format!("{address}/session"), Some(&body)).await?;
        let id = opened["sessionId"].as_str().context("a session has an id")?;
        let address = format!("{address}/session/{id}");
        Ok(Self { http, address })
    }

    /// Ends the session and the program with it.
    ///
    /// # Errors
    /// When the driver is gone.
    pub async fn close(&self) -> Result<()> {
        self.issue(Method::DELETE, "", None).await.map(drop)
    }

    /// The elements below `scope`, or in the whole page, that a CSS selector finds.
    ///
    /// # Errors
    /// When the page or the scope is gone.
    pub async fn elements(&self, scope: Option<&Element>, css: &str) -> Result<Vec<Element>> {
        let path = match scope {
            Some(Element(id)) => format!("/element/{id}/elements"),
            None => "/elements".to_owned(),
        };
        let body = json!({ "using": "css selector", "value": css });
        let found = self.issue(Method::POST, &path, Some(&body)).await?;
        let found = found.as_array().context("a list of elements")?;
        Ok(found.iter().filter_map(element_of).collect())
    }

    /// The element that has the focus.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn active(&self) -> Result<Element> {
        let found = self.issue(Method::GET, "/element/active", None).await?;
        element_of(&found).context("an element has the focus")
    }

    /// The element's role in the accessibility tree; `None` when it is not in there.
    pub async fn role(&self, Element(id): &Element) -> Option<String> {
        self.text_at(&format!("/element/{id}/computedrole")).await.ok()
    }

    /// The element's accessible name; `None` when it is not in the accessibility tree.
    pub async fn label(&self, Element(id): &Element) -> Option<String> {
        self.text_at(&format!("/element/{id}/computedlabel")).await.ok()
    }

    /// The text that is to be seen in the element.
    ///
    /// # Errors
    /// When the element is gone.
    pub async fn text(&self, Element(id): &Element) -> Result<String> {
        self.text_at(&format!("/element/{id}/text")).await
    }

    /// Clicks in the middle of the element.
    ///
    /// # Errors
    /// When the element is gone, out of sight, or covered.
    pub async fn click(&self, Element(id): &Element) -> Result<()> {
        let path = format!("/element/{id}/click");
        self.issue(Method::POST, &path, Some(&json!({}))).await.map(drop)
    }

    /// Empties a field.
    ///
    /// # Errors
    /// When the element is gone or no field.
    pub async fn clear(&self, Element(id): &Element) -> Result<()> {
        let path = format!("/element/{id}/clear");
        self.issue(Method::POST, &path, Some(&json!({}))).await.map(drop)
    }

    /// Types into the element, key by key.
    ///
    /// # Errors
    /// When the element is gone or takes no keys.
    pub async fn type_text(&self, Element(id): &Element, text: &str) -> Result<()> {
        let path = format!("/element/{id}/value");
        self.issue(Method::POST, &path, Some(&json!({ "text": text })))
            .await
            .map(drop)
    }

    /// Runs a function body in the page, with `argument` as its first argument.
    ///
    /// # Errors
    /// When the page is gone or the script throws.
    pub async fn execute(&self, script: &str, argument: Value) -> Result<Value> {
        let body = json!({ "script": script, "args": [argument] });
        self.issue(Method::POST, "/execute/sync", Some(&body)).await
    }

    /// The same on an element.
    ///
    /// # Errors
    /// When the element is gone or the script throws.
    pub async fn execute_on(&self, Element(id): &Element, script: &str) -> Result<Value> {
        self.execute(script, json!({ ELEMENT: id })).await
    }

    /// Runs a function body that calls its last argument when it is done.
    ///
    /// # Errors
    /// When the page is gone, or the script throws or never ends.
    pub async fn execute_async(&self, script: &str) -> Result<Value> {
        let body = json!({ "script": script, "args": [] });
        self.issue(Method::POST, "/execute/async", Some(&body)).await
    }

    /// The page as it is now.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn source(&self) -> Result<String> {
        self.text_at("/source").await
    }

    /// All cookies of the page.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn cookies(&self) -> Result<Value> {
        self.issue(Method::GET, "/cookie", None).await
    }

    async fn text_at(&self, path: &str) -> Result<String> {
        let value = self.issue(Method::GET, path, None).await?;
        value
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("{path} is text"))
    }

    async fn issue(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        issue(&self.http, method, &format!("{}{path}", self.address), body).await
    }
}

/// A client for one driver: its commands are answered one after another, and some take long.
///
/// # Errors
/// When no HTTP client can be made.
pub fn http_client() -> Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(120));
    Ok(client.build()?)
}

fn element_of(value: &Value) -> Option<Element> {
    value[ELEMENT].as_str().map(|id| Element(id.to_owned()))
}

async fn issue(http: &reqwest::Client, method: Method, url: &str, body: Option<&Value>) -> Result<Value> {
    let mut request = http.request(method.clone(), url);
    if let Some(body) = body {
        request = request.json(body);
    }
    let mut answer: Value = request.send().await?.json().await?;
    let value = answer["value"].take();
    if let Some(error) = value["error"].as_str() {
        bail!("WebDriver: {method} {url}: {error}: {}", value["message"]);
    }
    Ok(value)
}
