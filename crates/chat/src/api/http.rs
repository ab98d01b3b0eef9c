//! Performs a [`Call`] over HTTP.

use std::{error::Error as _, time::Duration};

use khaya_wire::{ChatId, Code, MessageId, Problem, UserId, rest};
use reqwest::{
    Client, Method, RequestBuilder, StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{ApiError, Call, PAGE, Part, Request, Response};

/// For everything between the first byte sent and the last one received.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A server that names no time, or names a foolish one, is left alone for at most this long.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(300);

/// The largest answer that is read, in bytes. A page of 100 messages of 16 KiB, escaped, fits in twice.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Asks the server and reads its answer.
///
/// # Errors
/// See [`ApiError`].
pub async fn perform(client: &Client, call: Call) -> Result<Response, ApiError> {
    let request = build(client, &call);
    let response = request.send().await.map_err(|error| classify(&error))?;
    let status = response.status();
    let headers = response.headers().clone();
    if status == StatusCode::NOT_FOUND && call.request == Request::Discover {
        return Ok(Response::Discovered(None));
    }
    let body = read(response).await?;
    if status.is_success() {
        understand(&call.request, &body)
    } else {
        Err(refusal_of(&call.request, status, &headers, &body))
    }
}

fn build(client: &Client, call: &Call) -> RequestBuilder {
    let ask = |method: Method, path: &str| {
        let request = client.request(method, call.server.join(path)).timeout(TIME_LIMIT);
        match &call.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    };
    match &call.request {
        Request::Discover => ask(Method::GET, khaya_wire::discovery::PATH),
        Request::Login(login) => ask(Method::POST, "/auth/login").json(login),
        Request::Register(register) => ask(Method::POST, "/auth/register").json(register),
        Request::Refresh(refresh) => ask(Method::POST, "/auth/refresh").json(refresh),
        Request::Logout => ask(Method::POST, "/auth/logout"),
        Request::Chats { cursor, limit } => {
            let request = ask(Method::GET, "/chat").query(&[("limit", limit.to_string())]);
            match cursor {
                Some(cursor) => request.query(&[("cursor", cursor)]),
                None => request,
            }
        }
        Request::Chat { chat } => ask(Method::GET, &rest::chat_path(chat)),
        Request::Join { chat } => ask(Method::POST, &format!("{}/join", rest::chat_path(chat))),
        Request::Messages { chat, part } => {
            let request = ask(Method::GET, &format!("{}/messages", rest::chat_path(chat)))
                .query(&[("limit", PAGE.to_string())]);
            match part {
                Part::Newest => request,
                Part::Before(id) => request.query(&[("before", id.as_str())]),
                Part::After(id) => request.query(&[("after", id.as_str())]),
            }
        }
        Request::Send { chat, message } => {
            ask(Method::POST, &format!("{}/messages", rest::chat_path(chat))).json(message)
        }
        Request::Edit {
            chat,
            message,
            content,
        } => ask(Method::PATCH, &message_path(chat, message)).json(&rest::EditMessage {
            content: content.clone(),
        }),
        Request::Delete { chat, message } => ask(Method::DELETE, &message_path(chat, message)),
        Request::React {
            chat,
            message,
            emoji,
            add,
        } => {
            // The address encodes what is not ASCII, and an emoji has no slash.
            let path = format!("{}/reactions/{emoji}", message_path(chat, message));
            ask(put_or_delete(*add), &path)
        }
        Request::Pin {
            chat,
            message,
            pinned,
        } => ask(
            put_or_delete(*pinned),
            &format!("{}/pin", message_path(chat, message)),
        ),
        Request::Prefer { chat, preferences } => {
            ask(Method::PUT, &format!("{}/preferences", rest::chat_path(chat))).json(preferences)
        }
        Request::ChangeChat { chat, change } => ask(Method::PATCH, &rest::chat_path(chat)).json(change),
        Request::DeleteChat { chat } => ask(Method::DELETE, &rest::chat_path(chat)),
        Request::PutMember { chat, user, role } => {
            ask(Method::PUT, &member_path(chat, user)).json(&rest::PutMember { role: *role })
        }
        Request::RemoveMember { chat, user } => ask(Method::DELETE, &member_path(chat, user)),
        Request::Sync { since, limit } => {
            let request = ask(Method::GET, "/sync").query(&[("limit", limit.to_string())]);
            match since {
                Some(since) => request.query(&[("since", since)]),
                None => request,
            }
        }
        Request::MarkRead { chat, message } => ask(Method::PUT, &format!("{}/read", rest::chat_path(chat)))
            .json(&rest::MarkRead {
                message_id: message.clone(),
            }),
        // See `perform_with_file`.
        Request::Upload { .. } => ask(Method::POST, "/files"),
        Request::File { file, .. } | Request::SaveFile { file, .. } => {
            ask(Method::GET, &format!("/files/{file}"))
        }
        Request::CreateChat(chat) => ask(Method::POST, "/chat").json(chat),
        Request::FindPeople { query } => ask(Method::GET, "/users").query(&[("query", query)]),
        Request::Sessions => ask(Method::GET, "/auth/sessions"),
        Request::RevokeSession { session } => ask(Method::DELETE, &format!("/auth/sessions/{session}")),
        Request::ChangePassword { current, new } => {
            ask(Method::PUT, "/auth/password").json(&serde_json::json!({
                "currentPassword": current.expose(),
                "newPassword": new.expose(),
            }))
        }
        Request::Rename { name } => ask(Method::PATCH, "/auth/me").json(&serde_json::json!({ "name": name })),
        Request::SetPicture { file } => {
            ask(Method::PATCH, "/auth/me").json(&serde_json::json!({ "avatarFileId": file }))
        }
        Request::Search {
            words,
            chat,
            sender,
            cursor,
            limit,
        } => {
            let narrowed = [
                ("chatId", chat.as_ref().map(ChatId::as_str)),
                ("senderId", sender.as_ref().map(UserId::as_str)),
                ("cursor", cursor.as_deref()),
            ];
            let narrowed: Vec<_> = narrowed
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            ask(Method::GET, "/search")
                .query(&[("q", words), ("limit", &limit.to_string())])
                .query(&narrowed)
        }
    }
}

fn message_path(chat: &ChatId, message: &MessageId) -> String {
    format!("{}/messages/{message}", rest::chat_path(chat))
}

fn member_path(chat: &ChatId, user: &UserId) -> String {
    format!("{}/members/{user}", rest::chat_path(chat))
}

fn put_or_delete(put: bool) -> Method {
    if put { Method::PUT } else { Method::DELETE }
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(ApiError::NotKhaya);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn understand(request: &Request, body: &[u8]) -> Result<Response, ApiError> {
    fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
        serde_json::from_slice(body).map_err(|error| {
            // Not the error itself: it quotes what it read.
            tracing::warn!(kind = ?error.classify(), at = error.column(), bytes = body.len(), "an answer could not be read");
            ApiError::NotKhaya
        })
    }
    Ok(match request {
        Request::Discover => Response::Discovered(Some(json(body)?)),
        Request::Login(_) | Request::Register(_) => Response::SignedIn(Box::new(json(body)?)),
        Request::Refresh(_) => Response::Refreshed(json(body)?),
        Request::Chats { .. } => Response::Chats(json(body)?),
        Request::Chat { .. }
        | Request::Join { .. }
        | Request::CreateChat(_)
        | Request::ChangeChat { .. }
        | Request::PutMember { .. } => Response::Chat(Box::new(json(body)?)),
        Request::Messages { .. } | Request::Search { .. } => Response::Messages(json(body)?),
        Request::Send { .. } | Request::Edit { .. } => Response::Sent(Box::new(json(body)?)),
        Request::Sync { .. } => Response::Synced(json(body)?),
        Request::FindPeople { .. } => Response::People(json(body)?),
        Request::Rename { .. } | Request::SetPicture { .. } => Response::Me(Box::new(json(body)?)),
        Request::Sessions => Response::Sessions(json(body)?),
        Request::Upload { .. } => Response::Uploaded(Box::new(json(body)?)),
        Request::Logout
        | Request::RevokeSession { .. }
        | Request::ChangePassword { .. }
        | Request::File { .. }
        | Request::SaveFile { .. }
        | Request::Delete { .. }
        | Request::React { .. }
        | Request::Pin { .. }
        | Request::MarkRead { .. }
        | Request::Prefer { .. }
        | Request::DeleteChat { .. }
        | Request::RemoveMember { .. } => Response::Done,
    })
}

/// Why a server refuses, as its answer says.
pub(super) fn refusal_of(
    request: &Request,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> ApiError {
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER));
    let stated: Option<Problem> = serde_json::from_slice(body).ok();
    let is_json = stated.is_some() || serde_json::from_slice::<IgnoredAny>(body).is_ok();
    if !is_json && !says_enough(status, request) {
        return ApiError::NotKhaya;
    }
    let (code, detail) = match stated {
        // What we do not know is read as `unavailable`; then the status says more.
        Some(problem) if problem.code == Code::Unavailable => (code_of(request, status), problem.detail),
        Some(problem) => (problem.code, problem.detail),
        None => (code_of(request, status), String::new()),
    };
    ApiError::Refused {
        code,
        detail,
        retry_after,
    }
}

