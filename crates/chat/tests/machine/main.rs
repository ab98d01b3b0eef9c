//! Tables of inputs and outputs for the rules of the machine, one by one.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that is surprised fails"
)]

mod catching_up;
mod changes;
mod desk;
mod diagnosis;
mod files;
mod notices;
mod reading;
mod search;
mod sending;
mod session;
mod typing;
