//! Binary values, which a line spells `{"$b64":"…"}`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use khaya_socketio::Binary;
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap, SerializeSeq},
};
use serde_json::{Value, json};

/// A value whose binary parts go out as attachments.
pub(crate) struct Outgoing<'a>(pub(crate) &'a Value);

impl Serialize for Outgoing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                if let (1, Some(Value::String(text))) = (fields.len(), fields.get("$b64")) {
                    let bytes = STANDARD.decode(text).map_err(S::Error::custom)?;
                    return Binary(bytes.into()).serialize(serializer);
                }
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, &Outgoing(value))?;
                }
                map.end()
            }
            Value::Array(values) => {
                let mut sequence = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    sequence.serialize_element(&Outgoing(value))?;
                }
                sequence.end()
            }
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                plain.serialize(serializer)
            }
        }
    }
}

/// An `auth` as the official client under Node spells it, whose CONNECT has no attachments.
pub(crate) fn spelled(value: Value) -> Result<Value, base64::DecodeError> {
    Ok(match value {
        Value::Array(values) => values.into_iter().map(spelled).collect::<Result<_, _>>()?,
        Value::Object(fields) => match fields.get("$b64") {
            Some(Value::String(text)) if fields.len() == 1 => {
                json!({ "type": "Buffer", "data": STANDARD.decode(text)? })
            }
            Some(_) | None => fields
                .into_iter()
                .map(|(key, value)| Ok((key, spelled(value)?)))
                .collect::<Result<_, _>>()?,
        },
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    })
}

/// Puts attachments back where their placeholders stand.
pub(crate) fn incoming(values: Vec<Value>, attachments: &[Bytes]) -> Vec<Value> {
    if attachments.is_empty() {
        return values;
    }
    values
        .into_iter()
        .map(|value| restore(value, attachments))
        .collect()
}

fn restore(value: Value, attachments: &[Bytes]) -> Value {
    match value {
        Value::Array(values) => incoming(values, attachments).into(),
        Value::Object(fields) => {
            let placeholder = fields.get("_placeholder") == Some(&Value::Bool(true));
            let num = fields.get("num").and_then(Value::as_u64).filter(|_| placeholder);
            match num.and_then(|num| attachments.get(usize::try_from(num).ok()?)) {
                Some(bytes) => json!({ "$b64": STANDARD.encode(bytes) }),
                None => fields
                    .into_iter()
                    .map(|(key, value)| (key, restore(value, attachments)))
                    .collect(),
            }
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}
