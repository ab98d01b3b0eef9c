//! What becomes of an emitted event.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use tokio::sync::Notify;

/// How far an event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// It waits; nothing of it was given to the transport. Over a lost connection it goes on waiting, so
    /// emitting it again would double it.
    Queued,
    /// The transport has taken it: the operating system, or the server's answer to a POST.
    Written,
    /// The server acknowledged it.
    Acknowledged,
    /// It was given to the transport, which failed before it was surely written, or before the acknowledgement
    /// came. The server may or may not have it.
    Unknown,
    /// It will not be sent, and nothing of it was.
    Dropped,
}

/// A view on one emitted event.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub(crate) cell: Arc<Cell>,
}

impl Delivery {
    /// How far it has come.
    #[must_use]
    pub fn status(&self) -> DeliveryStatus {
        self.cell.status()
    }

    /// Waits until it is no longer [`Queued`](DeliveryStatus::Queued), and tells what it became.
    pub async fn left_queue(&self) -> DeliveryStatus {
        loop {
            let changed = self.cell.changed.notified();
            let status = self.status();
            if status != DeliveryStatus::Queued {
                return status;
            }
            changed.await;
        }
    }
}

/// What the driver writes and [`Delivery`] reads.
#[derive(Debug, Default)]
pub(crate) struct Cell {
    status: AtomicU8,
    changed: Notify,
}

impl Cell {
    pub(crate) fn set(&self, status: DeliveryStatus) {
        let value = match status {
            DeliveryStatus::Queued => 0,
            DeliveryStatus::Written => 1,
            DeliveryStatus::Acknowledged => 2,
            DeliveryStatus::Unknown => 3,
            DeliveryStatus::Dropped => 4,
        };
        self.status.store(value, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// The client has ended, and says nothing more.
    pub(crate) fn abandon(&self) {
        match self.status() {
            DeliveryStatus::Queued => self.set(DeliveryStatus::Dropped),
            DeliveryStatus::Written => self.set(DeliveryStatus::Unknown),
            DeliveryStatus::Acknowledged | DeliveryStatus::Unknown | DeliveryStatus::Dropped => {}
        }
    }

    fn status(&self) -> DeliveryStatus {
        match self.status.load(Ordering::Acquire) {
            0 => DeliveryStatus::Queued,
            1 => DeliveryStatus::Written,
            2 => DeliveryStatus::Acknowledged,
            3 => DeliveryStatus::Unknown,
            _ => DeliveryStatus::Dropped,
        }
    }
}
