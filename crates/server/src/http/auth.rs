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
    App, Error, clock,
    identity::Caller,
    listen::Address,
    store::{
        sessions::{self, FIRST_GENERATION},
        users,
    },
};

/// How much of a client's name is kept, in characters.
const MAX_CLIENT: usize = 200;

pub(super) async fn login(
    State(app): State<App>,
    Extension(Address(address)): Extension<Address>,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Answer<SignedIn>, Error> {
    app.throttle.check(&login.username, address, Instant::now())?;
    let username = login.username.clone();
    let found = app
        .store
        .read(move |conn| users::by_username(conn, &username))
        .await?;
    let hash = found.as_ref().map(|(_, hash)| hash.clone());
    if !app.passwords.verify(login.password, hash).await? {
        app.throttle.failed(&login.username, address, Instant::now());
        return Err(Error::InvalidCredentials);
    }
    let (user, _hash) = found.ok_or(Error::InvalidCredentials)?;
    let id = user.id.clone();
    let client = client(&headers);
    let session: SessionId = app
        .store
        .write(move |tx| sessions::begin(tx, &id, client))
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

pub(super) async fn refresh(
    State(app): State<App>,
    Json(asked): Json<Refresh>,
) -> Result<Answer<Refreshed>, Error> {
    let token = app
        .keys
        .check_refresh(&asked.refresh_token)
        .ok_or(Error::Unauthorized)?;
    let session = token.session.clone();
    let done = app
        .store
        .write(move |tx| sessions::refresh(tx, &token.session, token.generation))
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

pub(super) async fn logout(State(app): State<App>, caller: Caller) -> Result<StatusCode, Error> {
    app.store
        .write(move |tx| sessions::revoke(tx, &caller.session))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

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
