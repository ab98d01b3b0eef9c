//! What waits for the writer: put in from anywhere, and taken out by one thread, which is woken once for as many as it
//! waits for.
//!
//! Bounded: who finds it full waits, and with them their client.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

/// How many may wait.
const PLACES: usize = 1024;

#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    enough: Condvar,
    places: Semaphore,
}

#[derive(Debug)]
struct Waiting<T> {
    items: Vec<T>,
    /// How many there have to be for the taker to be woken. None while it does something else.
    wanted: Option<usize>,
    /// How many it expects.
    expected: usize,
    /// Whether the taker is to look for something else to do.
    is_woken: bool,
}

/// Nobody takes anything out any more.
#[derive(Debug)]
pub(super) struct Closed;

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                items: Vec::new(),
                wanted: None,
                expected: 0,
                is_woken: false,
            }),
            enough: Condvar::new(),
            places: Semaphore::new(PLACES),
        }
    }
}

impl<T> Queue<T> {
    /// Puts something in, once there is a place for it.
    pub(super) async fn put(&self, item: T) -> Result<(), Closed> {
        self.places.acquire().await.map_err(|_closed| Closed)?.forget();
        let mut waiting = self.waiting();
        if self.places.is_closed() {
            return Err(Closed);
        }
        waiting.items.push(item);
        if waiting.wanted.is_some_and(|wanted| waiting.items.len() >= wanted) {
            waiting.wanted = None;
            self.enough.notify_one();
        }
        Ok(())
    }

    /// Whether the taker has nothing to do, and does not expect several.
    pub(super) fn is_idle(&self) -> bool {
        let waiting = self.waiting();
        waiting.items.is_empty() && waiting.wanted.is_some() && waiting.expected <= 1
    }

    /// Ends the taker's rest, if it has one.
    pub(super) fn wake(&self) {
        self.waiting().is_woken = true;
        self.enough.notify_one();
    }

    /// Waits until there is something, or for as long as `rest` says, and then no longer than `patience` until there are
    /// `wanted`. Takes them, at most `most`; none after a rest, or when it is woken from it.
    pub(super) fn take(
        &self,
        rest: Option<Duration>,
        wanted: usize,
        patience: Duration,
        most: usize,
    ) -> Vec<T> {
        let mut waiting = self.waiting();
        waiting.expected = wanted;
        let begin = Instant::now();
        while waiting.items.is_empty() {
            if waiting.is_woken {
                (waiting.is_woken, waiting.wanted) = (false, None);
                return Vec::new();
            }
            waiting.wanted = Some(1);
            waiting = match rest.map(|rest| rest.checked_sub(begin.elapsed())) {
                None => self.enough.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(Some(left)) => {
                    let woken = self.enough.wait_timeout(waiting, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(None) => {
                    waiting.wanted = None;
                    return Vec::new();
                }
            };
        }
        let (begin, wanted) = (Instant::now(), wanted.min(most));
        while waiting.items.len() < wanted
            && let Some(left) = patience.checked_sub(begin.elapsed())
        {
            waiting.wanted = Some(wanted);
            let woken = self.enough.wait_timeout(waiting, left);
            (waiting, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
        waiting.wanted = None;
        let count = waiting.items.len().min(most);
        self.take_first(waiting, count)
    }

    /// Takes what there is.
    pub(super) fn take_all(&self) -> Vec<T> {
        let waiting = self.waiting();
        let count = waiting.items.len();
        self.take_first(waiting, count)
    }

    fn take_first(&self, mut waiting: MutexGuard<'_, Waiting<T>>, count: usize) -> Vec<T> {
        let taken = waiting.items.drain(..count).collect();
        drop(waiting);
        self.places.add_permits(count);
        taken
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting().items.len()
    }

    /// Lets nothing more in, and drops what waits.
    pub(super) fn close(&self) {
        self.places.close();
        let dropped = std::mem::take(&mut self.waiting().items);
        drop(dropped);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn gives_what_came_in_its_order_and_no_more_than_is_asked_for() {
        let queue = Queue::default();
        for number in 0..5 {
            queue.put(number).await.unwrap();
        }
        assert_eq!(queue.take(None, 1, LONG, 3), [0, 1, 2]);
        // Nobody else comes.
        assert_eq!(queue.take(None, 7, Duration::from_millis(1), 9), [3, 4]);
        assert_eq!((queue.len(), queue.take_all()), (0, vec![]));
        assert!(queue.take(Some(Duration::from_millis(1)), 1, LONG, 9).is_empty());
    }

    #[tokio::test]
    async fn the_taker_waits_for_as_many_as_it_wants() {
        let queue = Arc::new(Queue::default());
        let taker = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.take(None, 3, LONG, 9))
        };
        for number in 0..3 {
            queue.put(number).await.unwrap();
        }
        assert_eq!(taker.join().unwrap(), [0, 1, 2]);
    }

    #[tokio::test]
    async fn the_taker_is_idle_when_it_expects_nobody_in_particular_and_its_rest_can_be_ended() {
        let queue = Arc::new(Queue::<u32>::default());
        assert!(!queue.is_idle());
        let take = |wanted| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.take(None, wanted, LONG, 9))
        };
        let taker = take(1);
        while !queue.is_idle() {
            thread::yield_now();
        }
        queue.wake();
        assert!(taker.join().unwrap().is_empty());
        assert!(!queue.is_idle());
        let taker = take(2);
        while queue.waiting().wanted.is_none() {
            thread::yield_now();
        }
        assert!(!queue.is_idle());
        queue.put(0).await.unwrap();
        queue.put(1).await.unwrap();
        assert_eq!(taker.join().unwrap(), [0, 1]);
    }

    #[tokio::test]
    async fn who_finds_it_full_waits_and_nobody_after_its_end() {
        let queue = Arc::new(Queue::default());
        for number in 0..PLACES {
            queue.put(number).await.unwrap();
        }
        let put = |number| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.put(number).await })
        };
        let (first, second) = (put(PLACES), put(PLACES + 1));
        tokio::task::yield_now().await;
        assert!(!first.is_finished() && !second.is_finished());
        assert_eq!(queue.take(None, 1, LONG, 1), [0]);
        first.await.unwrap().unwrap();
        assert_eq!(queue.len(), PLACES);
        queue.close();
        assert!(second.await.unwrap().is_err());
        assert!(queue.put(0).await.is_err());
        assert_eq!(queue.len(), 0);
    }
}
