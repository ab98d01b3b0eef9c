//! What many sockets are told at once: hands it to each, and then has it written, by a few tasks of the runtime for
//! all of them. To wake a thousand tasks of which each only writes would cost as much again as the writing.
//!
//! Never writes itself: whoever tells has other things to do, and what else the runtime does has its turn between
//! two of the tasks.

use std::{mem, sync::Arc};

use super::{
    frame::Frame,
    line::Line,
    outbox::{Loss, Outbox, Refused, Sender},
};

/// How many sockets one task writes to: few enough that it does not hold up others for a millisecond.
const TOGETHER: usize = 64;

/// Sockets to which something was handed that nobody has begun to send. It is sent when this value goes.
#[derive(Debug, Default)]
pub(super) struct Round {
    outboxes: Vec<Arc<Outbox>>,
}

impl Round {
    /// Hands a frame to one of those who are told.
    pub(super) fn send(&mut self, line: &Line, frame: &Frame, loss: Loss) -> Result<(), Refused> {
        let Line::WebSocket(outbox) = line else {
            return line.send(frame, loss);
        };
        if outbox.add(frame.wire(), loss)? == Sender::Wanted {
            self.outboxes.push(Arc::clone(outbox));
        }
        Ok(())
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        let mut outboxes = mem::take(&mut self.outboxes).into_iter();
        while outboxes.len() > 0 {
            let together: Vec<_> = outboxes.by_ref().take(TOGETHER).collect();
            tokio::spawn(async move {
                for outbox in together {
                    outbox.send_at_once();
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::{Context, Wake},
    };

    use tokio::{
        io::AsyncReadExt as _,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn everyone_gets_everything_in_its_order_and_no_connection_is_woken_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let woken = Arc::new(Woken::default());
        let (mut lines, mut clients) = (Vec::new(), Vec::new());
        for _ in 0..2 * TOGETHER + 1 {
            clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
            let stream = listener.accept().await.unwrap().0;
            let outbox = Arc::new(Outbox::new(Some(stream.into())));
            let task = Arc::clone(&woken).into();
            outbox.poll_send(&mut Context::from_waker(&task)).unwrap();
            lines.push(Line::WebSocket(outbox));
        }
        for round in [["a", "b"], ["c", "d"]] {
            let frames = round.map(|name| Frame::event(name, &1).unwrap());
            let mut told = Round::default();
            for frame in &frames {
                for line in &lines {
                    told.send(line, frame, Loss::Ends).unwrap();
                }
            }
            drop(told);
            let expected = frames.map(|frame| frame.wire()).concat();
            for client in &mut clients {
                let mut got = vec![0; expected.len()];
                client.read_exact(&mut got).await.unwrap();
                assert_eq!(got, expected);
            }
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    }
}
