//! When the WebSocket is read: at once, but in a flood only every millisecond or two, as network cards moderate their
//! interrupts. To wake for each of many thousand events a second costs more than the events do.
//!
//! It never holds up a conversation: where anything is written in between, or an answer is awaited, there is no flood.

use std::time::{Duration, Instant};

/// So many frames within two [`REST`]s, and none written, are a flood.
const FLOOD: usize = 32;

/// How long the WebSocket is left alone. The timer rounds it up, to two milliseconds at most.
const REST: Duration = Duration::from_millis(1);

/// So many bytes at once are worth waking for, and to rest after them would slow the server down.
const PLENTY: usize = 32 * 1024;

#[derive(Debug)]
pub(super) struct Moderation {
    /// When counting began, and the frames that were read since.
    since: Instant,
    frames: usize,
    /// Read since there was nothing more to read.
    bytes: usize,
    until: Option<Instant>,
}

impl Moderation {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            frames: 0,
            bytes: 0,
            until: None,
        }
    }

    #[inline]
    pub(super) fn frame_read(&mut self, bytes: usize) {
        self.frames += 1;
        self.bytes += bytes;
    }

    pub(super) fn frame_written(&mut self) {
        self.frames = 0;
    }

    /// There is nothing more to read for now.
    pub(super) fn drained(&mut self, now: Instant) {
        let bytes = std::mem::take(&mut self.bytes);
        if now.saturating_duration_since(self.since) > 2 * REST {
            self.since = now;
            self.frames = 0;
        }
        if self.frames >= FLOOD {
            self.since = now;
            self.frames = 0;
            self.until = (bytes < PLENTY).then(|| now + REST);
        }
    }

    /// Until when the WebSocket is left alone, if it is.
    pub(super) fn rest(&mut self, now: Instant, is_awaited: bool) -> Option<Instant> {
        self.until = self.until.filter(|until| now < *until && !is_awaited);
        self.until
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a moment to begin with")]
mod tests {
    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    /// Frames that come one by one, so much apart; and how many of them it takes until there is a rest.
    fn frames_before_rest(apart: Duration, bytes: usize) -> Option<usize> {
        let begin = Instant::now();
        let mut moderation = Moderation::new(begin);
        let mut now = begin;
        (1..=1000).find(|_| {
            now += apart;
            moderation.frame_read(bytes);
            moderation.drained(now);
            moderation.rest(now, false).is_some()
        })
    }

    #[test]
    fn a_flood_is_read_in_batches() {
        assert_eq!(frames_before_rest(10 * MICROSECOND, 200), Some(FLOOD));
    }

    #[test]
    fn a_brisk_stream_is_read_at_once() {
        assert_eq!(frames_before_rest(100 * MICROSECOND, 200), None);
    }

    #[test]
    fn much_at_once_is_read_at_once() {
        assert_eq!(frames_before_rest(10 * MICROSECOND, PLENTY), None);
    }

    #[test]
    fn a_conversation_is_no_flood() {
        let now = Instant::now();
        let mut moderation = Moderation::new(now);
        for _ in 0..1000 {
            moderation.frame_read(10);
            moderation.drained(now);
            assert_eq!(moderation.rest(now, false), None);
            moderation.frame_written();
        }
    }

    #[test]
    fn a_flood_goes_on_being_one_and_a_rest_ends() {
        let now = Instant::now();
        let mut moderation = Moderation::new(now);
        for round in 0..100 {
            let now = now + 2 * round * REST;
            assert_eq!(moderation.rest(now, false), None, "the rest before is over");
            for _ in 0..FLOOD {
                moderation.frame_read(200);
            }
            moderation.drained(now);
            assert_eq!(moderation.rest(now + REST / 2, false), Some(now + REST));
        }
    }

    #[test]
    fn who_awaits_an_answer_ends_the_rest() {
        let now = Instant::now();
        let mut moderation = Moderation::new(now);
        for _ in 0..FLOOD {
            moderation.frame_read(200);
        }
        moderation.drained(now);
        assert_eq!(moderation.rest(now, true), None);
        assert_eq!(moderation.rest(now, false), None);
    }
}
