//! Binary values inside typed payloads.
//!
//! Socket.IO takes binary values out of the JSON, leaves `{"_placeholder":true,"num":0}` in their place and
//! sends them after the text. A [`Binary`] does this by itself wherever it stands in a payload: while a
//! payload is encoded or decoded, its attachments lie in a slot of this thread.

use std::cell::RefCell;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

thread_local! {
    static ENCODING: RefCell<Option<Vec<Bytes>>> = const { RefCell::new(None) };
    static DECODING: RefCell<Option<Vec<Bytes>>> = const { RefCell::new(None) };
}

/// Bytes that travel as a binary attachment of an event.
///
/// ```
/// use khaya_socketio::Binary;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Upload { name: String, content: Binary }
/// ```
///
/// Outside of a Socket.IO payload it is written as a string of base64.
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Binary(pub Bytes);

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let num = ENCODING.with_borrow_mut(|slot| {
            let attachments = slot.as_mut()?;
            attachments.push(self.0.clone());
            Some(attachments.len() - 1)
        });
        match num {
            Some(num) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("_placeholder", &true)?;
                map.serialize_entry("num", &num)?;
                map.end()
            }
            None => serializer.serialize_str(&STANDARD.encode(&self.0)),
        }
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Placeholder { _placeholder: bool, num: usize },
            Base64(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Placeholder {
                _placeholder: true,
                num,
            } => DECODING
                .with_borrow(|slot| {
                    slot.as_ref()
                        .and_then(|attachments| attachments.get(num).cloned())
                })
                .map(Self)
                .ok_or_else(|| de::Error::custom("no such attachment")),
            Form::Placeholder { .. } => Err(de::Error::custom("not a placeholder")),
            Form::Base64(text) => STANDARD
                .decode(text)
                .map(|bytes| Self(bytes.into()))
                .map_err(de::Error::custom),
        }
    }
}

/// Encodes with a place for attachments, and gives them back.
pub(crate) fn encoding<R>(encode: impl FnOnce() -> R) -> (R, Vec<Bytes>) {
    let before = ENCODING.replace(Some(Vec::new()));
    let result = encode();
    (result, ENCODING.replace(before).unwrap_or_default())
}

/// Decodes with these attachments at hand.
pub(crate) fn decoding<R>(attachments: &[Bytes], decode: impl FnOnce() -> R) -> R {
    if attachments.is_empty() {
        return decode();
    }
    let before = DECODING.replace(Some(attachments.to_vec()));
    let result = decode();
    DECODING.replace(before);
    result
}
