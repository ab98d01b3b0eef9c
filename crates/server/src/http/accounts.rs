//! Accounts: making one, one's sessions, password and name; and what admins do with people and invites.

use std::time::Instant;

use axum::{Extension, Json as Answer, extract::State};
use http::{HeaderMap, StatusCode, header};
use khaya_wire::{
    FileId, Page, SessionId, Timestamp, User, UserId,
    model::{Session, role},
    rest::{Register, SignedIn},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::{client, signed_in},
    body::{Json, Named},
};
use crate::{
    App, Error,
    bus::Item,
    clock,
    config::Registration,
    identity::{self, Caller},
    listen::Address,
    store::{
        audit::{Act, Action},
        files,
        invites::{self, Invite},
        sessions,
        users::{self, NewUser},
    },
};

/// The shortest password that people may choose, in characters (NIST SP 800-63B, section 5.1.1.2).
const MIN_PASSWORD: usize = 8;
/// An invite that there is not, or not any more.
const USELESS_INVITE: Error = Error::Forbidden("this invite lets nobody in");

/// Make an account
#[utoipa::path(post, path = "/auth/register", operation_id = "register", tag = "session",
    request_body = Register, security(()), responses((status = 201, body = SignedIn)))]
pub(super) async fn register(
    State(app): State<App>,
    Extension(Address(address)): Extension<Address>,
    headers: HeaderMap,
    Json(asked): Json<Register>,
) -> Result<(StatusCode, Answer<SignedIn>), Error> {
    let invite = match app.config.registration {
        Registration::Closed => return Err(Error::Forbidden("this server makes no accounts")),
        Registration::Open => asked.invite,
        Registration::Invite => Some(
            asked
                .invite
                .ok_or(Error::Forbidden("this server makes accounts for an invite alone"))?,
        ),
    };
    check_password("password", &asked.password)?;
    // Asked again when it is spent; here so that hashing cannot be had without one.
    if let Some(code) = invite.clone() {
        app.store
            .write(move |tx| invites::role(tx, &code))
            .await?
            .ok_or(USELESS_INVITE)?;
    }
    let password_hash = app.passwords.hash(asked.password).await?;
    let client = client(&headers);
    let (user, session) = app
        .store
        .write(move |tx| {
            let given = match &invite {
                Some(code) => invites::role(tx, code)?.ok_or(USELESS_INVITE)?,
                None => role::MEMBER.to_owned(),
            };
            let new = NewUser {
                username: asked.username,
                name: asked.name,
                role: given,
                password_hash,
            };
            let user = users::add(tx, new)?;
            if let Some(code) = &invite {
                invites::spend(tx, code)?;
            }
            let session = sessions::begin(tx, &user.id, client)?;
            let act = Act::new(Action::Registered).by(&user.id).from(address);
            act.session(&session).detail(&user.role).note(tx)?;
            Ok((user, session))
        })
        .await?;
    Ok((StatusCode::CREATED, Answer(signed_in(&app, user, &session)?)))
}

/// Where one is signed in
#[utoipa::path(get, path = "/auth/sessions", operation_id = "listSessions", tag = "session",
    responses((status = 200, body = Page<Session>)))]
pub(super) async fn sessions(State(app): State<App>, caller: Caller) -> Result<Answer<Page<Session>>, Error> {
    let ttl = app.config.session_ttl;
    let items = app
        .store
        .read(move |conn| sessions::list(conn, &caller.viewer.user, &caller.session, ttl))
        .await?;
    Ok(Answer(Page {
        items,
        next_cursor: None,
    }))
}

/// End one of one's sessions
#[utoipa::path(delete, path = "/auth/sessions/{sessionId}", operation_id = "endSession", tag = "session",
    responses((status = 204)))]
pub(super) async fn end_session(
    State(app): State<App>,
    caller: Caller,
    Named(session): Named<SessionId>,
) -> Result<StatusCode, Error> {
    app.store
        .write(move |tx| {
            sessions::revoke_own(tx, &caller.viewer.user, &session)?;
            caller.act(Action::SessionEnded).session(&session).note(tx)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewPassword {
    current_password: String,
    new_password: String,
}

/// Change one's password, which ends the other sessions
#[utoipa::path(put, path = "/auth/password", operation_id = "changePassword", tag = "session",
    request_body = NewPassword, responses((status = 204)))]
pub(super) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Extension(Address(address)): Extension<Address>,
    Json(asked): Json<NewPassword>,
) -> Result<StatusCode, Error> {
    // Who has somebody's token is not to find their password with it.
    let attempt = app
        .throttle
        .attempt(caller.viewer.user.as_str(), address, Instant::now())?;
    let user = caller.viewer.user.clone();
    let hash = app
        .store
        .read(move |conn| users::password_hash(conn, &user))
        .await?;
    let checked = hash.clone();
    if !app.passwords.verify(asked.current_password, Some(hash)).await? {
        let account = caller.viewer.user.to_string();
        app.hub.say(|| Item::Failed { account, address });
        let failed = caller.act(Action::PasswordCheckFailed);
        app.store.write(move |tx| failed.note(tx)).await?;
        return Err(Error::InvalidCredentials);
    }
    attempt.succeeded();
    check_password("newPassword", &asked.new_password)?;
    let password_hash = app.passwords.hash(asked.new_password).await?;
    app.store
        .write(move |tx| {
            // Another session may have changed it meanwhile, and ended this one.
            identity::still(tx.read(), &caller.session, &caller.viewer.user)?;
            if users::password_hash(tx.read(), &caller.viewer.user)? != checked {
                return Err(Error::InvalidCredentials);
            }
            users::set_password(tx, &caller.viewer.user, password_hash)?;
            sessions::revoke_others(tx, &caller.viewer.user, &caller.session)?;
            caller.act(Action::PasswordChanged).note(tx)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeMe {
    name: Option<String>,
    /// `null` takes the picture away.
    #[serde(default, deserialize_with = "present")]
    avatar_file_id: Option<Option<FileId>>,
}

/// Change one's name or picture
#[utoipa::path(patch, path = "/auth/me", operation_id = "changeMe", tag = "session",
    request_body = ChangeMe, responses((status = 200, body = User)))]
pub(super) async fn change_me(
    State(app): State<App>,
    caller: Caller,
    Json(asked): Json<ChangeMe>,
) -> Result<Answer<User>, Error> {
    app.store
        .write(move |tx| {
            if let Some(name) = &asked.name {
                users::check_text("name", name)?;
            }
            if let Some(avatar) = &asked.avatar_file_id {
                files::set_avatar(tx, &caller.viewer.user, avatar.as_ref())?;
            }
            if let Some(name) = &asked.name {
                users::set_name(tx, &caller.viewer.user, name)?;
            }
            users::by_id(tx.read(), &caller.viewer.user)?.ok_or(Error::Unauthorized)
        })
        .await
        .map(Answer)
}

/// Tells `null` from nothing.
fn present<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct NewRole {
    role: String,
}

/// Give somebody another role (admins)
#[utoipa::path(patch, path = "/users/{userId}", operation_id = "setRole", tag = "people",
    request_body = NewRole, responses((status = 200, body = User)))]
