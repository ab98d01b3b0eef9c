//! What must hold: at any time, and when all is quiet.

use std::{collections::HashSet, time::Duration};

use khaya_chat::{
    Intent,
    view::{ConnectionState, SendState, TimelineItem},
};
use khaya_wire::{Message, UserId};

use crate::world::World;

/// In everything that people write, and not in what the bot does.
const WORD: &str = "from";

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
    let user = &world.clients[client].user;
    let mut last = None;
    for hit in &view.found {
        let place = (std::cmp::Reverse(hit.at), std::cmp::Reverse(hit.id.clone()));
        assert!(
            last.replace(place.clone()) < Some(place),
            "what is found is in order, and once"
        );
        assert!(
            world.server.is_entitled(&hit.chat_id, &hit.id, user),
            "{} is not for this person",
            hit.id
        );
    }
    if let Some(open) = &view.open {
        for id in view.timeline.iter().filter_map(|item| item.id.as_ref()) {
            assert!(
                world.server.is_entitled(&open.id, id, user),
                "{id} is not for this person"
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
        if world.server.is_full {
            search_agrees(world, client);
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
            .first
            .values()
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
            if let Some(number) = model.first[&message.id]
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
    let mut shown: Vec<Shown> = Vec::new();
    for _ in 0..200 {
        let view = &world.clients[client].view;
        let page: Vec<_> = view
            .timeline
            .iter()
            .filter_map(|item| Shown::of_item(item))
            .collect();
        let known = shown
            .first()
            .and_then(|first| page.iter().position(|item| item.id == first.id));
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
        .map(|message| Shown::of_message(message, &user))
        .collect();
    let ids = |list: &[Shown]| list.iter().map(|item| item.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&shown), ids(&expected), "{user}: the timeline of {chat}");
    // Without events, what changed far back is not seen before somebody goes there.
    let recent = if world.server.is_full {
        0
    } else {
        expected.len().saturating_sub(30)
    };
    for (shown, expected) in shown[recent..].iter().zip(&expected[recent..]) {
        assert_eq!(shown, expected, "{user}: a message of {chat}");
    }
    let open = world.clients[client].view.open.as_ref().expect("it is open");
    if world.server.is_full {
        let told = world.server.chat_as(chat, &user);
        assert_eq!(
            (open.topic.clone(), open.muted, open.pinned),
            (told.topic, told.muted == Some(true), told.pinned == Some(true)),
            "{user}: what {chat} is"
        );
    }
    seen_is_seen(world, client, chat);
}

/// What is found on disk and at the server is one list: all of it, once, newest first.
fn search_agrees(world: &mut World, client: usize) {
    let query = WORD.to_owned();
    world.intent(client, Intent::Search { query, chat_id: None });
    for _ in 0..200 {
        world.run_for(Duration::from_secs(2));
        let search = world.clients[client]
            .view
            .search
            .as_ref()
            .expect("it is asked for");
        assert_eq!(search.failure, None);
        assert!(!search.is_loading && search.is_everywhere);
        if !search.has_more {
            break;
        }
        world.intent(client, Intent::SearchMore);
    }
    let this = &world.clients[client];
    let found: Vec<_> = this.view.found.iter().map(|hit| hit.id.clone()).collect();
    let expected: Vec<_> = world
        .server
        .found(&this.user, WORD)
        .into_iter()
        .map(|message| message.id.clone())
        .collect();
    assert_eq!(found, expected, "{}: what is found", this.user);
    world.intent(client, Intent::CloseSearch);
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

/// What is compared of a message.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    id: String,
    text: String,
    is_deleted: bool,
    is_edited: bool,
    is_pinned: bool,
    is_changing: bool,
    reply_to: Option<String>,
    /// Emoji, how many, and whether oneself is among them.
    reactions: Vec<(String, usize, bool)>,
}

impl Shown {
    fn of_item(item: &TimelineItem) -> Option<Self> {
        Some(Self {
            id: item.id.as_ref()?.to_string(),
            text: item.text.to_string(),
            is_deleted: item.deleted,
            is_edited: item.edited_at.is_some(),
            is_pinned: item.pinned,
            is_changing: item.changing,
            reply_to: item
                .reply_to
                .as_ref()
                .and_then(|quote| quote.id.as_ref().map(ToString::to_string)),
            reactions: item
                .reactions
                .iter()
                .map(|reaction| (reaction.emoji.clone(), reaction.count, reaction.mine))
                .collect(),
        })
    }

    fn of_message(message: &Message, user: &UserId) -> Self {
        Self {
            id: message.id.to_string(),
            text: message.content.to_string(),
            is_deleted: message.deleted_at.is_some(),
            is_edited: message.edited_at.is_some(),
            is_pinned: message.pinned == Some(true),
            is_changing: false,
            reply_to: message.reply_to.as_ref().map(ToString::to_string),
            reactions: message
                .reactions
                .iter()
                .flatten()
                .map(|reaction| {
                    let mine = reaction.user_ids.contains(user);
                    (reaction.emoji.clone(), reaction.user_ids.len(), mine)
                })
                .collect(),
        }
    }
}
