//! What waits to be sent over one WebSocket: filled from anywhere, emptied by the connection's own task.
//!
//! Bounded in frames and in bytes. What may get lost is dropped once it is half full; what may not get lost and
//! finds no room ends the connection, so that its client comes back and asks for what it missed.

use std::{
    collections::VecDeque,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use bytes::Bytes;

/// How many frames may wait to be sent to one client.
pub(super) const FRAMES: usize = 1024;
/// How many bytes of them. They are shared with all who get the same.
const BYTES: usize = 16 * 1024 * 1024;
/// A queue that grew beyond this gives its memory back once it is empty.
const KEPT: usize = 32;

/// What waits, and how it goes on after that.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    end: End,
    task: Option<Waker>,
}

/// How long the connection goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Open,
    /// Until what waits has been sent.
    WhenSent,
    /// It is over.
    Now,
}

/// There is no room, or the connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

impl Outbox {
    /// Adds a frame that may not get lost.
    pub(super) fn push(&self, frame: Bytes) -> Result<(), Refused> {
        self.add(frame, FRAMES, BYTES)
    }

    /// Adds a frame that may get lost.
    pub(super) fn push_volatile(&self, frame: Bytes) -> Result<(), Refused> {
        self.add(frame, FRAMES / 2, BYTES / 2)
    }

    /// Takes no more frames, and has the connection end.
    pub(super) fn end(&self, how: End) {
        let mut state = self.lock();
        match (state.end, how) {
            (End::Open, _) | (End::WhenSent, End::Now) => state.end = how,
            (End::WhenSent, End::Open | End::WhenSent) | (End::Now, _) => {}
        }
        if state.end == End::Now {
            state.frames = VecDeque::new();
            state.bytes = 0;
        }
        wake(state);
    }

    /// Moves what waits into `taken` if that is empty, and tells how it goes on. What happens next wakes the task
    /// of `context`.
    pub(super) fn take(&self, taken: &mut VecDeque<Bytes>, context: &Context<'_>) -> End {
        let mut state = self.lock();
        if taken.is_empty() {
            if taken.capacity() > KEPT {
                *taken = VecDeque::new();
            }
            mem::swap(&mut state.frames, taken);
            state.bytes = 0;
        }
        match &mut state.task {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        state.end
    }

    fn add(&self, frame: Bytes, frames: usize, bytes: usize) -> Result<(), Refused> {
        let mut state = self.lock();
        let has_room = state.frames.len() < frames && state.bytes + frame.len() <= bytes;
        if state.end != End::Open || !has_room {
            return Err(Refused);
        }
        state.bytes += frame.len();
        state.frames.push_back(frame);
        if state.frames.len() == 1 {
            wake(state);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let task = state.task.take();
    drop(state);
    if let Some(task) = task {
        task.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(outbox: &Outbox, add: impl Fn(&Outbox) -> Result<(), Refused>) -> usize {
        std::iter::repeat_with(|| add(outbox))
            .take_while(Result::is_ok)
            .count()
    }

    #[test]
    fn has_room_for_so_many_frames_and_bytes_and_half_of_it_for_what_may_get_lost() {
        let (small, large) = (Bytes::from_static(b"x"), Bytes::from(vec![0; BYTES / 4]));
        let outbox = Outbox::default();
        assert_eq!(
            fill(&outbox, |outbox| outbox.push_volatile(small.clone())),
            FRAMES / 2
        );
        assert_eq!(fill(&outbox, |outbox| outbox.push(small.clone())), FRAMES / 2);
        let outbox = Outbox::default();
        assert_eq!(fill(&outbox, |outbox| outbox.push_volatile(large.clone())), 2);
        assert_eq!(fill(&outbox, |outbox| outbox.push(large.clone())), 2);
    }

    #[test]
    fn what_waits_is_taken_in_order_and_makes_room() {
        let outbox = Outbox::default();
        let context = Context::from_waker(Waker::noop());
        let mut taken = VecDeque::new();
        for text in ["a", "b"] {
            outbox.push(Bytes::from_static(text.as_bytes())).unwrap();
        }
        assert_eq!(outbox.take(&mut taken, &context), End::Open);
        assert_eq!(taken, ["a", "b"]);
        outbox.push(Bytes::from_static(b"c")).unwrap();
        // What was taken and not sent yet goes first.
        outbox.take(&mut taken, &context);
        assert_eq!(taken, ["a", "b"]);
        outbox.end(End::WhenSent);
        assert_eq!(outbox.push(Bytes::from_static(b"d")), Err(Refused));
        taken.clear();
        assert_eq!(outbox.take(&mut taken, &context), End::WhenSent);
        assert_eq!(taken, ["c"]);
    }

    #[test]
    fn an_end_is_never_taken_back() {
        let outbox = Outbox::default();
        let context = Context::from_waker(Waker::noop());
        outbox.push(Bytes::from_static(b"a")).unwrap();
        outbox.end(End::Now);
        outbox.end(End::WhenSent);
        let mut taken = VecDeque::new();
        assert_eq!(outbox.take(&mut taken, &context), End::Now);
        assert!(taken.is_empty());
    }
}
