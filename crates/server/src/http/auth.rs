//! Signing in and out, refreshing, and who one is.

use std::time::Instant;

use axum::{Extension, Json as Answer, extract::State};
use http::{HeaderMap, StatusCode, header};
use khaya_wire::{
    SessionId, User,
    rest::{Login, Me, Refresh, Refreshed, SignedIn},
};

use super::body::Json;
use crate::{
    App, Error,
    bus::Item,
    clock,
    identity::Caller,
    listen::Address,
    store::{
        audit::{Act, Action},
        sessions::{self, FIRST_GENERATION},
        users,
    },
};

/// How much of a client's name is kept, in characters.
const MAX_CLIENT: usize = 200;

/// Sign in
#[utoipa::path(post, path = "/auth/login", operation_id = "login", tag = "session",
    request_body = Login, security(()), responses((status = 200, body = SignedIn)))]
pub(super) async fn login(
    State(app): State<App>,
    Extension(Address(address)): Extension<Address>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Answer<SignedIn>, Error> {
    let attempt = app.throttle.attempt(&login.username, address, Instant::now())?;
    let username = login.username.clone();
    let found = app
        .store
        .read(move |conn| users::by_username(conn, &username))
        .await?;
    let hash = found.as_ref().map(|(_, hash)| hash.clone());
    if !app.passwords.verify(login.password, hash).await? {
        let account = login.username;
        app.hub.say(|| Item::Failed { account, address });
        let mut failed = Act::new(Action::SignInFailed).from(address);
        if let Some((user, _hash)) = &found {
            failed = failed.user(&user.id);
        }
        app.store.write(move |tx| failed.note(tx)).await?;
        return Err(Error::InvalidCredentials);
    }
    attempt.succeeded();
    let (user, checked) = found.ok_or(Error::InvalidCredentials)?;
    let id = user.id.clone();
    let client = client(&headers);
    let session: SessionId = app
        .store
        .write(move |tx| {
            // It may have been changed while it was checked, and then ended every session but one.
            if users::password_hash(tx.read(), &id)? != checked {
                return Err(Error::InvalidCredentials);
            }
            let session = sessions::begin(tx, &id, client)?;
            let act = Act::new(Action::SignedIn).by(&id).from(address);
            act.session(&session).note(tx)?;
            Ok(session)
        })
        .await?;
    Ok(Answer(signed_in(&app, user, &session)?))
}

/// What somebody gets who has begun a session.
pub(super) fn signed_in(app: &App, user: User, session: &SessionId) -> Result<SignedIn, Error> {
    let (token, expires_at) = app
        .keys
        .issue(&user.id, session, FIRST_GENERATION, clock::now())?;
    Ok(SignedIn {
        token,
        user,
        refresh_token: Some(app.keys.refresh_token(session, FIRST_GENERATION)),
        expires_at: Some(expires_at),
    })
}

/// A fresh token for a refresh token, which is used once
#[utoipa::path(post, path = "/auth/refresh", operation_id = "refresh", tag = "session",
    request_body = Refresh, security(()), responses((status = 200, body = Refreshed)))]
pub(super) async fn refresh(
    State(app): State<App>,
    Extension(Address(address)): Extension<Address>,
    Json(asked): Json<Refresh>,
) -> Result<Answer<Refreshed>, Error> {
    let token = app
        .keys
        .check_refresh(&asked.refresh_token)
        .ok_or(Error::Unauthorized)?;
    let session = token.session.clone();
    let ttl = app.config.session_ttl;
    let done = app
        .store
        .write(move |tx| {
            let done = sessions::refresh(tx, &token.session, token.generation, ttl)?;
            if matches!(done, Some(sessions::Refreshed::Revoked)) {
                let act = Act::new(Action::RefreshReused).from(address);
                act.session(&token.session).note(tx)?;
            }
            Ok(done)
        })
        .await?;
    match done {
        Some(sessions::Refreshed::Rotated { user, generation }) => {
            let (token, expires_at) = app.keys.issue(&user, &session, generation, clock::now())?;
            Ok(Answer(Refreshed {
                token,
                refresh_token: app.keys.refresh_token(&session, generation),
                expires_at,
            }))
        }
        Some(sessions::Refreshed::Revoked) | None => Err(Error::Unauthorized),
    }
}

/// End this session
#[utoipa::path(post, path = "/auth/logout", operation_id = "logout", tag = "session",
    responses((status = 204)))]
pub(super) async fn logout(State(app): State<App>, caller: Caller) -> Result<StatusCode, Error> {
    app.store
        .write(move |tx| {
            sessions::revoke(tx, &caller.session)?;
            caller.act(Action::SignedOut).session(&caller.session).note(tx)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who one is
#[utoipa::path(get, path = "/auth/me", operation_id = "getMe", tag = "session",
    responses((status = 200, body = Me)))]
pub(super) async fn me(State(app): State<App>, caller: Caller) -> Result<Answer<Me>, Error> {
    app.store
        .snapshot(move |conn| {
            let user = users::by_id(conn, &caller.viewer.user)?.ok_or(Error::Unauthorized)?;
            let private_seq = users::private_seq(conn, &user.id)?;
            Ok(Me {
                user,
                private_seq: Some(private_seq),
            })
        })
        .await
        .map(Answer)
}

/// What a client calls itself.
pub(super) fn client(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(MAX_CLIENT).collect())
}
