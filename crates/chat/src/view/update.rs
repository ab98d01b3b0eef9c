//! What turns a view into a later one, as it is sent to a window.

use std::sync::Arc;

use serde::Serialize;

use super::{
    Alert, ChatRow, Connection, Devices, OpenChat, PeopleSearch, Search, SearchHit, Session, TimelineItem,
};

/// What turns one [`crate::View`] into a later one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// One more than that of the update before. A window that misses one asks for a snapshot.
    pub number: u64,
    pub changes: Vec<Change>,
}

/// One difference of two views. On the page's side an object whose `type` is the variant's name and whose
/// `value` is its content.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(tag = "type", content = "value", rename_all = "camelCase")]
pub enum Change {
    Session(Session),
    Connection(Connection),
    Chats(Vec<ListChange<ChatRow>>),
    ChatsLoading(bool),
    Unread(u64),
    Open(Option<OpenChat>),
    /// After [`Change::Open`] where both change. Another chat's timeline begins empty.
    Timeline(Vec<ListChange<TimelineItem>>),
    People(Option<PeopleSearch>),
    Devices(Option<Devices>),
    Search(Option<Search>),
    Found(Vec<ListChange<SearchHit>>),
    Alerts(Vec<Alert>),
}

/// One step on a list whose items have keys. Steps apply in their order.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(export_to = "app.d.ts"))]
#[serde(tag = "op", rename_all = "camelCase")]
pub enum ListChange<T> {
    /// The item with `key` is now `item` and stands before the item with key `before`, or last when `before` is
    /// `None`; whether it was there or not.
    Put {
        key: String,
        before: Option<String>,
        item: Arc<T>,
    },
    Remove {
        key: String,
    },
}
