use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::*;

/// Takes so many bytes, and remembers who waits until it takes more.
#[derive(Debug, Default)]
struct Narrow {
    room: usize,
    taken: Vec<u8>,
    writes: usize,
    waits: Option<Waker>,
    fails: bool,
}

impl AsyncRead for Narrow {
    fn poll_read(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.fails {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.room == 0 {
            self.waits = Some(context.waker().clone());
            return Poll::Pending;
        }
        let takes = bytes.len().min(self.room);
        self.room -= takes;
        self.writes += 1;
        self.taken.extend(&bytes[..takes]);
        Poll::Ready(Ok(takes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter()).copied().collect();
        self.poll_write(context, &bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// How often a connection's task was woken.
#[derive(Debug, Default)]
struct Task(AtomicUsize);

impl std::task::Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection whose task has nothing to do.
struct Connection {
    outbox: Outbox<Narrow>,
    task: Arc<Task>,
}

impl Connection {
    fn new(room: usize) -> Self {
        let connection = Self {
            outbox: Outbox::new(Some(Narrow {
                room,
                ..Narrow::default()
            })),
            task: Arc::default(),
        };
        assert_eq!(connection.poll_send().unwrap(), End::Open);
        connection
    }

    fn add(&self, text: &'static str) -> Result<Sender, Refused> {
        self.outbox.add(Bytes::from_static(text.as_bytes()), Loss::Ends)
    }

    fn push(&self, text: &'static str) -> Result<(), Refused> {
        self.outbox.push(Bytes::from_static(text.as_bytes()), Loss::Ends)
    }

    /// What the task does when it is woken.
    fn poll_send(&self) -> io::Result<End> {
        self.outbox
            .poll_send(&mut Context::from_waker(&Arc::clone(&self.task).into()))
    }

    fn poll_sent(&self) -> Poll<io::Result<()>> {
        self.outbox
            .poll_sent(&mut Context::from_waker(&Arc::clone(&self.task).into()))
    }

    fn woken(&self) -> usize {
        self.task.0.load(Ordering::Relaxed)
    }

    fn stream<T>(&self, with: impl FnOnce(&mut Narrow) -> T) -> T {
        with(self.outbox.lock().stream().unwrap())
    }

    fn taken(&self) -> String {
        self.stream(|stream| String::from_utf8(stream.taken.clone()).unwrap())
    }
}

fn fill(outbox: &Outbox<Narrow>, frame: &Bytes, loss: Loss) -> usize {
    std::iter::repeat_with(|| outbox.push(frame.clone(), loss))
        .take_while(Result::is_ok)
        .count()
}

#[test]
fn has_room_for_so_many_frames_and_bytes_and_half_of_it_for_what_may_get_lost() {
    let (small, large) = (Bytes::from_static(b"x"), Bytes::from(vec![0; BYTES / 4]));
    let outbox = Outbox::new(None);
    assert_eq!(fill(&outbox, &small, Loss::Harmless), FRAMES / 2);
    assert_eq!(fill(&outbox, &small, Loss::Ends), FRAMES / 2);
    let outbox = Outbox::new(None);
    assert_eq!(fill(&outbox, &large, Loss::Harmless), 2);
    assert_eq!(fill(&outbox, &large, Loss::Ends), 2);
}

#[test]
fn what_was_sent_makes_room() {
    let connection = Connection::new(usize::MAX);
    let outbox = &connection.outbox;
    for frame in [Bytes::from_static(b"x"), Bytes::from(vec![0; BYTES / 4])] {
        let fitting = fill(outbox, &frame, Loss::Ends);
        connection.poll_send().unwrap();
        assert_eq!(fill(outbox, &frame, Loss::Ends), fitting);
        connection.poll_send().unwrap();
    }
}

#[test]
fn what_is_sent_at_once_goes_out_in_one_write_and_wakes_nobody() {
    let connection = Connection::new(100);
    assert_eq!(connection.add("a"), Ok(Sender::Wanted));
    assert_eq!(connection.add("b"), Ok(Sender::Found));
    connection.outbox.send_at_once();
    assert_eq!(connection.taken(), "ab");
    assert_eq!(connection.add("c"), Ok(Sender::Wanted));
    connection.outbox.send_at_once();
    // Another round may have been late.
    connection.outbox.send_at_once();
    assert_eq!((connection.taken().as_str(), connection.woken()), ("abc", 0));
    assert_eq!(connection.stream(|stream| stream.writes), 2);
}

#[test]
fn what_the_stream_does_not_take_is_sent_by_the_task_before_what_comes_later() {
    let connection = Connection::new(3);
    for text in ["ab", "cd"] {
        let _sender = connection.add(text).unwrap();
    }
    connection.outbox.send_at_once();
    assert_eq!((connection.taken().as_str(), connection.woken()), ("abc", 1));
    assert_eq!(connection.add("ef"), Ok(Sender::Found));
    // It was woken, so nobody else needs to.
    connection.outbox.send_at_once();
    assert_eq!(connection.poll_send().unwrap(), End::Open);
    connection.stream(|stream| stream.room = 100);
    assert_eq!(connection.add("gh"), Ok(Sender::Found));
    connection.poll_send().unwrap();
    assert_eq!((connection.taken().as_str(), connection.woken()), ("abcdefgh", 1));
}

#[test]
fn when_a_stream_takes_something_again_it_is_the_task_that_is_told() {
    let connection = Connection::new(0);
    assert_eq!(connection.add("a"), Ok(Sender::Wanted));
    connection.outbox.send_at_once();
    assert_eq!(connection.woken(), 0);
    connection.stream(|stream| stream.waits.take()).unwrap().wake();
    assert_eq!(connection.woken(), 1);
    connection.stream(|stream| stream.room = 100);
    connection.poll_send().unwrap();
    assert_eq!(connection.taken(), "a");
}

#[test]
fn what_one_client_alone_is_sent_wakes_its_task_once() {
    let connection = Connection::new(100);
    connection.push("a").unwrap();
    connection.push("b").unwrap();
    assert_eq!(connection.woken(), 1);
    // Who was woken sends everything.
    connection.outbox.send_at_once();
    assert_eq!(connection.taken(), "");
    connection.poll_send().unwrap();
    assert_eq!(connection.taken(), "ab");
}

#[test]
fn a_stream_that_fails_ends_the_connection() {
    let connection = Connection::new(100);
    connection.stream(|stream| stream.fails = true);
    assert_eq!(connection.add("a"), Ok(Sender::Wanted));
    connection.outbox.send_at_once();
    assert_eq!(connection.woken(), 1);
    assert_eq!(connection.add("b"), Err(Refused));
    assert_eq!(connection.poll_send().unwrap(), End::Now);
}

#[test]
fn at_the_end_what_waits_goes_out_and_then_goodbye() {
    let connection = Connection::new(1);
    for text in ["a", "b"] {
        connection.push(text).unwrap();
    }
    connection.outbox.end(End::WhenSent);
    assert_eq!(connection.add("c"), Err(Refused));
    assert!(connection.poll_sent().is_pending());
    connection.stream(|stream| stream.room = 100);
    assert!(connection.poll_sent().is_ready());
    connection.outbox.say_goodbye([Bytes::from_static(b"!")]);
    assert!(connection.poll_sent().is_ready());
    assert_eq!(connection.taken(), "ab!");
}

#[test]
fn an_end_is_never_taken_back() {
    let connection = Connection::new(100);
    connection.push("a").unwrap();
    connection.outbox.end(End::Now);
    connection.outbox.end(End::WhenSent);
    assert_eq!(connection.poll_send().unwrap(), End::Now);
    assert!(connection.poll_sent().is_ready());
    assert_eq!(connection.taken(), "");
}

#[test]
fn what_is_closed_holds_no_stream_and_takes_nothing() {
    let connection = Connection::new(100);
    assert_eq!(connection.add("a"), Ok(Sender::Wanted));
    connection.outbox.close();
    connection.outbox.send_at_once();
    assert_eq!(connection.add("b"), Err(Refused));
    assert!(connection.outbox.lock().stream.is_none());
    assert_eq!(Arc::strong_count(&connection.task), 1);
}
