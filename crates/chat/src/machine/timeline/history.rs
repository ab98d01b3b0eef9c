//! Filling the window of the open chat: which pages are fetched, and where they are put.

use khaya_wire::{ChatId, MessageId, discovery::Feature};

use super::{LONGEST, STEP, Why};
use crate::{
    api::{ApiError, Part, Request, Response},
    machine::{Chat, calls::Purpose, stored::Then},
    store::{Edge, Op, Place, Put},
};

/// How many pages are fetched to close a gap before the window jumps over it.
const MOST_PAGES: u32 = 20;

/// Which side of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::machine) enum Direction {
    Older,
    Newer,
}

impl Chat {
    pub(in crate::machine) fn fetch_newest_of_open_chat(&mut self) {
        let incarnation = self.connection.incarnation();
        let Some(timeline) = &mut self.timeline else {
            return;
        };
        match timeline.loading {
            // What was asked before the connection came up does not say what was missed until then.
            Some(Why::Newest { incarnation: asked }) if asked == incarnation => return,
            Some(Why::Backfill { .. }) => return,
            Some(Why::Newest { .. } | Why::Beside(_) | Why::Around | Why::Edited) | None => {}
        }
        let why = Why::Newest { incarnation };
        self.fetch_page(Part::Newest, why);
    }

    /// Shows more on one side: from disk as far as it goes, and then from the server.
    pub(in crate::machine) fn load(&mut self, direction: Direction) {
        let Some(timeline) = &self.timeline else { return };
        let (edge, end) = match direction {
            Direction::Older => (timeline.older, timeline.first()),
            Direction::Newer => (timeline.newer, timeline.last()),
        };
        let Some(place) = end else { return };
        let chat = timeline.chat.clone();
        let why = Why::Beside(direction);
        match (edge, direction) {
            (Edge::End, _) => {}
            (Edge::Stored, Direction::Older) => {
                let limit = STEP;
                self.store(Op::Before { chat, place, limit }, Then::Window { why });
            }
            // Who follows does not read what is between, and may never come to the end of it while more comes in.
            (Edge::Stored, Direction::Newer) if timeline.followed.is_some() => self.jump(chat, STEP),
            (Edge::Stored, Direction::Newer) => {
                let limit = STEP;
                self.store(Op::After { chat, place, limit }, Then::Window { why });
            }
            (Edge::Gap, _) if timeline.loading.is_some() => {}
            (Edge::Gap, Direction::Older) => self.fetch_page(Part::Before(place.1), why),
            (Edge::Gap, Direction::Newer) => self.fetch_page(Part::After(place.1), why),
        }
    }

    pub(in crate::machine) fn take_page(
        &mut self,
        chat: ChatId,
        why: Why,
        asked: u64,
        result: Result<Response, ApiError>,
    ) {
        let page = match result {
            Ok(Response::Messages(page)) => page,
            Ok(_) => return self.page_failed(&chat, why, &ApiError::NotKhaya),
            Err(error) => return self.page_failed(&chat, why, &error),
        };
        let has_more = page.next_cursor.is_some() && !page.items.is_empty();
        let shown = self.timeline.as_ref().filter(|timeline| timeline.chat == chat);
        let place = match (why, shown) {
            (Why::Newest { .. }, _) => Some(Place::NewestPage { has_more }),
            (Why::Beside(Direction::Newer), Some(timeline)) => {
                timeline.last().map(|(_, message)| Place::PageAfter { message })
            }
            (Why::Beside(Direction::Older), Some(timeline)) => timeline
                .first()
                .map(|(_, message)| Place::PageBefore { message, has_more }),
            (Why::Backfill { .. } | Why::Beside(_) | Why::Around | Why::Edited, _) => None,
        };
        let mut messages = page.items;
        messages.retain(|message| message.chat_id == chat);
        if let Some(place) = place {
            self.store(
                Op::PutMessages {
                    chat,
                    overtaken: self.overtaken.among(&messages, asked),
                    messages,
                    place,
                    seq: None,
                },
                Then::Page { why },
            );
        }
    }

