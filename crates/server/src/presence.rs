//! Who is there: told to those who share a chat, and shown wherever people are listed.
//!
//! Never says anything to strangers, and takes a moment to call somebody gone who only changes networks.

use std::time::Duration;

use khaya_wire::{
    Chat, User, UserId,
    event::{PresenceChanged, name},
    model::{Presence, PresenceStatus},
};

use crate::{
    App, Error, clock,
    realtime::{Frame, Outgoing},
    store::{Conn, members, users},
};

/// How long somebody may be without a socket before they are said to be gone.
const GRACE: Duration = Duration::from_secs(3);

/// Somebody has come who was not there a moment ago.
pub(crate) async fn came(app: &App, user: &UserId) {
    let changed = PresenceChanged {
        user_id: user.clone(),
        status: PresenceStatus::Online,
        last_seen: None,
    };
    if let Err(error) = tell(app, changed).await {
        tracing::warn!(%error, "presence was not told");
    }
}

/// The last socket of somebody has gone.
pub(crate) fn went(app: App, user: UserId) {
    tokio::spawn(async move {
        tokio::time::sleep(GRACE).await;
        if !app.hub.gone(&user) {
            return;
        }
        let last_seen = clock::now();
        let gone = user.clone();
        let noted = app.store.write(move |tx| users::set_last_seen(tx, &gone)).await;
        let changed = PresenceChanged {
            user_id: user,
            status: PresenceStatus::Offline,
            last_seen: Some(last_seen),
        };
        if let Err(error) = noted.and(tell(&app, changed).await) {
            tracing::debug!(%error, "presence was not told");
        }
    });
}

/// Adds to the people of chats whether they are there.
pub(crate) fn add_to_chats(app: &App, conn: &mut Conn, chats: &mut [Chat]) -> Result<(), Error> {
    for chat in chats {
        add(app, conn, &mut chat.members)?;
    }
    Ok(())
}

/// Adds to people whether they are there.
pub(crate) fn add(app: &App, conn: &mut Conn, people: &mut [User]) -> Result<(), Error> {
    let seen = users::last_seen(conn, people)?;
    for user in people {
        user.presence = Some(if app.hub.is_online(&user.id) {
            Presence {
                status: PresenceStatus::Online,
                last_seen: None,
            }
        } else {
            Presence {
                status: PresenceStatus::Offline,
                last_seen: seen.get(&user.id).copied(),
            }
        });
    }
    Ok(())
}

async fn tell(app: &App, changed: PresenceChanged) -> Result<(), Error> {
    let user = changed.user_id.clone();
    let to = app
        .store
        .read(move |conn| members::who_share_a_chat(conn, &user))
        .await?;
    let frame = Frame::event(name::PRESENCE, &changed)?;
    app.hub.deliver(vec![Outgoing::Volatile { to, frame }]);
    Ok(())
}
