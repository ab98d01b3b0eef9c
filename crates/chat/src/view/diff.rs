//! The difference of two views, and its application.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Change, ChatRow, ListChange, SearchHit, TimelineItem, View};

/// What turns `old` into `new`: empty when they are equal. Rows that are the same allocation cost a comparison
/// of pointers.
#[must_use]
pub fn diff(old: &View, new: &View) -> Vec<Change> {
    // Taken apart so that a new field cannot be forgotten here.
    let View {
        session,
        connection,
        chats,
        chats_loading,
        unread,
        open,
        timeline,
        people,
        devices,
        search,
        found,
        alerts,
    } = new;
    let mut changes = Vec::new();
    if *session != old.session {
        changes.push(Change::Session(session.clone()));
    }
    if *connection != old.connection {
        changes.push(Change::Connection(connection.clone()));
    }
    let steps = diff_list(&old.chats, chats);
    if !steps.is_empty() {
        changes.push(Change::Chats(steps));
    }
    if *chats_loading != old.chats_loading {
        changes.push(Change::ChatsLoading(*chats_loading));
    }
    if *unread != old.unread {
        changes.push(Change::Unread(*unread));
    }
    if *open != old.open {
        changes.push(Change::Open(open.clone()));
    }
    let steps = if opens_another(old, new) {
        diff_list(&[], timeline)
    } else {
        diff_list(&old.timeline, timeline)
    };
    if !steps.is_empty() {
        changes.push(Change::Timeline(steps));
    }
    if *people != old.people {
        changes.push(Change::People(people.clone()));
    }
    if *devices != old.devices {
        changes.push(Change::Devices(devices.clone()));
    }
    if *search != old.search {
        changes.push(Change::Search(search.clone()));
    }
    let steps = diff_list(&old.found, found);
    if !steps.is_empty() {
        changes.push(Change::Found(steps));
    }
    if *alerts != old.alerts {
        changes.push(Change::Alerts(alerts.clone()));
    }
    changes
}

/// Does to `view` what the page does on receipt of `changes`.
pub fn apply(view: &mut View, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Session(session) => view.session = session.clone(),
            Change::Connection(connection) => view.connection = connection.clone(),
            Change::Chats(steps) => apply_list(&mut view.chats, steps),
            Change::ChatsLoading(loading) => view.chats_loading = *loading,
            Change::Unread(unread) => view.unread = *unread,
            Change::Open(open) => {
                let id = |open: &Option<super::OpenChat>| open.as_ref().map(|open| open.id.clone());
                if id(open) != id(&view.open) {
                    view.timeline.clear();
                }
                view.open = open.clone();
            }
            Change::Timeline(steps) => apply_list(&mut view.timeline, steps),
            Change::People(people) => view.people = people.clone(),
            Change::Devices(devices) => view.devices.clone_from(devices),
            Change::Search(search) => view.search.clone_from(search),
            Change::Found(steps) => apply_list(&mut view.found, steps),
            Change::Alerts(alerts) => view.alerts = alerts.clone(),
        }
    }
}

fn opens_another(old: &View, new: &View) -> bool {
    old.open.as_ref().map(|open| &open.id) != new.open.as_ref().map(|open| &open.id)
}

/// An item of a list that is told from the others by a key.
trait Keyed: PartialEq {
    fn key(&self) -> &str;
}

impl Keyed for ChatRow {
    fn key(&self) -> &str {
        self.id.as_str()
    }
}

impl Keyed for TimelineItem {
    fn key(&self) -> &str {
        &self.key
    }
}

impl Keyed for SearchHit {
    fn key(&self) -> &str {
        &self.key
    }
}

fn diff_list<T: Keyed>(old: &[Arc<T>], new: &[Arc<T>]) -> Vec<ListChange<T>> {
    // What is the same at both ends is by far the most of it, and needs no map.
    let same = |(a, b): &(&Arc<T>, &Arc<T>)| Arc::ptr_eq(a, b) || a == b;
    let head = old.iter().zip(new).take_while(same).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(same)
        .count();
    let (old, new, after) = (
        &old[head..old.len() - tail],
        &new[head..new.len() - tail],
        new.get(new.len() - tail),
    );
    let there: HashMap<&str, usize> = old
        .iter()
        .enumerate()
        .map(|(at, item)| (item.key(), at))
        .collect();
    let kept: HashSet<&str> = new.iter().map(|item| item.key()).collect();
    let mut steps: Vec<_> = old
        .iter()
        .filter(|item| !kept.contains(item.key()))
        .map(|item| ListChange::Remove {
            key: item.key().to_owned(),
        })
        .collect();
    let standing = longest_rising(
        &new.iter()
            .map(|item| there.get(item.key()).copied())
            .collect::<Vec<_>>(),
    );
    let mut before = after.map(|item| item.key().to_owned());
    for (item, stands) in new.iter().zip(standing).rev() {
        let unchanged = stands && there.get(item.key()).is_some_and(|at| same(&(&old[*at], item)));
        if !unchanged {
            steps.push(ListChange::Put {
                key: item.key().to_owned(),
                before: before.clone(),
                item: Arc::clone(item),
            });
        }
        before = Some(item.key().to_owned());
    }
    steps
}

/// Marks a longest subsequence of rising numbers: the items that can stay where they are while the others move.
fn longest_rising(places: &[Option<usize>]) -> Vec<bool> {
    // `ends[n]` is the index of the smallest end of a rising run of length n + 1; `previous` leads back along it.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = vec![None; places.len()];
    for (index, place) in places.iter().enumerate() {
        let Some(place) = place else { continue };
        let length = ends.partition_point(|end| places[*end].is_some_and(|other| other < *place));
        previous[index] = length.checked_sub(1).map(|shorter| ends[shorter]);
        if length == ends.len() {
            ends.push(index);
        } else {
            ends[length] = index;
        }
    }
    let mut marked = vec![false; places.len()];
    let mut at = ends.last().copied();
    while let Some(index) = at {
        marked[index] = true;
        at = previous[index];
    }
    marked
}

