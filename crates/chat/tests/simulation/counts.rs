//! What is unread is counted once: after every sequence of messages, reads and focus changes the badge, the entries of
//! the tray's menu, the rows of the list, the counts on disk, the stored messages counted anew, and the server's own
//! count are the same. On two computers of one person, who reads now here and now there.
//!
//! One world plays many sequences, so that each begins where another has ended.

use std::time::Duration;

use khaya_chat::{
    Intent,
    intent::Quiet,
    store::{Answer, Edge, Op, StoredChat},
    view::{ChatRow, ConnectionState},
};
use khaya_wire::{ChatId, UserId};

use crate::{
    play,
    world::{Client, World},
};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Sequences that one world plays.
pub(crate) const SEQUENCES: u64 = 50;

const MOST_STEPS: usize = 8;

/// More than a world ever has in one chat.
const ALL: usize = 10_000;

/// What a world has shown.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// How often a number that was not zero was compared.
    pub(crate) unread: u64,
    /// How often the stored messages of a chat could be counted anew; after a long absence some may not be stored.
    pub(crate) recounts: u64,
    pub(crate) mentions: u64,
    pub(crate) muted: u64,
}

impl std::ops::AddAssign for Counted {
    fn add_assign(&mut self, other: Self) {
        self.unread += other.unread;
        self.recounts += other.recounts;
        self.mentions += other.mentions;
        self.muted += other.muted;
    }
}

pub(crate) fn play(seed: u64) -> Counted {
    let mut world = World::new(seed, true, 4, 1);
    world.has_faults = false;
    // The person's second computer.
    world.start_another(0);
    world.run_for(SECOND);
    for client in 0..world.clients.len() {
        world.sign_in(client);
    }
    world.run_for(3 * SECOND);
    let mut counted = Counted::default();
    for sequence in 0..SEQUENCES {
        // In some, answers and events are lost too, and apps end between any two outputs.
        world.has_faults = world.random.happens(30);
        for step in 0..=world.random.below(MOST_STEPS) {
            act(&mut world, step);
            let wait = world.random.between(MS, 500 * MS);
            world.run_for(wait);
        }
        come_to_rest(&mut world);
        for client in 0..world.clients.len() {
            let at = format!("seed {seed}, sequence {sequence}, computer {client}");
            counted += compare(&mut world, client, &at);
        }
    }
    counted
}

/// The network is there, everybody is signed in, and what was missed has come.
fn come_to_rest(world: &mut World) {
    let had_faults = std::mem::take(&mut world.has_faults);
    world.look_at_all();
    for client in 0..world.clients.len() {
        world.clients[client].cut_until = world.now;
        if had_faults {
            world.intent(client, Intent::RetryKeyring);
        }
        // Who is connected is left alone: this fetches the list, whose counts would hide what was counted wrongly.
        if world.clients[client].view.connection.state != ConnectionState::Connected {
            world.intent(client, Intent::Network { online: true });
        }
    }
    world.run_for(2 * SECOND);
    if had_faults {
        // What was lost without a trace comes to light with the next fetch of the list, and what waits is sent again.
        world.run_for(200 * SECOND);
    }
    let ups = |world: &World| -> Vec<_> { world.clients.iter().map(Client::up).collect() };
    for _ in 0..20 {
        for client in 0..world.clients.len() {
            if !world.is_signed_in(client) {
                world.sign_in(client);
            }
        }
        // A token may run out just now, and what is missed by that has to come too.
        let before = ups(world);
        world.run_for(4 * SECOND);
        if ups(world) == before && !before.contains(&None) {
            return;
        }
    }
    panic!("the connections do not come to rest");
}

fn act(world: &mut World, step: usize) {
    let client = world.random.below(world.clients.len());
    let chats: Vec<ChatId> = world.clients[client]
        .view
        .chats
        .iter()
        .map(|row| row.id.clone())
        .collect();
    let chat = world.random.pick(&chats).cloned();
    match (world.random.below(100), chat) {
        (0..35, _) => somebody_writes(world),
        (35..45, _) => somebody_changes_theirs(world),
        (45..60, Some(chat_id)) => see(world, client, chat_id),
        (60..66, Some(chat_id)) => world.intent(client, Intent::MarkRead { chat_id }),
        (66..72, Some(chat_id)) => world.intent(client, Intent::OpenChat { chat_id }),
        (72..74, _) => world.intent(client, Intent::CloseChat),
        (74..80, _) => {
            let focused = world.random.happens(500);
            world.intent(client, Intent::Focus { focused });
        }
        (80..84, Some(chat_id)) => {
            let muted = world.random.happens(500);
            world.intent(client, Intent::MuteChat { chat_id, muted });
        }
        (84..87, _) => {
            let quiet = Quiet {
                do_not_disturb: world.random.happens(500),
                but_mentions: world.random.happens(500),
                ..Quiet::default()
            };
            world.intent(client, Intent::Quiet(quiet));
        }
        (87..90, _) => {
            let time = world.random.between(SECOND, 20 * SECOND);
            world.cut(client, time);
        }
        (90..92, _) => {
            let online = world.random.happens(500);
            world.intent(client, Intent::Network { online });
        }
        (92, _) => world.restart_server(),
        (93, _) => world.crash(client),
        (94, _) if step == 0 => world.server.forget_events(),
        (95, _) if step == 0 => world.intent(client, Intent::SignOut),
        (96, _) => come_or_go(world),
        (_, _) => play::change_something(world, client, step),
    }
}

