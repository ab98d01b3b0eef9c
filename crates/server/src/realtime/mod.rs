//! Socket.IO: who is connected, what they say, what they are told.
//!
//! A client comes by a WebSocket ([`websocket`], our own) or by polling ([`engine`], on `engineioxide`, the engine
//! under `socketioxide`). Above both is one thin layer of Socket.IO, our own because the contract needs what
//! `socketioxide` does not give: `data` in CONNECT_ERROR, the packets of one client handled in their order, a bound
//! on how many wait, and knowing whose queue overflowed.

mod connection;
mod engine;
mod frame;
mod hub;
mod line;
mod outbox;
mod packet;
mod reader;
mod round;
mod websocket;

pub(crate) use self::{
    engine::{is_handshake, layer, upgrade},
    frame::Frame,
    hub::{Hub, Outgoing},
};
