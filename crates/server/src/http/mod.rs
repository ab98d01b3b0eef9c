//! The REST calls: what path does what, and the rules that hold for all of them.

mod accounts;
mod auth;
mod body;
mod changes;
mod chats;
mod files;
mod guard;
mod membership;
mod messages;
mod openapi;
mod origin;
mod people;
mod search;
mod sync;
mod system;
mod updates;
mod upload;

use std::convert::Infallible;

use axum::{extract::Request, middleware::from_fn_with_state, response::Response};
use tower::{Layer as _, Service};
use utoipa::OpenApi as _;
use utoipa_axum::routes;

use self::openapi::Routes;
pub(crate) use self::openapi::document;
use crate::{App, Error, realtime};

/// Everything that the server answers.
///
/// Layers go around the router once, where each of its routes would have all of them: it copies what is around a route
/// with every request.
pub(crate) fn service(
    app: App,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync {
    let (router, _document) = routes().split_for_parts();
    let router = updates::add(router, &app)
        .fallback(async || Error::NotFound("path"))
        .method_not_allowed_fallback(async || Error::Method)
        .with_state(app.clone());
    let sockets = realtime::layer(app.clone()).layer(router);
    from_fn_with_state(app, guard::check).layer(sockets)
}

/// All calls, each with what it says of itself.
fn routes() -> Routes {
    Routes::with_openapi(openapi::Head::openapi())
        .routes(routes!(system::discovery))
        .routes(routes!(system::alive))
        .routes(routes!(system::ready))
        .routes(routes!(system::metrics))
        .routes(routes!(openapi::openapi))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::me, accounts::change_me))
        .routes(routes!(accounts::register))
        .routes(routes!(accounts::sessions))
        .routes(routes!(accounts::end_session))
        .routes(routes!(accounts::change_password))
        .routes(routes!(accounts::invites, accounts::invite))
        .routes(routes!(accounts::withdraw))
        .routes(routes!(people::find))
        .routes(routes!(accounts::set_role))
        .routes(routes!(sync::sync))
        .routes(routes!(search::search))
        .routes(routes!(upload::upload))
        .routes(routes!(files::download))
        .routes(routes!(files::thumbnail))
        .routes(routes!(chats::list, chats::make))
        .routes(routes!(chats::view, membership::change, membership::delete))
        .routes(routes!(membership::put, membership::remove))
        .routes(routes!(membership::prefer))
        .routes(routes!(chats::join))
        .routes(routes!(chats::mark_read))
        .routes(routes!(messages::list, messages::send))
        .routes(routes!(changes::edit, changes::delete))
        .routes(routes!(changes::pin, changes::unpin))
        .routes(routes!(changes::react, changes::unreact))
}
