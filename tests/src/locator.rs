//! How a thing is found on a page: by role and accessible name, as a screen reader does, and in no other way.

use std::fmt;

use anyhow::Result;

use crate::webdriver::{Element, Session};

/// A role and a name, within others.
#[derive(Debug, Clone)]
pub struct Locator {
    /// Outermost first.
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
struct Step {
    role: Role,
    name: Name,
    /// What the name must not have.
    without: Vec<String>,
}

/// The roles that tests look for; most of them are of the contract's "What a person finds".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Alert,
    Button,
    Checkbox,
    Dialog,
    List,
    Item,
    MenuItem,
    Navigation,
    Option,
    Region,
    Searchbox,
    Status,
    Textbox,
}

/// What the accessible name has to be. An `alert` has no name: there it is what it says.
#[derive(Debug, Clone)]
pub enum Name {
    Any,
    Is(String),
    Starts(String),
    /// Each of these, in any order.
    Contains(Vec<String>),
}

/// A `role` whose name is `name`.
#[must_use]
pub fn named(role: Role, name: &str) -> Locator {
    Locator::new(role, Name::Is(name.to_owned()))
}

/// A `role` whose name begins with `start`.
#[must_use]
pub fn starting(role: Role, start: &str) -> Locator {
    Locator::new(role, Name::Starts(start.to_owned()))
}

/// A `role` whose name has all of `parts`.
#[must_use]
pub fn containing(role: Role, parts: &[&str]) -> Locator {
    Locator::new(
        role,
        Name::Contains(parts.iter().map(|&part| part.to_owned()).collect()),
    )
}

/// Any `role`.
#[must_use]
pub fn any(role: Role) -> Locator {
    Locator::new(role, Name::Any)
}

impl Locator {
    fn new(role: Role, name: Name) -> Self {
        Self {
            steps: vec![Step {
                role,
                name,
                without: Vec::new(),
            }],
        }
    }

    /// `inner` within this.
    #[must_use]
    pub fn with(mut self, inner: Self) -> Self {
        self.steps.extend(inner.steps);
        self
    }

    /// The same where the innermost name has none of `parts`.
    #[must_use]
    pub fn without(mut self, parts: &[&str]) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.without = parts.iter().map(|&part| part.to_owned()).collect();
        }
        self
    }

    /// Everything on the page that fits, in the page's order.
    ///
    /// # Errors
    /// When the page is gone, or changes while it is looked at.
    pub async fn resolve(&self, session: &Session) -> Result<Vec<Element>> {
        let mut scopes: Vec<Option<Element>> = vec![None];
        for step in &self.steps {
            let mut found = Vec::new();
            for scope in &scopes {
                for element in session.elements(scope.as_ref(), step.role.candidates()).await? {
                    if step.fits(session, &element).await && !found.contains(&Some(element.clone())) {
                        found.push(Some(element));
                    }
                }
            }
            scopes = found;
        }
        Ok(scopes.into_iter().flatten().collect())
    }
}

impl Step {
    async fn fits(&self, session: &Session, element: &Element) -> bool {
        let name = match self.role {
            Role::Alert => session.text(element).await.ok(),
            Role::Button
            | Role::Checkbox
            | Role::Dialog
            | Role::MenuItem
            | Role::Option
            | Role::Status
            | Role::List
            | Role::Item
            | Role::Navigation
            | Role::Region
            | Role::Searchbox
            | Role::Textbox => session.label(element).await,
        };
        name.is_some_and(|name| self.name.fits(&name) && !self.without.iter().any(|part| name.contains(part)))
            && session.role(element).await.as_deref() == Some(self.role.name())
    }
}

impl Name {
    fn fits(&self, name: &str) -> bool {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        match self {
            Self::Any => true,
            Self::Is(wanted) => name == *wanted,
            Self::Starts(start) => name.starts_with(start.as_str()),
            Self::Contains(parts) => parts.iter().all(|part| name.contains(part.as_str())),
        }
    }
}

impl Role {
    /// The name of the role (WAI-ARIA 1.2, section 5.4).
    fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Button => "button",
            Self::Checkbox => "checkbox",
            Self::Dialog => "dialog",
            Self::MenuItem => "menuitem",
            Self::Option => "option",
            Self::List => "list",
            Self::Item => "listitem",
            Self::Navigation => "navigation",
            Self::Region => "region",
            Self::Searchbox => "searchbox",
            Self::Status => "status",
            Self::Textbox => "textbox",
        }
    }

    /// What may have the role; the browser is asked about each of them.
    fn candidates(self) -> &'static str {
        match self {
            Self::Alert => "[role=alert]",
            // WebKitGTK tells a list that opens as a button, of which it is a kind on GTK.
            Self::Button => "button, [role=button], input[type=submit], select",
            Self::Checkbox => "input[type=checkbox], [role=checkbox]",
            Self::Dialog => "dialog[open], [role=dialog]",
            Self::MenuItem => "[role=menuitem]",
            Self::Option => "option, [role=option]",
            Self::List => "ul, ol, menu, [role=list]",
            Self::Item => "li, [role=listitem]",
            Self::Navigation => "nav, [role=navigation]",
            Self::Region => "section, [role=region]",
            Self::Searchbox => "input[type=search], [role=searchbox]",
            Self::Status => "output, [role=status]",
            Self::Textbox => "input, textarea, [role=textbox], [contenteditable]",
        }
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Step { role, name, without }) in self.steps.iter().enumerate() {
            let separator = if index == 0 { "" } else { " > " };
            write!(f, "{separator}{}", role.name())?;
            match name {
                Name::Any => {}
                Name::Is(name) => write!(f, " “{name}”")?,
                Name::Starts(start) => write!(f, " “{start}…”")?,
                Name::Contains(parts) => write!(f, " with {parts:?}")?,
            }
            if !without.is_empty() {
                write!(f, " without {without:?}")?;
            }
        }
        Ok(())
    }
}
