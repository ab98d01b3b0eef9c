//! Where a client's events go: each socket's and each watcher's tag, and the queue that it feeds.

use std::{collections::VecDeque, sync::Arc, task::Context};

use crate::{
    event::{ConnectionEvent, SocketEvent},
    events::Queue,
};

#[derive(Default)]
pub(super) struct Outlets {
    feeds: Vec<Feed>,
    queues: Vec<Outlet>,
}

/// A socket, or a watcher of the connection.
struct Feed {
    socket: Option<u64>,
    tag: u64,
    queue: Arc<Queue>,
}

/// A queue and what goes into it next. Several feeds may share one, and their order is kept.
struct Outlet {
    queue: Arc<Queue>,
    batch: VecDeque<(u64, SocketEvent)>,
}

impl Outlets {
    pub(super) fn add(&mut self, socket: Option<u64>, tag: u64, queue: Arc<Queue>) {
        if !self
            .queues
            .iter()
            .any(|outlet| Arc::ptr_eq(&outlet.queue, &queue))
        {
            self.queues.push(Outlet {
                queue: queue.clone(),
                batch: VecDeque::new(),
            });
        }
        self.feeds.push(Feed { socket, tag, queue });
    }

    pub(super) fn remove(&mut self, socket: u64) {
        self.flush();
        let Some(place) = self.feeds.iter().position(|feed| feed.socket == Some(socket)) else {
            return;
        };
        let feed = self.feeds.swap_remove(place);
        feed.queue.remove_writer();
        if !self
            .feeds
            .iter()
            .any(|other| Arc::ptr_eq(&other.queue, &feed.queue))
        {
            self.queues
                .retain(|outlet| !Arc::ptr_eq(&outlet.queue, &feed.queue));
        }
    }

    /// The client has ended.
    pub(super) fn close(&mut self) {
        self.flush();
        for feed in self.feeds.drain(..) {
            feed.queue.remove_writer();
        }
    }

    #[inline]
    pub(super) fn say(&mut self, socket: u64, event: SocketEvent) {
        let Some(feed) = self.feeds.iter().find(|feed| feed.socket == Some(socket)) else {
            return;
        };
        let outlet = self
            .queues
            .iter_mut()
            .find(|outlet| Arc::ptr_eq(&outlet.queue, &feed.queue));
        if let Some(outlet) = outlet {
            outlet.batch.push_back((feed.tag, event));
        }
    }

    pub(super) fn say_all(&mut self, event: &ConnectionEvent) {
        for feed in &self.feeds {
            let outlet = self
                .queues
                .iter_mut()
                .find(|outlet| Arc::ptr_eq(&outlet.queue, &feed.queue));
            if let Some(outlet) = outlet {
                outlet
                    .batch
                    .push_back((feed.tag, SocketEvent::Connection(event.clone())));
            }
        }
    }

    /// Passes on what has gathered.
    pub(super) fn flush(&mut self) {
        for outlet in &mut self.queues {
            if !outlet.batch.is_empty() {
                outlet.queue.append(&mut outlet.batch);
            }
        }
    }

    /// Whether a queue is full, its reserve included or not. The task is woken when it no longer is.
    pub(super) fn is_full(&self, context: &mut Context<'_>, reserve: bool) -> bool {
        // All are asked, so that each of them wakes the task.
        let full = self
            .queues
            .iter()
            .filter(|outlet| outlet.queue.poll_room(context, reserve).is_pending());
        full.count() > 0
    }
}
