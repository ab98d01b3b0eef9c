//! The renaming under which what somebody reads in two worlds is compared: ids by their first appearance, times by
//! their order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Puts ids and times into words that depend on their order alone.
pub(super) fn rename(value: &Value) -> Value {
    let mut times = BTreeSet::new();
    walk(value, &mut |text| {
        if is_time(text) {
            times.insert(text.to_owned());
        }
    });
    let times: BTreeMap<String, usize> = times
        .into_iter()
        .enumerate()
        .map(|(rank, time)| (time, rank))
        .collect();
    let mut ids = BTreeMap::new();
    walk(value, &mut |text| {
        let next = ids.len();
        if is_id(text) {
            ids.entry(text.to_owned()).or_insert(next);
        }
    });
    replace(value, &|text| match (times.get(text), ids.get(text)) {
        (Some(rank), _) => format!("time {rank}"),
        (None, Some(number)) => format!("id {number}"),
        (None, None) => text.to_owned(),
    })
}

fn is_time(text: &str) -> bool {
    text.len() == 24 && text.ends_with('Z') && text.as_bytes()[10] == b'T'
}

fn is_id(text: &str) -> bool {
    text.len() == 22
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn walk(value: &Value, visit: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Value::Object(fields) => fields.values().for_each(|field| walk(field, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn replace(value: &Value, with: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(with(text)),
        Value::Array(items) => Value::Array(items.iter().map(|item| replace(item, with)).collect()),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, field)| (key.clone(), replace(field, with)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
