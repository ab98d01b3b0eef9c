//! What the server says of its answers in `/openapi.json`, held against every answer that any test gets.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document: Value = serde_json::from_str(khaya_server::openapi()).unwrap();
    forbid_more(&mut document);
    document
});

/// After how many answers of one kind the rest are taken as the same.
const ENOUGH: usize = 50;

/// By method, path as it is documented, and status; with how many were held against each.
type Validators = HashMap<(Method, String, u16), (Validator, usize)>;

static VALIDATORS: LazyLock<Mutex<Validators>> = LazyLock::new(Mutex::default);

/// Fails unless the answer is what the document says. What is asked outside of it can only be refused.
pub(crate) fn check(method: &Method, path: &str, status: StatusCode, answer: &Value) {
    let Some((documented, operation)) = operation(method, path) else {
        assert!(
            status.is_client_error() || path == "/",
            "{method} {path} is not documented: {status}"
        );
        return;
    };
    let responses = &operation["responses"];
    let mut response = &responses[status.as_str()];
    if response.is_null() && !status.is_success() {
        response = &responses["default"];
    }
    assert!(
        !response.is_null(),
        "{method} {path}: {status} is not documented: {answer}"
    );
    let Some(content) = response["content"].as_object() else {
        assert!(answer.is_null(), "{method} {path}: {status} has a body: {answer}");
        return;
    };
    let Some((_, media)) = content.iter().find(|(kind, _)| kind.ends_with("json")) else {
        return;
    };
    // A test that is to fail here, and does, does not make the others fail.
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let (validator, held) = validators
        .entry((method.clone(), documented.clone(), status.as_u16()))
        .or_insert_with(|| (validator(&media["schema"]), 0));
    *held += 1;
    if *held > ENOUGH {
        return;
    }
    let faults: Vec<String> = validator
        .iter_errors(answer)
        .map(|fault| format!("{} at {}", fault, fault.instance_path()))
        .collect();
    assert!(
        faults.is_empty(),
        "{method} {path} {status}: {faults:?} in {answer}"
    );
}

fn operation<'d>(method: &Method, path: &str) -> Option<(&'d String, &'d Value)> {
    let asked: Vec<&str> = path.split('/').collect();
    let method = method.as_str().to_lowercase();
    DOCUMENT["paths"]
        .as_object()?
        .iter()
        .find_map(|(documented, item)| {
            let parts: Vec<&str> = documented.split('/').collect();
            let same = parts.len() == asked.len()
                && parts
                    .iter()
                    .zip(&asked)
                    .all(|(part, asked)| part.starts_with('{') || part == asked);
            let operation = item.get(&method)?;
            same.then_some((documented, operation))
        })
}

fn validator(schema: &Value) -> Validator {
    let mut root = schema.clone();
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    let mut named = serde_json::Map::new();
    add_named(schema, &mut named);
    root["components"] = json!({"schemas": named});
    jsonschema::options()
        .should_validate_formats(true)
        .build(&root)
        .unwrap()
}

