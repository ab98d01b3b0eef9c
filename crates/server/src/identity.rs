//! Who is asking: from a token to a person whose session still counts, with the role they have now.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::{HeaderMap, header, request::Parts};
use khaya_wire::{SessionId, UserId};

use crate::{
    App, Error, clock,
    listen::Address,
    presence,
    store::{
        Conn, Viewer,
        audit::{Act, Action},
        sessions,
    },
    token::Access,
};

/// The caller of a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) viewer: Viewer,
    pub(crate) session: SessionId,
    pub(crate) address: IpAddr,
}

impl Caller {
    /// Something that the caller does, for the audit log.
    pub(crate) fn act(&self, action: Action) -> Act {
        Act::new(action).by(&self.viewer.user).from(self.address)
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let token = bearer_of(&parts.headers).ok_or(Error::Unauthorized)?;
        let (access, viewer) = check(app, token).await?;
        let Address(address) = *parts
            .extensions
            .get::<Address>()
            .ok_or_else(|| Error::Internal("a request from nowhere".to_owned()))?;
        app.quotas.request_of(&viewer.user)?;
        note(app, parts, &viewer.user);
        Ok(Self {
            viewer,
            session: access.session,
            address,
        })
    }
}

/// The token of a request, for what looks by itself whether its session still counts, by [`still`].
#[derive(Debug, Clone)]
pub(crate) struct Signed(pub(crate) Access);

impl FromRequestParts<App> for Signed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let token = bearer_of(&parts.headers).ok_or(Error::Unauthorized)?;
        let access = match app.verified.get(token, clock::now()) {
            Some(access) => access,
            None => check(app, token).await?.0,
        };
        app.quotas.request_of(&access.user)?;
        note(app, parts, &access.user);
        Ok(Self(access))
    }
}

/// Who changes something does something. An app that opens its chat once more does so by itself.
fn note(app: &App, parts: &Parts, user: &UserId) {
    if !parts.method.is_safe() && !parts.uri.path().ends_with("/join") {
        presence::active(app, user);
    }
}

/// Checks a token and that its session still counts. The first use of the newest token is remembered before
/// anything is answered, as it ends the grace of the refresh token before it.
pub(crate) async fn check(app: &App, token: &str) -> Result<(Access, Viewer), Error> {
    if let Some(access) = app.verified.get(token, clock::now()) {
        let (session, user) = (access.session.clone(), access.user.clone());
        let viewer = app
            .store
            .read_beside_messages(move |conn| still(conn, &session, &user))
            .await?;
        return Ok((access, viewer));
    }
    let access = app.keys.check(token)?;
    let asked = access.clone();
    let found = app
        .store
        .read_beside_messages(move |conn| sessions::viewer(conn, &asked))
        .await?;
    let (viewer, first_use) = found.ok_or(Error::Unauthorized)?;
    if first_use {
        let used = access.clone();
        app.store.write(move |tx| sessions::confirm(tx, &used)).await?;
    }
    app.verified.add(token, access.clone(), clock::now());
    Ok((access, viewer))
}

/// The person of a session, if it still counts.
pub(crate) fn still(conn: &mut Conn, session: &SessionId, user: &UserId) -> Result<Viewer, Error> {
    sessions::holder(conn, session, user)?.ok_or(Error::Unauthorized)
}

/// The token of an `Authorization` header (RFC 6750, section 2.1). The scheme's case does not matter.
pub(crate) fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
