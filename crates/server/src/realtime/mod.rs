//! Socket.IO: who is connected, what they say, what they are told.
//!
//! Built on `engineioxide`, the engine under `socketioxide`. The layer above it is our own because the contract
//! needs what `socketioxide` does not give: `data` in CONNECT_ERROR, the packets of one client handled in their
//! order, a bound on how many wait, and knowing whose buffer overflowed.

mod connection;
mod engine;
mod hub;
mod packet;

pub(crate) use self::{
    engine::{layer, note_upgrade},
    hub::{Hub, Outgoing},
    packet::Frame,
};
