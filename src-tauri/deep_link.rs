//! Links that open the app: `khaya://chat/CHAT_ID`, `khaya://chat/CHAT_ID/MESSAGE_ID` and
//! `khaya://invite/CODE?server=ADDRESS`.
//!
//! Anybody can write one, and a browser hands it over after one click: so it is checked strictly, and following one
//! never does more than show something. Nobody signs in, joins or sends by a link alone.

use std::{fmt, str::FromStr};

use khaya_wire::{ChatId, MessageId};
use serde::Serialize;
use url::Url;

use crate::arguments;

/// The scheme that installers register for the app.
const SCHEME: &str = "khaya";

/// The longest code of an invitation, in characters.
const MAX_CODE: usize = 128;

/// Where a link leads. On the page's side an object whose `type` is `chat` or `invite`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum DeepLink {
    /// To a chat of the one who is signed in, or to a message in it.
    Chat {
        chat_id: ChatId,
        #[serde(skip_serializing_if = "Option::is_none")]
        message_id: Option<MessageId>,
    },
    /// To the form that begins an account with this invitation.
    Invite { code: String, server: Option<String> },
}

/// The text is no link of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a link that Khaya opens; they look like khaya://chat/… and khaya://invite/…")]
pub(crate) struct InvalidLink;

impl FromStr for DeepLink {
    type Err = InvalidLink;

    fn from_str(text: &str) -> Result<Self, InvalidLink> {
        let url = Url::parse(text).map_err(|_| InvalidLink)?;
        // Reading an address follows its dots; an id has none.
        let plain = url.scheme() == SCHEME
            && !text.contains("/.")
            && url.username().is_empty()
            && url.password().is_none()
            && url.port().is_none()
            && url.fragment().is_none();
        let rest = url
            .path()
            .strip_prefix('/')
            .filter(|_| plain)
            .ok_or(InvalidLink)?;
        // A file manager or a browser may add the slash.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        match url.host_str() {
            Some("chat") if url.query().is_none() => {
                let (chat, message) = match rest.split_once('/') {
                    Some((chat, message)) => (chat, Some(message)),
                    None => (rest, None),
                };
                Ok(Self::Chat {
                    chat_id: ChatId::new(chat).map_err(|_| InvalidLink)?,
                    message_id: message.map(MessageId::new).transpose().map_err(|_| InvalidLink)?,
                })
            }
            Some("invite") => Ok(Self::Invite {
                code: code(rest)?,
                server: server(&url)?,
            }),
            Some(_) | None => Err(InvalidLink),
        }
    }
}

impl fmt::Display for DeepLink {
    /// The link as it may be parsed again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chat {
                chat_id,
                message_id: None,
            } => write!(f, "{SCHEME}://chat/{chat_id}"),
            Self::Chat {
                chat_id,
                message_id: Some(message_id),
            } => write!(f, "{SCHEME}://chat/{chat_id}/{message_id}"),
            Self::Invite { code, server: None } => write!(f, "{SCHEME}://invite/{code}"),
            Self::Invite {
                code,
                server: Some(server),
            } => {
                let server: String = url::form_urlencoded::byte_serialize(server.as_bytes()).collect();
                write!(f, "{SCHEME}://invite/{code}?server={server}")
            }
        }
    }
}

fn code(text: &str) -> Result<String, InvalidLink> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if (1..=MAX_CODE).contains(&text.len()) && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(InvalidLink)
    }
}

fn server(url: &Url) -> Result<Option<String>, InvalidLink> {
    let mut pairs = url.query_pairs();
    let server = match pairs.next() {
        Some((name, value)) if name == "server" => Some(arguments::server(&value).map_err(|_| InvalidLink)?),
        Some(_) => return Err(InvalidLink),
        None => None,
    };
    if pairs.next().is_some() {
        Err(InvalidLink)
    } else {
        Ok(server)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn opens_chats_and_invitations() {
        for (text, expected) in [
            ("khaya://chat/a-B_9", json!({ "type": "chat", "chatId": "a-B_9" })),
            ("khaya://chat/a/", json!({ "type": "chat", "chatId": "a" })),
            (
                "khaya://chat/a/m-1",
                json!({ "type": "chat", "chatId": "a", "messageId": "m-1" }),
            ),
            (
                "KHAYA://invite/xyz",
                json!({ "type": "invite", "code": "xyz", "server": null }),
            ),
            (
                "khaya://invite/xyz?server=https%3A%2F%2Fchat.example.org",
                json!({ "type": "invite", "code": "xyz", "server": "https://chat.example.org" }),
            ),
        ] {
            let link: DeepLink = text.parse().unwrap();
            assert_eq!(serde_json::to_value(&link).unwrap(), expected, "{text}");
            assert_eq!(link.to_string().parse(), Ok(link), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "khaya:",
            "khaya://",
            "khaya://chat",
            "khaya://chat/",
            "khaya://chat/../etc",
            "khaya://chat/a%2Fb",
            "khaya://chat/a/b/c",
            "khaya://chat/a//",
            "khaya://chat/a?x=1",
            "khaya://chat/a#b",
            "khaya://u:p@chat/a",
            "khaya://chat:80/a",
            "khaya://invite/a b",
            "khaya://invite/a?server=file:///etc",
            "khaya://invite/a?server=https://u:p@x",
            "khaya://invite/a?server=a&server=b",
            "khaya://invite/a?x=y",
            "khaya://run/rm",
            "https://chat/a",
            "--hidden",
        ] {
            assert_eq!(text.parse::<DeepLink>(), Err(InvalidLink), "{text}");
        }
    }
}
