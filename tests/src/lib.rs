//! What the tests of the whole thing share: real servers, a real desktop, real windows, and the official Node
//! packages, each a value that starts its processes and ends them when it is dropped.
//!
//! Owns: starting, finding, waiting. Everything is found as a person or another program would find it: by role
//! and accessible name, over HTTP, over the bus.
//!
//! Never does: import the product's crates. What a test here knows, it knows from outside.

#[cfg(target_os = "linux")]
pub mod answering;
#[cfg(target_os = "linux")]
pub mod app;
pub mod artifacts;
pub mod base;
#[cfg(target_os = "linux")]
pub mod clock;
#[cfg(target_os = "linux")]
pub mod desktop;
#[cfg(target_os = "linux")]
pub mod disk;
#[cfg(target_os = "linux")]
pub mod family;
#[cfg(target_os = "linux")]
pub mod flow;
pub mod headless;
#[cfg(target_os = "linux")]
pub mod in_tray;
#[cfg(target_os = "linux")]
pub mod locator;
#[cfg(target_os = "linux")]
pub mod logind;
pub mod node;
#[cfg(target_os = "linux")]
pub mod notices;
#[cfg(target_os = "linux")]
pub mod page;
#[cfg(target_os = "linux")]
pub mod panel;
pub mod process;
pub mod proxy;
#[cfg(target_os = "linux")]
pub mod releases;
#[cfg(target_os = "linux")]
pub mod remembering;
pub mod rest;
#[cfg(target_os = "linux")]
pub mod scenario;
pub mod server;
pub mod stub;
pub mod team;
pub mod wait;
#[cfg(target_os = "linux")]
pub mod webdriver;
