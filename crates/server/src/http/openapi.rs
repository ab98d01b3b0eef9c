//! `GET /openapi.json`: what the calls are, as the code itself says.
//!
//! A call is in here because it is routed, and is routed because it is in here. What holds for all calls is added to
//! each: ids in the path, how they are refused.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use http::header;
use khaya_wire::{ChatId, Code, FileId, MessageId, Problem, SessionId, UserId, problem::MEDIA_TYPE};
use utoipa::{
    OpenApi, PartialSchema as _,
    openapi::{
        Content, OpenApi as Document, Ref, RefOr, Required, ResponseBuilder,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::Schema,
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use crate::App;

/// The document, made once.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let document = complete(super::routes().into_openapi());
    // Texts, numbers and lists of them: what it is made of can always be written.
    document.to_json().unwrap_or_default()
});

/// All calls as OpenAPI 3.1.
#[must_use]
pub(crate) fn document() -> &'static str {
    &DOCUMENT
}

#[derive(OpenApi)]
#[openapi(
    info(title = "khaya-server", description = "Chats of a team, on its own server. Beside these calls it speaks Socket.IO on `/socket.io/`: see docs/api.md."),
    components(schemas(Problem, Code)),
    security(("token" = []))
)]
pub(super) struct Head;

/// This document
#[utoipa::path(get, path = "/openapi.json", operation_id = "getOpenApi", tag = "server", security(()),
    responses((status = 200, body = serde_json::Value)))]
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document()).into_response()
}

fn complete(mut document: Document) -> Document {
    let mut components = document.components.take().unwrap_or_default();
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("token", token);
    document.components = Some(components);
    for (path, item) in &mut document.paths.paths {
        let named: Vec<RefOr<Parameter>> = path
            .split(['{', '}'])
            .skip(1)
            .step_by(2)
            .map(|name| {
                let parameter = ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(schema_of(name)));
                RefOr::T(parameter.build())
            })
            .collect();
        for operation in operations(item) {
            if !named.is_empty() {
                operation
                    .parameters
                    .get_or_insert_default()
                    .splice(0..0, named.iter().cloned());
            }
            operation
                .responses
                .responses
                .insert("default".to_owned(), RefOr::T(refused()));
        }
    }
    document
}

fn operations(item: &mut utoipa::openapi::PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.patch,
        &mut item.delete,
    ]
    .into_iter()
    .flatten()
}

fn refused() -> utoipa::openapi::Response {
    ResponseBuilder::new()
        .description("Refused: `code` says why")
        .content(MEDIA_TYPE, Content::new(Some(Ref::from_schema_name("Problem"))))
        .build()
}

/// What stands in a path under a name.
fn schema_of(name: &str) -> RefOr<Schema> {
    match name {
        "chatId" => ChatId::schema(),
        "messageId" => MessageId::schema(),
        "userId" => UserId::schema(),
        "fileId" => FileId::schema(),
        "sessionId" => SessionId::schema(),
        _text => String::schema(),
    }
}

/// The routes that the server has.
pub(super) type Routes = utoipa_axum::router::OpenApiRouter<App>;
