//! The bus over Postgres: LISTEN and NOTIFY, on one connection.

use std::{future::poll_fn, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    time::timeout,
};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Notification};
use tokio_util::task::AbortOnDropHandle;

use super::{
    BEAT, Bus, Ended, Item,
    notices::{Cutter, Joiner},
    receive,
};
use crate::{App, database::Address};

/// How long connecting may take, and anything that is asked.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many letters go in one transaction.
const BATCH: usize = 64;
/// How many notices may wait to be read. More are dropped, and healed as any loss is.
const NOTICES: usize = 4096;

/// One connection to Postgres, from its beginning to its end.
pub(super) async fn session(
    app: &App,
    bus: &Bus,
    address: &Address,
    queue: &mut mpsc::Receiver<String>,
) -> Result<Ended, Ended> {
    let (heard, mut notices) = mpsc::channel(NOTICES);
    let (client, _driver) = timeout(PATIENCE, connect(address, heard)).await??;
    let channel = bus.seal.channel();
    // What a crash takes of it is healed, so nobody needs to wait for the disk.
    let listen = format!("SET synchronous_commit = off; LISTEN \"{channel}\"");
    timeout(PATIENCE, client.batch_execute(&listen)).await??;
    let tell = "SELECT pg_notify($1, notice) FROM unnest(CAST($2 AS text[])) AS notice";
    let tell = timeout(PATIENCE, client.prepare(tell)).await??;
    bus.connected();
    tracing::info!("the bus is there");
    bus.say(Item::Here(app.hub.people()));
    let mut look = tokio::time::interval(BEAT);
    let (mut cutter, mut joiner) = (Cutter::default(), Joiner::default());
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        tokio::select! {
            notice = notices.recv() => {
                let Some(notice) = notice else { return Ok(Ended::Closed) };
                if let Some(sealed) = joiner.take(notice.process_id(), notice.payload()) {
                    receive(app, bus, &sealed);
                }
            }
            _some = queue.recv_many(&mut batch, BATCH) => {
                let told: Vec<String> = batch.drain(..).flat_map(|letter| cutter.cut(&letter)).collect();
                timeout(PATIENCE, client.execute(&tell, &[&channel, &told])).await??;
            }
            _tick = look.tick() => if bus.is_deaf() {
                return Ok(Ended::Deaf);
            },
        }
    }
}

async fn connect(
    address: &Address,
    heard: mpsc::Sender<Notification>,
) -> Result<(Client, AbortOnDropHandle<()>), Ended> {
    let (config, tls) = address.parts()?;
    Ok(match tls {
        Some(tls) => {
            let (client, connection) = config.connect(tls).await?;
            (client, drive(connection, heard))
        }
        None => {
            let (client, connection) = config.connect(NoTls).await?;
            (client, drive(connection, heard))
        }
    })
}

/// Keeps the connection going, and hands on what is heard.
fn drive<S, T>(mut connection: Connection<S, T>, heard: mpsc::Sender<Notification>) -> AbortOnDropHandle<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    AbortOnDropHandle::new(tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notice) = message {
                // Waiting would keep answers back from whoever empties the queue.
                let _healed_when_lost = heard.try_send(notice);
            }
        }
    }))
}