/// Adds what a schema refers to, and what that refers to.
fn add_named(schema: &Value, named: &mut serde_json::Map<String, Value>) {
    match schema {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|name| name.strip_prefix("#/components/schemas/"))
                && !named.contains_key(name)
            {
                let meant = &DOCUMENT["components"]["schemas"][name];
                named.insert(name.to_owned(), meant.clone());
                add_named(meant, named);
            }
            fields.values().for_each(|field| add_named(field, named));
        }
        Value::Array(items) => items.iter().for_each(|item| add_named(item, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An answer has nothing that its schema does not name. Schemas are open for clients, as the contract says.
fn forbid_more(document: &mut Value) {
    // What is put together from others can only be closed as a whole, its parts only where they stand alone.
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    let open: HashMap<String, Value> = schemas
        .iter()
        .map(|(name, schema)| (format!("#/components/schemas/{name}"), schema.clone()))
        .collect();
    for schema in schemas.values_mut() {
        if let Some(parts) = schema.get_mut("allOf").and_then(Value::as_array_mut) {
            for part in parts {
                if let Some(whole) = part["$ref"].as_str().and_then(|name| open.get(name)) {
                    *part = whole.clone();
                }
            }
        }
        if schema.get("properties").is_some() || schema.get("allOf").is_some() {
            schema["unevaluatedProperties"] = json!(false);
        }
    }
}

/// The calls of the wire contract, by method.
const CONTRACT: &[(&str, &[&str])] = &[
    (
        "get",
        &[
            "/.well-known/khaya",
            "/auth/me",
            "/auth/sessions",
            "/chat",
            "/chat/{chatId}",
            "/chat/{chatId}/messages",
            "/files/{fileId}",
            "/files/{fileId}/thumbnail",
            "/healthz",
            "/invites",
            "/metrics",
            "/openapi.json",
            "/readyz",
            "/search",
            "/sync",
            "/users",
        ],
    ),
    (
        "post",
        &[
            "/auth/login",
            "/auth/logout",
            "/auth/refresh",
            "/auth/register",
            "/chat",
            "/chat/{chatId}/join",
            "/chat/{chatId}/messages",
            "/files",
            "/invites",
        ],
    ),
    (
        "put",
        &[
            "/auth/password",
            "/chat/{chatId}/members/{userId}",
            "/chat/{chatId}/messages/{messageId}/pin",
            "/chat/{chatId}/messages/{messageId}/reactions/{emoji}",
            "/chat/{chatId}/preferences",
            "/chat/{chatId}/read",
        ],
    ),
    (
        "patch",
        &[
            "/auth/me",
            "/chat/{chatId}",
            "/chat/{chatId}/messages/{messageId}",
            "/users/{userId}",
        ],
    ),
    (
        "delete",
        &[
            "/auth/sessions/{sessionId}",
            "/chat/{chatId}",
            "/chat/{chatId}/members/{userId}",
            "/chat/{chatId}/messages/{messageId}",
            "/chat/{chatId}/messages/{messageId}/pin",
            "/chat/{chatId}/messages/{messageId}/reactions/{emoji}",
            "/invites/{code}",
        ],
    ),
];

mod tests {
    use super::*;
    use crate::client::{Team, answer};

    #[tokio::test]
    async fn every_call_of_the_contract_is_documented_and_every_documented_call_is_there() {
        let team = Team::start().await;
        let root = team.join("root", "admin").await;
        let (status, document) = root.get("/openapi.json").await;
        assert_eq!(status, 200);
        assert_eq!(
            document,
            serde_json::from_str::<Value>(khaya_server::openapi()).unwrap()
        );
        let mut documented = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                documented.push((method.clone(), path.clone()));
                assert!(
                    names.insert(operation["operationId"].as_str().unwrap()),
                    "{operation}"
                );
                let name = operation["summary"].as_str().unwrap_or_default();
                assert!(!name.is_empty(), "{method} {path} says nothing of itself");
                let asked = path.replace(['{', '}'], "");
                let method: Method = method.to_uppercase().parse().unwrap();
                let (status, problem) = answer(root.request(method, &asked)).await;
                let nowhere = problem["detail"] == "there is no such path";
                assert!(status != 405 && !nowhere, "{path}: {status} {problem}");
            }
        }
        let mut wanted: Vec<(String, String)> = CONTRACT
            .iter()
            .flat_map(|(method, paths)| {
                paths
                    .iter()
                    .map(|path| ((*method).to_owned(), (*path).to_owned()))
            })
            .collect();
        documented.sort();
        wanted.sort();
        assert_eq!(documented, wanted);
        // What is open to everyone is open, all else wants a token.
        for (method, path) in documented {
            let open = document["paths"][&path][&method]["security"] == json!([{}]);
            let request = reqwest::Client::new().request(
                method.to_uppercase().parse().unwrap(),
                format!("{}{}", team.url, path.replace(['{', '}'], "")),
            );
            let (status, problem) = answer(request).await;
            assert_eq!(
                problem["code"] == "unauthorized",
                !open,
                "{method} {path}: {status}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "is a required property")]
    fn an_answer_that_lacks_something_is_noticed() {
        check(&Method::GET, "/healthz", StatusCode::OK, &json!({}));
    }

    #[test]
    #[should_panic(expected = "Unevaluated properties")]
    fn an_answer_that_has_something_more_is_noticed() {
        // A call that no other test makes so often that it is looked at no more.
        check(
            &Method::PATCH,
            "/users/u",
            StatusCode::OK,
            &json!({
                "id": "u", "username": "u", "name": "U", "role": "member", "secret": 1
            }),
        );
    }
}
