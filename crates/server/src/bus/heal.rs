//! What the bus lost, found in the database and told from there. Every event has its place in the order of
//! commits; one whose place was not told after a while was lost, whatever lost it: the bus, a node that ended
//! between its commit and its letter, a queue that was full.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::atomic::Ordering,
    time::Duration,
};

use khaya_wire::{SessionId, UserId};
use tokio::time::Instant;

use super::Bus;
use crate::{
    App, Error, clock,
    realtime::{Frame, Outgoing},
    store::{
        Viewer, sessions,
        sync::{self, Missed},
        users,
    },
};

/// How often the database is asked while the bus is up.
const CALM: Duration = Duration::from_secs(1);
/// And while it is not.
const URGENT: Duration = Duration::from_millis(250);
/// How long the bus may take with a letter.
const LATE: Duration = Duration::from_secs(3);
/// How many events are looked at in one go.
const PAGE: usize = 10_000;
/// How far back ended sessions are looked for, in milliseconds: clocks of nodes differ.
const SESSIONS_MS: i64 = 60 * 60 * 1000;

/// Looks for what was lost, for ever.
pub(super) async fn run(app: App) {
    let Some(bus) = app.hub.bus() else { return };
    let mut missing = HashMap::new();
    let mut ended = HashSet::new();
    loop {
        tokio::time::sleep(if bus.is_up() { CALM } else { URGENT }).await;
        if let Err(error) = end_sessions(&app, &mut ended).await {
            tracing::debug!(%error, "ended sessions were not looked for");
        }
        if let Err(error) = look(&app, bus, &mut missing).await {
            tracing::debug!(%error, "lost events were not looked for");
        }
    }
}

/// Closes the sockets of sessions that ended on another node.
async fn end_sessions(app: &App, seen: &mut HashSet<SessionId>) -> Result<(), Error> {
    let since = clock::now().as_millis() - SESSIONS_MS;
    let ended = app
        .store
        .read(move |conn| sessions::ended_since(conn, since))
        .await?;
    let fresh: Vec<Outgoing> = ended
        .iter()
        .filter(|session| !seen.contains(*session))
        .map(|session| Outgoing::SessionEnded(session.clone()))
        .collect();
    app.hub.cut_off(&fresh);
    *seen = ended.into_iter().collect();
    Ok(())
}

/// One look. `missing` is what was not told yet, and since when that is known.
async fn look(app: &App, bus: &Bus, missing: &mut HashMap<i64, Instant>) -> Result<(), Error> {
    let settled = bus.told().settled;
    let stored = app
        .store
        .read(move |conn| sync::places_after(conn, settled, PAGE))
        .await?;
    let now = Instant::now();
    let untold: BTreeSet<i64> = {
        let told = bus.told();
        let is_untold = |place: &i64| !told.positions.contains(place);
        stored.iter().copied().filter(is_untold).collect()
    };
    missing.retain(|place, _| untold.contains(place));
    // A change of our own is seen here a moment before it is told, so nothing is lost at first sight.
    let late = if bus.is_up() { LATE } else { URGENT };
    for place in &untold {
        let since = *missing.entry(*place).or_insert(now);
        if now.saturating_duration_since(since) >= late && bus.note_fresh(&[*place]) {
            if let Err(error) = tell(app, *place).await {
                bus.told().positions.remove(place);
                return Err(error);
            }
            missing.remove(place);
            bus.healed.fetch_add(1, Ordering::Relaxed);
        }
    }
    let settled = match (missing.keys().min(), stored.last()) {
        (Some(first), _) => first - 1,
        (None, Some(last)) => *last,
        (None, None) => settled,
    };
    let mut told = bus.told();
    told.settled = settled;
    told.positions.retain(|place| *place > settled);
    Ok(())
}

/// Tells this node's sockets of one event, as things are now.
async fn tell(app: &App, place: i64) -> Result<(), Error> {
    let hub = app.hub.clone();
    let told: Vec<(UserId, Missed)> = app
        .store
        .snapshot(move |conn| {
            let mut told = Vec::new();
            for user in sync::concerned(conn, place)? {
                if !hub.is_online_here(&user) {
                    continue;
                }
                let Some(role) = users::by_id(conn, &user)?.map(|user| user.role) else {
                    continue;
                };
                let viewer = Viewer { user, role };
                if let Some(missed) = sync::at(conn, &viewer, place)? {
                    told.push((viewer.user, missed));
                }
            }
            Ok(told)
        })
        .await?;
    for (user, missed) in told {
        let frame = Frame::event(missed.event, &missed.data)?;
        if let Some(chat) = missed.removed_from() {
            let user = user.clone();
            app.hub.cut_off(&[Outgoing::Left { chat, user }]);
        }
        app.hub.deliver(&[Outgoing::Event {
            to: vec![user],
            frame,
        }]);
    }
    Ok(())
}
