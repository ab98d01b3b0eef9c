//! Payloads, serialised where they are emitted.

use bytes::Bytes;
use serde::Serialize;

use crate::{
    codec::{attachment, decode::MAX_ATTACHMENTS},
    error::EmitError,
};

/// Serialised arguments: JSON values separated by commas, and the attachments they refer to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Encoded {
    pub(crate) json: String,
    pub(crate) attachments: Vec<Bytes>,
}

impl Encoded {
    /// One argument; `()` is none.
    pub(crate) fn one<T: Serialize + ?Sized>(payload: &T) -> Result<Self, EmitError> {
        let mut encoded = Self::of(payload)?;
        // `()` and a `None` at the top are JSON's null; only the first has no size.
        if encoded.json == "null" && size_of_val(payload) == 0 {
            encoded.json.clear();
        }
        Ok(encoded)
    }

    /// The elements of a tuple or a sequence, each an argument.
    pub(crate) fn several<T: Serialize + ?Sized>(arguments: &T) -> Result<Self, EmitError> {
        let mut encoded = Self::of(arguments)?;
        match encoded
            .json
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            Some(inner) => encoded.json = inner.to_owned(),
            None => {
                return Err(EmitError::Arguments(
                    "several arguments are a tuple or a sequence",
                ));
            }
        }
        Ok(encoded)
    }

    fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, EmitError> {
        let (json, attachments) = attachment::encoding(|| serde_json::to_string(value));
        if attachments.len() > MAX_ATTACHMENTS {
            return Err(EmitError::Arguments("more than 10 attachments"));
        }
        Ok(Self {
            json: json?,
            attachments,
        })
    }
}
