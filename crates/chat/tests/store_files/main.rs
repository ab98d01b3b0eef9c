//! The store's files: that they tell nothing without the key, and what becomes of them when the key is another, a
//! disk damages them, or a version of before wrote them.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that is surprised fails"
)]

mod damage;
#[cfg(target_os = "linux")]
mod full;
mod profile;
#[cfg(target_os = "linux")]
mod refused;
#[path = "../samples/mod.rs"]
mod samples;
mod secrecy;