fn apply_list<T: Keyed>(list: &mut Vec<Arc<T>>, steps: &[ListChange<T>]) {
    for step in steps {
        match step {
            ListChange::Put { key, before, item } => {
                list.retain(|other| other.key() != key);
                let at = before
                    .as_ref()
                    .and_then(|before| list.iter().position(|other| other.key() == before))
                    .unwrap_or(list.len());
                list.insert(at, Arc::clone(item));
            }
            ListChange::Remove { key } => list.retain(|other| other.key() != key),
        }
    }
}

#[cfg(test)]
mod tests {
    use khaya_wire::{ChatId, ChatKind, Timestamp, UserId};
    use proptest::prelude::*;

    use super::*;
    use crate::view::{
        Alert, Connection, ConnectionState, Failure, MayInChat, MayWithMessage, OpenChat, Person, SendState,
    };

    fn row(id: u8, unread: u64) -> Arc<ChatRow> {
        Arc::new(ChatRow {
            id: ChatId::new(format!("c{id}")).unwrap(),
            kind: ChatKind::Group,
            name: format!("chat {id}"),
            unread,
            mentioned: false,
            muted: false,
            pinned: false,
            person: None,
            presence: None,
            avatar: None,
            at: Timestamp::from_millis(0),
            preview: None,
            draft: None,
            typing: Vec::new(),
        })
    }

    fn item(key: u8, sent: bool) -> Arc<TimelineItem> {
        Arc::new(TimelineItem {
            key: format!("m{key}"),
            id: None,
            sender: Person {
                id: UserId::new("u").unwrap(),
                name: "U".into(),
                username: "u".into(),
                avatar: None,
            },
            own: true,
            text: "text".into(),
            body: Arc::default(),
            at: Timestamp::from_millis(0),
            state: Some(if sent { SendState::Sent } else { SendState::Sending }),
            audience: None,
            edited_at: None,
            deleted: false,
            system: None,
            reply_to: None,
            reactions: Vec::new(),
            pinned: false,
            mentions_me: false,
            attachments: Vec::new(),
            changing: false,
            failed_edit: None,
            may: MayWithMessage::default(),
        })
    }

    fn open(id: u8, draft: &str) -> OpenChat {
        OpenChat {
            id: ChatId::new(format!("c{id}")).unwrap(),
            kind: ChatKind::Group,
            name: "chat".into(),
            topic: None,
            members: Vec::new(),
            muted: false,
            pinned: false,
            my_role: None,
            may: MayInChat::default(),
            draft: draft.into(),
            typing: Vec::new(),
            is_loading: false,
            failure: None,
            has_older: false,
            has_newer: false,
            first_unread: None,
            pins: Vec::new(),
            jumped_to: None,
        }
    }

    /// Distinct keys in any order, with a value each.
    fn keyed(values: u64) -> impl Strategy<Value = Vec<(u8, u64)>> {
        (
            proptest::sample::subsequence((0..12_u8).collect::<Vec<_>>(), 0..12),
            any::<u64>(),
        )
            .prop_flat_map(move |(keys, _)| {
                let count = keys.len();
                (
                    Just(keys).prop_shuffle(),
                    proptest::collection::vec(0..values, count),
                )
            })
            .prop_map(|(keys, values)| keys.into_iter().zip(values).collect())
    }

    prop_compose! {
        fn any_view()(
            chats in keyed(3),
            timeline in keyed(2),
            opened in proptest::option::of((0..3_u8, "[ab]?")),
            unread in 0..3_u64,
            loading in any::<bool>(),
            connected in any::<bool>(),
            alert in proptest::option::of(0..3_u64),
        ) -> View {
            View {
                connection: Connection {
                    state: if connected { ConnectionState::Connected } else { ConnectionState::Offline },
                    ..Connection::default()
                },
                chats: chats.into_iter().map(|(id, unread)| row(id, unread)).collect(),
                chats_loading: loading,
                unread,
                timeline: timeline.into_iter().map(|(key, sent)| item(key, sent == 1)).collect(),
                open: opened.map(|(id, draft)| open(id, &draft)),
                alerts: alert
                    .map(|id| Alert { id, failure: Failure::new("code", "sentence") })
                    .into_iter()
                    .collect(),
                ..View::default()
            }
        }
    }

    proptest! {
        #[test]
        fn applied_it_gives_the_later_view(old in any_view(), new in any_view()) {
            let mut view = old.clone();
            apply(&mut view, &diff(&old, &new));
            prop_assert_eq!(view, new);
        }
    }

    #[test]
    fn equal_views_differ_in_nothing() {
        let view = View {
            chats: vec![row(1, 0), row(2, 0)],
            ..View::default()
        };
        assert_eq!(diff(&view, &view.clone()), []);
    }

    #[test]
    fn a_chat_that_rises_to_the_top_is_one_step() {
        let old = View {
            chats: (0..50).map(|id| row(id, 0)).collect(),
            ..View::default()
        };
        let mut new = old.clone();
        new.chats.remove(30);
        new.chats.insert(0, row(30, 1));
        let changes = diff(&old, &new);
        let [Change::Chats(steps)] = changes.as_slice() else {
            panic!("{changes:?}");
        };
        assert_eq!(
            *steps,
            [ListChange::Put {
                key: "c30".into(),
                before: Some("c0".into()),
                item: row(30, 1),
            }]
        );
    }
}
