//! What must hold: at any time, and when all is quiet.

use std::{collections::HashSet, time::Duration};

use khaya_chat::{
    Intent,
    view::{ConnectionState, SendState},
};

use crate::world::World;

/// After every input of a machine.
pub(crate) fn at_any_time(world: &World, client: usize) {
    let view = &world.clients[client].view;
    let mut keys = HashSet::new();
    for item in &view.timeline {
        assert!(keys.insert(&item.key), "{} is shown twice", item.key);
    }
    let places: Vec<_> = view
        .timeline
        .iter()
        .filter_map(|item| Some((item.at, item.id.clone()?)))
        .collect();
    assert!(places.is_sorted(), "the timeline is in order");
    let total: u64 = view
        .chats
        .iter()
        .filter(|row| !row.muted)
        .map(|row| row.unread)
        .sum();
    assert_eq!(view.unread, total, "counts have one source");
    if let Some(open) = &view.open {
        let entitled: HashSet<_> = world
            .server
            .entitled(&open.id, &world.clients[client].user)
            .into_iter()
            .map(|message| &message.id)
            .collect();
        for item in &view.timeline {
            assert!(
                item.id.as_ref().is_none_or(|id| entitled.contains(id)),
                "{} is not for this person",
                item.key
            );
        }
    }
}

/// When nothing has gone wrong for a while.
pub(crate) fn at_rest(world: &mut World) -> Doubles {
    let mut doubles = Doubles(0);
    for client in 0..world.clients.len() {
        assert_eq!(
            world.clients[client].view.connection.state,
            ConnectionState::Connected,
            "connected by itself"
        );
        all_sent(world, client, &mut doubles);
        counts_agree(world, client);
        let chats: Vec<_> = world.server.chats.keys().cloned().collect();
        for chat in chats {
            let user = world.clients[client].user.clone();
            if world.server.chats[&chat].members.contains(&user) {
                timeline_agrees(world, client, &chat);
            }
        }
    }
    doubles
}

/// How many messages came to a Base server twice.
pub(crate) struct Doubles(pub(crate) u64);

fn all_sent(world: &World, client: usize, doubles: &mut Doubles) {
    let this = &world.clients[client];
    let count = |chat, text: &str| {
        world.server.chats[chat]
            .messages
            .iter()
            .filter(|message| *message.content == *text && message.sender_id == this.user)
            .count()
    };
    for (chat, text) in &this.accepted {
        if text.contains(crate::server::REFUSED) || this.discarded.contains(text) {
            continue;
        }
        match count(chat, text) {
            0 => panic!("{}: lost {text:?}", this.user),
            1 => {}
            more if !world.server.is_full => doubles.0 += more as u64 - 1,
            more => panic!("{}: {text:?} is there {more} times", this.user),
        }
    }
    for (chat, text) in &this.maybe {
        let times = count(chat, text);
        assert!(
            times <= 1 || !world.server.is_full,
            "{text:?} is there {times} times"
        );
    }
    // Of each chat, one person's messages are in the order in which they were written.
    for model in world.server.chats.values() {
        let mut numbers: Vec<u64> = Vec::new();
        for message in model
            .messages
            .iter()
            .filter(|message| message.sender_id == this.user)
        {
            if let Some(number) = message
                .content
                .split('#')
                .nth(1)
                .and_then(|number| number.parse().ok())
                && !numbers.contains(&number)
            {
                numbers.push(number);
            }
        }
        assert!(
            numbers.is_sorted() || this.retries > 0,
            "{} wrote in this order: {numbers:?}",
            this.user
        );
    }
}

fn counts_agree(world: &World, client: usize) {
    let this = &world.clients[client];
    for row in &this.view.chats {
        let counted = world.server.unread(&row.id, &this.user);
        if world.server.is_full {
            assert_eq!(row.unread, counted, "{}: unread in {}", this.user, row.id);
        }
        let newest = world.server.entitled(&row.id, &this.user).pop();
        if let (Some(newest), Some(preview)) = (newest, &row.preview)
            && !matches!(preview.state, Some(SendState::Failed { .. }))
        {
            assert!(
                newest.content.starts_with(preview.text.trim_end_matches('…')),
                "{}: the row of {} shows {:?}, the newest is {:?}",
                this.user,
                row.id,
                preview.text,
                newest.content
            );
        }
    }
}

fn timeline_agrees(world: &mut World, client: usize, chat: &khaya_wire::ChatId) {
    world.intent(
        client,
        Intent::OpenChat {
            chat_id: chat.clone(),
        },
    );
    world.run_for(Duration::from_secs(3));
    // Backward from the newest: as far as the window is long, and as far as there is anything.
    let mut shown: Vec<(String, String)> = Vec::new();
    for _ in 0..200 {
        let view = &world.clients[client].view;
        let page: Vec<_> = view
            .timeline
            .iter()
            .filter_map(|item| Some((item.id.as_ref()?.to_string(), item.text.to_string())))
            .collect();
        let known = shown
            .first()
            .and_then(|first| page.iter().position(|item| item.0 == first.0));
        match known {
            Some(at) => shown.splice(0..0, page[..at].iter().cloned()),
            None => shown.splice(0..0, page.iter().cloned()),
        };
        if !view.open.as_ref().expect("it is open").has_older {
            break;
        }
        world.intent(client, Intent::LoadOlder);
        world.run_for(Duration::from_millis(500));
    }
    let user = world.clients[client].user.clone();
    let expected: Vec<_> = world
        .server
        .entitled(chat, &user)
        .into_iter()
        .map(|message| (message.id.to_string(), message.content.to_string()))
        .collect();
    let ids = |list: &[(String, String)]| list.iter().map(|item| item.0.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&shown), ids(&expected), "{user}: the timeline of {chat}");
    let recent = expected.len().saturating_sub(30);
    assert_eq!(shown[recent..], expected[recent..], "{user}: the texts of {chat}");
    seen_is_seen(world, client, chat);
}

fn seen_is_seen(world: &mut World, client: usize, chat: &khaya_wire::ChatId) {
    world.intent(client, Intent::JumpToNewest);
    world.run_for(Duration::from_secs(1));
    let last = world.clients[client]
        .view
        .timeline
        .iter()
        .rev()
        .find(|item| item.id.is_some())
        .map(|item| item.key.clone());
    if let Some(key) = last {
        world.intent(
            client,
            Intent::Seen {
                chat_id: chat.clone(),
                key,
            },
        );
    }
    // Longer than from one fetch of the list to the next.
    world.run_for(Duration::from_secs(40));
    let row = world.clients[client]
        .view
        .chats
        .iter()
        .find(|row| row.id == *chat);
    assert_eq!(
        row.map(|row| row.unread),
        Some(0),
        "what was seen is not unread again"
    );
}