/// To everybody or to some, naming somebody or nobody; also the one whose apps these are, by another program.
fn somebody_writes(world: &mut World) {
    let chats: Vec<_> = world.server.chats.keys().cloned().collect();
    let Some(chat) = world.random.pick(&chats).cloned() else {
        return;
    };
    let members = world.server.chats[&chat].members.clone();
    let Some(from) = world.random.pick(&members).cloned() else {
        return;
    };
    let text = match world.random.below(4) {
        0 => "@user0, look",
        1 => "@user1, look",
        _ => "look",
    };
    let listed: Vec<UserId> = members
        .into_iter()
        .filter(|_| world.random.happens(500))
        .collect();
    let visible_to = Some(listed).filter(|listed| !listed.is_empty() && world.random.happens(300));
    let sent = world.server.write(world.now, &chat, &from, text, visible_to);
    world.deliver(sent);
}

/// An edit, a deletion, or a reaction, mostly of one of the newest.
fn somebody_changes_theirs(world: &mut World) {
    let chats: Vec<_> = world.server.chats.keys().cloned().collect();
    let Some(chat) = world.random.pick(&chats).cloned() else {
        return;
    };
    let members = world.server.chats[&chat].members.clone();
    if let Some(who) = world.random.pick(&members) {
        let chance = world.random.next();
        let sent = world.server.meddle(world.now, &chat, who, chance);
        world.deliver(sent);
    }
}

/// Reads a chat to its end, or to somewhere before.
fn see(world: &mut World, client: usize, chat_id: ChatId) {
    world.intent(
        client,
        Intent::OpenChat {
            chat_id: chat_id.clone(),
        },
    );
    world.run_for(300 * MS);
    if let Some(key) = play::any_item(world, client) {
        world.intent(client, Intent::Seen { chat_id, key });
    }
}

fn come_or_go(world: &mut World) {
    let chat = ChatId::new("all").unwrap();
    let user = UserId::new(format!("u{}", world.random.below(3))).unwrap();
    let is_in = world.server.chats[&chat].members.contains(&user);
    let sent = world.server.set_member(&chat, &user, !is_in);
    world.deliver(sent);
    // Who is let in again has all of it anew, and may be told of it again.
    for client in world.clients.iter_mut().filter(|client| client.user == user) {
        client.notified.clear();
    }
}

fn compare(world: &mut World, client: usize, at: &str) -> Counted {
    let view = world.clients[client].view.clone();
    assert_eq!(view.connection.state, ConnectionState::Connected, "{at}");
    let list: u64 = view
        .chats
        .iter()
        .filter(|row| !row.muted)
        .map(|row| row.unread)
        .sum();
    let tray: u64 = view.unread_chats().map(|row| row.unread).sum();
    assert_eq!(
        [view.unread, tray],
        [list, list],
        "{at}: badge, tray, and the list"
    );
    let user = world.clients[client].user.clone();
    let expected = world
        .server
        .chats
        .values()
        .filter(|chat| chat.members.contains(&user));
    assert_eq!(view.chats.len(), expected.count(), "{at}: the chats of {user}");
    let Answer::Profile(profile) = world.clients[client].run(Op::Load) else {
        panic!("{at}: a profile");
    };
    let mut counted = Counted::default();
    for row in &view.chats {
        let at = format!("{at}, {}", row.id);
        let stored = profile.chats.iter().find(|stored| stored.chat.id == row.id);
        let stored = stored.unwrap_or_else(|| panic!("{at}: it is stored"));
        counted += compare_row(world, client, row, stored, &at);
    }
    counted
}

fn compare_row(world: &mut World, client: usize, row: &ChatRow, stored: &StoredChat, at: &str) -> Counted {
    let user = &world.clients[client].user.clone();
    assert_eq!(
        row.unread, stored.unread,
        "{at}: the list, and the counts on disk"
    );
    let at_server = world.server.unread(&row.id, user);
    assert_eq!(row.unread, at_server, "{at}: the list, and the server");
    let mut counted = Counted {
        unread: u64::from(row.unread > 0),
        muted: u64::from(row.unread > 0 && row.muted),
        ..Counted::default()
    };
    let (chat, limit) = (row.id.clone(), ALL);
    let op = match stored.marker.clone() {
        Some(place) => Op::After { chat, place, limit },
        None => Op::Newest { chat, limit },
    };
    let Answer::Window(window) = world.clients[client].run(op) else {
        panic!("{at}: a window");
    };
    if window.edge != Edge::End {
        return counted;
    }
    let unread: Vec<_> = window
        .messages
        .iter()
        .filter(|message| message.sender_id != *user && message.deleted_at.is_none())
        .collect();
    assert_eq!(
        row.unread,
        unread.len() as u64,
        "{at}: the list, and what is stored"
    );
    let username = &world.clients[client].username;
    let is_named = unread
        .iter()
        .any(|message| message.content.contains(&format!("@{username}")));
    assert_eq!(row.mentioned, is_named, "{at}: named in what is unread");
    counted.recounts += 1;
    counted.mentions += u64::from(is_named);
    counted
}
