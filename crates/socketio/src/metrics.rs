//! Figures for a diagnostics page.

use std::time::Duration;

use crate::event::Transport;

/// A snapshot of one client's figures, counted since it was built.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// What carries the session; none if there is no session.
    pub transport: Option<Transport>,
    /// The time from the last acknowledged event to its answer, the server's own time included.
    pub round_trip: Option<Duration>,
    /// Bytes of packets received, without the framing of WebSocket and HTTP.
    pub bytes_received: u64,
    /// Bytes of packets written, likewise.
    pub bytes_written: u64,
    /// Engine.IO packets received.
    pub packets_received: u64,
    /// Engine.IO packets written.
    pub packets_written: u64,
    /// Sessions opened.
    pub sessions: u64,
    /// Attempts to reconnect.
    pub reconnect_attempts: u64,
    /// Attempts to reconnect that succeeded.
    pub reconnects: u64,
    /// Events that wait to be written.
    pub queued: usize,
}