    /// A page that closes the gap before this message.
    pub(in crate::machine) fn take_backfill(
        &mut self,
        chat: ChatId,
        before: MessageId,
        pages_left: u32,
        asked: u64,
        result: Result<Response, ApiError>,
    ) {
        let why = Why::Backfill { pages_left };
        let page = match result {
            Ok(Response::Messages(page)) => page,
            Ok(_) => return self.page_failed(&chat, why, &ApiError::NotKhaya),
            Err(error) => return self.page_failed(&chat, why, &error),
        };
        let mut messages = page.items;
        let has_more = page.next_cursor.is_some() && !messages.is_empty();
        messages.retain(|message| message.chat_id == chat);
        let place = Place::PageBefore {
            message: before,
            has_more,
        };
        self.store(
            Op::PutMessages {
                chat,
                overtaken: self.overtaken.among(&messages, asked),
                messages,
                place,
                seq: None,
            },
            Then::Page { why },
        );
    }

    /// The store has a page.
    pub(in crate::machine) fn page_is_stored(&mut self, why: Why, put: Put) {
        self.outbox.confirm(&put.messages);
        self.row_follows(&put);
        let incarnation = self.connection.incarnation();
        if let Why::Newest { incarnation: asked } = why
            && asked == incarnation
            && self.connection.is_up()
            && (self.is_open(&put.chat) || self.server_has(Feature::Everywhere))
            && let Some(row) = self.chats.rows.get_mut(&put.chat)
        {
            row.is_live = true;
        }
        let Some(timeline) = self
            .timeline
            .as_mut()
            .filter(|timeline| timeline.chat == put.chat)
        else {
            return;
        };
        timeline.failure = None;
        timeline
            .messages
            .retain(|message| !put.gone.contains(&message.id));
        timeline.merge(&put.messages, false);
        timeline.quote(put.quoted.clone());
        timeline.read();
        match why {
            Why::Newest { .. } => self.go_back_from(&put, MOST_PAGES),
            Why::Backfill { pages_left } => self.go_back_from(&put, pages_left),
            Why::Beside(direction) => {
                timeline.loading = None;
                match direction {
                    Direction::Older => timeline.older = Edge::Stored,
                    Direction::Newer if put.messages.is_empty() => timeline.newer = Edge::End,
                    Direction::Newer => timeline.newer = Edge::Stored,
                }
                self.load(direction);
            }
            Why::Around | Why::Edited => {}
        }
    }

    /// Shows what was fetched if it meets what is shown, and else fetches what is between.
    pub(super) fn go_back_from(&mut self, put: &Put, pages_left: u32) {
        let Some(timeline) = &mut self.timeline else {
            return;
        };
        timeline.loading = None;
        if timeline.newer == Edge::Stored || timeline.is_elsewhere {
            // The person looks at older messages; what is newest is on disk for later.
            return;
        }
        let meets = !put.is_after_gap
            || timeline.messages.is_empty()
            || put
                .messages
                .iter()
                .any(|message| timeline.messages.iter().any(|shown| shown.id == message.id));
        let oldest = put.messages.first().map(|message| message.id.clone());
        match oldest {
            Some(oldest) if !meets && pages_left > 0 => {
                let chat = timeline.chat.clone();
                timeline.loading = Some(Why::Backfill {
                    pages_left: pages_left - 1,
                });
                self.call(
                    Request::Messages {
                        chat: chat.clone(),
                        part: Part::Before(oldest.clone()),
                    },
                    Purpose::Backfill {
                        chat,
                        before: oldest,
                        pages_left: pages_left - 1,
                    },
                );
            }
            Some(_) | None => {
                let limit = timeline.messages.len().clamp(STEP, LONGEST);
                let chat = timeline.chat.clone();
                if meets {
                    self.load_newest_from_disk(chat, limit);
                } else {
                    self.jump(chat, STEP);
                }
            }
        }
    }

    pub(super) fn fetch_page(&mut self, part: Part, why: Why) {
        if !self.can_ask() {
            return;
        }
        let Some(timeline) = &mut self.timeline else {
            return;
        };
        timeline.loading = Some(why);
        let chat = timeline.chat.clone();
        self.call(
            Request::Messages {
                chat: chat.clone(),
                part,
            },
            Purpose::Page { chat, why },
        );
    }

    pub(super) fn page_failed(&mut self, chat: &ChatId, why: Why, error: &ApiError) {
        tracing::debug!(%chat, ?why, %error, "a page could not be fetched");
        if let Some(timeline) = self.timeline.as_mut().filter(|timeline| timeline.chat == *chat) {
            timeline.loading = None;
            timeline.failure = Some(error.failure());
        }
        if error.is_retryable() {
            self.fetch_later();
        }
    }
}
