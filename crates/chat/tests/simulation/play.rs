//! One run: people do this and that, things go wrong, and then it is quiet.

use std::time::Duration;

use khaya_chat::{Intent, view::SendState};
use khaya_wire::{ChatId, UserId};

use crate::{check, server::REFUSED, world::World};

const SECOND: Duration = Duration::from_secs(1);

/// Of whom three run the app, and the last one does not.
const PEOPLE: usize = 4;
const APPS: usize = 3;

/// What a run has shown.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) doubles: u64,
    pub(crate) sent: u64,
    pub(crate) steps: u64,
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.doubles += other.doubles;
        self.sent += other.sent;
        self.steps += other.steps;
    }
}

pub(crate) fn play(seed: u64, is_full: bool) -> Outcome {
    let mut world = World::new(seed, is_full, PEOPLE, APPS);
    // Some runs begin with a history that is longer than a page.
    let history = if world.random.happens(250) {
        130
    } else {
        world.random.below(20)
    };
    for number in 0..history {
        bot_writes(&mut world, number);
    }
    let mut number = 0;
    let end = world.random.between(10 * SECOND, 40 * SECOND);
    while world.now < end {
        let wait = world
            .random
            .between(Duration::from_millis(20), Duration::from_millis(1200));
        world.run_for(wait);
        number += 1;
        world.look_at_all();
        act(&mut world, number);
    }
    settle(&mut world);
    let doubles = check::at_rest(&mut world).0;
    Outcome {
        doubles,
        sent: world
            .clients
            .iter()
            .map(|client| client.accepted.len() as u64)
            .sum(),
        steps: world.steps,
    }
}

/// The longest wait of the outbox, and a fetch of the list after it.
const LONGEST: Duration = SECOND.saturating_mul(200);

/// Nothing goes wrong any more, and everyone is signed in.
fn settle(world: &mut World) {
    world.has_faults = false;
    for client in 0..APPS {
        world.clients[client].cut_until = world.now;
        world.skew(client, 0);
    }
    world.run_for(20 * SECOND);
    for client in 0..APPS {
        world.intent(client, Intent::RetryKeyring);
        world.intent(client, Intent::Network { online: true });
    }
    world.run_for(SECOND);
    // Who crashed before the keyring had the session, or found it locked since, has none to come back with.
    for client in 0..APPS {
        if !world.is_signed_in(client) {
            world.sign_in(client);
        }
    }
    world.run_for(LONGEST);
    // Or has one that shows to be dead only when it is renewed: those that came after it were used, and the keyring
    // would not have them.
    let late: Vec<usize> = (0..APPS)
        .filter(|client| !world.is_signed_in(*client) && world.clients[*client].keyring_failed)
        .collect();
    if !late.is_empty() {
        for client in late {
            world.sign_in(client);
        }
        world.run_for(LONGEST);
    }
}

fn act(world: &mut World, number: usize) {
    let client = world.random.below(APPS);
    if world.random.happens(150) {
        return bot_writes(world, number);
    }
    if world.random.happens(15) {
        return world.restart_server();
    }
    if world.random.happens(3) {
        return world.server.forget_events();
    }
    if !world.is_signed_in(client) {
        return world.sign_in(client);
    }
    if world.random.happens(250) {
        return change_something(world, client, number);
    }
    let chats: Vec<ChatId> = world.clients[client]
        .view
        .chats
        .iter()
        .map(|row| row.id.clone())
        .collect();
    let chat = world.random.pick(&chats).cloned();
    let open = world.clients[client]
        .view
        .open
        .as_ref()
        .map(|open| open.id.clone());
    match (world.random.below(100), chat, open) {
        (0..40, Some(chat), open) => {
            let mark = if world.random.happens(30) { REFUSED } else { "." };
            let user = world.clients[client].user.clone();
            let reply_to =
                any_item(world, client).filter(|_| world.server.is_full && number.is_multiple_of(4));
            let mut visible_to = Vec::new();
            if reply_to.is_none() && world.random.happens(100) {
                let members = &world.server.chats[open.as_ref().unwrap_or(&chat)].members;
                visible_to.extend(members.first().cloned());
            }
            world.intent(
                client,
                Intent::Send {
                    chat_id: open.unwrap_or(chat),
                    text: format!("from {user} #{number}# {mark}"),
                    reply_to,
                    visible_to,
                    visible_to_roles: Vec::new(),
                    attachments: Vec::new(),
                },
            );
        }
        (40..52, Some(chat_id), _) => world.intent(client, Intent::OpenChat { chat_id }),
        (52..64, _, Some(chat_id)) => {
            let last = world.clients[client]
                .view
                .timeline
                .last()
                .map(|item| item.key.clone());
            if let Some(key) = last {
                world.intent(client, Intent::Seen { chat_id, key });
            }
        }
        (64..70, _, Some(chat_id)) => {
            let active = world.random.happens(700);
            world.intent(client, Intent::Typing { chat_id, active });
        }
        (70..75, _, _) => world.intent(client, Intent::LoadOlder),
        (75..78, _, _) => world.intent(client, Intent::LoadNewer),
        (78..80, _, _) => world.intent(client, Intent::JumpToNewest),
        (80..84, _, _) => {
            let focused = world.random.happens(500);
            world.intent(client, Intent::Focus { focused });
        }
        (84..86, _, _) => world.intent(client, Intent::Refresh),
        (86, _, chat_id) if number.is_multiple_of(2) => world.intent(
            client,
            Intent::Search {
                query: format!("from {number}"),
                chat_id: chat_id.filter(|_| number.is_multiple_of(4)),
            },
        ),
        (86, _, _) if number.is_multiple_of(3) => world.intent(client, Intent::SearchMore),
        (86, _, _) => world.intent(client, Intent::CloseChat),
        (87..90, _, Some(_)) => decide_on_failed(world, client),
        (90..92, Some(chat_id), _) => world.intent(
            client,
            Intent::SaveDraft {
                chat_id,
                text: format!("draft {number}"),
            },
        ),
        (92..95, _, _) => world.crash(client),
        (95, _, _) => world.intent(client, Intent::SignOut),
        (96..98, _, _) => {
            let time = world.random.between(SECOND, 20 * SECOND);
            world.cut(client, time);
        }
        (98, _, _) => {
            let skew = i64::try_from(world.random.below(600_000)).unwrap() - 300_000;
            world.skew(client, skew);
        }
        (99, _, _) => {
            let online = world.random.happens(600);
            world.intent(client, Intent::Network { online });
        }
        (_, _, _) => {}
    }
}

