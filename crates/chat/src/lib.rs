//! The chat machine of the Khaya app and what stands around it.
//!
//! Owns: the session, the chats, the open timeline, the outbox, typing, unread counts and the decision to
//! notify; the store on disk; the calls to the server.
//!
//! Never does: anything that needs a window. It knows no Tauri, shows nothing, and holds no password longer
//! than a sign-in takes.

pub mod intent;
pub mod view;

pub use intent::Intent;
pub use view::{Update, View};
