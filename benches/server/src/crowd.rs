//! Many people at once: connecting all of them, a few hundred at a time.

use std::rc::Rc;

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::{
    sockets::{Board, Socket},
    subject::Server,
    world::World,
};

/// How many connect at the same time.
const AT_ONCE: usize = 256;

/// Connects some of the people of a world.
pub(crate) async fn connect(
    server: &Server,
    world: &World,
    people: std::ops::Range<usize>,
    board: &Rc<Board>,
) -> Result<Vec<Socket>> {
    // Signed before, so that it takes nothing from the connecting.
    let tokens: Vec<String> = people.map(|person| world.token(person)).collect();
    stream::iter(tokens)
        .map(|token| async move { Socket::connect(&server.address, &token, board).await })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}