/// An edit, a deletion, a reaction, a pin, or something about a chat.
pub(crate) fn change_something(world: &mut World, client: usize, number: usize) {
    let open = world.clients[client]
        .view
        .open
        .as_ref()
        .map(|open| open.id.clone());
    if let Some(chat_id) = open.filter(|_| world.random.happens(150)) {
        let flag = world.random.happens(500);
        let topic = Some(format!("topic {number}"));
        let intent = match world.random.below(3) {
            0 => Intent::MuteChat { chat_id, muted: flag },
            1 => Intent::PinChat {
                chat_id,
                pinned: flag,
            },
            _ => Intent::DescribeChat {
                chat_id,
                name: None,
                topic,
            },
        };
        return world.intent(client, intent);
    }
    let Some(key) = any_item(world, client) else {
        return;
    };
    let item = world.clients[client]
        .view
        .timeline
        .iter()
        .find(|item| item.key == key);
    let (own, may) = item.map(|item| (item.own, item.may)).unwrap_or_default();
    let add = world.random.happens(700);
    let intent = match world.random.below(10) {
        0..4 if own && may.edit => {
            let mark = if world.random.happens(50) { REFUSED } else { "." };
            let text = format!("edited #{number}# {mark}");
            Intent::Edit { key, text }
        }
        4 if own && may.delete => Intent::Delete { key },
        5 if may.pin => Intent::PinMessage { key, pinned: add },
        _ if may.react => Intent::React {
            key,
            emoji: if number.is_multiple_of(2) { "👍" } else { "🎉" }.to_owned(),
            add,
        },
        _ => return,
    };
    world.intent(client, intent);
}

/// One of the newest items of the timeline, or now and then any.
pub(crate) fn any_item(world: &mut World, client: usize) -> Option<String> {
    let count = world.clients[client].view.timeline.len();
    let reach = if world.random.happens(200) {
        count
    } else {
        count.min(5)
    };
    if reach == 0 {
        return None;
    }
    let place = count - 1 - world.random.below(reach);
    let item = &world.clients[client].view.timeline[place];
    if item.id.is_none() && item.text.contains(REFUSED) {
        // What is for it waits with it.
        return None;
    }
    Some(world.clients[client].view.timeline[place].key.clone())
}

fn decide_on_failed(world: &mut World, client: usize) {
    let failed = world.clients[client]
        .view
        .timeline
        .iter()
        .find(|item| matches!(item.state, Some(SendState::Failed { .. })))
        .map(|item| (item.key.clone(), item.text.to_string()));
    let Some((key, text)) = failed else { return };
    if world.random.happens(500) {
        world.clients[client].retries += 1;
        world.intent(client, Intent::Retry { key });
    } else {
        world.clients[client].discarded.insert(text);
        world.intent(client, Intent::DeleteUnsent { key });
    }
}

/// The one without the app writes to a chat, to some of its members only, or changes what they wrote.
pub(crate) fn bot_writes(world: &mut World, number: usize) {
    let bot = world.server.users[PEOPLE - 1].id.clone();
    let chats: Vec<_> = world
        .server
        .chats
        .iter()
        .filter(|(_, chat)| chat.members.contains(&bot))
        .map(|(id, chat)| (id.clone(), chat.members.clone()))
        .collect();
    let Some((chat, members)) = world.random.pick(&chats).cloned() else {
        return;
    };
    let now = world.now;
    let sent = if world.random.happens(300) {
        let chance = world.random.next();
        world.server.meddle(now, &chat, &bot, chance)
    } else if world.random.happens(30) {
        let mut sent = Vec::new();
        world
            .server
            .describe(&chat, &format!("topic {number}"), &mut sent);
        sent
    } else {
        let listed: Vec<UserId> = members.iter().take(world.random.below(3)).cloned().collect();
        let visible_to = Some(listed).filter(|listed| !listed.is_empty() && world.random.happens(300));
        world
            .server
            .write(now, &chat, &bot, &format!("bot {number}"), visible_to)
    };
    world.deliver(sent);
}
