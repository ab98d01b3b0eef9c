//! The actor with a real store: how it finds the key, and what it keeps on the disk.

#![expect(clippy::unwrap_used, reason = "a test that is surprised fails")]

mod door;
mod keeping;
mod keyring;
#[path = "../samples/mod.rs"]
mod samples;
