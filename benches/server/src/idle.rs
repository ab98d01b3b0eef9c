//! Ten thousand who only are there: how fast they come, what they cost, and how they come back after a break.

use std::{rc::Rc, time::Instant};

use anyhow::{Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    crowd,
    http::Http,
    sockets::{Board, Socket},
    subject::{Place, Subject},
    world::World,
};

/// Of how many chats it is looked whether somebody missed something.
const ASKED: usize = 50;

/// What a crowd costs.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) connects_per_second: f64,
    pub(crate) kilobytes: f64,
    /// Seconds until all who were dropped are back.
    pub(crate) back: f64,
}

/// Connects `people`, lets them rest, drops `dropped` of them and lets them come back all at once.
pub(crate) async fn measure(place: &Place, subject: Subject, people: usize, dropped: usize) -> Result<Crowd> {
    let mut world = World::new(people, 6);
    let server = place.start(subject, &mut world).await?;
    let board = Rc::new(Board::default());
    // What the first few make the server set up is not theirs alone.
    drop(crowd::connect(&server, &world, 0..60, &board).await?);
    server.settle().await?;
    let empty = server.resident()?;
    let begin = Instant::now();
    let mut sockets = crowd::connect(&server, &world, 0..people, &board).await?;
    let connects_per_second = people as f64 / begin.elapsed().as_secs_f64();
    server.settle().await?;
    let kilobytes = (server.resident()? - empty) as f64 / 1024.0 / people as f64;

    let mut asked = Vec::new();
    for chat in 0..ASKED {
        let token = world.token(world.speaker(chat) + 1);
        let mut http = Http::connect(&server.address, &token).await?;
        let now = http.get("/sync").await?["next"].clone();
        asked.push((http, now));
    }
    sockets.drain(..dropped);
    for chat in 0..ASKED {
        let token = world.token(world.speaker(chat));
        let mut speaker = Http::connect(&server.address, &token).await?;
        speaker.must_send(world.chat(chat), chat).await?;
    }
    let tokens: Vec<String> = (0..dropped).map(|person| world.token(person)).collect();
    let begin = Instant::now();
    let came_back: Vec<Socket> = stream::iter(&tokens)
        .map(|token| Socket::connect(&server.address, token, &board))
        .buffer_unordered(dropped)
        .try_collect()
        .await?;
    let back = begin.elapsed().as_secs_f64();
    for (chat, (http, since)) in asked.iter_mut().enumerate() {
        let since = since.as_str().unwrap_or_default();
        let missed = http.get(&format!("/sync?since={since}")).await?.to_string();
        ensure!(
            missed.contains(&format!("#{chat:08}#")),
            "chat {chat} lost a message: {missed}"
        );
    }
    ensure!(board.lost() == 0, "{} sockets ended by themselves", board.lost());
    drop((came_back, sockets));
    Ok(Crowd {
        connects_per_second,
        kilobytes,
        back,
    })
}
