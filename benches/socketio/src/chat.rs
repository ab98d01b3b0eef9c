//! The payload of the flood, as an application would type it.

use serde::Deserialize;

/// The body of `new_message`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewMessage {
    pub chat_id: String,
    pub message: Message,
}

/// One message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: String,
    pub chat_id: String,
    pub sender_id: String,
    pub content: String,
    pub created_at: String,
}

impl NewMessage {
    /// Whether it is what the server sent. Read by every peer, so that no compiler drops the decoding.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let Message {
            id,
            chat_id,
            sender_id,
            content,
            created_at,
        } = &self.message;
        *chat_id == self.chat_id
            && ![id, sender_id, content, created_at]
                .into_iter()
                .any(String::is_empty)
    }
}
