//! The client against a server that does whatever it likes, byte by byte: nothing makes it panic or grow, and it
//! ends connected or with a reason that says what happened.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else it is fails the test"
)]
#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod bytes;
mod handshake;
mod order;
mod polling;
mod server;
mod silence;
mod upgrade;
