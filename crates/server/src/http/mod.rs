//! The REST calls: what path does what, and the rules that hold for all of them.

mod auth;
mod body;
mod chats;
mod messages;
mod origin;
mod people;
mod system;

use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post, put},
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
        .route("/auth/me", get(auth::me))
        .route("/users", get(people::find))
        .route("/chat", get(chats::list).post(chats::make))
        .route("/chat/{chat}", get(chats::view))
        .route("/chat/{chat}/join", post(chats::view))
        .route("/chat/{chat}/read", put(chats::mark_read))
        .route("/chat/{chat}/messages", get(messages::list).post(messages::send))
        .fallback(async || Error::NotFound("path"))
        .method_not_allowed_fallback(async || Error::Method)
        .with_state(app.clone())
        .layer(realtime::layer(app.clone()))
        .layer(from_fn_with_state(app, origin::check))
        .layer(CatchPanicLayer::custom(|_panic| {
            axum::response::IntoResponse::into_response(Error::Internal("a handler panicked".to_owned()))
        }))
}
