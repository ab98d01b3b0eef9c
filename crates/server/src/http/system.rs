//! What the server says of itself: what it can do, whether it lives, whether it can serve.

use axum::{
    Json,
    extract::{FromRequestParts as _, Request, State},
    response::IntoResponse,
};
use http::header;
use khaya_wire::{
    discovery::{CONTRACT, Discovery, Feature, Limits},
    model::role,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::messages::MAX_CONTENT;
use crate::{
    App, Error,
    bus::Bus,
    config::Registration,
    identity::{self, Caller},
    token::constant_time_eq,
};

/// What is whole. A client hides what is not in here.
const FEATURES: &[Feature] = &[
    Feature::Refresh,
    Feature::Chats,
    Feature::Edits,
    Feature::Reactions,
    Feature::Replies,
    Feature::Receipts,
    Feature::Search,
    Feature::Files,
    Feature::Sync,
    Feature::Presence,
    Feature::Pins,
    Feature::Invites,
    Feature::Acks,
    Feature::Authenticate,
    Feature::Everywhere,
];

/// That there is nothing to complain of; else there is a problem.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`
    status: &'static str,
}

const HEALTHY: Health = Health { status: "ok" };

/// What this server can do
#[utoipa::path(get, path = "/.well-known/khaya", operation_id = "discover", tag = "server",
    security(()), responses((status = 200, body = Discovery)))]
pub(super) async fn discovery(State(app): State<App>) -> Json<Discovery> {
    let register = match app.config.registration {
        Registration::Invite | Registration::Open => Some(Feature::Register),
        Registration::Closed => None,
    };
    Json(Discovery {
        contract: CONTRACT,
        name: app.config.name.clone(),
        features: FEATURES.iter().copied().chain(register).collect(),
        limits: Limits {
            message_bytes: MAX_CONTENT as u64,
            file_bytes: Some(app.config.file_bytes),
        },
    })
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", operation_id = "getHealth", tag = "server",
    security(()), responses((status = 200, body = Health)))]
pub(super) async fn alive() -> Json<Health> {
    Json(HEALTHY)
}

/// Whether it can serve
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness", tag = "server",
    security(()), responses((status = 200, body = Health)))]
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Health>, Error> {
    app.store.check().await?;
    Ok(Json(HEALTHY))
}

/// What is counted, for Prometheus: for the metrics token, or for an admin
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "server",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4; charset=utf-8")))]
pub(super) async fn metrics(State(app): State<App>, request: Request) -> Result<impl IntoResponse, Error> {
    let (mut parts, _body) = request.into_parts();
    let allowed = match (&app.config.metrics_token, identity::bearer_of(&parts.headers)) {
        (Some(expected), Some(given)) => constant_time_eq(expected.as_bytes(), given.as_bytes()),
        (Some(_) | None, Some(_) | None) => false,
    };
    if !allowed && Caller::from_request_parts(&mut parts, &app).await?.viewer.role != role::ADMIN {
        return Err(Error::Forbidden("metrics are for admins"));
    }
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        app.counters
            .to_prometheus(app.hub.connections(), app.hub.sockets())
            + &app.hub.bus().map(Bus::to_prometheus).unwrap_or_default(),
    ))
}