/// Whether a status is to be believed without a word of the server itself. Most are not: a proxy whose server is
/// away, or a login page of the network, may answer anything.
fn says_enough(status: StatusCode, request: &Request) -> bool {
    match status.as_u16() {
        // Only a server of level Full is asked for this, and it says why.
        401 => !matches!(request, Request::Refresh(_)),
        408 | 413 | 425 | 429 | 500..=599 => true,
        400 | 403 => matches!(request, Request::Login(_)),
        _ => false,
    }
}

/// For a server of level Base that has errors of its own.
fn code_of(request: &Request, status: StatusCode) -> Code {
    match (status.as_u16(), request) {
        (400 | 401 | 403, Request::Login(_)) => Code::InvalidCredentials,
        (401, _) => Code::Unauthorized,
        (403, _) => Code::Forbidden,
        (404 | 410, _) => Code::NotFound,
        (409, _) => Code::Conflict,
        (413, _) => Code::PayloadTooLarge,
        (415, _) => Code::UnsupportedMediaType,
        (429, _) => Code::RateLimited,
        (408 | 425, _) => Code::Unavailable,
        (400..=499, _) => Code::InvalidRequest,
        (_, _) => Code::Unavailable,
    }
}

/// What went wrong on the way.
pub(super) fn classify(error: &reqwest::Error) -> ApiError {
    // Text of the causes only: the address is in the error's own, and it may be long.
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    tracing::debug!(?causes, "a call failed");
    let is_tls = causes.iter().any(|cause| {
        let cause = cause.to_ascii_lowercase();
        cause.contains("certificate")
            || cause.contains("corrupt message")
            || cause.contains("tls")
            || cause.contains("handshake")
    });
    if is_tls {
        ApiError::Tls
    } else if error.is_connect() {
        ApiError::Unreachable
    } else if error.is_timeout() {
        ApiError::Timeout
    } else if error.is_redirect() || error.is_decode() {
        ApiError::NotKhaya
    } else {
        ApiError::Interrupted
    }
}
