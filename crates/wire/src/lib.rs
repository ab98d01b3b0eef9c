//! The wire contract between the Khaya app and a server, as types.
//!
//! Owns: the shapes that cross the wire ([`model`], [`rest`], [`event`], [`problem`], [`discovery`]), their
//! ids ([`id`]) and times ([`time`]), and the names of events and error codes.
//!
//! Never does: input or output, decisions, defaults that the contract does not state. It depends on serde and
//! a calendar, on nothing else of ours, and both sides of the wire use it.
//!
//! Every type ignores fields that it does not know, as the contract demands of either side, and leaves out
//! fields that are absent instead of writing `null`, except where the contract spells `null`.

pub mod discovery;
pub mod event;
pub mod id;
pub mod model;
#[cfg(feature = "openapi")]
mod openapi;
pub mod problem;
pub mod rest;
pub mod time;

pub use id::{ChatId, ClientId, FileId, MessageId, SessionId, UserId};
pub use model::{Chat, ChatKind, File, Message, Page, User};
pub use problem::{Code, Problem};
pub use time::Timestamp;
