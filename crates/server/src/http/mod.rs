//! The REST calls: what path does what, and the rules that hold for all of them.

mod accounts;
mod auth;
mod body;
mod changes;
mod chats;
mod files;
mod membership;
mod messages;
mod origin;
mod people;
mod search;
mod sync;
mod system;
mod upload;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{delete, get, patch, post, put},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{App, Error, realtime};

/// Everything that the server answers.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .route("/.well-known/khaya", get(system::discovery))
        .route("/healthz", get(system::alive))
        .route("/readyz", get(system::ready))
        .route("/metrics", get(system::metrics))
        .route("/auth/login", post(auth::login))
        .route("/auth/refresh", post(auth::refresh))
        .route("/auth/logout", post(auth::logout))
        .route("/auth/me", get(auth::me).patch(accounts::change_me))
        .route("/auth/register", post(accounts::register))
        .route("/auth/sessions", get(accounts::sessions))
        .route("/auth/sessions/{session}", delete(accounts::end_session))
        .route("/auth/password", put(accounts::change_password))
        .route("/invites", get(accounts::invites).post(accounts::invite))
        .route("/invites/{code}", delete(accounts::withdraw))
        .route("/users", get(people::find))
        .route("/users/{user}", patch(accounts::set_role))
        .route("/sync", get(sync::sync))
        .route("/search", get(search::search))
        .route("/files", post(upload::upload))
        .route("/files/{file}", get(files::download))
        .route("/files/{file}/thumbnail", get(files::thumbnail))
        .route("/chat", get(chats::list).post(chats::make))
        .route(
            "/chat/{chat}",
            get(chats::view)
                .patch(membership::change)
                .delete(membership::delete),
        )
        .route(
            "/chat/{chat}/members/{user}",
            put(membership::put).delete(membership::remove),
        )
        .route("/chat/{chat}/preferences", put(membership::prefer))
        .route("/chat/{chat}/join", post(chats::view))
        .route("/chat/{chat}/read", put(chats::mark_read))
        .route("/chat/{chat}/messages", get(messages::list).post(messages::send))
        .route(
            "/chat/{chat}/messages/{message}",
            patch(changes::edit).delete(changes::delete),
        )
        .route(
            "/chat/{chat}/messages/{message}/pin",
            put(changes::pin).delete(changes::unpin),
        )
        .route(
            "/chat/{chat}/messages/{message}/reactions/{emoji}",
            put(changes::react).delete(changes::unreact),
        )
        .fallback(async || Error::NotFound("path"))
        .method_not_allowed_fallback(async || Error::Method)
        .with_state(app.clone())
        .layer(realtime::layer(app.clone()))
        .layer(from_fn_with_state(app.clone(), realtime::upgrade))
        .layer(from_fn_with_state(app, origin::check))
        .layer(CatchPanicLayer::custom(|_panic| {
            axum::response::IntoResponse::into_response(Error::Internal("a handler panicked".to_owned()))
        }))
}
