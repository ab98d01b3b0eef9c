//! What is stored, and every event of the contract laid over it, is what a fresh fetch gives.
//!
//! Nothing goes wrong here. After each step the window of one who was there all the time is compared with that of
//! somebody who has just signed in on another computer.

use std::time::Duration;

use khaya_chat::{
    Intent, View,
    view::{ChatRow, OpenChat, TimelineItem},
};
use khaya_wire::{ChatId, UserId};

use crate::{play, world::World};

const SECOND: Duration = Duration::from_secs(1);
const STEPS: usize = 12;

pub(crate) fn play(seed: u64) {
    let mut world = World::new(seed, true, 4, 3);
    world.has_faults = false;
    world.run_for(SECOND);
    for client in 0..3 {
        world.sign_in(client);
    }
    world.run_for(3 * SECOND);
    let all = ChatId::new("all").unwrap();
    for client in 0..3 {
        let chat_id = all.clone();
        world.intent(client, Intent::OpenChat { chat_id });
    }
    world.run_for(3 * SECOND);
    for number in 0..STEPS {
        step(&mut world, number);
        world.run_for(2 * SECOND);
        compare(&mut world, seed, number, &all);
    }
}

fn step(world: &mut World, number: usize) {
    let client = world.random.below(3);
    let all = ChatId::new("all").unwrap();
    match world.random.below(10) {
        0..2 => play::bot_writes(world, number),
        2 => {
            let some = ChatId::new("some").unwrap();
            let user = UserId::new("u1").unwrap();
            let is_in = world.server.chats[&some].members.contains(&user);
            let sent = world.server.set_member(&some, &user, !is_in);
            world.deliver(sent);
        }
        3 => {
            let last = world.clients[client].view.timeline.last();
            if let Some(key) = last.map(|item| item.key.clone()) {
                world.intent(client, Intent::Seen { chat_id: all, key });
            }
        }
        4..6 => {
            let reply_to = play::any_item(world, client).filter(|_| world.random.happens(500));
            let intent = Intent::Send {
                chat_id: all,
                text: format!("number {number} @user1"),
                reply_to,
                visible_to: Vec::new(),
                visible_to_roles: Vec::new(),
                attachments: Vec::new(),
            };
            world.intent(client, intent);
        }
        _ => play::change_something(world, client, number),
    }
}

fn compare(world: &mut World, seed: u64, number: usize, chat: &ChatId) {
    for of in 0..3 {
        let other = world.start_another(of);
        world.run_for(SECOND);
        world.sign_in(other);
        world.run_for(2 * SECOND);
        let chat_id = chat.clone();
        world.intent(other, Intent::OpenChat { chat_id });
        world.run_for(2 * SECOND);
        let known = comparable(&world.clients[of].view);
        let fresh = comparable(&world.clients[other].view);
        assert_eq!(known, fresh, "seed {seed}, step {number}, person {of}");
        world.take_away();
    }
}

/// What must be the same: all but what is of one computer: where the unread begin, and what was refused.
fn comparable(view: &View) -> (Vec<ChatRow>, Option<OpenChat>, Vec<TimelineItem>, u64) {
    let open = view.open.clone().map(|open| OpenChat {
        first_unread: None,
        ..open
    });
    let chats = view.chats.iter().map(|row| ChatRow::clone(row)).collect();
    let is_sent = |item: &&std::sync::Arc<TimelineItem>| item.id.is_some();
    let timeline = view.timeline.iter().filter(is_sent).map(|item| TimelineItem {
        failed_edit: None,
        ..TimelineItem::clone(item)
    });
    let timeline = timeline.collect();
    (chats, open, timeline, view.unread)
}
