//! The page in an app's window, used as a person would: look, click, type, wait.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    locator::{Locator, Role, any, named, starting},
    wait::PATIENCE,
    webdriver::{Element, Session},
};

/// Ends with the next change of the page, or after a moment in which nothing changed: what is waited for may
/// also be a matter of style.
const NEXT_CHANGE: &str = "
    const done = arguments[arguments.length - 1];
    const observer = new MutationObserver(finish);
    const timer = setTimeout(finish, 200);
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    function finish() { observer.disconnect(); clearTimeout(timer); done(null); }";

/// A page. Clones are the same page.
#[derive(Debug, Clone)]
pub struct Page {
    session: Session,
}

impl Page {
    /// The page of a session.
    #[must_use]
    pub fn new(session: Session) -> Self {
        Self { session }
    }

    /// The session below.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Waits for the thing to be there.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn find(&self, locator: &Locator) -> Result<Element> {
        self.until(&format!("{locator}"), async || {
            Ok(locator.resolve(&self.session).await?.into_iter().next())
        })
        .await
    }

    /// Waits until nothing fits.
    ///
    /// # Errors
    /// When something still does at the end.
    pub async fn gone(&self, locator: &Locator) -> Result<()> {
        self.until(&format!("no {locator}"), async || {
            Ok(locator.resolve(&self.session).await?.is_empty().then_some(()))
        })
        .await
    }

    /// How many things fit now.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn count(&self, locator: &Locator) -> Result<usize> {
        Ok(locator.resolve(&self.session).await?.len())
    }

    /// The accessible names of all that fit now.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn names(&self, locator: &Locator) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for element in locator.resolve(&self.session).await? {
            names.extend(self.session.label(&element).await);
        }
        Ok(names)
    }

    /// What the first thing that fits says.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn text(&self, locator: &Locator) -> Result<String> {
        let element = self.find(locator).await?;
        self.session.text(&element).await
    }

    /// Clicks the first thing that fits, as soon as it can be clicked.
    ///
    /// # Errors
    /// When it never can.
    pub async fn click(&self, locator: &Locator) -> Result<()> {
        self.until(&format!("to click {locator}"), async || {
            let Some(element) = locator.resolve(&self.session).await?.into_iter().next() else {
                return Ok(None);
            };
            self.session.click(&element).await.map(Some)
        })
        .await
    }

    /// Gives the focus to the first thing that fits.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn focus(&self, locator: &Locator) -> Result<()> {
        let element = self.find(locator).await?;
        let focus = "arguments[0].focus({ preventScroll: true })";
        self.session.execute_on(&element, focus).await.map(drop)
    }

    /// Clicks the first thing that fits, if that can be done now.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn click_now(&self, locator: &Locator) -> Result<()> {
        let found = locator.resolve(&self.session).await?;
        let element = found.first().context("nothing to click")?;
        self.session.click(element).await
    }

    /// Closes the dialog that is open, as Escape does.
    ///
    /// # Errors
    /// When there is none.
    pub async fn close_dialog(&self) -> Result<()> {
        const CLOSE: &str = "document.querySelector('dialog[open]').close()";
        self.session.execute(CLOSE, Value::Null).await.map(drop)
    }

    /// Replaces what a field holds, as soon as the field takes it.
    ///
    /// # Errors
    /// When there is no such field, or it does not keep what is typed.
    pub async fn fill(&self, locator: &Locator, text: &str) -> Result<()> {
        self.until(&format!("{locator} to hold “{text}”"), async || {
            let Some(field) = locator.resolve(&self.session).await?.into_iter().next() else {
                return Ok(None);
            };
            self.session.clear(&field).await?;
            self.session.type_text(&field, text).await?;
            Ok((self.value(locator).await? == text).then_some(()))
        })
        .await
    }

    /// Types into a field, after what it holds.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn type_text(&self, locator: &Locator, text: &str) -> Result<()> {
        let field = self.find(locator).await?;
        self.session.type_text(&field, text).await
    }

    /// What a field holds.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn value(&self, locator: &Locator) -> Result<String> {
        let field = self.find(locator).await?;
        let value = self
            .session
            .execute_on(&field, "return arguments[0].value ?? arguments[0].textContent")
            .await?;
        value
            .as_str()
            .map(str::to_owned)
            .context("a field's value is text")
    }

    /// Fills in the sign-in form and sends it.
    ///
    /// # Errors
    /// When the form is not there.
    pub async fn sign_in(&self, server: &str, username: &str, password: &str) -> Result<()> {
        self.fill(&named(Role::Textbox, "Server"), server).await?;
        self.fill(&named(Role::Textbox, "Username"), username).await?;
        self.fill(&named(Role::Textbox, "Password"), password).await?;
        self.click(&named(Role::Button, "Sign in")).await
    }

    /// Waits for the connection to be told as this (`Connected`, `Offline`, …).
    ///
    /// # Errors
    /// When it is not.
    pub async fn connection(&self, state: &str) -> Result<()> {
        self.find(&starting(Role::Status, state)).await.map(drop)
    }

    /// Waits for the connection's description to name this transport (`WebSocket` or `Polling`).
    ///
    /// # Errors
    /// When it does not.
    pub async fn transport(&self, transport: &str) -> Result<()> {
        self.until(&format!("a connection over {transport}"), async || {
            for status in starting(Role::Status, "Connected").resolve(&self.session).await? {
                let description = self.session.execute_on(&status, DESCRIPTION).await?;
                if description.as_str().is_some_and(|text| text.contains(transport)) {
                    return Ok(Some(()));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Waits for an alert that says something, and gives it.
    ///
    /// # Errors
    /// When none comes.
    pub async fn alert(&self) -> Result<String> {
        self.alert_but(&[]).await
    }

    /// Waits for an alert that says something else than these, and gives it.
    ///
    /// # Errors
    /// When none comes.
    pub async fn alert_but(&self, known: &[String]) -> Result<String> {
        self.until("an alert", async || {
            for alert in any(Role::Alert).resolve(&self.session).await? {
                let text = self.session.text(&alert).await?.trim().to_owned();
                if !text.is_empty() && !known.contains(&text) {
                    return Ok(Some(text));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Waits until the page says this anywhere.
    ///
    /// # Errors
    /// When it does not.
    pub async fn shows(&self, text: &str) -> Result<()> {
        self.until(&format!("the page to say “{text}”"), async || {
            Ok(self.says(text).await?.then_some(()))
        })
        .await
    }

    /// Waits until the page says this nowhere.
    ///
    /// # Errors
    /// When it still does at the end.
    pub async fn hides(&self, text: &str) -> Result<()> {
        self.until(&format!("the page not to say “{text}”"), async || {
            Ok((!self.says(text).await?).then_some(()))
        })
        .await
    }

    /// Waits until the page has painted what it holds, in its present size.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn painted(&self) -> Result<()> {
        self.session.execute_async(PAINTED).await.map(drop)
    }

    async fn says(&self, text: &str) -> Result<bool> {
        let all = self
            .session
            .execute("return document.body.innerText", Value::Null)
            .await?;
        Ok(all.as_str().is_some_and(|all| all.contains(text)))
    }

    /// Opens a chat from the list.
    ///
    /// # Errors
    /// When it is not in the list, or does not open.
    pub async fn open_chat(&self, name: &str) -> Result<()> {
        let item = chats().with(starting(Role::Item, name));
        let target = item.clone().with(any(Role::Button));
        // An item may be the thing to click, or hold it.
        self.find(&item).await?;
        let holds_button = self.count(&target).await? > 0;
        self.click(if holds_button { &target } else { &item }).await?;
        self.find(&named(Role::Region, name)).await.map(drop)
    }

    /// Writes a message into the open chat and sends it.
    ///
    /// # Errors
    /// When there is no open chat.
    pub async fn send(&self, text: &str) -> Result<()> {
        self.fill(&named(Role::Textbox, "Message"), text).await?;
        self.click(&named(Role::Button, "Send")).await
    }

    /// Chooses files as the system's dialog would, which a driver answers by itself.
    ///
    /// # Errors
    /// When nothing can be attached here.
    pub async fn attach(&self, files: &[&Path]) -> Result<()> {
        self.find(&named(Role::Button, "Attach file")).await?;
        let fields = self.session.elements(None, "input[type=file]").await?;
        let field = fields.first().context("a field for files")?;
        let paths: Vec<_> = files.iter().map(|path| path.to_string_lossy()).collect();
        self.session.type_text(field, &paths.join("\n")).await
    }

    /// Waits until every picture in the messages is painted, and gives how many there are.
    ///
    /// # Errors
    /// When one is not.
    pub async fn pictures(&self) -> Result<u64> {
        self.until("all pictures to be painted", async || {
            let count = self.session.execute(PICTURES, Value::Null).await?;
            Ok(count.as_u64())
        })
        .await
    }

    /// The accessible name of what has the focus.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn focused(&self) -> Result<String> {
        let element = self.session.active().await?;
        let name = self.session.label(&element).await.unwrap_or_default();
        Ok(name.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Looks at the page after each of its changes until `look` finds something.
    ///
    /// # Errors
    /// When the time is up.
    pub async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
        let start = Instant::now();
        loop {
            let outcome = look().await;
            if let Ok(Some(found)) = outcome {
                return Ok(found);
            }
            if start.elapsed() > PATIENCE {
                let what = format!("waited {PATIENCE:?} in vain: {what}");
                return match outcome {
                    Ok(_) => bail!(what),
                    Err(error) => Err(error.context(what)),
                };
            }
            if self.session.execute_async(NEXT_CHANGE).await.is_err() {
                // The page is being made or made anew; there is nothing to observe.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// The accessibility tree as text, for a failure's message.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn tree(&self) -> Result<String> {
        let mut tree = String::new();
        for element in self.session.elements(None, "body *").await? {
            let Some(role) = self.session.role(&element).await.filter(|role| !role.is_empty()) else {
                continue;
            };
            let label = self.session.label(&element).await.unwrap_or_default();
            let text = match role.as_str() {
                "alert" | "paragraph" | "definition" => self.session.text(&element).await.unwrap_or_default(),
                _ => String::new(),
            };
            if label.is_empty() && text.is_empty() {
                continue;
            }
            let depth = self.session.execute_on(&element, DEPTH).await?;
            let indent = usize::try_from(depth.as_u64().unwrap_or(0))?;
            tree.push_str(&format!("{:indent$}{role} “{label}” {text}\n", ""));
        }
        Ok(tree)
    }

    /// Everything that the page can reach of what it keeps: its source, both storages, its cookies.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn everything_kept(&self) -> Result<String> {
        let storages = self.session.execute(STORAGES, Value::Null).await?;
        let cookies = self.session.cookies().await?;
        Ok(format!("{}\n{storages}\n{cookies}", self.session.source().await?))
    }
}

/// The list of chats.
#[must_use]
pub fn chats() -> Locator {
    named(Role::Navigation, "Chats").with(any(Role::List))
}

/// The messages of the open chat.
#[must_use]
pub fn messages() -> Locator {
    named(Role::List, "Messages")
}

/// The accessible description (accname 1.2, "description computation").
const DESCRIPTION: &str = "
    const element = arguments[0];
    const ids = (element.getAttribute('aria-describedby') ?? '').split(/\\s+/).filter(Boolean);
    const described = ids.map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
    return described || element.getAttribute('aria-description') || element.title || '';";

const DEPTH: &str = "
    let depth = 0;
    for (let node = arguments[0].parentElement; node; node = node.parentElement) depth += 1;
    return depth;";

const PAINTED: &str = "
    const done = arguments[arguments.length - 1];
    document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(() => done(null))));";

/// How many there are; nothing while one is missing.
const PICTURES: &str = "
    const all = [...document.querySelectorAll('[aria-label=Messages] img')].filter((image) => image.offsetParent);
    return all.every((image) => image.complete && image.naturalWidth > 0) ? all.length : null;";

const STORAGES: &str = "
    return [localStorage, sessionStorage].map((storage) => ({ ...storage }));";
