//! The bus over Redis: one channel, published to and subscribed by every node.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::Client;
use tokio::{sync::mpsc, time::timeout};

use super::{BEAT, Bus, Ended, Item, receive};
use crate::App;

/// How long connecting may take, and publishing.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many letters go at once.
const BATCH: usize = 64;

/// One connection to Redis, from its beginning to its end.
pub(super) async fn session(
    app: &App,
    bus: &Bus,
    url: &str,
    queue: &mut mpsc::Receiver<String>,
) -> Result<Ended, Ended> {
    let client = Client::open(url)?;
    let channel = bus.seal.channel();
    let mut publisher = timeout(PATIENCE, client.get_multiplexed_async_connection()).await??;
    let mut subscriber = timeout(PATIENCE, client.get_async_pubsub()).await??;
    timeout(PATIENCE, subscriber.subscribe(&channel)).await??;
    let mut letters = subscriber.into_on_message();
    bus.connected();
    tracing::info!("the bus is there");
    bus.say(Item::Here(app.hub.people()));
    let mut look = tokio::time::interval(BEAT);
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            letter = letters.next() => match letter {
                Some(letter) => match letter.get_payload::<String>() {
                    Ok(sealed) => receive(app, bus, &sealed),
                    Err(error) => tracing::warn!(%error, "a letter on the bus cannot be read"),
                },
                None => return Ok(Ended::Closed),
            },
            _some = queue.recv_many(&mut batch, BATCH) => {
                let mut pipeline = redis::pipe();
                for sealed in batch.drain(..) {
                    pipeline.cmd("PUBLISH").arg(&channel).arg(sealed).ignore();
                }
                timeout(PATIENCE, pipeline.query_async::<()>(&mut publisher)).await??;
            }
            _tick = look.tick() => if bus.is_deaf() {
                return Ok(Ended::Deaf);
            },
        }
    }
}