pub(super) async fn set_role(
    State(app): State<App>,
    caller: Caller,
    Named(user): Named<UserId>,
    Json(asked): Json<NewRole>,
) -> Result<Answer<User>, Error> {
    admin(&caller)?;
    app.store
        .write(move |tx| {
            let mut found = users::by_id(tx.read(), &user)?.ok_or(Error::NotFound("user"))?;
            users::set_role(tx, &user, &asked.role)?;
            let act = caller.act(Action::RoleSet).user(&user);
            act.detail(&asked.role).note(tx)?;
            found.role = asked.role;
            Ok(found)
        })
        .await
        .map(Answer)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewInvite {
    uses: Option<i64>,
    expires_at: Option<Timestamp>,
    role: Option<String>,
}

/// An invite, and the link that opens the app with it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InviteLink {
    code: String,
    link: String,
    /// How many more accounts it makes.
    uses: i64,
    /// `null`: never.
    expires_at: Option<Timestamp>,
    role: String,
}

/// Invite people (admins)
#[utoipa::path(post, path = "/invites", operation_id = "makeInvite", tag = "people",
    request_body = NewInvite, responses((status = 201, body = InviteLink)))]
pub(super) async fn invite(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Json(asked): Json<NewInvite>,
) -> Result<(StatusCode, Answer<InviteLink>), Error> {
    admin(&caller)?;
    let given = asked.role.unwrap_or_else(|| role::MEMBER.to_owned());
    let made = app
        .store
        .write(move |tx| {
            let made = invites::make(tx, asked.uses.unwrap_or(1), asked.expires_at, &given)?;
            let act = caller.act(Action::InviteMade);
            act.detail(format_args!("{} × {}", made.uses, made.role))
                .note(tx)?;
            Ok(made)
        })
        .await?;
    Ok((StatusCode::CREATED, Answer(shown(&made, &headers))))
}

/// The invites that still let somebody in (admins)
#[utoipa::path(get, path = "/invites", operation_id = "listInvites", tag = "people",
    responses((status = 200, body = Page<InviteLink>)))]
pub(super) async fn invites(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Answer<Page<InviteLink>>, Error> {
    admin(&caller)?;
    let found = app.store.read(|conn| invites::list(conn, clock::now())).await?;
    Ok(Answer(Page {
        items: found.iter().map(|invite| shown(invite, &headers)).collect(),
        next_cursor: None,
    }))
}

/// Withdraw an invite (admins)
#[utoipa::path(delete, path = "/invites/{code}", operation_id = "withdrawInvite", tag = "people",
    responses((status = 204)))]
pub(super) async fn withdraw(
    State(app): State<App>,
    caller: Caller,
    Named(code): Named<String>,
) -> Result<StatusCode, Error> {
    admin(&caller)?;
    let withdrawn = app
        .store
        .write(move |tx| {
            let withdrawn = invites::withdraw(tx, &code)?;
            if withdrawn {
                caller.act(Action::InviteWithdrawn).note(tx)?;
            }
            Ok(withdrawn)
        })
        .await?;
    if withdrawn {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Error::NotFound("invite"))
    }
}

/// An invite with the link that opens the app with it.
fn shown(invite: &Invite, headers: &HeaderMap) -> InviteLink {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let server: String = url::form_urlencoded::byte_serialize(host.as_bytes()).collect();
    InviteLink {
        code: invite.code.clone(),
        link: format!("khaya://invite/{}?server={server}", invite.code),
        uses: invite.uses,
        expires_at: invite.expires_at,
        role: invite.role.clone(),
    }
}

fn admin(caller: &Caller) -> Result<(), Error> {
    if caller.viewer.role == role::ADMIN {
        Ok(())
    } else {
        Err(Error::Forbidden("this is for admins"))
    }
}

fn check_password(field: &str, password: &str) -> Result<(), Error> {
    if password.chars().count() < MIN_PASSWORD {
        return Err(Error::invalid(
            field,
            format!("needs at least {MIN_PASSWORD} characters"),
        ));
    }
    Ok(())
}
