//! The chat machine of the Khaya app and what stands around it.
//!
//! Owns: the session, the chats, the open timeline, the outbox, typing, unread counts and the decision to
//! notify; the store on disk; the calls to the server.
//!
//! Never does: anything that needs a window. It knows no Tauri, shows nothing, and holds no password longer
//! than a sign-in takes.
//!
//! The parts: [`machine`] decides and is pure; [`store`], [`api`] and the Socket.IO client do what it asks;
//! [`actor`] joins them and is what the shell talks to.

pub mod actor;
pub mod api;
pub mod archive;
pub mod diagnosis;
pub mod files;
pub mod intent;
pub mod machine;
pub mod mention;
pub mod report;
pub mod shell;
pub mod store;
#[cfg(test)]
mod typescript;
pub mod view;

pub use intent::Intent;
pub use view::{Update, View};
